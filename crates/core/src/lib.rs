//! The machines that decide in a Madang call: plain Rust, no browser, no async, and the time is
//! an input. The client crate drives them against the browser, the simulator in `tests/` drives
//! them against a seeded network.

mod backoff;
mod candidates;
mod link;
pub mod media;
#[doc(hidden)]
pub mod mutation;
mod negotiation;
mod random;
pub mod rehearsal;
pub mod session;
pub mod tutorial;

pub use link::Route;
pub use session::{
    Cause, ConnectionInput, ConnectionState, EndReason, Input, Output, PeerState, Session, SessionEvent,
    SignalingState, SocketInput, Time, Video,
};
