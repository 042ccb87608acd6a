//! The browser's console.

use wasm_bindgen::JsValue;

/// Something is not as it should be; the call goes on.
pub(crate) fn warn(what: &str, detail: &JsValue) {
    web_sys::console::warn_2(&JsValue::from_str(what), detail);
}

/// Worth a look when debugging, and normal otherwise.
pub(crate) fn debug(what: &str, detail: &JsValue) {
    web_sys::console::debug_2(&JsValue::from_str(what), detail);
}
