//! What happens to the page: it is closed, comes to the front again, or its network changes.

use gloo_events::EventListener;
use js_sys::{JSON, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::EventTarget;

/// The listeners of one room.
#[derive(Debug)]
pub(crate) struct PageListeners {
    _listeners: Vec<EventListener>,
}

impl PageListeners {
    /// Calls `closing` when the page goes away (`pagehide`: closed, reloaded, navigated),
    /// `network_changed` when it is online again or on another network, and `woke` when it was in the
    /// background or frozen and is not any more.
    pub(crate) fn new(
        closing: impl Fn() + 'static,
        network_changed: impl Fn() + Clone + 'static,
        woke: impl Fn() + Clone + 'static,
    ) -> Self {
        let mut listeners = Vec::new();
        if let Some(window) = web_sys::window() {
            listeners.push(EventListener::new(&window, "pagehide", move |_| closing()));
            let online = network_changed.clone();
            listeners.push(EventListener::new(&window, "online", move |_| online()));
            let document = Reflect::get(&window, &"document".into()).ok();
            if let Some(Ok(document)) = document.map(JsCast::dyn_into::<EventTarget>) {
                let shown = woke.clone();
                listeners.push(EventListener::new(&document, "visibilitychange", move |event| {
                    let hidden = event.target().and_then(|document| Reflect::get(&document, &"hidden".into()).ok());
                    if hidden.is_some_and(|hidden| hidden.is_falsy()) {
                        shown();
                    }
                }));
                // Page Lifecycle, where there is one.
                listeners.push(EventListener::new(&document, "resume", move |_| woke()));
            }
            // The Network Information API, where there is one.
            let connection = Reflect::get(&window.navigator(), &"connection".into()).ok();
            if let Some(Ok(connection)) = connection.map(JsCast::dyn_into::<EventTarget>) {
                listeners.push(EventListener::new(&connection, "change", move |_| network_changed()));
            }
        }
        Self { _listeners: listeners }
    }
}

/// `navigator.sendBeacon(url, body)` with the body as JSON: it arrives though the page ends.
pub(crate) fn send_beacon(url: &str, body: &JsValue) {
    if let (Some(window), Ok(json)) = (web_sys::window(), JSON::stringify(body)) {
        // A browser that has too much to send already refuses; then the server's grace ends it.
        let _ = window.navigator().send_beacon_with_opt_str(url, json.as_string().as_deref());
    }
}
