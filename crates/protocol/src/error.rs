//! Refusals: a stable code for programs and a plain sentence for people.

use serde::{Deserialize, Serialize};

/// Why the server refused something. The codes are stable; new ones may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The payload is not what the event takes.
    #[error("the message is malformed")]
    BadMessage,
    /// The room's name is empty, too long or holds characters it may not.
    #[error("the room name is not valid")]
    InvalidRoom,
    /// Every seat of the room is taken.
    #[error("the room is full")]
    RoomFull,
    /// The event needs a room, and this socket is in none.
    #[error("join a room first")]
    NotJoined,
    /// A signal names a peer that is not in the sender's room.
    #[error("no such peer in this room")]
    UnknownPeer,
    /// The same peer joined from another page, which took this one's place.
    #[error("this call was opened in another page")]
    Replaced,
    /// Whoever runs the server removed this peer from the room.
    #[error("this peer was removed from the room")]
    Removed,
    /// Whoever runs the server closed the room.
    #[error("the room was closed")]
    RoomClosed,
    /// More events than the server takes from one socket.
    #[error("too many messages")]
    RateLimited,
    /// The reader took its messages too slowly; the server ended the socket rather than lose one.
    #[error("messages were read too slowly")]
    SlowReader,
    /// Client and server speak different versions.
    #[error("client and server versions do not match")]
    UnsupportedVersion,
    /// The server is about to stop.
    #[error("the server is stopping")]
    Stopping,
    /// A code this version does not know.
    #[error("the server refused")]
    #[serde(other)]
    Unknown,
}

/// A refusal as it travels: `{code, message}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code:?})")]
pub struct WireError {
    /// For programs.
    pub code: ErrorCode,
    /// For people, in English. Pages translate by `code`.
    pub message: String,
}

impl WireError {
    /// A refusal with words of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<ErrorCode> for WireError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.to_string())
    }
}
