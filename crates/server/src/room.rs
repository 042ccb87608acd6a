//! Who sits in which room, and who is told what. Pure: time is an input, sockets are any `S`.
//!
//! The glue in `signaling` holds one lock around [`Rooms`] while it calls a method *and*
//! delivers its [`Notice`]s, so membership, count and what everybody hears change in one step.
//! What must always hold: a room has at most its capacity of members, kept seats included; a
//! peer has one seat; in every pair exactly one is told to offer, by hearing of the other.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use madang_protocol::{Dialect, ErrorCode, Generation, LeaveReason, Left, Peer, PeerId, RoomName};

use crate::tutorial::Bridge;

/// Time since an origin of the caller's choice. Never runs backwards.
pub type Time = Duration;

/// The tutorial's dialect has no sender in its events, so it needs rooms of two.
const TUTORIAL_CAPACITY: usize = 2;

/// How long whoever was removed does not get in again, and nobody into a room that was closed: longer
/// than pages try that come back by themselves.
pub const BARRED_FOR: Duration = Duration::from_secs(600);
/// Of more than these the oldest are forgotten.
const BARRED: usize = 10_000;

/// A peer in a room, or everybody.
type Barred = (RoomName, Option<PeerId>);

/// All rooms of this server.
#[derive(Debug)]
pub struct Rooms<S> {
    capacity: usize,
    grace: Duration,
    rooms: HashMap<RoomName, Vec<Member<S>>>,
    /// Kept seats in the order in which their time is up. An entry whose seat was taken again
    /// meanwhile is skipped when its time comes.
    kept: VecDeque<(Time, RoomName, PeerId)>,
    /// Who does not get in, and the same in the order in which it ends.
    barred: HashSet<Barred>,
    bars: VecDeque<(Time, Barred)>,
}

#[derive(Debug)]
struct Member<S> {
    peer: Peer,
    seat: Seat<S>,
    /// What is kept on behalf of a tutorial page so that native peers can talk to it.
    bridge: Option<Box<Bridge>>,
}

#[derive(Debug)]
enum Seat<S> {
    /// Its socket.
    Taken(S),
    /// The socket dropped; the seat is kept for its peer until then.
    Kept(Time),
}

impl<S> Member<S> {
    fn socket(&self) -> Option<&S> {
        match &self.seat {
            Seat::Taken(socket) => Some(socket),
            Seat::Kept(_) => None,
        }
    }
}

/// Something to tell a socket, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice<S> {
    /// Whom.
    pub to: S,
    /// What.
    pub what: What,
}

/// What members are told about each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `peer-joined`, to a native peer.
    PeerJoined(Peer),
    /// `peer-left`, to a native peer.
    PeerLeft(Left),
    /// `ready`, to a tutorial page: make an offer.
    Ready,
}

/// What a peer that was let in finds.
#[derive(Debug, PartialEq, Eq)]
pub struct Welcome<S> {
    /// Who is there already, for the answer to the joiner.
    pub others: Vec<Peer>,
    /// Seats of this room.
    pub capacity: usize,
    /// What others, and a tutorial page that joined, are told after that answer.
    pub notices: Vec<Notice<S>>,
    /// The socket that held the seat before.
    pub replaced: Option<Replaced<S>>,
}

/// A socket that lost its seat to a later join of the same peer.
#[derive(Debug, PartialEq, Eq)]
pub struct Replaced<S> {
    /// The socket, to be ended.
    pub socket: S,
    /// The same page took the seat: its older socket is dead, and nobody reads its messages.
    pub same_page: bool,
}

/// Where a message goes.
#[derive(Debug)]
pub enum Route<'a, S> {
    /// To this socket, unread.
    Direct(&'a S),
    /// Between the two dialects: through the tutorial page's bridge, to this socket unless its
    /// peer is away.
    Translated(Option<&'a S>, &'a mut Bridge),
    /// To a peer whose socket dropped: nowhere. Its next join starts a new epoch.
    Away,
}

impl<S: Clone + PartialEq> Rooms<S> {
    /// No rooms yet; each will hold `capacity` peers and keep a seat for `grace`.
    pub fn new(capacity: usize, grace: Duration) -> Self {
        Self {
            capacity,
            grace,
            rooms: HashMap::new(),
            kept: VecDeque::new(),
            barred: HashSet::new(),
            bars: VecDeque::new(),
        }
    }

    /// Takes a seat for `peer`, or takes it over from the peer's earlier socket.
    ///
    /// # Errors
    /// `RoomClosed`; `Removed`; `RoomFull`; `Replaced` when a later join of the same page was here first; `BadMessage`
    /// when one socket joins twice with one generation.
    pub fn join(&mut self, room: &RoomName, peer: Peer, socket: S) -> Result<Welcome<S>, ErrorCode> {
        if !self.barred.is_empty() {
            if self.barred.contains(&(room.clone(), None)) {
                return Err(ErrorCode::RoomClosed);
            }
            if self.barred.contains(&(room.clone(), Some(peer.peer.clone()))) {
                return Err(ErrorCode::Removed);
            }
        }
        let members = self.rooms.get(room).map_or(&[][..], Vec::as_slice);
        let tutorial = members.iter().map(|m| m.peer.dialect).chain([peer.dialect]).any(|d| d == Dialect::Tutorial);
        let capacity = if tutorial { self.capacity.min(TUTORIAL_CAPACITY) } else { self.capacity };

        let own = members.iter().position(|member| member.peer.peer == peer.peer);
        let mut replaced = None;
        match own.map(|own| &members[own]) {
            None if members.len() >= capacity => return Err(ErrorCode::RoomFull),
            None => {}
            Some(before) => {
                let same_page = before.peer.instance == peer.instance;
                let same_socket = before.socket() == Some(&socket);
                if same_page && peer.generation <= before.peer.generation {
                    return Err(if same_socket { ErrorCode::BadMessage } else { ErrorCode::Replaced });
                }
                if let (Some(old), false) = (before.socket(), same_socket) {
                    replaced = Some(Replaced { socket: old.clone(), same_page });
                }
            }
        }

        let members = self.rooms.entry(room.clone()).or_default();
        let bridge = (peer.dialect == Dialect::Tutorial).then(|| Box::new(Bridge::new(&peer)));
        let member = Member { peer: peer.clone(), seat: Seat::Taken(socket.clone()), bridge };
        let own = match own {
            Some(own) => {
                members[own] = member;
                own
            }
            None => {
                members.push(member);
                members.len() - 1
            }
        };
        let notices = announce(members, own);
        let others = members.iter().enumerate().filter(|(i, _)| *i != own).map(|(_, m)| m.peer.clone()).collect();
        Ok(Welcome { others, capacity, notices, replaced })
    }

    /// Gives the seat up at once. Does nothing when `socket` does not hold it (any more).
    pub fn leave(&mut self, room: &RoomName, peer: &PeerId, socket: &S, reason: LeaveReason) -> Vec<Notice<S>> {
        if self.holds(room, peer, socket) { self.remove(room, peer, reason) } else { Vec::new() }
    }

    /// Gives the seat up that this page has, whether it still has a socket or not. Whether there was one.
    pub fn goodbye(&mut self, room: &RoomName, peer: &PeerId, instance: Generation) -> Option<Vec<Notice<S>>> {
        let said_by = |member: &mut Member<S>| member.peer.instance == instance;
        self.member_mut(room, peer).is_some_and(said_by).then(|| self.remove(room, peer, LeaveReason::Left))
    }

    /// Removes a peer for good, or keeps it out: it may be about to come back, as after a restart. Gives the
    /// socket to be ended, and the others' news.
    pub fn expel(&mut self, now: Time, room: &RoomName, peer: &PeerId) -> (Option<S>, Vec<Notice<S>>) {
        self.bar(now, (room.clone(), Some(peer.clone())));
        let Some(member) = self.member_mut(room, peer) else { return (None, Vec::new()) };
        let socket = member.socket().cloned();
        (socket, self.remove(room, peer, LeaveReason::Removed))
    }

    /// Closes a room for good, in which nobody need be: who was in it, with the sockets to be ended.
    pub fn close(&mut self, now: Time, room: &RoomName) -> Vec<(PeerId, Option<S>)> {
        self.bar(now, (room.clone(), None));
        let members = self.rooms.remove(room).unwrap_or_default();
        members.into_iter().map(|member| (member.peer.peer.clone(), member.socket().cloned())).collect()
    }

    fn bar(&mut self, now: Time, barred: Barred) {
        if self.barred.insert(barred.clone()) {
            self.bars.push_back((now + BARRED_FOR, barred));
            if self.bars.len() > BARRED {
                self.unbar();
            }
        }
    }

    fn unbar(&mut self) {
        if let Some((_, barred)) = self.bars.pop_front() {
            self.barred.remove(&barred);
        }
    }

    /// Who is in a room, and whether each has a socket.
    pub fn members(&self, room: &RoomName) -> impl Iterator<Item = (&Peer, bool)> {
        self.rooms.get(room).into_iter().flatten().map(|member| (&member.peer, member.socket().is_some()))
    }

    /// The socket is gone without a goodbye: its seat is kept for a while, unless its page could
    /// not come back to it.
    pub fn dropped(&mut self, now: Time, room: &RoomName, peer: &PeerId, socket: &S) -> Vec<Notice<S>> {
        let Some(member) = self.member_mut(room, peer) else { return Vec::new() };
        if member.socket() != Some(socket) {
            return Vec::new();
        }
        if member.peer.dialect == Dialect::Tutorial {
            return self.remove(room, peer, LeaveReason::Left);
        }
        let until = now + self.grace;
        if let Some(member) = self.member_mut(room, peer) {
            member.seat = Seat::Kept(until);
        }
        self.kept.push_back((until, room.clone(), peer.clone()));
        Vec::new()
    }

    /// Gives up the seats whose time is up, and lets in whose time outside is.
    pub fn expire(&mut self, now: Time) -> Vec<Notice<S>> {
        while self.bars.front().is_some_and(|(until, _)| *until <= now) {
            self.unbar();
        }
        let mut notices = Vec::new();
        while let Some((until, room, peer)) = self.kept.pop_front_if(|(until, ..)| *until <= now) {
            if self.member_mut(&room, &peer).is_some_and(|member| matches!(member.seat, Seat::Kept(t) if t == until)) {
                notices.append(&mut self.remove(&room, &peer, LeaveReason::TimedOut));
            }
        }
        notices
    }

    /// When [`Self::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<Time> {
        let (kept, bars) = (self.kept.front().map(|(until, ..)| *until), self.bars.front().map(|(until, _)| *until));
        kept.into_iter().chain(bars).min()
    }

    /// Where a message from the peer `from`, which came by `socket`, goes to reach `to`.
    ///
    /// # Errors
    /// `NotJoined` when the socket holds no such seat, `UnknownPeer` when `to` has none.
    pub fn route(&mut self, room: &RoomName, from: &PeerId, socket: &S, to: &str) -> Result<Route<'_, S>, ErrorCode> {
        if !self.holds(room, from, socket) {
            return Err(ErrorCode::NotJoined);
        }
        let members = self.rooms.get_mut(room).ok_or(ErrorCode::NotJoined)?;
        let to = members.iter_mut().find(|m| m.peer.peer.as_str() == to && m.peer.peer != *from);
        let Member { seat, bridge, .. } = to.ok_or(ErrorCode::UnknownPeer)?;
        Ok(match (seat, bridge) {
            (Seat::Taken(socket), Some(bridge)) => Route::Translated(Some(socket), bridge),
            (Seat::Taken(socket), None) => Route::Direct(socket),
            (Seat::Kept(_), _) => Route::Away,
        })
    }

    /// Where a message from a tutorial page goes: to the other of the two, if there is one.
    ///
    /// # Errors
    /// `NotJoined` when the socket holds no such seat.
    pub fn route_tutorial(
        &mut self,
        room: &RoomName,
        from: &PeerId,
        socket: &S,
    ) -> Result<Option<Route<'_, S>>, ErrorCode> {
        if !self.holds(room, from, socket) {
            return Err(ErrorCode::NotJoined);
        }
        let (mut own, mut other) = (None, None);
        for member in self.rooms.get_mut(room).into_iter().flatten() {
            if member.peer.peer == *from {
                own = Some(member);
            } else {
                other = Some(member);
            }
        }
        let (Some(own), Some(other)) = (own, other) else { return Ok(None) };
        Ok(match (other.peer.dialect, &mut own.bridge) {
            (Dialect::Native, Some(bridge)) => Some(Route::Translated(other.socket(), bridge)),
            _ => other.socket().map(Route::Direct),
        })
    }

    /// How many rooms have a member.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether every room is empty.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    fn member_mut(&mut self, room: &RoomName, peer: &PeerId) -> Option<&mut Member<S>> {
        self.rooms.get_mut(room)?.iter_mut().find(|member| member.peer.peer == *peer)
    }

    /// Whether this socket holds this peer's seat.
    pub fn holds(&self, room: &RoomName, peer: &PeerId, socket: &S) -> bool {
        let members = self.rooms.get(room).map_or(&[][..], Vec::as_slice);
        members.iter().any(|member| member.peer.peer == *peer && member.socket() == Some(socket))
    }

    fn remove(&mut self, room: &RoomName, peer: &PeerId, reason: LeaveReason) -> Vec<Notice<S>> {
        let Some(members) = self.rooms.get_mut(room) else { return Vec::new() };
        members.retain(|member| member.peer.peer != *peer);
        if members.is_empty() {
            self.rooms.remove(room);
            return Vec::new();
        }
        let left = Left { peer: peer.clone(), reason };
        let native = members.iter().filter(|member| member.peer.dialect == Dialect::Native);
        native
            .filter_map(Member::socket)
            .map(|to| Notice { to: to.clone(), what: What::PeerLeft(left.clone()) })
            .collect()
    }
}

/// What everybody is told when the member `own` has joined (again): each other native peer hears
/// of it, and where a tutorial page is involved, that page makes the offer. Of two tutorial pages
/// it is the one that was there first.
fn announce<S: Clone>(members: &mut [Member<S>], own: usize) -> Vec<Notice<S>> {
    let joined = members[own].peer.clone();
    let mut notices = Vec::new();
    for other in members.iter_mut().enumerate().filter(|(i, _)| *i != own).map(|(_, member)| member) {
        let Seat::Taken(socket) = &other.seat else { continue };
        let what = match (&mut other.bridge, joined.dialect) {
            (None, _) => What::PeerJoined(joined.clone()),
            (Some(_), Dialect::Tutorial) => What::Ready,
            (Some(bridge), Dialect::Native) => {
                if !bridge.native_joined(&joined) {
                    continue;
                }
                What::Ready
            }
        };
        notices.push(Notice { to: socket.clone(), what });
    }
    let present = |m: &Member<S>| (m.peer.dialect == Dialect::Native && m.socket().is_some()).then(|| m.peer.clone());
    if let Some(native) = members.iter().enumerate().filter(|(i, _)| *i != own).find_map(|(_, m)| present(m))
        && let Member { seat: Seat::Taken(socket), bridge: Some(bridge), .. } = &mut members[own]
        && bridge.native_joined(&native)
    {
        notices.push(Notice { to: socket.clone(), what: What::Ready });
    }
    notices
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
