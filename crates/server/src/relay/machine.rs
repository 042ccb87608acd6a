//! The relay as a machine: allocations, permissions, channels, and what is forwarded. Pure.
//!
//! Time, what clients sent and what came from outside are its inputs; what it says goes to a
//! [`Sink`] at once. It has no sockets and no clock. A packet costs the same whatever the number
//! of allocations: each is found by its flow and by its relayed address, both hashed. What a
//! stranger sends leaves nothing behind.
//!
//! What must always hold: data reaches a client only from where that client has permitted it
//! (RFC 8656 section 9), in a closed relay only from an allocation of its own room, and in an
//! open one only if the address is not denied. A failed send ends nothing.
//!
//! Our own and not `turn-server-proto`: that has no way to refuse a peer (403) or a quota (486),
//! no removal of users, no bound on permissions, and looks through all clients for each packet.
//! Only its codec is used here, `stun-types` and `turn-types`.

mod holds;
mod requests;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use slab::Slab;
use stun_types::{
    attribute::Realm,
    message::{Message, MessageClass, TransactionId},
    prelude::*,
};
use turn_types::{
    attribute::{Data, XorPeerAddress},
    channel::ChannelData,
};

use super::{
    addresses::{Family, Virtual},
    allocation::{Allocation, Id},
    census::Census,
    flow::Flow,
    limits::Quotas,
    metrics::{Counters, Dropped},
    nonce::Nonces,
    policy::Policy,
    strangers::Strangers,
    wire,
};
use crate::credentials::{Credentials, Holder, Issued};
use madang_protocol::{PeerId, RoomName};

/// Allocations that are ended in one step, at most: others wait for the machine.
const ENDED_AT_ONCE: usize = 64;

/// Entries of the clock that may be of no use any more, beside as many as there are allocations.
const TIMERS_KEPT: usize = 1_024;

/// Ports that are tried for one allocation, at most: others wait for the machine.
const OPENED_AT_ONCE: usize = 64;

/// The time, twice.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since an origin of the caller's choice. Never runs backwards.
    pub time: Duration,
    /// Since 1970, for what credentials say.
    pub unix: Duration,
}

/// What is sent to a client: `head`, `body` and some zeroes, as one.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// First.
    pub head: &'a [u8],
    /// Then.
    pub body: &'a [u8],
    /// Zeroes at the end, fewer than 4.
    pub padding: usize,
    /// It may be lost on the way, as any datagram may. Answers may too, but clients wait for them.
    pub is_data: bool,
}

/// Where the machine's words go.
pub trait Sink {
    /// To this client.
    fn send(&mut self, to: &Flow, frame: Frame<'_>);
    /// Opens a socket for an allocation (open relay). `false` when this address cannot be had.
    fn open(&mut self, id: Id, port: SocketAddr) -> bool;
    /// From the socket of this allocation to a peer.
    fn send_outside(&mut self, id: Id, peer: SocketAddr, data: &[u8]);
    /// Closes the socket of this allocation.
    fn close(&mut self, id: Id);
    /// Ends this client's stream: it is not to come back by it.
    fn hang_up(&mut self, stream: &Flow);
}

/// Where allocations are reached.
#[derive(Debug)]
pub(crate) enum Reach {
    /// Nowhere but in here.
    Closed(Virtual),
    /// Under these public addresses, from these ports.
    Open { public: Vec<IpAddr>, ports: RangeInclusive<u16>, policy: Policy },
}

/// The relay.
pub struct Machine {
    credentials: Credentials,
    realm: Realm,
    quotas: Quotas,
    reach: Reach,
    allocations: Slab<Allocation>,
    by_flow: HashMap<Flow, usize>,
    by_relayed: HashMap<SocketAddr, usize>,
    census: Census,
    /// When to look at which allocation: one entry of each that counts, see `Allocation::looked_at`.
    timers: BinaryHeap<Reverse<(Duration, Id)>>,
    serial: u64,
    nonces: Nonces,
    strangers: Strangers,
    random: Random,
    counters: Counters,
}

impl Machine {
    /// A closed relay without allocations, in a world of its own. For tests of all kinds.
    pub fn closed_relay(secret: &[u8], quotas: Quotas, seed: [u8; 32]) -> Self {
        let credentials = Credentials::new(secret, crate::credentials::LIFETIME);
        let realm = Realm::new(super::REALM).unwrap_or_else(|_| unreachable!("it is short"));
        Self::new(credentials, realm, quotas, Reach::Closed(Virtual::new(0)), seed)
    }

    /// A relay without allocations. `seed` must be random: nonces are signed with it.
    pub(crate) fn new(credentials: Credentials, realm: Realm, quotas: Quotas, reach: Reach, seed: [u8; 32]) -> Self {
        Self {
            credentials,
            realm,
            quotas,
            reach,
            allocations: Slab::new(),
            by_flow: HashMap::new(),
            by_relayed: HashMap::new(),
            census: Census::default(),
            timers: BinaryHeap::new(),
            serial: 0,
            nonces: Nonces::new(&seed),
            strangers: Strangers::new(quotas.strangers),
            random: Random::new(&seed),
            counters: Counters::default(),
        }
    }

    /// Takes one datagram, or one frame of a stream, from a client.
    pub fn receive(&mut self, now: Now, flow: &Flow, bytes: &[u8], sink: &mut impl Sink) {
        // The first two bits tell them apart (RFC 8656 section 12).
        match bytes.first().map(|first| first >> 6) {
            Some(0b01) => self.channel_data(now.time, flow, bytes, sink),
            Some(0b00) => match wire::read(bytes) {
                Some(message) => self.message(now, flow, &message, sink),
                None => self.counters.drop(Dropped::Malformed),
            },
            _ => self.counters.drop(Dropped::Malformed),
        }
    }

    /// Takes one datagram that came to the socket of an allocation (open relay).
    pub fn receive_outside(&mut self, now: Now, id: Id, peer: SocketAddr, data: &[u8], sink: &mut impl Sink) {
        if self.allocations.get(id.slot).is_none_or(|allocation| allocation.serial != id.serial) {
            return self.counters.drop(Dropped::NoAllocation);
        }
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if self.deliver(now.time, id.slot, peer, data, sink) {
            self.counters.outside[0].add(data.len());
        }
    }

    /// A flow has ended, and with it what it had.
    pub fn closed(&mut self, flow: &Flow, sink: &mut impl Sink) {
        if let Some(&slot) = self.by_flow.get(flow) {
            self.end(slot, sink);
        }
    }

    /// Whether this flow has an allocation.
    pub fn has_allocation(&self, now: Now, flow: &Flow) -> bool {
        self.live(flow, now.time).is_some()
    }

    /// Credentials for this peer in this room. It is admitted (again).
    pub fn issue(&mut self, now: Now, room: &RoomName, peer: &PeerId) -> Issued {
        self.credentials.issue(room, peer, now.unix)
    }

    /// Ends what this peer has in this room, and refuses its credentials.
    pub fn revoke(&mut self, now: Now, room: &RoomName, peer: &PeerId, sink: &mut impl Sink) {
        let holder = self.credentials.revoke(room, peer, now.unix);
        for slot in self.census.of_peer(&holder) {
            let flow = self.allocations.get(slot).map(|allocation| allocation.flow);
            self.end(slot, sink);
            if let Some(flow) = flow.filter(Flow::is_stream) {
                sink.hang_up(&flow);
            }
        }
    }

    /// Ends what is over, some of it if there is much. Then see [`next_tick`](Self::next_tick).
    pub fn tick(&mut self, now: Now, sink: &mut impl Sink) {
        self.credentials.forget(now.unix);
        for _ in 0..ENDED_AT_ONCE {
            match self.timers.peek() {
                Some(&Reverse((due, id))) if due <= now.time => {
                    self.timers.pop();
                    self.look_at(id, due, now.time, sink);
                }
                _ => break,
            }
        }
    }

    /// When to call [`tick`](Self::tick) at the latest.
    pub fn next_tick(&self) -> Option<Duration> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    /// Allocations that live.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// For what only the driver sees.
    pub fn count_dropped(&mut self, reason: Dropped) {
        self.counters.drop(reason);
    }

    fn look_at(&mut self, id: Id, due: Duration, now: Duration, sink: &mut impl Sink) {
        let Some(allocation) = self.allocations.get_mut(id.slot) else { return };
        if allocation.serial != id.serial || allocation.looked_at != due {
            return;
        }
        if allocation.expires <= now {
            return self.end(id.slot, sink);
        }
        allocation.looked_at = allocation.expires;
        self.timers.push(Reverse((allocation.expires, id)));
    }

    /// The allocation of a flow, if its time is not over.
    fn live(&self, flow: &Flow, now: Duration) -> Option<usize> {
        let slot = *self.by_flow.get(flow)?;
        self.allocations.get(slot).is_some_and(|allocation| now < allocation.expires).then_some(slot)
    }

    /// The allocation with this relayed address, if its time is not over.
    fn live_at(&self, relayed: &SocketAddr, now: Duration) -> Option<usize> {
        let slot = *self.by_relayed.get(relayed)?;
        self.allocations.get(slot).is_some_and(|allocation| now < allocation.expires).then_some(slot)
    }

    fn end(&mut self, slot: usize, sink: &mut impl Sink) {
        let Some(allocation) = self.allocations.try_remove(slot) else { return };
        self.by_flow.remove(&allocation.flow);
        self.by_relayed.remove(&allocation.relayed);
        self.census.remove(&allocation.holder, allocation.flow.subscriber(), slot);
        if matches!(self.reach, Reach::Open { .. }) {
            sink.close(Id { slot, serial: allocation.serial });
        }
        // What ends early leaves an entry with the clock, and some may come and go very often.
        if self.timers.len() > 2 * self.allocations.len() + TIMERS_KEPT {
            let counts = |Reverse((due, id)): &Reverse<(Duration, Id)>| {
                let allocation = self.allocations.get(id.slot);
                allocation.is_some_and(|allocation| allocation.serial == id.serial && allocation.looked_at == *due)
            };
            self.timers.retain(counts);
        }
    }

    fn channel_data(&mut self, now: Duration, flow: &Flow, bytes: &[u8], sink: &mut impl Sink) {
        let Some((number, data)) = ChannelData::parse_header(bytes)
            .ok()
            .and_then(|(number, length)| Some((number, bytes.get(4..4 + length)?)))
        else {
            return self.counters.drop(Dropped::Malformed);
        };
        let Some(slot) = self.live(flow, now) else { return self.counters.drop(Dropped::NoAllocation) };
        match self.allocations[slot].peer_of(number, now) {
            Some(peer) => self.forward(now, slot, peer, data, sink),
            None => self.counters.drop(Dropped::NoChannel),
        }
    }

    fn message(&mut self, now: Now, flow: &Flow, message: &Message<'_>, sink: &mut impl Sink) {
        use stun_types::message::BINDING;
        use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};
        match (message.class(), message.method()) {
            (MessageClass::Request, BINDING) => self.binding(now.time, flow, message, sink),
            (MessageClass::Request, ALLOCATE | CHANNEL_BIND | CREATE_PERMISSION | REFRESH) => {
                self.request(now, flow, message, sink);
            }
            (MessageClass::Indication, SEND) => self.send_indication(now.time, flow, message, sink),
            // Keeps the way open, and asks for nothing.
            (MessageClass::Indication, BINDING) => {}
            _ => self.counters.drop(Dropped::Unexpected),
        }
    }

    /// Send indication (RFC 8656 section 11.2). What is wrong about it is not answered.
    fn send_indication(&mut self, now: Duration, flow: &Flow, message: &Message<'_>, sink: &mut impl Sink) {
        let Some(slot) = self.live(flow, now) else { return self.counters.drop(Dropped::NoAllocation) };
        let peer = message.attribute::<XorPeerAddress>().map(|peer| peer.addr(message.transaction_id()));
        let (Ok(peer), Some(data)) = (peer, message.raw_attribute(Data::TYPE)) else {
            return self.counters.drop(Dropped::Malformed);
        };
        if wire::unknown(message, &[XorPeerAddress::TYPE, Data::TYPE]).is_some() {
            return self.counters.drop(Dropped::Malformed);
        }
        if !self.allocations[slot].permits(peer.ip(), now) {
            return self.counters.drop(Dropped::NoPermission);
        }
        self.forward(now, slot, peer, &data.value, sink);
    }

    /// From the client of an allocation to a peer.
    fn forward(&mut self, now: Duration, slot: usize, peer: SocketAddr, data: &[u8], sink: &mut impl Sink) {
        let from = &mut self.allocations[slot];
        if !from.bytes.take(now, u32::try_from(data.len()).unwrap_or(u32::MAX)) {
            return self.counters.drop(Dropped::OverQuota);
        }
        let (id, relayed, room) = (Id { slot, serial: from.serial }, from.relayed, from.room);
        let transport = from.flow.transport() as usize;
        // A peer with an allocation here gets it without a way round, in an open relay too.
        if let Some(to) = self.live_at(&peer, now) {
            if matches!(self.reach, Reach::Closed(_)) && self.allocations[to].room != room {
                return self.counters.drop(Dropped::OtherRoom);
            }
            if self.deliver(now, to, relayed, data, sink) {
                self.counters.received[transport].add(data.len());
            }
            return;
        }
        match &self.reach {
            Reach::Closed(_) => self.counters.drop(Dropped::NoPeer),
            Reach::Open { policy, .. } if policy.denies(peer.ip()) => self.counters.drop(Dropped::Denied),
            Reach::Open { .. } => {
                self.counters.received[transport].add(data.len());
                self.counters.outside[1].add(data.len());
                sink.send_outside(id, peer, data);
            }
        }
    }

    /// From a peer to the client of an allocation: by channel if it has bound one to that peer,
    /// and if not as a Data indication (RFC 8656 section 12.6).
    fn deliver(&mut self, now: Duration, slot: usize, peer: SocketAddr, data: &[u8], sink: &mut impl Sink) -> bool {
        let to = &self.allocations[slot];
        if now >= to.expires || !to.permits(peer.ip(), now) {
            self.counters.drop(Dropped::NoPermission);
            return false;
        }
        let padding = data.len().next_multiple_of(4) - data.len();
        if let Some(number) = to.channel_to(&peer, now) {
            let Ok(length) = u16::try_from(data.len()) else { return false };
            let ([a, b], [c, d]) = (number.to_be_bytes(), length.to_be_bytes());
            let padding = if to.flow.is_stream() { padding } else { 0 };
            sink.send(&to.flow, Frame { head: &[a, b, c, d], body: data, padding, is_data: true });
        } else {
            let mut buffer = [0; wire::DATA_HEAD_BYTES];
            let transaction = TransactionId::from(self.random.next_u128() >> 32);
            let Some(head) = wire::data_head(peer, data.len(), transaction, &mut buffer) else { return false };
            sink.send(&to.flow, Frame { head, body: data, padding, is_data: true });
        }
        self.counters.sent[to.flow.transport() as usize].add(data.len());
        true
    }

    /// Where a new allocation is reached; its socket is open, if it has one.
    fn place(&mut self, family: Family, even: bool, id: Id, sink: &mut impl Sink) -> Option<SocketAddr> {
        match &mut self.reach {
            Reach::Closed(addresses) => {
                // All that are taken could be next to each other, once in millions.
                let mut tries = (0..=self.by_relayed.len()).map(|_| addresses.next(family, even));
                tries.find(|address| !self.by_relayed.contains_key(address))
            }
            Reach::Open { public, ports, .. } => {
                let ip = *public.iter().find(|ip| Family::of(**ip) == family)?;
                // Not to be guessed (RFC 6056); then one after the other until one is free.
                let count = u32::from(ports.end().checked_sub(*ports.start())?) + 1;
                let first = (self.random.next_u128() % u128::from(count)) as u32;
                let all = (0..count).map(|offset| *ports.start() + ((first + offset) % count) as u16);
                let fit = all.filter(|port| !even || port.is_multiple_of(2)).map(|port| SocketAddr::new(ip, port));
                let mut free = fit.filter(|address| !self.by_relayed.contains_key(address)).take(OPENED_AT_ONCE);
                free.find(|address| sink.open(id, *address))
            }
        }
    }

    /// Whether an allocation can be of this family.
    fn has_family(&self, family: Family) -> bool {
        match &self.reach {
            Reach::Closed(_) => true,
            Reach::Open { public, .. } => public.iter().any(|ip| Family::of(*ip) == family),
        }
    }

    /// Whether this peer is refused to the holder of an allocation. Of a permission the RFC has
    /// only the IP address count; a closed relay looks at the port too, where there is one.
    fn is_forbidden(&self, peer: SocketAddr, holder: &Holder, room: u64, now: Duration) -> bool {
        let known = self.live_at(&peer, now).map(|slot| self.allocations[slot].room);
        match &self.reach {
            Reach::Closed(_) if peer.port() == 0 => {
                let relayed = |slot| self.allocations.get(slot).map(|allocation| allocation.relayed.ip());
                !self.census.in_room(&holder.room).any(|slot| relayed(slot) == Some(peer.ip()))
            }
            Reach::Closed(_) => known != Some(room),
            Reach::Open { policy, .. } => known.is_none() && policy.denies(peer.ip()),
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("reach", &self.reach)
            .field("allocations", &self.allocations)
            .finish_non_exhaustive()
    }
}

/// Numbers nobody outside can foretell from few of them; not for secrets.
struct Random(u128);

impl Random {
    fn new(seed: &[u8; 32]) -> Self {
        // Other bytes than those that sign nonces would be better, a mix of them is as good.
        let mut state = 0u128;
        for chunk in seed.chunks_exact(16) {
            state ^= u128::from_be_bytes(chunk.try_into().unwrap_or_default());
        }
        Self(state)
    }

    /// PCG's 128-bit multiplier, and an xorshift of what is kept.
    fn next_u128(&mut self) -> u128 {
        self.0 = self.0.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(0xda3e_39cb_94b9_5bdb);
        let mixed = self.0 ^ (self.0 >> 67);
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ (mixed >> 41)
    }
}
