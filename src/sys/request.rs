//! `fetch()`, for no more than whether a server answers.

use js_sys::{JSON, Promise, Reflect};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::promise;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, init: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = AbortSignal, js_name = timeout)]
    fn abort_after(milliseconds: u32) -> Result<JsValue, JsValue>;
}

/// Whatever is answered counts, from another origin too, and nothing of it is read.
const INIT: &str = r#"{"method":"HEAD","mode":"no-cors","cache":"no-store","credentials":"omit"}"#;
/// Requests that are under way at once are few: browsers allow six to a server.
const PATIENCE: u32 = 4000;

/// Calls `answered` if the server does, within four seconds.
pub(crate) fn knock(url: &str, answered: impl FnOnce() + 'static) -> Result<(), JsValue> {
    let init = JSON::parse(INIT)?;
    // Where there is no such signal, browsers have a patience of their own.
    if let Ok(signal) = abort_after(PATIENCE) {
        Reflect::set(&init, &"signal".into(), &signal)?;
    }
    promise::settled(&fetch(url, &init)?, |result| {
        if result.is_ok() {
            answered();
        }
    });
    Ok(())
}
