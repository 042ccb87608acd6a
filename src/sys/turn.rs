//! Asking a TURN server, for no more than whether it answers.
//!
//! The ICE agent of a connection with nobody at its other end asks for an allocation with credentials that
//! are none. A refusal (`icecandidateerror`, webrtc-pc section 4.8.2) is an answer, and the server keeps
//! nothing for it. Of several servers Chromium would tell when the last one has answered, so this asks one.

use gloo_events::EventListener;
use js_sys::{JSON, Reflect};
use wasm_bindgen::JsValue;

use super::{
    log,
    peer_connection::{Raw, roll_back},
    promise,
};

/// STUN's own errors (RFC 8489 section 14.8). What browsers make up for servers that do not answer is
/// beyond them.
const ERRORS: std::ops::Range<f64> = 300.0..700.0;

/// One server, whose URL is to be set.
const CONFIGURATION: &str =
    r#"{"iceServers":[{"username":"nobody","credential":"nobody"}],"iceTransportPolicy":"relay"}"#;

/// A question. Dropping it closes its connection, and all questions of an outage have the same: browsers make
/// only so many.
#[derive(Debug)]
pub(crate) struct Question {
    raw: Raw,
    _listener: EventListener,
}

impl Question {
    /// Asks at this URL, and calls `answered` for each answer.
    pub(crate) fn ask(url: &str, answered: impl Fn() + 'static) -> Result<Self, JsValue> {
        let configuration = JSON::parse(CONFIGURATION)?;
        let server = Reflect::get_u32(&Reflect::get(&configuration, &"iceServers".into())?, 0)?;
        Reflect::set(&server, &"urls".into(), &url.into())?;
        let raw = Raw::new(&configuration)?;
        let listener = EventListener::new(&raw, "icecandidateerror", move |event| {
            let code = Reflect::get(event, &"errorCode".into()).ok().and_then(|code| code.as_f64());
            if code.is_some_and(|code| ERRORS.contains(&code)) {
                answered();
            }
        });
        raw.add_transceiver_with_str("audio");
        gather(&raw);
        Ok(Self { raw, _listener: listener })
    }

    /// Asks anew: without its description the connection forgets the transport that has asked.
    pub(crate) fn ask_again(self) -> Self {
        let raw = self.raw.clone();
        roll_back(&self.raw, move |_| gather(&raw));
        self
    }
}

fn gather(raw: &Raw) {
    promise::settled(&raw.set_local_description_implicitly(), |result| {
        if let Err(error) = result {
            log::debug("madang: no question by TURN:", &error);
        }
    });
}

impl Drop for Question {
    fn drop(&mut self) {
        self.raw.close();
    }
}
