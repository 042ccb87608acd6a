//! One other peer: the epoch of the signaling with it, the connection to it, its presence.
//!
//! # Which connection
//!
//! At most one RTCPeerConnection is kept per peer, and both sides know it by its number. Who
//! opens one takes the lowest number above all it knows: an even one the polite peer, an odd one
//! the impolite. An offer with a number above all that is known replaces the connection; so if
//! both open one at the same time the higher wins on both sides, without a word. An offer for a
//! connection that is gone here is answered by opening a new one.
//!
//! # A new epoch
//!
//! Any join of either peer starts one ([`Link::enter`]). What was pending is stale. A connection
//! whose first exchange is not complete, or whose other end was in another page, is closed. Then
//! the peer that heard `peer-joined` offers, with an ICE restart unless media flows or may flow
//! again; the other waits for that offer before it makes any of its own. A connection that works is kept.
//!
//! # A peer that speaks the tutorial's dialect
//!
//! It cannot renegotiate, and it makes the first offer. Each offer of either side is a new
//! connection. If nothing comes for a while, this side offers.

mod connection;
mod flow;
mod gathered;
mod picture;
mod reach;
mod recovery;
mod route;
mod way;

use std::{collections::VecDeque, time::Duration};

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, DescriptionType, Dialect, Epoch, Generation, LeaveReason, Peer, PeerId,
    SignalFrom,
};

use crate::{
    mutation::{Mutation, broken},
    session::{Cause, ConnectionInput, ConnectionState, Doubt, Output, PeerState, SessionEvent, Time},
};

pub use self::route::Route;
use self::{
    connection::Connection,
    reach::Reach,
    recovery::{Recovery, Remedy},
    way::{Verdict, Way},
};

/// Numbers a peer may send lie below, so that there is always one above.
const HIGHEST_NUMBER: u32 = 1 << 30;
/// How long a tutorial peer has to make the first offer, and then to answer ours.
const TUTORIAL_PATIENCE: Duration = Duration::from_secs(5);
/// Whoever is still there has come back to a server so soon after it did itself.
const RETURNS_WITHIN: Duration = Duration::from_secs(5);
/// So long after a new epoch a connection is there, nearly always. If not, the socket may be dead.
const SET_UP: Duration = Duration::from_secs(1);
/// The longest time between two connections that are opened because the last was lost.
const LONGEST_REPLACEMENT_DELAY: Duration = Duration::from_secs(16);

/// What the session makes a link do something with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    /// In the room since then, if the server knows of it.
    pub(crate) joined: Option<Time>,
    pub(crate) out: &'a mut VecDeque<Output>,
}

impl Context<'_> {
    fn event(&mut self, event: SessionEvent) {
        self.out.push_back(Output::Event(event));
    }
}

/// Whether a signal fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It did, or it was late.
    Well,
    /// A signal before it is missing: only a new epoch helps.
    Gap,
}

/// When to open a connection in place of one that was lost.
#[derive(Debug, Default)]
struct Replacement {
    at: Option<Time>,
    tries: u32,
}

impl Replacement {
    /// The first at once, the next ones less and less often.
    fn schedule(&mut self, now: Time) {
        if self.at.is_some() {
            return;
        }
        let delay = match self.tries.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => Duration::from_secs(1 << doublings.min(4)).min(LONGEST_REPLACEMENT_DELAY),
        };
        self.tries = self.tries.saturating_add(1);
        self.at = Some(now + delay);
    }
}

/// The other peer.
#[derive(Debug)]
pub(crate) struct Link {
    peer: Peer,
    polite: bool,
    way: Option<Way>,
    connection: Option<Connection>,
    /// The highest number of a connection known here.
    last: u32,
    replacement: Replacement,
    reach: Reach,
    /// What the application was told.
    told: PeerState,
    was_connected: bool,
    /// Why media does not flow, and since when, as the application was told.
    trouble: Option<(Cause, Time)>,
    media: Option<(bool, bool)>,
    /// Neither listed by the server nor connected, since then.
    absent_since: Option<Time>,
    /// By when the connection of this epoch is to be there, and whether it was not.
    due: Option<Time>,
    overdue: bool,
}

impl Link {
    /// A peer that was not known. Numbers of connections up to `last` are taken.
    pub(crate) fn new(peer: Peer, own: &PeerId, last: u32, cx: &mut Context<'_>) -> Self {
        let id = peer.peer.clone();
        let link = Self {
            polite: *own < id,
            way: None,
            connection: None,
            last,
            replacement: Replacement::default(),
            reach: Reach::default(),
            told: PeerState::Connecting,
            was_connected: false,
            trouble: None,
            media: None,
            absent_since: None,
            due: None,
            overdue: false,
            peer,
        };
        cx.event(SessionEvent::PeerJoined {
            peer: id.clone(),
            name: link.peer.name.clone(),
            dialect: link.peer.dialect,
        });
        cx.event(SessionEvent::PeerState { peer: id, state: link.told });
        link
    }

    /// Who it is.
    pub(crate) fn id(&self) -> &PeerId {
        &self.peer.peer
    }

    /// The highest number of a connection known here.
    pub(crate) fn last_number(&self) -> u32 {
        self.last
    }

    fn is_tutorial(&self) -> bool {
        self.peer.dialect == Dialect::Tutorial
    }

    fn is_open(&self) -> bool {
        self.way.as_ref().is_some_and(|way| way.open)
    }

    /// A new epoch: the server told of this peer's latest join (`hearer`), or listed it in the
    /// answer to this side's own.
    pub(crate) fn enter(
        &mut self,
        peer: Peer,
        own: Generation,
        hearer: bool,
        media: Option<(bool, bool)>,
        cx: &mut Context<'_>,
    ) {
        let epoch = Epoch::of(own, peer.generation);
        let reloaded = self.peer.instance != peer.instance;
        let known = self.way.is_some() && !reloaded && peer.generation <= self.peer.generation;
        if hearer && known {
            return; // the answer to `join` told of it already
        }
        self.suspend(cx);
        self.peer = peer;
        let offers = (hearer && !broken(Mutation::HearerSilent)) || broken(Mutation::BothOffer);
        self.way = Some(Way::new(epoch, offers || self.is_tutorial()));
        (self.due, self.overdue) = (Some(cx.now + SET_UP), false);
        self.replacement = Replacement { at: None, tries: self.replacement.tries };
        if !broken(Mutation::MediaSaidOnce) || self.told == PeerState::Connecting {
            self.say_media(media, cx);
        }

        let quiet = self.quiet();
        let incomplete = self.connection.as_ref().is_some_and(|connection| !connection.negotiation.is_complete());
        if reloaded && !broken(Mutation::InstanceIgnored) {
            self.media = None;
            self.close(cx);
        } else if (incomplete && !broken(Mutation::IncompleteKept)) || broken(Mutation::ReplaceEachEpoch) {
            self.close(cx);
        }
        match &mut self.connection {
            Some(connection) if self.peer.dialect == Dialect::Tutorial => connection.negotiation.resume(),
            None if self.peer.dialect == Dialect::Tutorial => self.replacement.at = Some(cx.now + TUTORIAL_PATIENCE),
            Some(connection) if offers => {
                connection.negotiation.resume();
                if let Some(came) = quiet {
                    connection.recovery.silent(cx.now, came, true);
                }
                if connection.recovery.restart_now(cx.now) {
                    self.reach.gathering();
                    connection.restart_ice(cx.out);
                }
                connection.negotiation.offer_needed();
            }
            None if offers => self.open_next(cx),
            _ => {} // the other side offers
        }
        self.settle(cx);
    }

    /// Signaling with this peer is interrupted.
    pub(crate) fn suspend(&mut self, cx: &mut Context<'_>) {
        self.way = None;
        if let Some(connection) = &mut self.connection {
            connection.suspend(cx.now);
        }
        if broken(Mutation::CloseOnSocketLoss) {
            self.close(cx);
        }
        self.settle(cx);
    }

    /// A signal of this peer.
    pub(crate) fn signal(&mut self, signal: SignalFrom<Body>, cx: &mut Context<'_>) -> Heard {
        let Some(way) = &mut self.way else { return Heard::Well };
        match way.receive(signal.epoch, signal.seq) {
            Verdict::Take => {}
            Verdict::Drop => return Heard::Well,
            Verdict::Gap => {
                self.suspend(cx);
                return Heard::Gap;
            }
        }
        match signal.body {
            Body::Description { connection, description } => match description.kind {
                DescriptionType::Offer => self.offer(connection, description, cx),
                DescriptionType::Answer => self.answer(connection, description),
            },
            Body::Candidate { connection, candidate } => self.candidate(connection, Some(candidate), cx.now),
            Body::EndOfCandidates { connection } => self.candidate(connection, None, cx.now),
            Body::Media { microphone, camera } => self.peer_media(microphone, camera, cx),
        }
        self.settle(cx);
        Heard::Well
    }

    fn present(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connection.as_mut().filter(|connection| connection.id == id || broken(Mutation::ConnectionNumberIgnored))
    }

    fn offer(&mut self, id: ConnectionId, description: Description, cx: &mut Context<'_>) {
        if let Some(way) = &mut self.way {
            way.open = true;
        }
        if let Some(connection) = &mut self.connection {
            connection.negotiation.resume();
        }
        if self.is_tutorial() {
            // It drops its connection for our offer, if that is on its way.
            let crossing = self.connection.as_ref().is_some_and(|connection| connection.negotiation.is_offering());
            if !crossing {
                self.replace_by(id, description, cx);
            }
        } else if let Some(connection) = self.present(id) {
            connection.negotiation.receive(description);
        } else if id.0 > self.last && id.0 < HIGHEST_NUMBER {
            self.replace_by(id, description, cx);
        } else if self.connection.is_none() && !broken(Mutation::LostConnectionIgnored) {
            self.replacement.schedule(cx.now);
        }
        // Otherwise an offer of ours with a higher number is on its way to the peer.
    }

    fn replace_by(&mut self, id: ConnectionId, description: Description, cx: &mut Context<'_>) {
        self.close(cx);
        self.last = self.last.max(id.0);
        self.open(id, false, cx).negotiation.receive(description);
    }

    fn answer(&mut self, id: ConnectionId, description: Description) {
        if let Some(connection) = self.present(id) {
            connection.negotiation.receive(description);
        }
    }

    fn candidate(&mut self, id: ConnectionId, candidate: Option<Candidate>, now: Time) {
        if let Some(connection) = self.present(id) {
            connection.remote_candidate(now, candidate);
        }
    }

    fn peer_media(&mut self, microphone: bool, camera: bool, cx: &mut Context<'_>) {
        if self.media.replace((microphone, camera)) != Some((microphone, camera)) {
            cx.event(SessionEvent::PeerMedia { peer: self.id().clone(), microphone, camera });
        }
    }

    /// Something happened to a connection.
    pub(crate) fn connection_input(&mut self, id: ConnectionId, input: ConnectionInput, cx: &mut Context<'_>) {
        let (tutorial, expected) = (self.is_tutorial(), self.sends());
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.id == id) else { return };
        let way = self.way.as_mut();
        let negotiation = &mut connection.negotiation;
        let kept = match input {
            ConnectionInput::NegotiationNeeded => {
                if !tutorial && !broken(Mutation::NegotiationNeededIgnored) {
                    negotiation.offer_needed();
                }
                true
            }
            ConnectionInput::LocalDescriptionSet(description) => {
                let outcome = negotiation.local_description_set(description);
                connection.conclude(outcome, cx.now, way, cx.out)
            }
            ConnectionInput::RolledBack => {
                let outcome = negotiation.rolled_back();
                connection.conclude(outcome, cx.now, way, cx.out)
            }
            ConnectionInput::RemoteDescriptionSet => {
                let outcome = negotiation.remote_description_set();
                connection.conclude(outcome, cx.now, way, cx.out)
            }
            ConnectionInput::Rejected(_) => broken(Mutation::RejectionIgnored),
            ConnectionInput::LocalCandidate(candidate) => {
                // The end that comes while a description is made is that of the generation before.
                if candidate.is_some() || !negotiation.is_describing() {
                    self.reach.gathered(candidate.as_ref());
                }
                connection.local_candidate(candidate, way, cx.out);
                true
            }
            ConnectionInput::StateChanged(state) => {
                connection.state_changed(cx.now, state);
                state != ConnectionState::Closed
            }
            ConnectionInput::TransportFailed => {
                let tried = connection.recovery.was_tried(cx.now) || self.replacement.tries > 0;
                connection.state_changed(cx.now, ConnectionState::Failed);
                if tried && self.is_open() {
                    self.reach.tried();
                }
                self.settle(cx);
                broken(Mutation::FailedTransportKept)
            }
            ConnectionInput::Stats { route, received, improves, video } => {
                connection.seen_video(video);
                if connection.seen(cx.now, (route, improves), received, expected) {
                    let peer = self.peer.peer.clone();
                    cx.event(SessionEvent::PeerRoute { peer, route });
                }
                true
            }
        };
        if !kept {
            self.lose(cx);
        }
        self.settle(cx);
    }

    /// The browser's network changed.
    pub(crate) fn network_changed(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = self.connection.as_mut().filter(|connection| connection.negotiation.is_complete()) {
            connection.flow.alert(cx.now);
            connection.recovery.network_changed(cx.now);
        }
    }

    /// The page was away.
    pub(crate) fn woke(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection {
            connection.flow.alert(cx.now);
        }
    }

    /// The peer sends something, as far as this side knows. Where it is not told, as by the tutorial's
    /// page, nothing is expected.
    fn sends(&self) -> bool {
        self.media.is_some_and(|(microphone, camera)| microphone || camera)
    }

    /// When something came last, if it should and may have stopped.
    fn quiet(&self) -> Option<Time> {
        self.connection.as_ref().filter(|_| self.sends()).and_then(|connection| connection.flow.quiet())
    }

    /// What there is to doubt the socket for: perhaps nothing of what is said arrives either.
    pub(crate) fn doubt(&self) -> Doubt {
        let waits = match self.told {
            PeerState::Connected => false,
            PeerState::Connecting => self.overdue,
            _ => self.was_connected,
        };
        match self.quiet() {
            Some(_) => Doubt::Quiet,
            None if waits => Doubt::NotConnected,
            None => Doubt::Nothing,
        }
    }

    /// Tells the peer what this side sends.
    pub(crate) fn say_media(&mut self, media: Option<(bool, bool)>, cx: &mut Context<'_>) {
        if self.is_tutorial() {
            return;
        }
        if let (Some(way), Some((microphone, camera))) = (&mut self.way, media) {
            let signal = way.signal(self.peer.peer.clone(), Body::Media { microphone, camera });
            cx.out.push_back(Output::Signal(signal));
        }
    }

    /// Does what is due. `false`: the peer has been absent for the whole grace.
    pub(crate) fn tick(&mut self, grace: Duration, cx: &mut Context<'_>) -> bool {
        let open = self.is_open();
        self.overdue |= self.due.take_if(|due| *due <= cx.now).is_some();
        if let Some(connection) = &mut self.connection {
            connection.look(cx.now, cx.out);
            let tried = connection.recovery.was_tried(cx.now);
            let remedy = connection.recovery.tick(cx.now, open);
            if tried && remedy.is_some() {
                self.reach.tried();
            }
            match remedy {
                Some(Remedy::Restart) => {
                    self.reach.gathering();
                    connection.restart_ice(cx.out);
                }
                Some(Remedy::Inquire) => connection.negotiation.offer_needed(),
                Some(Remedy::Replace) => self.lose(cx),
                None => {}
            }
        }
        if open && self.replacement.at.is_some_and(|at| at <= cx.now) {
            self.close(cx);
            self.open_next(cx);
        }
        self.settle(cx);
        self.gone_at(grace, cx.joined).is_none_or(|at| at > cx.now)
    }

    /// When a peer is given up that is neither listed nor connected. Who has no socket cannot know who
    /// else is there, and after a restart of the server others come back a little later.
    fn gone_at(&self, grace: Duration, joined: Option<Time>) -> Option<Time> {
        Some((self.absent_since? + grace).max(joined? + RETURNS_WITHIN))
    }

    /// When [`Link::tick`] is wanted.
    pub(crate) fn timeout(&self, grace: Duration, joined: Option<Time>) -> Option<Time> {
        let open = self.is_open();
        let recovery = self.connection.as_ref().and_then(|connection| connection.recovery.timeout(open));
        let flow = self.connection.as_ref().and_then(|connection| connection.flow.timeout());
        let replacement = self.replacement.at.filter(|_| open);
        let absence = self.gone_at(grace, joined);
        [recovery, flow, replacement, absence, self.due].into_iter().flatten().min()
    }

    /// The peer is gone.
    pub(crate) fn leave(&mut self, reason: LeaveReason, cx: &mut Context<'_>) {
        self.close(cx);
        cx.event(SessionEvent::PeerLeft { peer: self.id().clone(), reason });
    }

    /// Closes the connection, if there is one.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = self.connection.take() {
            cx.out.push_back(Output::Close { peer: self.id().clone(), connection: connection.id });
        }
    }

    /// The connection is of no use any more. If signaling works another one follows; otherwise
    /// the next epoch brings it.
    fn lose(&mut self, cx: &mut Context<'_>) {
        self.close(cx);
        if self.is_open() {
            self.replacement.schedule(cx.now);
        }
    }

    /// Opens the next connection and offers.
    fn open_next(&mut self, cx: &mut Context<'_>) {
        let next = self.last.saturating_add(1);
        let own = next.is_multiple_of(2) == self.polite || broken(Mutation::NumbersShared);
        self.last = if own { next } else { next.saturating_add(1) };
        self.open(ConnectionId(self.last), true, cx).negotiation.offer_needed();
        if self.is_tutorial() {
            self.replacement.schedule(cx.now + 2 * TUTORIAL_PATIENCE);
        }
    }

    fn open(&mut self, id: ConnectionId, offerer: bool, cx: &mut Context<'_>) -> &mut Connection {
        self.replacement.at = None;
        self.reach.gathering();
        let recovery = if self.is_tutorial() { Recovery::without_restart() } else { Recovery::new(self.polite) };
        cx.out.push_back(Output::Open { peer: self.id().clone(), connection: id, offerer });
        // Whoever offers first gives way: see the negotiation.
        let polite = if self.is_tutorial() { self.polite } else { offerer };
        let connection = Connection::new(self.id().clone(), id, offerer, polite, recovery);
        self.connection.insert(connection)
    }

    /// Brings everything that follows from the state up to date.
    fn settle(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection {
            connection.advance(cx.out);
        }
        let recovery = self.connection.as_ref().map(|connection| &connection.recovery);
        let connected = recovery.is_some_and(Recovery::is_connected);
        let flowing = recovery.is_some_and(Recovery::is_flowing);
        if connected {
            self.was_connected = true;
            self.due = None;
            self.replacement = Replacement::default();
            self.reach = Reach::default();
        }
        let state = match (flowing, self.was_connected) {
            (true, _) => PeerState::Connected,
            _ if self.reach.is_lost() => PeerState::Unreachable,
            (false, true) => PeerState::Reconnecting,
            (false, false) => PeerState::Connecting,
        };
        let lost = recovery.and_then(Recovery::lost);
        if state != self.told {
            self.told = state;
            cx.event(SessionEvent::PeerState { peer: self.id().clone(), state });
            if state == PeerState::Reconnecting {
                let (cause, _) = *self.trouble.get_or_insert(lost.unwrap_or((Cause::PeerReloaded, cx.now)));
                cx.event(SessionEvent::Reconnecting { peer: self.id().clone(), cause });
            } else if state == PeerState::Connected
                && let Some((cause, since)) = self.trouble.take()
            {
                let after = cx.now.saturating_sub(since);
                cx.event(SessionEvent::Restored { peer: self.id().clone(), cause, after });
            }
        }
        let path = recovery.is_some_and(Recovery::has_path);
        let present = self.way.is_some() || (path && !broken(Mutation::UnlistedDropped));
        self.absent_since = if present { None } else { self.absent_since.or(Some(cx.now)) };
    }
}
