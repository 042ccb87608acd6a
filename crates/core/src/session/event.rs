//! What a [`Session`](super::Session) tells the application.

use std::time::Duration;

use madang_protocol::{Dialect, DisplayName, IceServer, Joined, LeaveReason, PeerId, WireError};

use crate::link::Route;

/// What an application wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// The state of the way to the server changed.
    Signaling(SignalingState),
    /// This peer is in the room, for the first time.
    Joined(Joined),
    /// Fresh `iceServers`: for connections to come, and for the next ICE restart of those there
    /// are.
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
    /// Media of a peer stopped and is being brought back; follows [`PeerState::Reconnecting`].
    Reconnecting {
        /// Who.
        peer: PeerId,
        /// Why.
        cause: Cause,
    },
    /// Media of a peer is back; follows [`PeerState::Connected`].
    Restored {
        /// Who.
        peer: PeerId,
        /// Why it had stopped.
        cause: Cause,
        /// For how long.
        after: Duration,
    },
    /// The route to a peer became known, or is another one.
    PeerRoute {
        /// Who.
        peer: PeerId,
        /// The route.
        route: Route,
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
    /// Tried in vain, and no relay can be reached from here. Being tried again all the same.
    Unreachable,
}

/// Why media stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// This device is on another network.
    NetworkChanged,
    /// ICE lost the path.
    PathLost,
    /// Nothing came any more, though ICE said that all was well.
    MediaStopped,
    /// The peer's page was loaded again.
    PeerReloaded,
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
