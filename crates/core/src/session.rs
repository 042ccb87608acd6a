//! One page's part in one room: joining, the peers, their connections, and coming back.
//!
//! The driver feeds [`Input`]s in the order in which they happen and then carries out every
//! [`Output`] that [`Session::poll`] returns, each in the same tick; [`Session::timeout`] says
//! when it wants [`Input::Tick`]. The session never asks the time and never fails: what cannot
//! be is ignored or ends the call with a reason.

use std::time::Duration;

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, Dialect, DisplayName, IceServer, Join, JoinReply, Joined, LeaveReason,
    Left, Peer, PeerId, RoomName, Secret, SignalFrom, SignalTo, Token, WireError,
};

/// Time since an origin of the driver's choice. Never runs backwards.
pub type Time = Duration;

/// What a session is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The room.
    pub room: RoomName,
    /// Proves this peer's id.
    pub secret: Secret,
    /// What the person is called.
    pub name: Option<DisplayName>,
    /// Admission to a guarded room.
    pub token: Option<Token>,
    /// Random bits: 32 for the instance, the rest for jitter.
    pub seed: u64,
    /// How long the first join may take before the session ends with [`EndReason::ServerAway`].
    pub join_timeout: Duration,
}

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
    /// The moment [`Session::timeout`] named has come.
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
    /// The answer to the latest [`Output::Join`].
    JoinReply(JoinReply),
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
}

/// An operation on an RTCPeerConnection that was rejected. A candidate that is refused needs no
/// input: there are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Output::SetLocalDescription`].
    SetLocalDescription,
    /// [`Output::Rollback`].
    Rollback,
    /// [`Output::SetRemoteDescription`].
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

/// What to do. The driver does it at once, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Connect the socket.
    Connect,
    /// Disconnect the socket for good, or before the next [`Output::Connect`].
    Disconnect,
    /// Emit `join` and answer with [`SocketInput::JoinReply`].
    Join(Join),
    /// Emit `signal`.
    Signal(SignalTo<Body>),
    /// Emit `leave`.
    Leave,
    /// Create an RTCPeerConnection. Transceivers are created now if `offerer`, which makes the
    /// browser fire `negotiationneeded`; otherwise the tracks are given to the transceivers of
    /// the first remote offer when [`Output::SetRemoteDescription`] has been carried out.
    Open {
        /// With whom.
        peer: PeerId,
        /// Its number.
        connection: ConnectionId,
        /// Whether this side makes the first offer.
        offerer: bool,
    },
    /// Close an RTCPeerConnection and forget it.
    Close {
        /// With whom.
        peer: PeerId,
        /// Its number.
        connection: ConnectionId,
    },
    /// Call a method of an RTCPeerConnection.
    Call {
        /// With whom.
        peer: PeerId,
        /// Its number.
        connection: ConnectionId,
        /// The method.
        call: ConnectionCall,
    },
    /// Tell the application.
    Event(SessionEvent),
}

/// A method of an RTCPeerConnection.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectionCall {
    /// `setLocalDescription()`, without an argument.
    SetLocalDescription,
    /// `setLocalDescription({type: "rollback"})`.
    Rollback,
    /// `setRemoteDescription(description)`.
    SetRemoteDescription(Description),
    /// `addIceCandidate(candidate)`; `None` is the end of candidates. A rejection is logged.
    AddIceCandidate(Option<Candidate>),
    /// `restartIce()`.
    RestartIce,
}

/// What an application wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// The state of the way to the server changed.
    Signaling(SignalingState),
    /// This peer is in the room, for the first time.
    Joined(Joined),
    /// Fresh `iceServers` came with a later join.
    IceServers(Vec<IceServer>),
    /// Somebody is here.
    PeerJoined {
        /// Who.
        peer: PeerId,
        /// What they are called.
        name: Option<DisplayName>,
        /// How they talk.
        dialect: Dialect,
    },
    /// The state of the way to a peer changed.
    PeerState {
        /// Who.
        peer: PeerId,
        /// The new state.
        state: PeerState,
    },
    /// A peer said what it sends.
    PeerMedia {
        /// Who.
        peer: PeerId,
        /// The microphone is on.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
    /// Somebody is gone.
    PeerLeft {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// The session is over; nothing follows.
    Ended(EndReason),
}

/// The way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalingState {
    /// Connecting for the first time.
    Connecting,
    /// In the room.
    Joined,
    /// The socket was lost; calls go on.
    Reconnecting,
}

/// The way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// Not yet connected.
    Connecting,
    /// Media can flow.
    Connected,
    /// Was connected; being restored.
    Reconnecting,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The application left.
    Left,
    /// The first join did not succeed in time.
    ServerAway,
    /// The server refused the join or ended the membership.
    Refused(WireError),
}

/// One page's part in one room.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// A session that has not started.
    pub fn new(_config: Config) -> Self {
        Self {}
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, _now: Time, _input: Input) {}

    /// The next thing to do, or none until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// When [`Input::Tick`] is wanted, if nothing happens before.
    pub fn timeout(&self) -> Option<Time> {
        None
    }
}
