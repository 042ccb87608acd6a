//! One page's part in one room: joining, the peers, their connections, and coming back.
//!
//! The driver feeds [`Input`]s in the order in which they happen and then carries out every
//! [`Output`] that [`Session::poll`] returns, each in the same tick; [`Session::timeout`] says
//! when it wants [`Input::Tick`]. The session never asks the time and never fails: what cannot
//! be is ignored or ends the call with a reason.
//!
//! What must always hold: a connection that works is not closed because the socket dropped or
//! the server restarted, and nothing is sent but on the socket that is joined now.
//!
//! ```
//! use std::time::Duration;
//! use madang_core::{Input, Output, Session, SocketInput, session::Config};
//! use madang_protocol::{Generation, Secret};
//!
//! let mut session = Session::new(Config {
//!     server: "https://call.example".to_owned(),
//!     room: "quiet-river-42".parse()?,
//!     secret: Secret::from_bits([7; 16]), // random, in real life
//!     name: None,
//!     token: None,
//!     instance: Generation::first(42), // random as well, and so is the seed
//!     seed: 42,
//!     join_timeout: Duration::from_secs(20),
//! });
//! session.handle(Duration::ZERO, Input::Start);
//! assert!(std::iter::from_fn(|| session.poll()).any(|output| matches!(output, Output::Connect(_))));
//! session.handle(Duration::from_millis(30), Input::Socket(SocketInput::Connected));
//! assert!(matches!(session.poll(), Some(Output::Join(join)) if join.generation == join.instance));
//! # Ok::<(), madang_protocol::InvalidId>(())
//! ```

mod event;
mod input;
mod knock;
mod output;
mod server;

use std::{collections::VecDeque, time::Duration};

use madang_protocol::{
    Body, DisplayName, ErrorCode, Generation, IceServers, JoinReply, Joined, LeaveReason, Left, Peer, PeerId, Reply,
    RoomName, Secret, SignalFrom, Token, WireError, limits,
};

pub(crate) use self::server::Doubt;
use self::server::{Due, Server};
pub use self::{
    event::{Cause, EndReason, PeerState, SessionEvent, SignalingState},
    input::{ConnectionInput, ConnectionState, Input, Operation, SocketInput, Video},
    output::{ConnectionCall, Output},
};
use crate::{
    link::{Context, Heard, Link},
    mutation::{Mutation, broken},
};

/// Time since an origin of the driver's choice. Never runs backwards.
pub type Time = Duration;

/// What a session is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's origin.
    pub server: String,
    /// The room.
    pub room: RoomName,
    /// Proves this peer's id.
    pub secret: Secret,
    /// What the person is called.
    pub name: Option<DisplayName>,
    /// Admission to a guarded room.
    pub token: Option<Token>,
    /// Which page this is: [`Generation::first`] of random bits.
    pub instance: Generation,
    /// Random bits, for jitter.
    pub seed: u64,
    /// How long the first join may take before the session ends with [`EndReason::ServerAway`].
    pub join_timeout: Duration,
}

/// One page's part in one room.
#[derive(Debug)]
pub struct Session {
    server: Server,
    links: Vec<Link>,
    out: VecDeque<Output>,
    now: Time,
    phase: Phase,
    join_timeout: Duration,
    /// What the application was told.
    signaling: Option<SignalingState>,
    media: Option<(bool, bool)>,
    grace: Duration,
    /// Peers in the room, oneself included.
    capacity: usize,
    /// What came before the answer to `join`.
    early: Vec<SocketInput>,
    /// The highest number of any connection of a peer that is gone.
    last_number: u32,
}

/// How far the session is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    New,
    /// Has not been in the room; gives up then.
    Entering {
        until: Time,
    },
    /// Has been in the room, as this peer.
    Member(PeerId),
    Over,
}

impl Session {
    /// A session that has not started.
    pub fn new(config: Config) -> Self {
        Self {
            join_timeout: config.join_timeout,
            server: Server::new(config),
            links: Vec::new(),
            out: VecDeque::new(),
            now: Time::ZERO,
            phase: Phase::New,
            signaling: None,
            media: None,
            grace: limits::GRACE,
            capacity: 0,
            early: Vec::new(),
            last_number: 0,
        }
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, now: Time, input: Input) {
        let waits = self.phase == Phase::New && !matches!(input, Input::Start | Input::Leave | Input::Media { .. });
        if waits || self.phase == Phase::Over {
            return;
        }
        self.now = self.now.max(now);
        match input {
            Input::Start => self.start(),
            Input::Leave => self.leave(),
            Input::Socket(input) => self.socket(input),
            Input::Connection(peer, connection, input) => {
                let connected = matches!(input, ConnectionInput::StateChanged(ConnectionState::Connected));
                self.with_link(&peer, |link, cx| link.connection_input(connection, input, cx));
                if connected {
                    self.prepare();
                }
            }
            Input::Media { microphone, camera } => self.set_media(microphone, camera),
            Input::NetworkChanged => {
                self.server.network_changed(self.now, &mut self.out);
                self.each_link(|link, cx| link.network_changed(cx));
                self.prepare();
            }
            Input::Woke => {
                self.server.woke(self.now, &mut self.out);
                self.each_link(|link, cx| link.woke(cx));
            }
            Input::Tick => {}
        }
        self.tick();
    }

    /// The next thing to do, or none until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is wanted, if nothing happens before.
    pub fn timeout(&self) -> Option<Time> {
        let entering = match self.phase {
            Phase::Over | Phase::New => return None,
            Phase::Entering { until } => Some(until),
            Phase::Member(_) => None,
        };
        let links = self.links.iter().filter_map(|link| link.timeout(self.grace, self.server.joined_since())).min();
        [entering, self.server.timeout(), links].into_iter().flatten().min()
    }

    fn start(&mut self) {
        if self.phase == Phase::New {
            self.phase = Phase::Entering { until: self.now + self.join_timeout };
            self.tell_signaling(SignalingState::Connecting);
            self.server.connect(self.now, &mut self.out);
        }
    }

    fn leave(&mut self) {
        if self.server.is_joined() || self.server.is_joining() {
            self.out.push_back(Output::Leave);
        } else if matches!(self.phase, Phase::Member(_)) {
            self.out.push_back(Output::SayGoodbye(self.server.goodbye()));
        }
        self.end(EndReason::Left);
    }

    fn end(&mut self, reason: EndReason) {
        self.each_link(|link, cx| link.close(cx));
        self.links.clear();
        if self.server.has_socket() {
            self.out.push_back(Output::Disconnect);
        }
        self.phase = Phase::Over;
        self.event(SessionEvent::Ended(reason));
    }

    fn socket(&mut self, input: SocketInput) {
        match input {
            SocketInput::Connected => {
                self.interrupt();
                self.server.join(self.now, &mut self.out);
            }
            SocketInput::Disconnected | SocketInput::ConnectFailed => self.socket_lost(),
            SocketInput::Reachable => self.server.reachable(self.now, &mut self.out),
            SocketInput::JoinReply(reply) => self.join_reply(reply),
            SocketInput::Error(error) if is_the_end(error.code) => self.end(EndReason::Refused(error)),
            SocketInput::Error(_) => {} // if it matters, the server disconnects
            SocketInput::IceServers(_) if !self.server.is_joined() => {} // the next join brings others
            SocketInput::IceServers(IceServers { ice_servers, expires }) => {
                self.server.answered(self.now);
                self.server.ice_servers(self.now, &ice_servers, expires);
                self.event(SessionEvent::IceServers(ice_servers));
                self.prepare();
            }
            input if self.server.is_joining() => self.keep(input),
            _ if !self.server.is_joined() => {}
            SocketInput::PeerJoined(peer) => self.enter(peer, true),
            SocketInput::Signal(signal) => self.signal(signal),
            SocketInput::PeerLeft(left) => self.peer_left(left),
        }
    }

    /// Events may overtake the answer to `join`: they wait for it.
    fn keep(&mut self, input: SocketInput) {
        if self.early.len() < limits::QUEUED_CANDIDATES && !broken(Mutation::EarlyEventsDropped) {
            self.early.push(input);
        }
    }

    fn signal(&mut self, signal: SignalFrom<Body>) {
        let from = signal.from.clone();
        if self.with_link(&from, |link, cx| link.signal(signal, cx)) == Some(Heard::Gap) {
            self.server.join_again();
        }
    }

    fn socket_lost(&mut self) {
        if !self.server.has_socket() {
            return;
        }
        self.server.lost(self.now);
        self.interrupted();
    }

    fn interrupted(&mut self) {
        self.interrupt();
        if let Phase::Member(_) = self.phase {
            self.tell_signaling(SignalingState::Reconnecting);
        }
    }

    /// Ends the epoch with every peer.
    fn interrupt(&mut self) {
        self.early.clear();
        self.each_link(|link, cx| link.suspend(cx));
    }

    fn join_reply(&mut self, reply: JoinReply) {
        if !self.server.is_joining() {
            return;
        }
        match reply {
            Reply::Ok(joined) => self.joined(joined),
            Reply::Error(error) if self.is_final(&error) => self.end(EndReason::Refused(error)),
            Reply::Error(_) => {
                self.server.give_up(self.now, &mut self.out);
                self.interrupted();
            }
        }
    }

    /// Whether trying again cannot help. A member tries again whatever the server says: the
    /// calls it is in go on meanwhile.
    fn is_final(&self, error: &WireError) -> bool {
        let entering = matches!(self.phase, Phase::Entering { .. });
        match error.code {
            code if is_the_end(code) => true,
            ErrorCode::RoomFull | ErrorCode::InvalidRoom | ErrorCode::UnsupportedVersion | ErrorCode::BadMessage => {
                entering || broken(Mutation::MemberGivesUp)
            }
            _ => false,
        }
    }

    fn joined(&mut self, joined: Joined) {
        self.server.joined(self.now);
        self.server.ice_servers(self.now, &joined.ice_servers, joined.expires);
        self.grace = Duration::from_millis(joined.limits.grace_ms);
        self.capacity = joined.limits.capacity;
        let first = !matches!(self.phase, Phase::Member(_));
        self.phase = Phase::Member(joined.peer.clone());
        let peers = joined.peers.clone();
        self.tell_signaling(SignalingState::Joined);
        self.event(if first { SessionEvent::Joined(joined) } else { SessionEvent::IceServers(joined.ice_servers) });
        for peer in peers {
            self.enter(peer, false);
        }
        for input in std::mem::take(&mut self.early) {
            self.socket(input);
        }
        self.prepare();
    }

    /// Has a connection prepared for whoever may come.
    fn prepare(&mut self) {
        if self.server.is_joined() && self.links.len() + 1 < self.capacity {
            self.out.push_back(Output::Prepare);
        }
    }

    /// A new epoch with a peer; `hearer` if `peer-joined` told of it.
    fn enter(&mut self, peer: Peer, hearer: bool) {
        let Phase::Member(own) = &self.phase else { return };
        if peer.peer == *own {
            return;
        }
        let mut cx = Context { now: self.now, joined: self.server.joined_since(), out: &mut self.out };
        let place = self.links.iter().position(|link| *link.id() == peer.peer).unwrap_or_else(|| {
            self.links.push(Link::new(peer.clone(), own, self.last_number, &mut cx));
            self.links.len() - 1
        });
        self.links[place].enter(peer, self.server.generation(), hearer, self.media, &mut cx);
    }

    fn peer_left(&mut self, left: Left) {
        self.with_link(&left.peer, |link, cx| link.leave(left.reason, cx));
        self.forget(&left.peer);
    }

    fn forget(&mut self, peer: &PeerId) {
        if let Some(place) = self.links.iter().position(|link| link.id() == peer) {
            self.last_number = self.last_number.max(self.links.remove(place).last_number());
            self.prepare();
        }
    }

    fn set_media(&mut self, microphone: bool, camera: bool) {
        let media = Some((microphone, camera));
        if self.media != media {
            self.media = media;
            self.each_link(|link, cx| link.say_media(media, cx));
        }
    }

    fn tick(&mut self) {
        if let Phase::Entering { until } = self.phase
            && until <= self.now
        {
            self.end(EndReason::ServerAway);
        }
        if matches!(self.phase, Phase::Over | Phase::New) {
            return;
        }
        self.doubt();
        match self.server.tick(self.now, &mut self.out) {
            Due::Nothing => {}
            Due::Lost => self.interrupted(),
            Due::Rejoined => self.interrupt(),
        }
        let grace = self.grace;
        let mut absent = Vec::new();
        self.each_link(|link, cx| {
            if !link.tick(grace, cx) {
                absent.push(link.id().clone());
                link.leave(LeaveReason::TimedOut, cx);
            }
        });
        for peer in &absent {
            self.forget(peer);
        }
        self.doubt();
    }

    /// Where media of a peer stopped, or never came, the socket may be dead as well.
    fn doubt(&mut self) {
        let doubt = self.links.iter().map(Link::doubt).max().unwrap_or(Doubt::Nothing);
        self.server.doubt(self.now, doubt);
    }

    fn each_link(&mut self, mut act: impl FnMut(&mut Link, &mut Context<'_>)) {
        let mut cx = Context { now: self.now, joined: self.server.joined_since(), out: &mut self.out };
        for link in &mut self.links {
            act(link, &mut cx);
        }
    }

    fn with_link<T>(&mut self, peer: &PeerId, act: impl FnOnce(&mut Link, &mut Context<'_>) -> T) -> Option<T> {
        let mut cx = Context { now: self.now, joined: self.server.joined_since(), out: &mut self.out };
        self.links.iter_mut().find(|link| link.id() == peer).map(|link| act(link, &mut cx))
    }

    fn tell_signaling(&mut self, state: SignalingState) {
        if self.signaling != Some(state) {
            self.signaling = Some(state);
            self.event(SessionEvent::Signaling(state));
        }
    }

    fn event(&mut self, event: SessionEvent) {
        self.out.push_back(Output::Event(event));
    }
}

/// Whether this peer is to be in this room no more, in a call or not.
fn is_the_end(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Replaced | ErrorCode::Removed | ErrorCode::RoomClosed)
}
