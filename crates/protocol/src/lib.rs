//! What travels between a Madang client and a Madang server, in one place for both.
//!
//! The wire is Socket.IO: an event name and JSON arguments. [`ids`] holds the names of things,
//! [`message`] the native events, [`body`] what two peers say to each other inside a `signal`
//! (which the server relays unread), [`tutorial`] the older dialect, [`error`] the refusals and
//! [`limits`] every number that bounds a stranger. Types validate themselves when they are
//! decoded: a value that exists is a value within its limits.
//!
//! ```
//! use madang_protocol::{Join, RoomName};
//!
//! let room: RoomName = "quiet-river-42".parse()?;
//! assert!("".parse::<RoomName>().is_err());
//! assert_eq!(room.as_str(), "quiet-river-42");
//! # Ok::<(), madang_protocol::InvalidId>(())
//! ```

pub mod body;
pub mod error;
pub mod ids;
pub mod limits;
pub mod message;
pub mod tutorial;

pub use body::{Body, Candidate, ConnectionId, Description, DescriptionType};
pub use error::{ErrorCode, WireError};
pub use ids::{DisplayName, InvalidId, PeerId, RoomName, Secret, Token};
pub use message::{
    ConnectAuth, Dialect, Epoch, Generation, Goodbye, HEALTH_PATH, IceServer, IceServers, Join, JoinReply, Joined,
    LEAVE_PATH, LeaveReason, Left, Limits, Peer, Reply, SignalFrom, SignalTo,
};

/// The protocol's version, sent as `v` in [`Join`].
pub const VERSION: u32 = 1;
