//! What a [`Session`](super::Session) is told: the socket, the connections, the application and
//! the time. Names are those of webrtc-pc, where the thing has one.

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, IceServers, JoinReply, Left, Peer, PeerId, SignalFrom, WireError,
};

use crate::link::Route;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Begin: connect and join.
    Start,
    /// Something happened to the Socket.IO socket.
    Socket(SocketInput),
    /// Something happened to an RTCPeerConnection with this peer. Inputs for a connection that
    /// is closed already are ignored.
    Connection(PeerId, ConnectionId, ConnectionInput),
    /// What this side sends, for the others to know; the last one counts.
    Media {
        /// The microphone is on.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
    /// The browser's network changed (`online`, a changed `navigator.connection`).
    NetworkChanged,
    /// The page is in front again, or awake: what was well before need not be any more.
    Woke,
    /// The moment [`Session::timeout`](super::Session::timeout) named has come.
    Tick,
    /// Leave the room: close everything, say goodbye.
    Leave,
}

/// What happened to the socket.
#[derive(Clone, Debug)]
pub enum SocketInput {
    /// It is connected (again).
    Connected,
    /// It was connected and is no more.
    Disconnected,
    /// An attempt to connect failed.
    ConnectFailed,
    /// The server answered an [`Output::Knock`](super::Output::Knock). If it does not, nothing.
    Reachable,
    /// The answer to the latest [`Output::Join`](super::Output::Join).
    JoinReply(JoinReply),
    /// The answer to [`Output::AskForIceServers`](super::Output::AskForIceServers).
    IceServers(IceServers),
    /// `peer-joined`.
    PeerJoined(Peer),
    /// `peer-left`.
    PeerLeft(Left),
    /// `signal`.
    Signal(SignalFrom<Body>),
    /// `error`.
    Error(WireError),
}

/// What happened to an RTCPeerConnection.
#[derive(Clone, Debug)]
pub enum ConnectionInput {
    /// `negotiationneeded`.
    NegotiationNeeded,
    /// `setLocalDescription()` was fulfilled, and this is `localDescription`.
    LocalDescriptionSet(Description),
    /// `setLocalDescription({type: "rollback"})` was fulfilled.
    RolledBack,
    /// `setRemoteDescription()` was fulfilled.
    RemoteDescriptionSet,
    /// The operation of the latest unanswered output of its kind was rejected.
    Rejected(Operation),
    /// `icecandidate`; `None` is the end of candidates.
    LocalCandidate(Option<Candidate>),
    /// `connectionstatechange`.
    StateChanged(ConnectionState),
    /// `connectionstatechange` to `failed`, and the state of the RTCDtlsTransport is that as well (webrtc-pc
    /// section 5.5.1): an ICE restart may find a path, and nothing will ever come by it.
    TransportFailed,
    /// The answer to [`ConnectionCall::ReadStats`](super::ConnectionCall::ReadStats).
    Stats {
        /// The route of the selected candidate pair.
        route: Route,
        /// Its `bytesReceived`.
        received: u64,
        /// The agent goes on to a better pair where there is one (RFC 8445 section 8.1.1), and does not stay with
        /// the first that works.
        improves: bool,
        /// What came of video, where a receiver waits for seconds before it asks for a key frame, and asks at once when it
        /// is started anew. Elsewhere nothing.
        video: Video,
    },
}

/// What came of video (webrtc-stats section 8.5, `inbound-rtp`, all of the kind).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Video {
    /// `bytesReceived`.
    pub bytes: u64,
    /// `framesDecoded`.
    pub frames: u64,
}

/// An operation on an RTCPeerConnection that was rejected. A candidate that is refused needs no
/// input: there are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`ConnectionCall::SetLocalDescription`](super::ConnectionCall::SetLocalDescription).
    SetLocalDescription,
    /// [`ConnectionCall::Rollback`](super::ConnectionCall::Rollback).
    Rollback,
    /// [`ConnectionCall::SetRemoteDescription`](super::ConnectionCall::SetRemoteDescription).
    SetRemoteDescription,
}

/// `RTCPeerConnectionState` (webrtc-pc section 4.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// No transport yet.
    New,
    /// ICE or DTLS is on its way.
    Connecting,
    /// Media can flow.
    Connected,
    /// Lost for the moment; may come back by itself.
    Disconnected,
    /// Lost; needs an ICE restart.
    Failed,
    /// Closed.
    Closed,
}
