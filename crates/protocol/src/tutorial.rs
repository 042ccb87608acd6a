//! The tutorial's dialect: rooms of two, events without a sender.
//!
//! `join(roomId)`; `ready`; `offer(description, roomId)`, `answer(description, roomId)`,
//! `ice-candidate(candidate, roomId)`; the server passes the last three on without the room.
//! A `join` that carries a string speaks this dialect, one that carries an object the native one.

/// `join(roomId)`, and the native `join`.
pub const JOIN: &str = "join";
/// The other is here: make an offer. To one side only, or the two offers collide.
pub const READY: &str = "ready";
/// An `RTCSessionDescription` of type "offer".
pub const OFFER: &str = "offer";
/// An `RTCSessionDescription` of type "answer".
pub const ANSWER: &str = "answer";
/// An `RTCIceCandidate`.
pub const ICE_CANDIDATE: &str = "ice-candidate";
