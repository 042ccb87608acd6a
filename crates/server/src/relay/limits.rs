//! How long things last in the relay, and what one peer, one room and one address may take of it.
//!
//! The values of RFC 8656, and where it leaves them open, what browsers need.

use std::time::Duration;

use crate::limits::Rate;

/// How long an allocation lasts unless it is refreshed (RFC 8656 section 3.2).
pub const LIFETIME: Duration = Duration::from_secs(600);
/// The longest lifetime that is granted (RFC 8656 section 7.2).
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(3_600);
/// How long a permission lasts (RFC 8656 section 9).
pub const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel lasts (RFC 8656 section 12).
pub const CHANNEL: Duration = Duration::from_secs(600);
/// How long a nonce is good for (RFC 8656 section 5: at most an hour).
pub const NONCE: Duration = Duration::from_secs(3_600);
/// Longest realm: it stands in answers to strangers.
pub const REALM_BYTES: usize = 64;

/// Longest STUN message or ChannelData over a stream. What is relayed ends as a datagram, and no
/// browser sends any longer than an Ethernet frame.
pub const FRAME_BYTES: usize = 16 * 1024;
/// How long a frame may take from its first byte to its last.
pub const FRAME_WITHIN: Duration = Duration::from_secs(10);
/// How long a stream without an allocation may be quiet.
pub const QUIET: Duration = Duration::from_secs(30);
/// Bytes that may wait for a stream's reader. Then media is dropped, as any network would.
pub const QUEUED_BYTES: usize = 128 * 1024;
/// Bytes of answers that may wait on top of that.
pub const QUEUED_ANSWERS: usize = 16 * 1024;
/// How long a stream's reader may take nothing of what waits for it.
pub const STUCK: Duration = Duration::from_secs(30);

/// What one peer, one room and one address may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Allocations of one peer. A browser makes one for each network interface, transport and
    /// connection, and keeps a connection ready.
    pub per_peer: usize,
    /// Allocations in one room.
    pub per_room: usize,
    /// Allocations from one address (of IPv6: from one /64).
    pub per_address: usize,
    /// Allocations in all.
    pub in_all: usize,
    /// Permissions of one allocation.
    pub permissions: usize,
    /// Channels of one allocation.
    pub channels: usize,
    /// Bytes that one allocation may send.
    pub bytes: Rate,
    /// Answers to one address that has shown no credentials. They are hardly longer than what
    /// they answer, and this keeps them from being aimed at somebody.
    pub strangers: Rate,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            per_peer: 64,
            per_room: 512,
            per_address: 1_024,
            in_all: 32_768,
            permissions: 128,
            channels: 128,
            bytes: Rate { per_second: 16 << 20, at_once: 32 << 20 },
            strangers: Rate { per_second: 100, at_once: 500 },
        }
    }
}
