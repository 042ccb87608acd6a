//! Madang: peer-to-peer video calls, driven from Rust in the browser.
//!
//! A [`Room`] is one page's part in a call. Opening one asks for camera and microphone, connects
//! to a Madang server and joins, all at the same time; then it connects to every peer in the
//! room, and goes on healing those connections until it is left. What happens is told as
//! [`RoomEvent`]s.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use madang::{Room, RoomEvent, RoomName, RoomOptions};
//!
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let room: RoomName = "quiet-river-42".parse()?;
//! let room = Room::join(RoomOptions::new(room)).await?;
//! let mut events = room.events();
//! while let Some(event) = events.next().await {
//!     match event {
//!         RoomEvent::PeerStream { peer, stream } => { /* video.set_src_object(Some(&stream)) */ }
//!         RoomEvent::PeerLeft { peer, .. } => { /* remove its video */ }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! JavaScript sees the same through the `Room` class of the `js` feature. The layers below, in
//! the data's way: `room` (the loop that drives the pure machines of `madang-core`), `peer` (an
//! RTCPeerConnection), `media` (camera and microphone), `signaling` (the Socket.IO socket), `sys`
//! (the browser).

#[cfg(feature = "js")]
mod api;
mod error;
mod media;
mod peer;
mod room;
mod signaling;
mod sys;

#[cfg(all(feature = "allocator", target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

pub use madang_core::{
    Cause, EndReason, PeerState, Route, SignalingState,
    media::{Device, MediaProblemKind},
};
pub use madang_protocol::{
    Dialect, DisplayName, ErrorCode, InvalidId, LeaveReason, PeerId, RoomName, Secret, Token, WireError,
};

pub use self::{
    error::Error,
    peer::IceTransportPolicy,
    room::{MediaProblem, Room, RoomEvent, RoomEvents, RoomOptions},
};
