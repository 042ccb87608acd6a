//! What one peer, one room and one address may take of the relay.

use crate::limits::Rate;

/// Limits of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Allocations of one peer. A browser makes one for each network interface, transport and
    /// connection, and keeps a connection ready.
    pub per_peer: u32,
    /// Allocations in one room.
    pub per_room: u32,
    /// Allocations from one address (of IPv6: from one /64).
    pub per_address: u32,
    /// Allocations in all.
    pub in_all: u32,
    /// Permissions of one allocation.
    pub permissions: u32,
    /// Channels of one allocation.
    pub channels: u32,
    /// Bytes that one allocation may send.
    pub bytes: Rate,
    /// Answers to one address that has not shown credentials.
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
