//! `navigator.mediaDevices.getUserMedia` (mediacapture-main section 10.2).

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MediaStream, MediaStreamConstraints};

use super::promise;

/// Why `getUserMedia` failed.
#[derive(Debug)]
pub(crate) struct GetUserMediaError {
    /// The DOMException's name; empty when there is no `mediaDevices` (an insecure origin).
    pub(crate) name: String,
    /// The browser's words.
    pub(crate) message: String,
}

/// Asks for tracks of the kinds whose constraints are not `false`.
pub(crate) fn get_user_media(
    audio: &JsValue,
    video: &JsValue,
    done: impl FnOnce(Result<MediaStream, GetUserMediaError>) + 'static,
) {
    match request(audio, video) {
        Ok(stream) => from_promise(&stream, done),
        Err(error) => from_promise(&Promise::reject(&error), done),
    }
}

/// Waits for a stream that somebody else asked for.
pub(crate) fn from_promise(stream: &Promise, done: impl FnOnce(Result<MediaStream, GetUserMediaError>) + 'static) {
    promise::settled(stream, |result| {
        done(
            result
                .and_then(JsCast::dyn_into::<MediaStream>)
                .map_err(|error| GetUserMediaError { name: text(&error, "name"), message: text(&error, "message") }),
        );
    });
}

/// `navigator.mediaDevices`.
pub(crate) fn all() -> Result<web_sys::MediaDevices, JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    // Undefined, whatever its type says, where the origin is not secure.
    Reflect::get(&window.navigator(), &"mediaDevices".into())?.dyn_into()
}

fn request(audio: &JsValue, video: &JsValue) -> Result<Promise, JsValue> {
    let devices = all()?;
    let constraints = MediaStreamConstraints::new();
    constraints.set_audio(audio);
    constraints.set_video(video);
    devices.get_user_media_with_constraints(&constraints).map(JsCast::unchecked_into)
}

fn text(error: &JsValue, field: &str) -> String {
    if !error.is_instance_of::<Object>() {
        return String::new();
    }
    Reflect::get(error, &field.into()).ok().and_then(|value| value.as_string()).unwrap_or_default()
}
