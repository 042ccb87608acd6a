//! One RTCPeerConnection: the session's calls go in, what the browser tells comes out.
//!
//! The two media of a call have fixed places: audio first, then video. The offering side creates
//! both transceivers up front, sending or not; the answering side opens the ones that the offer
//! brought. Tracks come and go by `replaceTrack`, without negotiation.

use std::rc::Rc;

use madang_core::{
    ConnectionInput, ConnectionState,
    session::{ConnectionCall, Operation},
};
use madang_protocol::{Candidate, ConnectionId, Description, DescriptionType, IceServer, PeerId};
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::{MediaStream, MediaStreamTrack, RtcPeerConnectionState, RtcSdpType, RtcSessionDescription};

use crate::sys::{
    clock, log,
    peer_connection::{Event, Kind, PeerConnection},
};

/// What is sent to every peer.
#[derive(Clone, Debug)]
pub(crate) struct LocalTracks {
    pub(crate) stream: MediaStream,
    pub(crate) audio: Option<MediaStreamTrack>,
    pub(crate) video: Option<MediaStreamTrack>,
}

impl LocalTracks {
    fn track(&self, kind: Kind) -> Option<&MediaStreamTrack> {
        match kind {
            Kind::Audio => self.audio.as_ref(),
            Kind::Video => self.video.as_ref(),
        }
    }
}

/// What a connection tells the room.
#[derive(Debug)]
pub(crate) enum Report {
    /// For the session.
    Input(ConnectionInput),
    /// The remote description was set: these are the peer's tracks, in one stream.
    Remote(MediaStream),
}

/// `RTCConfiguration` (webrtc-pc section 4.2.1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    ice_servers: &'a [IceServer],
    bundle_policy: &'static str,
}

/// A connection with a peer.
pub(crate) struct Connection {
    pub(crate) peer: PeerId,
    pub(crate) id: ConnectionId,
    rtc: PeerConnection,
    remote: MediaStream,
    report: Rc<dyn Fn(Report)>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a connection that reports to `report`.
    pub(crate) fn open(
        peer: PeerId,
        id: ConnectionId,
        offerer: bool,
        ice_servers: &[IceServer],
        tracks: &LocalTracks,
        report: impl Fn(Report) + 'static,
    ) -> Result<Self, JsValue> {
        let report: Rc<dyn Fn(Report)> = Rc::new(report);
        let remote = MediaStream::new()?;
        let listener = {
            let (report, remote) = (report.clone(), Clone::clone(&remote));
            move |event| match event {
                Event::Track(track) => remote.add_track(&track),
                Event::NegotiationNeeded => report(Report::Input(ConnectionInput::NegotiationNeeded)),
                Event::State(state) => report(Report::Input(ConnectionInput::StateChanged(connection_state(state)))),
                Event::Candidate(candidate) => match candidate.map(|candidate| to_candidate(&candidate)) {
                    Some(Err(error)) => log::warn("madang: a local candidate is not understood:", &error),
                    // An empty candidate ends one medium's gathering; null ends all of it.
                    Some(Ok(candidate)) if candidate.candidate.is_empty() => {}
                    Some(Ok(candidate)) => report(Report::Input(ConnectionInput::LocalCandidate(Some(candidate)))),
                    None => report(Report::Input(ConnectionInput::LocalCandidate(None))),
                },
            }
        };
        let configuration = Configuration { ice_servers, bundle_policy: "max-bundle" };
        let mut rtc = PeerConnection::new(&configuration, listener)?;
        rtc.on_ice_connected(|| clock::mark("madang:ice"));
        if offerer {
            for kind in [Kind::Audio, Kind::Video] {
                rtc.add_transceiver(kind, tracks.track(kind), &tracks.stream);
            }
        }
        Ok(Self { peer, id, rtc, remote, report })
    }

    /// Starts what the session asks for.
    pub(crate) fn call(self: &Rc<Self>, call: ConnectionCall, tracks: impl Fn() -> LocalTracks + 'static) {
        match call {
            ConnectionCall::SetLocalDescription => {
                let done = self.done(Operation::SetLocalDescription);
                self.rtc.set_local_description(move |result| {
                    done(
                        result.and_then(|description| from_rtc(&description).map(ConnectionInput::LocalDescriptionSet)),
                    );
                });
            }
            ConnectionCall::Rollback => {
                let done = self.done(Operation::Rollback);
                self.rtc.rollback(move |result| done(result.map(|()| ConnectionInput::RolledBack)));
            }
            ConnectionCall::SetRemoteDescription(description) => {
                let done = self.done(Operation::SetRemoteDescription);
                let this = Rc::downgrade(self);
                let offer = description.kind == DescriptionType::Offer;
                self.rtc.set_remote_description(&description, move |result| {
                    let Some(this) = this.upgrade() else { return };
                    if result.is_ok() {
                        if offer {
                            clock::mark("madang:offer");
                            this.send(&tracks());
                        }
                        (this.report)(Report::Remote(Clone::clone(&this.remote)));
                    }
                    done(result.map(|()| ConnectionInput::RemoteDescriptionSet));
                });
            }
            ConnectionCall::AddIceCandidate(candidate) => self.rtc.add_ice_candidate(&candidate, |result| {
                if let Err(error) = result {
                    log::debug("madang: a candidate was refused:", &error);
                }
            }),
            ConnectionCall::RestartIce => {
                if let Err(error) = self.rtc.restart_ice() {
                    log::warn("madang: this browser cannot restart ICE:", &error);
                }
            }
        }
    }

    /// Sends these tracks, on transceivers that a remote offer may just have created.
    fn send(&self, tracks: &LocalTracks) {
        for kind in [Kind::Audio, Kind::Video] {
            if let Some(transceiver) = self.rtc.transceivers(kind).next() {
                transceiver.open();
                if let Err(error) = transceiver.set_stream(&tracks.stream) {
                    log::debug("madang: this browser cannot name a sender's stream:", &error);
                }
            }
        }
        self.replace_tracks(tracks);
    }

    /// Sends these tracks from now on.
    pub(crate) fn replace_tracks(&self, tracks: &LocalTracks) {
        for kind in [Kind::Audio, Kind::Video] {
            if let Some(transceiver) = self.rtc.transceivers(kind).next() {
                transceiver.replace_track(tracks.track(kind), |result| {
                    if let Err(error) = result {
                        log::warn("madang: a track could not be replaced:", &error);
                    }
                });
            }
        }
    }

    /// A reaction that reports an operation's result.
    fn done(&self, operation: Operation) -> impl FnOnce(Result<ConnectionInput, JsValue>) + use<> {
        let report = Rc::downgrade(&self.report);
        move |result| {
            let Some(report) = report.upgrade() else { return };
            report(Report::Input(result.unwrap_or_else(|error| {
                log::debug("madang: the browser refused an operation:", &error);
                ConnectionInput::Rejected(operation)
            })));
        }
    }
}

fn to_candidate(candidate: &web_sys::RtcIceCandidate) -> Result<Candidate, JsValue> {
    Ok(serde_wasm_bindgen::from_value(candidate.to_json().into())?)
}

fn from_rtc(description: &RtcSessionDescription) -> Result<Description, JsValue> {
    let kind = match description.type_() {
        RtcSdpType::Offer => DescriptionType::Offer,
        RtcSdpType::Answer => DescriptionType::Answer,
        other => return Err(JsValue::from(other)),
    };
    Ok(Description { kind, sdp: description.sdp() })
}

fn connection_state(state: RtcPeerConnectionState) -> ConnectionState {
    match state {
        RtcPeerConnectionState::Connecting => ConnectionState::Connecting,
        RtcPeerConnectionState::Connected => {
            clock::mark("madang:connected");
            ConnectionState::Connected
        }
        RtcPeerConnectionState::Disconnected => ConnectionState::Disconnected,
        RtcPeerConnectionState::Failed => ConnectionState::Failed,
        RtcPeerConnectionState::Closed => ConnectionState::Closed,
        _ => ConnectionState::New,
    }
}
