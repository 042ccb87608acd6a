//! What can go wrong for an application, in words it can act on.

use madang_core::EndReason;
use madang_protocol::ErrorCode;

/// Why a room could not be opened or joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The browser lacks something a call needs, WebRTC itself or random numbers.
    #[error("this browser cannot make video calls; use a current Chrome, Firefox, Safari or Edge")]
    Unsupported,
    /// The server's address is none.
    #[error("the server's address cannot be used ({0})")]
    Server(String),
    /// The room ended before it was joined, or was left.
    #[error("{}", describe(.0))]
    Ended(EndReason),
}

impl Error {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Server(_) => "invalid-server",
            Self::Ended(reason) => end_code(reason),
        }
    }
}

/// The stable code of an end.
pub(crate) fn end_code(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::Left => "left",
        EndReason::ServerAway => "server-away",
        EndReason::Refused(error) => match error.code {
            ErrorCode::RoomFull => "room-full",
            ErrorCode::InvalidRoom => "invalid-room",
            ErrorCode::Replaced => "replaced",
            ErrorCode::Removed => "removed",
            ErrorCode::RoomClosed => "room-closed",
            ErrorCode::UnsupportedVersion => "unsupported-version",
            ErrorCode::BadMessage => "bad-message",
            ErrorCode::RateLimited => "rate-limited",
            _ => "refused",
        },
    }
}

/// One plain sentence and a next step.
pub(crate) fn describe(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::Left => "you left the room",
        EndReason::ServerAway => "the server does not answer; check the connection and try again",
        EndReason::Refused(error) => match error.code {
            ErrorCode::RoomFull => "the room is full; try again when somebody has left, or use another room",
            ErrorCode::InvalidRoom => "the room name cannot be used; choose another",
            ErrorCode::Replaced => "this call was opened in another page; continue there, or join again here",
            ErrorCode::Removed => "you were removed from the room; ask whoever runs the server",
            ErrorCode::RoomClosed => "the room was closed; use another room",
            ErrorCode::UnsupportedVersion => "page and server do not match; reload the page",
            ErrorCode::BadMessage => "page and server do not understand each other; reload the page",
            ErrorCode::RateLimited => "too many messages were sent; wait a moment and join again",
            _ => "the server refused; try again later",
        },
    }
}
