//! The listeners that a page added with `room.on`.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use js_sys::Function;
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    /// Reports an exception as the browser would (HTML section 8.1.4.6).
    #[wasm_bindgen(js_name = reportError)]
    fn report_error(error: &JsValue);
}

/// Listeners by event type.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    next: Cell<u32>,
    list: RefCell<Vec<(u32, String, Function)>>,
}

impl Listeners {
    /// Adds a listener and returns a function that removes it, which may be called again.
    pub(super) fn add(self: &Rc<Self>, kind: &str, listener: Function) -> JsValue {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        self.list.borrow_mut().push((number, kind.to_owned(), listener));
        let this = Rc::downgrade(self);
        // The function belongs to the page, so its collector decides when it goes.
        Closure::<dyn Fn()>::new(move || {
            if let Some(this) = this.upgrade() {
                this.list.borrow_mut().retain(|(known, ..)| *known != number);
            }
        })
        .into_js_value()
    }

    /// Calls the listeners of a type. One that throws is reported, and the others still run.
    pub(super) fn tell(&self, kind: &str, event: &JsValue) {
        // Copied first: a listener may add or remove listeners.
        let called: Vec<Function> =
            self.list.borrow().iter().filter(|(_, of, _)| of == kind).map(|(.., listener)| listener.clone()).collect();
        for listener in called {
            if let Err(error) = listener.call1(&JsValue::UNDEFINED, event) {
                report_error(&error);
            }
        }
    }

    /// Removes every listener.
    pub(super) fn clear(&self) {
        self.list.borrow_mut().clear();
    }
}
