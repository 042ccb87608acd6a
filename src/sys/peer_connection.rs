//! `RTCPeerConnection` (webrtc-pc section 4.4).
//!
//! Every method starts its browser call before it returns. web-sys lacks `setLocalDescription()`
//! without an argument, `restartIce()` and `RTCRtpSender.setStreams()`: a short extern block adds them.

use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::{Array, JSON, Promise};
use madang_core::ConnectionInput;
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{
    MediaStream, MediaStreamTrack, RtcIceCandidate, RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcRtpSender,
    RtcRtpTransceiver, RtcRtpTransceiverDirection, RtcRtpTransceiverInit, RtcSdpType, RtcSessionDescription,
    RtcSessionDescriptionInit, RtcTrackEvent,
};

use super::{encodings::Encodings, promise, stats, value};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = web_sys::RtcPeerConnection, extends = web_sys::EventTarget, js_name = RTCPeerConnection)]
    #[derive(Clone, Debug)]
    pub(super) type Raw;
    #[wasm_bindgen(constructor, catch, js_class = "RTCPeerConnection")]
    pub(super) fn new(configuration: &JsValue) -> Result<Raw, JsValue>;
    #[wasm_bindgen(method, js_name = setLocalDescription)]
    pub(super) fn set_local_description_implicitly(this: &Raw) -> Promise;
    #[wasm_bindgen(method, js_name = setLocalDescription)]
    fn set_local_description_to(this: &Raw, description: &JsValue) -> Promise;
    #[wasm_bindgen(method, js_name = addIceCandidate)]
    fn add_ice_candidate_init(this: &Raw, candidate: &JsValue) -> Promise;
    #[wasm_bindgen(method, catch, js_name = setConfiguration)]
    fn set_configuration_to(this: &Raw, configuration: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = restartIce)]
    fn restart(this: &Raw) -> Result<(), JsValue>;

    #[wasm_bindgen(extends = RtcRtpSender, js_name = RTCRtpSender)]
    type Sender;
    #[wasm_bindgen(method, catch, js_name = setStreams)]
    fn set_streams(this: &Sender, stream: &MediaStream) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = replaceTrack)]
    fn replace(this: &Sender, track: Option<&MediaStreamTrack>) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn transport(this: &Sender) -> Option<DtlsTransport>;

    #[wasm_bindgen(js_name = RTCDtlsTransport)]
    type DtlsTransport;
    #[wasm_bindgen(method, getter)]
    fn state(this: &DtlsTransport) -> String;
}

/// Whether DTLS has failed: with `max-bundle` there is one transport for all media.
fn has_failed_transport(raw: &Raw) -> bool {
    raw.get_senders().into_iter().next().is_some_and(|sender| {
        let transport = sender.unchecked_into::<Sender>().transport();
        transport.is_some_and(|transport| transport.state() == "failed")
    })
}

/// `setLocalDescription({type: "rollback"})`.
pub(super) fn roll_back(raw: &Raw, done: impl FnOnce(Result<(), JsValue>) + 'static) {
    match JSON::parse(r#"{"type":"rollback"}"#) {
        Ok(rollback) => promise::settled(&raw.set_local_description_to(&rollback), |result| done(result.map(drop))),
        Err(error) => done(Err(error)),
    }
}

/// What a connection tells its owner.
#[derive(Debug)]
pub(crate) enum Event {
    /// `negotiationneeded`.
    NegotiationNeeded,
    /// `icecandidate`; `None` is the end of candidates.
    Candidate(Option<RtcIceCandidate>),
    /// `connectionstatechange`.
    State(RtcPeerConnectionState),
    /// `connectionstatechange` with DTLS `failed` (webrtc-pc section 5.5.1).
    TransportFailed,
    /// `track`.
    Track(MediaStreamTrack),
}

/// The kind of a track, "audio" or "video".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// A connection and its listeners. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct PeerConnection {
    raw: Raw,
    video: Rc<Encodings>,
    _listeners: [EventListener; 4],
}

impl PeerConnection {
    /// A connection with this `RTCConfiguration`, and a listener for what it tells.
    pub(crate) fn new(
        configuration: &impl Serialize,
        listener: impl Fn(Event) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        let raw = Raw::new(&value::encode(configuration)?)?;
        let listen = |name: &'static str, map: fn(&Raw, &web_sys::Event) -> Event| {
            let (source, listener) = (raw.clone(), listener.clone());
            EventListener::new(&raw, name, move |event| listener(map(&source, event)))
        };
        let listeners = [
            listen("negotiationneeded", |_, _| Event::NegotiationNeeded),
            listen("connectionstatechange", |raw, _| match has_failed_transport(raw) {
                true => Event::TransportFailed,
                false => Event::State(raw.connection_state()),
            }),
            listen("icecandidate", |_, event| {
                Event::Candidate(event.unchecked_ref::<RtcPeerConnectionIceEvent>().candidate())
            }),
            listen("track", |_, event| Event::Track(event.unchecked_ref::<RtcTrackEvent>().track())),
        ];
        Ok(Self { raw, video: Rc::default(), _listeners: listeners })
    }

    /// `setLocalDescription()`; gives the `localDescription` it led to.
    pub(crate) fn set_local_description(&self, done: impl FnOnce(Result<RtcSessionDescription, JsValue>) + 'static) {
        let raw = self.raw.clone();
        promise::settled(&self.raw.set_local_description_implicitly(), move |result| {
            done(result.and_then(|_| raw.local_description().ok_or(JsValue::NULL)));
        });
    }

    /// `setLocalDescription({type: "rollback"})`.
    pub(crate) fn rollback(&self, done: impl FnOnce(Result<(), JsValue>) + 'static) {
        roll_back(&self.raw, done);
    }

    /// `setRemoteDescription({type: kind, sdp})`.
    pub(crate) fn set_remote_description(
        &self,
        kind: RtcSdpType,
        sdp: &str,
        done: impl FnOnce(Result<(), JsValue>) + 'static,
    ) {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        promise::settled(&self.raw.set_remote_description(&description), |result| done(result.map(drop)));
    }

    /// `addIceCandidate(candidate)`; null is the end of candidates.
    pub(crate) fn add_ice_candidate(
        &self,
        candidate: &impl Serialize,
        done: impl FnOnce(Result<(), JsValue>) + 'static,
    ) {
        match value::encode(candidate) {
            Ok(init) => promise::settled(&self.raw.add_ice_candidate_init(&init), |result| done(result.map(drop))),
            Err(error) => done(Err(error)),
        }
    }

    /// `setConfiguration(configuration)`.
    pub(crate) fn configure(&self, configuration: &impl Serialize) -> Result<(), JsValue> {
        self.raw.set_configuration_to(&value::encode(configuration)?)
    }

    /// `getStats()`, once there is a selected pair.
    pub(crate) fn read_stats(&self, done: impl FnOnce(ConnectionInput) + 'static) {
        promise::settled(&self.raw.get_stats(), |report| {
            // A closed connection has none.
            if let Some(stats) = report.ok().and_then(|report| stats::read(&report)) {
                done(stats);
            }
        });
    }

    /// `restartIce()`.
    pub(crate) fn restart_ice(&self) -> Result<(), JsValue> {
        self.raw.restart()
    }

    /// Sends no video and forgets what was sent, or sends it, with a key frame first.
    pub(crate) fn pause_video(&self, paused: bool) {
        if let Some(transceiver) = self.transceivers(Kind::Video).next() {
            self.video.set(transceiver.0.sender(), paused);
        }
    }

    /// Adds a transceiver that sends and receives, with a track or (as yet) without; video in half size.
    pub(crate) fn add_transceiver(&self, kind: Kind, track: Option<&MediaStreamTrack>, stream: &MediaStream) {
        let init = RtcRtpTransceiverInit::new();
        init.set_direction(RtcRtpTransceiverDirection::Sendrecv);
        init.set_streams(&Array::of1(stream));
        if kind == Kind::Video
            && let Ok(half) = JSON::parse(r#"[{"scaleResolutionDownBy":2}]"#)
        {
            init.set_send_encodings(&half);
        }
        match track {
            Some(track) => self.raw.add_transceiver_with_media_stream_track_and_init(track, &init),
            None => self.raw.add_transceiver_with_str_and_init(kind.name(), &init),
        };
    }

    /// The transceivers of one kind, in order.
    pub(crate) fn transceivers(&self, kind: Kind) -> impl Iterator<Item = Transceiver> {
        let all = self.raw.get_transceivers().into_iter();
        all.map(|transceiver| Transceiver(transceiver.unchecked_into()))
            .filter(move |transceiver| transceiver.0.receiver().track().kind() == kind.name())
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.raw.close();
    }
}

/// An `RTCRtpTransceiver`.
#[derive(Debug)]
pub(crate) struct Transceiver(RtcRtpTransceiver);

impl Transceiver {
    /// Makes it send and receive.
    pub(crate) fn open(&self) {
        if self.0.direction() != RtcRtpTransceiverDirection::Sendrecv {
            self.0.set_direction(RtcRtpTransceiverDirection::Sendrecv);
        }
    }

    /// Names the stream that the other side's `track` event carries.
    pub(crate) fn set_stream(&self, stream: &MediaStream) -> Result<(), JsValue> {
        self.sender().set_streams(stream)
    }

    /// `replaceTrack`, which needs no negotiation.
    pub(crate) fn replace_track(
        &self,
        track: Option<&MediaStreamTrack>,
        done: impl FnOnce(Result<(), JsValue>) + 'static,
    ) {
        promise::settled(&self.sender().replace(track), |result| done(result.map(drop)));
    }

    fn sender(&self) -> Sender {
        self.0.sender().unchecked_into()
    }
}
