//! The door of a room: its link, and the way in. No camera is asked for before that.

use gloo_events::EventListener;
use web_sys::{Document, Element, HtmlInputElement};

use crate::{
    dom::{Inputs, Missing, find, instance, set_optional_text, set_text},
    input::Input,
    view::DoorView,
    words::Language,
};

/// A room's link and the button that copies it.
#[derive(Debug)]
pub(crate) struct Link {
    input: HtmlInputElement,
    words: Element,
    _copy: EventListener,
}

impl Link {
    /// The link under `root`.
    pub(crate) fn new(root: &Element, inputs: &Inputs) -> Result<Self, Missing> {
        let copy: Element = find(root, "#copy")?;
        let _copy = inputs.click(&copy, || Input::Copy);
        Ok(Self { input: find(root, "#link")?, words: find(root, "#copy-words")?, _copy })
    }

    /// Shows the link, and what the button says.
    pub(crate) fn show(&self, link: &str, copy_words: &str) {
        if self.input.value() != link {
            self.input.set_value(link);
        }
        set_text(&self.words, copy_words);
    }

    /// Selects the link, to be copied by hand.
    pub(crate) fn select(&self) {
        self.input.select();
    }
}

/// The screen before a room.
#[derive(Debug)]
pub(crate) struct DoorScreen {
    pub(crate) root: Element,
    pub(crate) link: Link,
    note: Element,
    room: Element,
    lead: Element,
    join: Element,
    relay_only: HtmlInputElement,
    _join: EventListener,
    _relay_only: EventListener,
}

impl DoorScreen {
    /// A fresh door.
    pub(crate) fn new(document: &Document, inputs: &Inputs, language: Language) -> Result<Self, Missing> {
        let root = instance(document, "door-screen", language)?;
        let join: Element = find(&root, "#join")?;
        let relay_only: HtmlInputElement = find(&root, "#relay-only")?;
        let choice = relay_only.clone();
        Ok(Self {
            link: Link::new(&root, inputs)?,
            note: find(&root, "#door-note")?,
            room: find(&root, "#door-room")?,
            lead: find(&root, "#door-lead")?,
            _join: inputs.click(&join, || Input::Join),
            join,
            _relay_only: inputs.listen(&relay_only, "change", move |_| Some(Input::RelayOnly(choice.checked()))),
            relay_only,
            root,
        })
    }

    /// Shows a room's door.
    pub(crate) fn show(&self, view: &DoorView, link: &str, copy_words: &str) {
        set_optional_text(&self.note, view.note);
        set_text(&self.room, view.room.as_str());
        set_text(&self.lead, view.lead);
        set_text(&self.join, view.join);
        self.relay_only.set_checked(view.relay_only);
        self.link.show(link, copy_words);
    }
}
