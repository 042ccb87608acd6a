//! The document: finding and changing elements, and listening to them. No decisions.

use std::fmt;

use futures_channel::mpsc::UnboundedSender;
use gloo_events::{EventListener, EventListenerOptions};
use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Document, Element, Event, EventTarget, HtmlTemplateElement, HtmlVideoElement};

use crate::{
    input::Input,
    words::{Language, Word},
};

/// `index.html` lacks something that the program needs.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) &'static str);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index.html has no {}", self.0)
    }
}

/// The element under `root` that `selector` selects, as its own type.
pub(crate) fn find<T: JsCast>(root: &Element, selector: &'static str) -> Result<T, Missing> {
    let element = root.query_selector(selector).ok().flatten();
    element.and_then(|element| element.dyn_into().ok()).ok_or(Missing(selector))
}

/// A copy of a template's only element, in the reader's language.
pub(crate) fn instance(document: &Document, template: &'static str, language: Language) -> Result<Element, Missing> {
    let found = document.get_element_by_id(template).and_then(|element| element.dyn_into::<HtmlTemplateElement>().ok());
    let copy = found.and_then(|template| template.content().first_element_child());
    let root = copy.and_then(|element| document.import_node_with_deep(&element, true).ok());
    let root = root.and_then(|node| node.dyn_into().ok()).ok_or(Missing(template))?;
    translate(&root, language);
    Ok(root)
}

/// Puts the words of `data-t`, `data-t-label` and `data-t-placeholder` in place.
pub(crate) fn translate(root: &Element, language: Language) {
    for (attribute, selector, target) in [
        ("data-t", "[data-t]", None),
        ("data-t-label", "[data-t-label]", Some("aria-label")),
        ("data-t-placeholder", "[data-t-placeholder]", Some("placeholder")),
    ] {
        let Ok(found) = root.query_selector_all(selector) else { continue };
        for element in (0..found.length()).filter_map(|at| found.get(at)?.dyn_into::<Element>().ok()) {
            let word = element.get_attribute(attribute).and_then(|name| Word::named(&name));
            let Some(words) = word.map(|word| language.say(word)) else { continue };
            match target {
                None => set_text(&element, words),
                Some(target) => set_attribute(&element, target, words),
            }
        }
    }
}

/// Sets the text, unless it is that already: a live region is read out at every change.
pub(crate) fn set_text(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Sets an attribute, unless it is that already.
pub(crate) fn set_attribute(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        // Refused only for a name that is none; the names are ours.
        let _ = element.set_attribute(name, value);
    }
}

/// Sets or removes an attribute without a value, such as `hidden`.
pub(crate) fn set_flag(element: &Element, name: &str, on: bool) {
    // As above.
    let _ = element.toggle_attribute_with_force(name, on);
}

/// Sets the text and shows the element, or hides it.
pub(crate) fn set_optional_text(element: &Element, text: Option<&str>) {
    set_flag(element, "hidden", text.is_none());
    set_text(element, text.unwrap_or_default());
}

#[wasm_bindgen]
extern "C" {
    /// A video element with what web-sys has not bound yet (HTMLVideoElement.requestVideoFrameCallback).
    #[derive(Clone, Debug)]
    type Frames;
    #[wasm_bindgen(method, catch, js_name = requestVideoFrameCallback)]
    fn request_video_frame_callback(this: &Frames, callback: &Function) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, js_name = cancelVideoFrameCallback)]
    fn cancel_video_frame_callback(this: &Frames, handle: f64);
}

/// Waits for a video's next frame, as long as it is kept.
#[derive(Debug)]
pub(crate) struct NextFrame {
    video: Frames,
    handle: f64,
    _presented: Closure<dyn FnMut()>,
}

impl NextFrame {
    /// Calls `presented` when the next frame was. `None` in a browser that does not tell.
    pub(crate) fn of(video: &HtmlVideoElement, presented: impl FnMut() + 'static) -> Option<Self> {
        let video: Frames = JsValue::from(video).unchecked_into();
        let closure = Closure::<dyn FnMut()>::new(presented);
        let handle = video.request_video_frame_callback(closure.as_ref().unchecked_ref()).ok()?;
        Some(Self { video, handle, _presented: closure })
    }
}

impl Drop for NextFrame {
    fn drop(&mut self) {
        self.video.cancel_video_frame_callback(self.handle);
    }
}

/// Where listeners send what happened.
#[derive(Clone, Debug)]
pub(crate) struct Inputs(UnboundedSender<Input>);

impl Inputs {
    /// Sends to the other end of a channel.
    pub(crate) fn new(sender: UnboundedSender<Input>) -> Self {
        Self(sender)
    }

    /// Something happened.
    pub(crate) fn send(&self, input: Input) {
        // The receiving end lives as long as the page.
        let _ = self.0.unbounded_send(input);
    }

    /// Sends what `input` makes of each event, as long as the listener is kept. Where it makes
    /// something, the browser's own action is prevented.
    pub(crate) fn listen(
        &self,
        target: &EventTarget,
        event: &'static str,
        input: impl Fn(&Event) -> Option<Input> + 'static,
    ) -> EventListener {
        let inputs = self.clone();
        let options = EventListenerOptions::enable_prevent_default();
        EventListener::new_with_options(target, event, options, move |event| {
            if let Some(input) = input(event) {
                event.prevent_default();
                inputs.send(input);
            }
        })
    }

    /// Sends what `input` makes at every click, as long as the listener is kept.
    pub(crate) fn click(&self, target: &EventTarget, input: impl Fn() -> Input + 'static) -> EventListener {
        self.listen(target, "click", move |_| Some(input()))
    }
}
