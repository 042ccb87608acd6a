//! Reactions to promises.

use std::{cell::RefCell, rc::Rc};

use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

/// Calls `done` with what the promise settles to, if it ever does.
pub(crate) fn settled(promise: &Promise, done: impl FnOnce(Result<JsValue, JsValue>) + 'static) {
    react(promise, Box::new(done));
}

/// Once for all reactions: each copy would be downloaded.
fn react(promise: &Promise, done: Box<dyn FnOnce(Result<JsValue, JsValue>)>) {
    let done = Rc::new(RefCell::new(Some(done)));
    let reaction = |wrap: fn(JsValue) -> Result<JsValue, JsValue>| -> Function {
        let done = done.clone();
        let closure = Closure::<dyn FnMut(JsValue)>::new(move |value| {
            let done = done.borrow_mut().take();
            if let Some(done) = done {
                done(wrap(value));
            }
        });
        closure.into_js_value().unchecked_into()
    };
    then(promise, &reaction(Ok), &reaction(Err));
}

/// `promise.then(fulfilled, rejected)` with plain functions, whose lifetime JavaScript manages.
fn then(promise: &Promise, fulfilled: &Function, rejected: &Function) {
    #[wasm_bindgen::prelude::wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = Promise)]
        type Thenable;
        #[wasm_bindgen(method, js_name = then)]
        fn then(this: &Thenable, fulfilled: &Function, rejected: &Function) -> JsValue;
    }
    promise.unchecked_ref::<Thenable>().then(fulfilled, rejected);
}
