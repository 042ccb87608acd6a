//! Asking TURN servers, for no more than whether one answers.
//!
//! The ICE agent of a connection with nobody at its other end asks for allocations with credentials that
//! are none. A refusal (`icecandidateerror`, webrtc-pc section 4.8.2) is an answer, and the server keeps
//! nothing for it. Browsers that tell of no refusals say nothing.

use gloo_events::EventListener;
use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::JsValue;

use super::{log, peer_connection::Raw, promise};

/// STUN's own errors (RFC 8489 section 14.8). What browsers make up for servers that do not answer is
/// beyond them.
const ERRORS: std::ops::Range<f64> = 300.0..700.0;

/// One server, whose URLs are to be set.
const CONFIGURATION: &str =
    r#"{"iceServers":[{"username":"nobody","credential":"nobody"}],"iceTransportPolicy":"relay"}"#;

/// A question. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Question {
    raw: Raw,
    _listener: EventListener,
}

impl Question {
    /// Asks at these URLs, and calls `answered` for each answer.
    pub(crate) fn ask(urls: &[String], answered: impl Fn() + 'static) -> Result<Self, JsValue> {
        let configuration = JSON::parse(CONFIGURATION)?;
        let server = Reflect::get_u32(&Reflect::get(&configuration, &"iceServers".into())?, 0)?;
        let urls: Array = urls.iter().map(|url| JsValue::from_str(url)).collect();
        Reflect::set(&server, &"urls".into(), &urls)?;
        let raw = Raw::new(&configuration)?;
        let listener = EventListener::new(&raw, "icecandidateerror", move |event| {
            let code = Reflect::get(event, &"errorCode".into()).ok().and_then(|code| code.as_f64());
            if code.is_some_and(|code| ERRORS.contains(&code)) {
                answered();
            }
        });
        raw.add_transceiver_with_str("audio");
        promise::settled(&raw.set_local_description_implicitly(), |result| {
            if let Err(error) = result {
                log::debug("madang: no question by TURN:", &error);
            }
        });
        Ok(Self { raw, _listener: listener })
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.raw.close();
    }
}
