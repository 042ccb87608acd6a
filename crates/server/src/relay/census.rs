//! Who has how many allocations, and which.

use std::collections::HashMap;

use super::limits::Quotas;
use crate::credentials::Holder;

/// All allocations, by those who may have only so many.
#[derive(Debug, Default)]
pub(crate) struct Census {
    rooms: HashMap<Box<str>, Room>,
    /// Allocations per [subscriber](super::flow::Flow::subscriber).
    subscribers: HashMap<u64, usize>,
    next_room: u64,
}

#[derive(Debug, Default)]
struct Room {
    number: u64,
    /// Slots of allocations, by peer.
    peers: HashMap<Box<str>, Vec<usize>>,
    allocations: usize,
}

impl Census {
    /// Whether one more would be too many for somebody.
    pub(crate) fn is_full(&self, holder: &Holder, subscriber: u64, quotas: &Quotas) -> bool {
        let room = self.rooms.get(&holder.room);
        let in_room = room.map_or(0, |room| room.allocations);
        let of_peer = room.and_then(|room| room.peers.get(&holder.peer)).map_or(0, Vec::len);
        let of_subscriber = self.subscribers.get(&subscriber).copied().unwrap_or(0);
        in_room >= quotas.per_room || of_peer >= quotas.per_peer || of_subscriber >= quotas.per_address
    }

    /// Counts one more. Gives the room's number, which no other room will have.
    pub(crate) fn add(&mut self, holder: &Holder, subscriber: u64, slot: usize) -> u64 {
        *self.subscribers.entry(subscriber).or_default() += 1;
        let room = self.rooms.entry(holder.room.clone()).or_insert_with(|| {
            self.next_room += 1;
            Room { number: self.next_room, ..Room::default() }
        });
        room.allocations += 1;
        room.peers.entry(holder.peer.clone()).or_default().push(slot);
        room.number
    }

    pub(crate) fn remove(&mut self, holder: &Holder, subscriber: u64, slot: usize) {
        if let Some(count) = self.subscribers.get_mut(&subscriber) {
            *count -= 1;
            if *count == 0 {
                self.subscribers.remove(&subscriber);
            }
        }
        let Some(room) = self.rooms.get_mut(&holder.room) else { return };
        room.allocations -= 1;
        if let Some(slots) = room.peers.get_mut(&holder.peer) {
            slots.retain(|&other| other != slot);
            if slots.is_empty() {
                room.peers.remove(&holder.peer);
            }
        }
        if room.allocations == 0 {
            self.rooms.remove(&holder.room);
        }
    }

    /// Slots of a peer's allocations.
    pub(crate) fn of_peer(&self, holder: &Holder) -> Vec<usize> {
        self.rooms.get(&holder.room).and_then(|room| room.peers.get(&holder.peer)).cloned().unwrap_or_default()
    }

    /// Slots of a room's allocations.
    pub(crate) fn in_room(&self, room: &str) -> impl Iterator<Item = usize> {
        self.rooms.get(room).into_iter().flat_map(|room| room.peers.values().flatten().copied())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.subscribers.is_empty()
    }
}
