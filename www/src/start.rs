//! The start: make a room, or go to one.

use gloo_events::EventListener;
use web_sys::{Document, Element, HtmlInputElement};

use crate::{
    dom::{Inputs, Missing, find, instance},
    input::Input,
    room_name::{self, Typed},
    words::Language,
};

/// The start screen.
#[derive(Debug)]
pub(crate) struct StartScreen {
    pub(crate) root: Element,
    _listeners: [EventListener; 2],
}

impl StartScreen {
    /// A fresh start screen; `host` is this server's.
    pub(crate) fn new(document: &Document, inputs: &Inputs, language: Language, host: String) -> Result<Self, Missing> {
        let root = instance(document, "start-screen", language)?;
        let make: Element = find(&root, "#create")?;
        let enter: Element = find(&root, "#enter")?;
        let typed: HtmlInputElement = find(&root, "#room-input")?;
        let _listeners = [
            inputs.click(&make, || {
                // Whoever guesses the name is in, so it has to be as random as a secret.
                let name = random().and_then(room_name::made_of);
                name.map_or_else(|| Input::OpenFailed("no random numbers".to_owned()), Input::Make)
            }),
            inputs.listen(&enter, "submit", move |_| Some(Input::Enter(Typed::read(&typed.value(), &host)))),
        ];
        Ok(Self { root, _listeners })
    }
}

fn random() -> Option<u32> {
    let mut bytes = [0; 4];
    web_sys::window()?.crypto().ok()?.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(u32::from_le_bytes(bytes))
}
