//! A key frame on demand.
//!
//! Chromium takes the order with `setParameters()` (webrtc-extensions, `RTCEncodingOptions.keyFrame`).
//! Firefox (152) never looks at it, and begins with a key frame when an encoding becomes active again
//! (webrtc-pc section 5.2.3, `RTCRtpEncodingParameters.active`).

use std::{cell::Cell, rc::Rc};

use js_sys::{Array, JSON, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

use super::{peer_connection::Sender, promise};

/// Makes the encoder's next frame a key frame.
pub(super) fn send(sender: Sender, done: impl FnOnce(Result<(), JsValue>) + 'static) {
    let ordered = match order(&sender) {
        Ok(ordered) => ordered,
        Err(error) => return done(Err(error)),
    };
    let Some(ordered) = ordered else { return start_anew(sender, done) };
    promise::settled(&ordered, |result| done(result.map(drop)));
}

/// Gives the order; nothing if the browser did not look at it.
fn order(sender: &Sender) -> Result<Option<Promise>, JsValue> {
    let looked = Rc::new(Cell::new(false));
    let options = JSON::parse(r#"[{"keyFrame":true}]"#)?;
    let look = {
        let looked = looked.clone();
        Closure::<dyn Fn() -> JsValue>::new(move || {
            looked.set(true);
            options.clone()
        })
    };
    let getter = Object::new();
    Reflect::set(&getter, &"get".into(), look.as_ref())?;
    let order = Object::define_property(&Object::new(), &"encodingOptions".into(), &getter);
    // A dictionary is read before the method returns.
    let ordered = sender.set_parameters(&sender.parameters(), &order);
    Ok(looked.get().then_some(ordered))
}

fn start_anew(sender: Sender, done: impl FnOnce(Result<(), JsValue>) + 'static) {
    match set_active(&sender, false) {
        Ok(paused) => promise::settled(&paused, move |_| match set_active(&sender, true) {
            Ok(resumed) => promise::settled(&resumed, |result| done(result.map(drop))),
            Err(error) => done(Err(error)),
        }),
        Err(error) => done(Err(error)),
    }
}

fn set_active(sender: &Sender, active: bool) -> Result<Promise, JsValue> {
    let parameters = sender.parameters();
    let encodings: Array = Reflect::get(&parameters, &"encodings".into())?.dyn_into()?;
    for encoding in encodings.iter() {
        Reflect::set(&encoding, &"active".into(), &active.into())?;
    }
    Ok(sender.set_parameters(&parameters, &JsValue::UNDEFINED))
}
