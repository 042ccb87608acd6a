//! The native events. Names in kebab-case, fields in camelCase.
//!
//! | event | from | payload | answer |
//! |---|---|---|---|
//! | `join` | client | [`Join`] | ack [`JoinReply`] |
//! | (connecting) | client | [`ConnectAuth`] | `joined` |
//! | `joined` | server | [`JoinReply`] | – |
//! | `signal` | client | [`SignalTo`] | – |
//! | `leave` | client | – | – |
//! | (POST `/leave`) | client | [`Goodbye`] | – |
//! | `ice-servers` | client | – | ack `{ok:` [`IceServers`]`}` |
//! | `signal` | server | [`SignalFrom`] | – |
//! | `peer-joined` | server | [`Peer`] | – |
//! | `peer-left` | server | [`Left`] | – |
//! | `error` | server | [`WireError`] | – |
//!
//! # Epochs
//!
//! Signaling between two peers is ordered and complete while neither of them loses its socket.
//! Each peer counts its joins in a [`Generation`], and the [`Epoch`] of a pair is the sum of the
//! two: any join by either starts the next. The server tells each of the other's generation
//! before it relays anything of that epoch, so a signal whose epoch is not the current one is a
//! late one and is dropped. In every epoch exactly one of the two hears `peer-joined` (the other
//! found it in its `join` answer); the one who hears makes the offer.

use serde::{Deserialize, Serialize};

use crate::{DisplayName, PeerId, RoomName, Secret, Token, WireError};

/// How often a peer has joined, from a random start below 2³² that differs with every page.
///
/// Sums of two stay exact in a JavaScript number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The first generation of a page, from 32 random bits.
    pub fn first(random: u32) -> Self {
        Self(u64::from(random) << 16)
    }

    /// The generation of the next join.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A stretch of ordered and complete signaling between two peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of two peers' generations; the order does not matter.
    pub fn of(a: Generation, b: Generation) -> Self {
        Self(a.0.saturating_add(b.0))
    }
}

/// Payload of `join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// [`crate::VERSION`].
    pub v: u32,
    /// The room.
    pub room: RoomName,
    /// Proves the peer's id.
    pub secret: Secret,
    /// The page that joins: the generation of its first join. A peer that comes back with
    /// another instance has lost its connections (a reload).
    pub instance: Generation,
    /// The generation of this join.
    pub generation: Generation,
    /// What the person is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// Admission to a guarded room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// The `auth` of a Socket.IO connection: a join that goes along with it, which saves the round
/// trip between the two. It is answered by the event `joined`. A socket joins again with `join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectAuth<J = Join> {
    /// The join.
    pub join: J,
}

/// What a page that ends POSTs to [`LEAVE_PATH`] when it has no socket to say it on: some browsers
/// end a page's sockets before they tell the page that it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The room.
    pub room: RoomName,
    /// Proves the peer's id.
    pub secret: Secret,
    /// The page that ends. Another one of the same peer, after a reload, is not meant.
    pub instance: Generation,
}

/// Where a [`Goodbye`] goes, as JSON whatever its content type: `navigator.sendBeacon()` sends text.
pub const LEAVE_PATH: &str = "/leave";

/// Answers `GET` and `HEAD` while the server is up.
pub const HEALTH_PATH: &str = "/healthz";

/// An answer to an event: `{ok: …}` or `{error: {code, message}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply<T> {
    /// Done.
    Ok(T),
    /// Refused.
    Error(WireError),
}

/// The answer to a join.
pub type JoinReply = Reply<Joined>;

/// What a peer that was let in is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// Its own id.
    pub peer: PeerId,
    /// Who is there already.
    pub peers: Vec<Peer>,
    /// `RTCConfiguration.iceServers`.
    pub ice_servers: Vec<IceServer>,
    /// Seconds until the credentials in `iceServers` expire; absent when they don't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// What the server takes.
    pub limits: Limits,
}

/// What a server takes, told to each client that joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Peers in the room, oneself included.
    pub capacity: usize,
    /// Largest message in bytes.
    pub message_bytes: usize,
    /// Milliseconds for which a peer keeps its seat without a socket.
    pub grace_ms: u64,
}

/// A peer in the room. Also the payload of `peer-joined`, sent for every join of another peer,
/// the first and those after a lost socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id.
    pub peer: PeerId,
    /// The page it is in.
    pub instance: Generation,
    /// Its latest join.
    pub generation: Generation,
    /// What the person is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// How it talks.
    #[serde(default, skip_serializing_if = "Dialect::is_native")]
    pub dialect: Dialect,
}

/// How a peer talks to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The events of this module.
    #[default]
    Native,
    /// The tutorial's events ([`crate::tutorial`]); the server translates. Such a peer cannot
    /// renegotiate: every offer to it opens a new connection, and it always makes the first.
    Tutorial,
}

impl Dialect {
    fn is_native(&self) -> bool {
        *self == Self::Native
    }
}

/// The answer to `ice-servers`: fresh ones, which take the place of those in [`Joined`]. Only for
/// who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceServers {
    /// `RTCConfiguration.iceServers`.
    pub ice_servers: Vec<IceServer>,
    /// Seconds until their credentials expire; absent when they don't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// `RTCIceServer` (webrtc-pc section 4.2.3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// STUN and TURN URLs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN. Never logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// `signal` on its way to the server. `B` is [`crate::Body`] in a client; the server takes any
/// JSON value and passes it on unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalTo<B> {
    /// Who it is for.
    pub to: PeerId,
    /// The pair's epoch.
    pub epoch: Epoch,
    /// 0, 1, 2, … within the epoch and direction.
    pub seq: u32,
    /// What is said.
    pub body: B,
}

/// `signal` on its way from the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalFrom<B> {
    /// Who said it, as the server knows it.
    pub from: PeerId,
    /// The pair's epoch.
    pub epoch: Epoch,
    /// 0, 1, 2, … within the epoch and direction.
    pub seq: u32,
    /// What is said.
    pub body: B,
}

/// Payload of `peer-left`: a membership that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Who.
    pub peer: PeerId,
    /// Why.
    pub reason: LeaveReason,
}

/// Why a membership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeaveReason {
    /// It said goodbye, or its page was closed.
    Left,
    /// Its socket dropped and did not come back in time.
    TimedOut,
    /// The server ended its socket for breaking a limit, or whoever runs it removed the peer.
    Removed,
    /// A reason this version does not know.
    #[serde(other)]
    Unknown,
}

/// Names of the native events.
pub mod event {
    /// [`Join`](super::Join), acknowledged with a [`JoinReply`](super::JoinReply).
    pub const JOIN: &str = "join";
    /// The [`JoinReply`](super::JoinReply) to a join that came with the connection.
    pub const JOINED: &str = "joined";
    /// [`SignalTo`](super::SignalTo) and [`SignalFrom`](super::SignalFrom).
    pub const SIGNAL: &str = "signal";
    /// The end of a membership, at once.
    pub const LEAVE: &str = "leave";
    /// Asks for fresh [`IceServers`](super::IceServers).
    pub const ICE_SERVERS: &str = "ice-servers";
    /// [`Peer`](super::Peer).
    pub const PEER_JOINED: &str = "peer-joined";
    /// [`Left`](super::Left).
    pub const PEER_LEFT: &str = "peer-left";
    /// [`WireError`](crate::WireError).
    pub const ERROR: &str = "error";
}
