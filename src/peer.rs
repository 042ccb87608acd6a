//! One RTCPeerConnection: the session's calls go in, what the browser tells comes out.
//!
//! The two media of a call have fixed places: audio first, then video. The offering side creates
//! both transceivers up front, sending or not; the answering side opens the ones that the offer
//! brought. Tracks come and go by `replaceTrack`, without negotiation.
//!
//! A [`Spare`] is made before there is a peer: with its offer and candidates at hand, whoever
//! comes is offered it at once, and with a rehearsed answer the camera's pictures can leave as soon
//! as there is a way.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::{Rc, Weak},
};

use madang_core::{
    ConnectionInput, ConnectionState, rehearsal,
    session::{ConnectionCall, Operation},
};
use madang_protocol::{Candidate, ConnectionId, Description, DescriptionType, IceServer, PeerId};
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::{MediaStream, MediaStreamTrack, RtcPeerConnectionState, RtcSdpType, RtcSessionDescription};

use crate::sys::{
    clock, log,
    peer_connection::{Event, Kind, PeerConnection},
    value::{self, Unfit},
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
    /// Offer and answer are set: these are the peer's tracks, in one stream.
    Remote(MediaStream),
}

/// Which candidates may be used (`RTCIceTransportPolicy`, webrtc-pc section 4.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTransportPolicy {
    /// All of them.
    #[default]
    All,
    /// Only those of a relay: peers learn no address of this page's network.
    Relay,
}

/// `RTCConfiguration` (webrtc-pc section 4.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configuration {
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) ice_transport_policy: IceTransportPolicy,
    pub(crate) bundle_policy: &'static str,
}

impl Configuration {
    /// Without servers yet.
    pub(crate) fn new(ice_transport_policy: IceTransportPolicy) -> Self {
        Self { ice_servers: Vec::new(), ice_transport_policy, bundle_policy: "max-bundle" }
    }
}

/// A connection with a peer.
pub(crate) struct Connection {
    pub(crate) peer: PeerId,
    pub(crate) id: ConnectionId,
    line: Line,
    /// What the browser is not configured with yet.
    configuration: Cell<Option<Configuration>>,
}

/// A connection with nobody yet, and its first offer: whoever comes is offered it at once.
#[derive(Debug)]
pub(crate) struct Spare(Line);

/// An RTCPeerConnection with its listeners, and where they report to.
struct Line {
    rtc: Rc<PeerConnection>,
    remote: MediaStream,
    outlet: Rc<Outlet>,
}

/// Takes a connection's reports to its room, and keeps those of a spare until it is somebody's.
#[derive(Default)]
struct Outlet {
    room: OnceCell<Box<dyn Fn(Report)>>,
    offer: RefCell<Option<KeptOffer>>,
    /// The peer's offer is set, its answer is not.
    unanswered: Cell<bool>,
}

/// What became of a spare's first `setLocalDescription()`, and the candidates that followed.
#[derive(Default)]
struct KeptOffer {
    description: Option<ConnectionInput>,
    candidates: Vec<ConnectionInput>,
    /// The session waits for it.
    wanted: bool,
}

impl Outlet {
    fn report(&self, report: Report) {
        if let Some(offer) = &mut *self.offer.borrow_mut() {
            match report {
                Report::Input(input @ ConnectionInput::LocalCandidate(_)) => offer.candidates.push(input),
                Report::Input(input @ (ConnectionInput::LocalDescriptionSet(_) | ConnectionInput::Rejected(_))) => {
                    offer.description = Some(input)
                }
                // What else a connection tells that only waits is of no interest.
                _ => {}
            }
        } else if let Some(room) = self.room.get() {
            room(report);
        }
        self.hand_over();
    }

    /// Whether a kept offer will answer the session.
    fn want_offer(&self) -> bool {
        let kept = self.offer.borrow_mut().as_mut().is_some_and(|offer| {
            offer.wanted = true;
            true
        });
        self.hand_over();
        kept
    }

    /// The peer's part is played by nobody until there is one: what encodes and sends is made now.
    /// A browser that refuses does without.
    fn rehearse(&self, rtc: &Weak<PeerConnection>) {
        let kept = self.offer.borrow();
        if let Some(KeptOffer { description: Some(ConnectionInput::LocalDescriptionSet(offer)), .. }) = &*kept
            && let Some(rtc) = rtc.upgrade()
        {
            rtc.set_remote_description(RtcSdpType::Pranswer, &rehearsal::answer(&offer.sdp), |_| ());
        }
    }

    fn hand_over(&self) {
        let ready = self.offer.borrow().as_ref().is_some_and(|offer| offer.wanted && offer.description.is_some());
        if !ready {
            return;
        }
        let Some(KeptOffer { description, candidates, .. }) = self.offer.take() else { return };
        for input in description.into_iter().chain(candidates) {
            self.report(Report::Input(input));
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).field("id", &self.id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("rtc", &self.rtc).finish_non_exhaustive()
    }
}

impl Spare {
    /// Makes a connection that offers, and its offer.
    pub(crate) fn new(configuration: &Configuration, tracks: &LocalTracks) -> Result<Self, JsValue> {
        let line = Line::new(configuration, Some(tracks))?;
        line.outlet.offer.replace(Some(KeptOffer::default()));
        line.describe();
        Ok(Self(line))
    }

    /// Sends these tracks from now on.
    pub(crate) fn replace_tracks(&self, tracks: &LocalTracks) {
        self.0.replace_tracks(tracks);
    }

    /// Makes it a connection with this peer that reports to `report`.
    pub(crate) fn open(self, peer: PeerId, id: ConnectionId, report: impl Fn(Report) + 'static) -> Connection {
        let Self(line) = self;
        line.outlet.room.get_or_init(|| Box::new(report));
        Connection { peer, id, line, configuration: Cell::default() }
    }
}

impl Line {
    /// A connection; with transceivers for these tracks if it is to offer.
    fn new(configuration: &Configuration, offered: Option<&LocalTracks>) -> Result<Self, JsValue> {
        let (remote, outlet) = (MediaStream::new()?, Rc::<Outlet>::default());
        let listener = {
            let (outlet, remote) = (outlet.clone(), Clone::clone(&remote));
            let report = move |input| outlet.report(Report::Input(input));
            move |event| match event {
                Event::Track(track) => remote.add_track(&track),
                Event::NegotiationNeeded => report(ConnectionInput::NegotiationNeeded),
                Event::State(state) => report(ConnectionInput::StateChanged(connection_state(state))),
                Event::TransportFailed => report(ConnectionInput::TransportFailed),
                Event::Candidate(candidate) => match candidate.as_ref().map(to_candidate) {
                    Some(Err(Unfit)) => log::warn("madang: a candidate was not understood:", &candidate.into()),
                    // An empty candidate ends one medium's gathering; null ends all of it.
                    Some(Ok(candidate)) if candidate.candidate.is_empty() => {}
                    Some(Ok(candidate)) => report(ConnectionInput::LocalCandidate(Some(candidate))),
                    None => report(ConnectionInput::LocalCandidate(None)),
                },
            }
        };
        let rtc = Rc::new(PeerConnection::new(configuration, listener)?);
        if let Some(tracks) = offered {
            for kind in [Kind::Audio, Kind::Video] {
                rtc.add_transceiver(kind, tracks.track(kind), &tracks.stream);
            }
        }
        Ok(Self { rtc, remote, outlet })
    }

    /// `setLocalDescription()`.
    fn describe(&self) {
        let done = self.done(Operation::SetLocalDescription);
        let (outlet, remote) = (Rc::downgrade(&self.outlet), Clone::clone(&self.remote));
        let rtc = Rc::downgrade(&self.rtc);
        self.rtc.set_local_description(move |result| {
            done(result.and_then(|description| from_rtc(&description).map(ConnectionInput::LocalDescriptionSet)));
            let Some(outlet) = outlet.upgrade() else { return };
            outlet.rehearse(&rtc);
            if outlet.unanswered.take() {
                outlet.report(Report::Remote(remote));
            }
        });
    }

    /// Sends these tracks from now on.
    fn replace_tracks(&self, tracks: &LocalTracks) {
        for kind in [Kind::Audio, Kind::Video] {
            if let Some(transceiver) = self.rtc.transceivers(kind).next() {
                transceiver.replace_track(tracks.track(kind), |result| {
                    if let Err(error) = result {
                        log::warn("madang: a track was not replaced:", &error);
                    }
                });
            }
        }
    }

    /// A reaction that reports an operation's result.
    fn done(&self, operation: Operation) -> impl FnOnce(Result<ConnectionInput, JsValue>) + use<> {
        let outlet = Rc::downgrade(&self.outlet);
        move |result| {
            let Some(outlet) = outlet.upgrade() else { return };
            outlet.report(Report::Input(result.unwrap_or_else(|error| {
                log::debug("madang: an operation was refused:", &error);
                ConnectionInput::Rejected(operation)
            })));
        }
    }
}

impl Connection {
    /// Opens a connection that reports to `report`.
    pub(crate) fn open(
        peer: PeerId,
        id: ConnectionId,
        offered: Option<&LocalTracks>,
        configuration: &Configuration,
        report: impl Fn(Report) + 'static,
    ) -> Result<Self, JsValue> {
        let line = Line::new(configuration, offered)?;
        line.outlet.room.get_or_init(|| Box::new(report));
        Ok(Self { peer, id, line, configuration: Cell::default() })
    }

    /// Starts what the session asks for.
    pub(crate) fn call(self: &Rc<Self>, call: ConnectionCall, tracks: impl Fn() -> LocalTracks + 'static) {
        match call {
            ConnectionCall::SetLocalDescription => {
                if !self.line.outlet.want_offer() {
                    self.line.describe();
                }
            }
            ConnectionCall::Rollback => {
                let done = self.line.done(Operation::Rollback);
                self.line.rtc.rollback(move |result| done(result.map(|()| ConnectionInput::RolledBack)));
            }
            ConnectionCall::SetRemoteDescription(description) => {
                let done = self.line.done(Operation::SetRemoteDescription);
                let this = Rc::downgrade(self);
                let offer = description.kind == DescriptionType::Offer;
                let kind = if offer { RtcSdpType::Offer } else { RtcSdpType::Answer };
                self.line.rtc.set_remote_description(kind, &description.sdp, move |result| {
                    let Some(this) = this.upgrade() else { return };
                    if result.is_ok() {
                        if offer {
                            clock::mark("madang:offer");
                            this.send(&tracks());
                            // The answer first: whoever shows the stream is busy for a while.
                            this.line.outlet.unanswered.set(true);
                        } else {
                            this.line.outlet.report(Report::Remote(Clone::clone(&this.line.remote)));
                        }
                    }
                    done(result.map(|()| ConnectionInput::RemoteDescriptionSet));
                });
            }
            ConnectionCall::AddIceCandidate(candidate) => self.line.rtc.add_ice_candidate(&candidate, |result| {
                if let Err(error) = result {
                    log::debug("madang: a candidate was refused:", &error);
                }
            }),
            ConnectionCall::ReadStats => {
                let outlet = Rc::downgrade(&self.line.outlet);
                self.line.rtc.read_stats(move |stats| {
                    if let Some(outlet) = outlet.upgrade() {
                        outlet.report(Report::Input(stats));
                    }
                });
            }
            ConnectionCall::PauseVideo => self.line.rtc.pause_video(true),
            ConnectionCall::ResumeVideo => self.line.rtc.pause_video(false),
            ConnectionCall::Configure => self.configure(),
            ConnectionCall::RestartIce => {
                self.configure();
                if let Err(error) = self.line.rtc.restart_ice() {
                    log::warn("madang: ICE was not restarted:", &error);
                }
            }
        }
    }

    /// Sends these tracks, on transceivers that a remote offer may just have created.
    fn send(&self, tracks: &LocalTracks) {
        for kind in [Kind::Audio, Kind::Video] {
            if let Some(transceiver) = self.line.rtc.transceivers(kind).next() {
                transceiver.open();
                if let Err(error) = transceiver.set_stream(&tracks.stream) {
                    log::debug("madang: a sender's stream was not named:", &error);
                }
            }
        }
        self.line.replace_tracks(tracks);
    }

    /// Sends these tracks from now on.
    pub(crate) fn replace_tracks(&self, tracks: &LocalTracks) {
        self.line.replace_tracks(tracks);
    }

    /// Uses these servers at the next ICE restart.
    pub(crate) fn use_at_restart(&self, configuration: Configuration) {
        self.configuration.set(Some(configuration));
    }

    fn configure(&self) {
        if let Some(configuration) = self.configuration.take()
            && let Err(error) = self.line.rtc.configure(&configuration)
        {
            log::warn("madang: fresh iceServers were refused:", &error);
        }
    }
}

fn to_candidate(candidate: &web_sys::RtcIceCandidate) -> Result<Candidate, Unfit> {
    value::decode(candidate.to_json().into())
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
        RtcPeerConnectionState::Connected => ConnectionState::Connected,
        RtcPeerConnectionState::Disconnected => ConnectionState::Disconnected,
        RtcPeerConnectionState::Failed => ConnectionState::Failed,
        RtcPeerConnectionState::Closed => ConnectionState::Closed,
        _ => ConnectionState::New,
    }
}
