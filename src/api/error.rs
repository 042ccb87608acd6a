//! Errors as JavaScript knows them: an `Error` whose `name` is "MadangError", with a `code`.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use crate::Error;

/// An error with this code and message.
pub(super) fn new(code: &str, message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    error.set_name("MadangError");
    // A fresh Error takes every property.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error.into()
}

/// A room's error.
pub(super) fn to_js(error: &Error) -> JsValue {
    new(error.code(), &error.to_string())
}
