//! Whether a sender of video sends, `RTCRtpEncodingParameters.active`, and that what it sends grows to full size,
//! `scaleResolutionDownBy` (webrtc-pc section 5.2.7).
//!
//! With another `codec` a sender is started anew, and has forgotten what it sent. `setParameters()` refuses while
//! another one is under way, so a change takes steps, one after the other, and the latest wish counts.

use std::{cell::Cell, rc::Rc};

use js_sys::{Array, JSON, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::RtcRtpSender;

use super::{log, promise};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = RTCRtpSender)]
    type Sender;
    #[wasm_bindgen(method, js_name = getParameters)]
    fn parameters(this: &Sender) -> JsValue;
    #[wasm_bindgen(method, js_name = setParameters)]
    fn set_parameters(this: &Sender, parameters: &JsValue, options: &JsValue) -> Promise;
}

/// Silent, and then, so that it sends no frame before it is, another sender, which stays.
const PAUSED: u8 = 2;
/// Sending, and then, where that does not begin with a key frame, another sender for a moment.
const SENDING: u8 = 3;

const SCALE: &str = "scaleResolutionDownBy";

/// What is wished, and how many of its steps were begun.
#[derive(Debug, Default)]
pub(super) struct Encodings {
    paused: Cell<bool>,
    steps: Cell<u8>,
    busy: Cell<bool>,
}

impl Encodings {
    /// Takes the place of a wish that is not fulfilled yet.
    pub(super) fn set(self: &Rc<Self>, sender: RtcRtpSender, paused: bool) {
        self.paused.set(paused);
        self.steps.set(0);
        if !self.busy.replace(true) {
            self.clone().go_on(sender.unchecked_into());
        }
    }

    /// A step is done, or was refused.
    fn done(self: Rc<Self>, sender: Sender, refusal: Option<JsValue>) {
        if let Some(refusal) = refusal {
            log::debug("madang: setParameters:", &refusal);
        }
        self.go_on(sender);
    }

    fn go_on(self: Rc<Self>, sender: Sender) {
        let (paused, step) = (self.paused.get(), self.steps.get());
        if step == if paused { PAUSED } else { SENDING } {
            return self.busy.set(false);
        }
        self.steps.set(step + 1);
        let order = !paused && step == 0;
        match set(&sender, !paused, step == 1, order) {
            Ok((set, begins)) => {
                if order && begins {
                    self.steps.set(SENDING);
                }
                promise::settled(&set, move |result| self.done(sender, result.err()));
            }
            Err(error) => self.done(sender, Some(error)),
        }
    }
}

/// Begins a step, which may order a key frame (webrtc-extensions, `RTCEncodingOptions.keyFrame`), and tells whether
/// there will be one: the order was taken, if it was read to its end (Firefox (153) does not), or the sender was silent
/// and is a new one, or its pictures grow.
fn set(sender: &Sender, active: bool, other: bool, order: bool) -> Result<(Promise, bool), JsValue> {
    let parameters = sender.parameters();
    let codec = if other { other_codec(&parameters)? } else { JsValue::UNDEFINED };
    // There is one, without simulcast.
    let encoding = list(&parameters, "encodings")?.get(0);
    let silent = Reflect::get(&encoding, &"active".into())?.is_falsy();
    let small = Reflect::get(&encoding, &SCALE.into())?.gt(&1.into());
    Reflect::set(&encoding, &"active".into(), &active.into())?;
    Reflect::set(&encoding, &SCALE.into(), &1.into())?;
    Reflect::set(&encoding, &"codec".into(), &codec)?;
    let options = Object::new();
    let orders = JSON::parse(r#"[{"keyFrame":true}]"#)?.unchecked_into::<Array>().values();
    if order {
        Reflect::set(&options, &"encodingOptions".into(), &orders)?;
    }
    let set = sender.set_parameters(&parameters, &options);
    Ok((set, silent || small || orders.next()?.done()))
}

/// A codec that was negotiated and is not the first of them, which is in use.
fn other_codec(parameters: &JsValue) -> Result<JsValue, JsValue> {
    let names = ["video/VP8", "video/VP9"];
    let is_other = |codec: &JsValue| {
        let name = Reflect::get(codec, &"mimeType".into()).ok().and_then(|name| name.as_string());
        name.is_some_and(|name| names.contains(&&*name))
    };
    Ok(list(parameters, "codecs")?.iter().skip(1).find(is_other).unwrap_or_default())
}

fn list(of: &JsValue, member: &str) -> Result<Array, JsValue> {
    Reflect::get(of, &member.into())?.dyn_into()
}
