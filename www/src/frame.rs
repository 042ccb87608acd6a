//! What stays around every screen: the bar with the state of the call, and the error.

use gloo_events::EventListener;
use web_sys::{Document, Element};

use crate::{
    dom::{Inputs, Missing, find, set_attribute, set_flag, set_optional_text, set_text, translate},
    input::Input,
    view::{ErrorView, Screen, View},
    words::Language,
};

/// The elements around the screens.
#[derive(Debug)]
pub(crate) struct Frame {
    document: Document,
    body: Element,
    brand: Element,
    room: Element,
    call_state: Element,
    clock: Element,
    error: Element,
    error_what: Element,
    error_step: Element,
    error_retry: Element,
    _listeners: [EventListener; 2],
}

impl Frame {
    /// The frame in `index.html`.
    pub(crate) fn new(document: &Document, inputs: &Inputs, language: Language) -> Result<Self, Missing> {
        let body: Element = document.body().ok_or(Missing("body"))?.into();
        translate(&body, language);
        if let Some(html) = document.document_element() {
            set_attribute(&html, "lang", language.tag());
        }
        // Until now a browser had better things to do than to draw an icon.
        if let Ok(Some(icon)) = document.query_selector("link[data-late]")
            && let Some(url) = icon.get_attribute("data-late")
        {
            set_attribute(&icon, "href", &url);
        }
        let error_retry: Element = find(&body, "#error-retry")?;
        let dismiss: Element = find(&body, "#error-dismiss")?;
        let _listeners = [inputs.click(&error_retry, || Input::Retry), inputs.click(&dismiss, || Input::Dismiss)];
        Ok(Self {
            document: document.clone(),
            brand: find(&body, ".brand")?,
            room: find(&body, "#room-name")?,
            call_state: find(&body, "#call-state")?,
            clock: find(&body, "#clock")?,
            error: find(&body, "#error")?,
            error_what: find(&body, "#error-what")?,
            error_step: find(&body, "#error-step")?,
            error_retry,
            body,
            _listeners,
        })
    }

    /// Before there is a frame: nothing is seen but the other's picture.
    pub(crate) fn show_picture(document: &Document) {
        if let Some(body) = document.body() {
            set_attribute(&body, "data-screen", "picture");
        }
    }

    /// Shows the part of the view that is around the screen.
    pub(crate) fn show(&self, view: &View) {
        if self.document.title() != view.title {
            self.document.set_title(&view.title);
        }
        set_attribute(&self.call_state, "data-state", view.call_state.name());
        set_text(&self.call_state, view.call_state_words);
        set_optional_text(&self.clock, view.clock.as_deref());
        let (name, room) = match &view.screen {
            Screen::Start => ("start", None),
            Screen::Door(_) => ("door", None),
            Screen::Call(call) => ("call", Some(call.room.as_str())),
        };
        set_attribute(&self.body, "data-screen", name);
        set_optional_text(&self.room, room);
        // In a call, a slip of the hand must not end it.
        match room {
            Some(_) => set_flag(&self.brand, "href", false),
            None => set_attribute(&self.brand, "href", "/"),
        }
        self.show_error(view.error.as_ref());
    }

    fn show_error(&self, error: Option<&ErrorView>) {
        set_flag(&self.error, "hidden", error.is_none());
        match error {
            Some(error) => {
                set_attribute(&self.error, "data-code", error.code);
                set_text(&self.error_what, &error.what);
                set_text(&self.error_step, error.step);
                set_flag(&self.error_retry, "hidden", !error.retry);
            }
            None => {
                set_flag(&self.error, "data-code", false);
                set_text(&self.error_what, "");
                set_text(&self.error_step, "");
            }
        }
    }
}
