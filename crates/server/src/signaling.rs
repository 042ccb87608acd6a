//! Carries events between Socket.IO sockets and [`Rooms`]. Thin: what is decided is decided in
//! [`crate::room`], [`crate::tutorial`] and [`crate::payload`].
//!
//! Events of one socket are handled in the order in which they came, inside the library's call
//! (its own handlers are spawned and may overtake each other). Joining and telling everybody
//! happens under one lock.

use std::{
    fmt::Display,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::routing::MethodRouter;
use madang_protocol::{
    Body, DescriptionType, Dialect, ErrorCode, Generation, Goodbye, IceServers, Join, JoinReply, Joined, LeaveReason,
    Limits, Peer, PeerId, Reply, RoomName, Secret, SignalFrom, SignalTo, WireError, limits as wire, message::event,
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use socketioxide::{
    ParserConfig, SocketIo,
    adapter::LocalAdapter,
    extract::{AckSender, SocketRef},
    handler::{ConnectHandler, DisconnectHandler, FromMessageParts, MessageHandler, Value},
    socket::{DisconnectReason, Socket},
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    admin::{Occupant, Occupants},
    client::{Client, Inbound, Seat, State},
    config::Config,
    endpoint::endpoint,
    ice::{Found, Ice},
    limits::{self, Rates},
    metrics::{self, Counters},
    payload::{self, Event, TutorialEvent},
    room::{Rooms, Route, Time, Welcome},
    say::{ENVELOPE_BYTES, answer, deliver, say, say_natively},
    session::Sessions,
    tutorial::Said,
};

/// The signaling of one server.
#[derive(Debug)]
pub(crate) struct Signaling {
    rooms: Mutex<Rooms<Client>>,
    /// Wakes [`Signaling::keep_seats`] when a seat is kept.
    seat_kept: Notify,
    started: Instant,
    grace: Duration,
    rates: Rates,
    sessions: Arc<Sessions>,
    ice: Arc<Ice>,
    counters: Arc<Counters>,
}

impl Signaling {
    /// The signaling, its sockets, and the route they connect to.
    pub(crate) fn new(config: &Config, ice: Arc<Ice>, counters: Arc<Counters>) -> (Arc<Self>, SocketIo, MethodRouter) {
        let signaling = Arc::new(Self {
            rooms: Mutex::new(Rooms::new(config.room_capacity.get(), config.grace)),
            seat_kept: Notify::new(),
            started: Instant::now(),
            grace: config.grace,
            rates: config.rates,
            sessions: Arc::default(),
            ice,
            counters,
        });
        let (service, io) = SocketIo::builder()
            .req_path("/socket.io")
            .connect_timeout(limits::CONNECT_WITHIN)
            .max_buffer_size(limits::QUEUED_MESSAGES)
            .max_payload(wire::MESSAGE_BYTES as u64)
            .ws_max_message_size(wire::MESSAGE_BYTES)
            .ws_max_frame_size(wire::MESSAGE_BYTES)
            .ws_read_buffer_size(limits::WEBSOCKET_BUFFER_BYTES)
            .with_parser(ParserConfig::common().max_incoming_binaries(0))
            .build_svc();
        io.ns("/", Door { signaling: signaling.clone() });
        signaling.sessions.serve_by(service.clone());
        let route = endpoint(service, signaling.sessions.clone());
        (signaling, io, route)
    }

    /// Gives up kept seats when their time comes. Never ends.
    pub(crate) async fn keep_seats(self: Arc<Self>) {
        loop {
            let next = self.rooms().next_expiry();
            match next {
                None => self.seat_kept.notified().await,
                Some(at) => {
                    tokio::time::sleep_until(self.started + at).await;
                    let mut rooms = self.rooms();
                    deliver(rooms.expire(self.now()));
                }
            }
        }
    }

    /// Appends how many there are now, as metrics.
    pub(crate) fn tell(&self, out: &mut String) {
        let rooms = self.rooms().len();
        metrics::gauge(out, "madang_rooms", "Rooms with somebody in them.", rooms);
        metrics::gauge(out, "madang_sockets", "Socket.IO connections.", self.sessions.count());
    }

    fn now(&self) -> Time {
        self.started.elapsed()
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms<Client>> {
        lock(&self.rooms)
    }

    /// Handles one event of a socket.
    fn receive(&self, client: &Client, value: &Value, ack: AckSender, wants_ack: bool) {
        let (Value::Str(text, None), false) = (value, client.has_ended()) else { return };
        let inbound = &mut *lock(&client.state.inbound);
        let now = self.now();
        if !inbound.admits(now, text.len()) {
            return self.cut_off(client, inbound);
        }
        let mut ack = wants_ack.then_some(ack);
        let Err(error) = payload::read(text).and_then(|event| self.handle(client, inbound, event, &mut ack)) else {
            return;
        };
        tracing::debug!(socket = %client.socket.id, code = ?error.code, "refused");
        self.counters.refused(error.code);
        if error.code == ErrorCode::BadMessage && !inbound.admits_malformed(now) {
            return self.cut_off(client, inbound);
        }
        match ack {
            Some(ack) => answer(client, ack, &Reply::<()>::Error(error)),
            None => client.refuse(&error),
        }
    }

    /// Handles the join that came with a connection.
    fn connected(&self, client: &Client, auth: &str) {
        let inbound = &mut *lock(&client.state.inbound);
        if !inbound.admits(self.now(), auth.len()) {
            return self.cut_off(client, inbound);
        }
        let told = |reply: &JoinReply| client.emit(event::JOINED, reply, 4 * ENVELOPE_BYTES);
        let joined = payload::read_auth(auth).and_then(|join| match join {
            Some(join) => self.join(client, inbound, *join, |joined| _ = told(&Reply::Ok(joined))),
            None => Ok(()),
        });
        if let Err(error) = joined {
            self.counters.refused(error.code);
            told(&Reply::Error(error));
        }
    }

    fn handle(
        &self,
        client: &Client,
        inbound: &mut Inbound,
        event: Event<'_>,
        ack: &mut Option<AckSender>,
    ) -> Result<(), WireError> {
        match event {
            Event::Signal(signal) => self.signal(client, inbound, signal),
            Event::Tutorial(kind, payload, room) => self.tutorial_event(client, inbound, kind, payload, &room),
            Event::Join(_) if ack.is_none() => {
                Err(WireError::new(ErrorCode::BadMessage, "join is answered by an acknowledgement: ask for one"))
            }
            Event::Join(join) => self.join(client, inbound, *join, |joined| {
                if let Some(ack) = ack.take() {
                    answer(client, ack, &JoinReply::Ok(joined));
                }
            }),
            Event::JoinTutorial(room) => self.join_tutorial(client, inbound, room),
            Event::Leave => {
                if let Some(seat) = inbound.seat.take() {
                    self.leave(&mut self.rooms(), &seat, client, LeaveReason::Left);
                }
                Ok(())
            }
            Event::IceServers => {
                let servers = self.ice_servers(client, inbound)?;
                if let Some(ack) = ack.take() {
                    answer(client, ack, &Reply::Ok(servers));
                }
                Ok(())
            }
        }
    }

    fn join(
        &self,
        client: &Client,
        inbound: &mut Inbound,
        join: Join,
        tell: impl FnOnce(Joined),
    ) -> Result<(), WireError> {
        let Join { room, secret, instance, generation, name, .. } = join;
        let peer = Peer { peer: peer_id(&secret), instance, generation, name, dialect: Dialect::Native };
        let (own, found) = (peer.peer.clone(), Found::by(client.socket.req_parts()));
        let own_room = room.clone();
        self.enter(client, inbound, room, peer, |welcome| {
            let limits = Limits {
                capacity: welcome.capacity,
                message_bytes: wire::MESSAGE_BYTES,
                grace_ms: u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX),
            };
            let peers = std::mem::take(&mut welcome.others);
            // Here, under the rooms' lock, so that a leave of the same peer comes before or after.
            let IceServers { ice_servers, expires } = self.ice.servers(&found, &own_room, &own);
            tell(Joined { peer: own, peers, ice_servers, expires, limits });
        })
    }

    /// Fresh ones for whoever sits in a room. A page of the tutorial brings its own.
    fn ice_servers(&self, client: &Client, inbound: &Inbound) -> Result<IceServers, WireError> {
        let seat = inbound.seat.as_ref().ok_or(ErrorCode::NotJoined)?;
        if seat.dialect == Dialect::Tutorial {
            return Err(other_dialect());
        }
        let rooms = self.rooms();
        if !rooms.holds(&seat.room, &seat.peer, client) {
            return Err(ErrorCode::NotJoined.into());
        }
        Ok(self.ice.servers(&Found::by(client.socket.req_parts()), &seat.room, &seat.peer))
    }

    /// Gives a seat up, and with it what its peer has in the relay. Not so when a socket is lost:
    /// its call may go on through the relay, and its credentials end by themselves.
    fn leave(&self, rooms: &mut Rooms<Client>, seat: &Seat, client: &Client, reason: LeaveReason) {
        if rooms.holds(&seat.room, &seat.peer, client) && seat.dialect == Dialect::Native {
            self.ice.revoke(&seat.room, &seat.peer);
        }
        deliver(rooms.leave(&seat.room, &seat.peer, client, reason));
    }

    /// A page that ends, without a socket to say it on.
    pub(crate) fn goodbye(&self, Goodbye { room, secret, instance }: &Goodbye) {
        let peer = peer_id(secret);
        let mut rooms = self.rooms();
        if let Some(notices) = rooms.goodbye(room, &peer, *instance) {
            tracing::debug!(room = %room, peer = %peer, "goodbye");
            self.ice.revoke(room, &peer);
            deliver(notices);
        }
    }

    /// Who is in a room. `None` if nobody is.
    pub(crate) fn occupants(&self, room: &RoomName) -> Option<Occupants> {
        let rooms = self.rooms();
        let occupant = |(peer, connected): (&Peer, bool)| Occupant {
            peer: peer.peer.clone(),
            name: peer.name.clone(),
            dialect: peer.dialect,
            connected,
        };
        let peers: Vec<_> = rooms.members(room).map(occupant).collect();
        (!peers.is_empty()).then_some(Occupants { peers })
    }

    /// Removes a peer from a room, with its socket and what it has in the relay.
    pub(crate) fn remove(&self, room: &RoomName, peer: &PeerId) {
        let mut rooms = self.rooms();
        let (socket, notices) = rooms.expel(self.now(), room, peer);
        self.put_out(room, peer, socket, ErrorCode::Removed);
        deliver(notices);
        self.seat_kept.notify_one();
    }

    /// Closes a room.
    pub(crate) fn close(&self, room: &RoomName) {
        let mut rooms = self.rooms();
        for (peer, socket) in rooms.close(self.now(), room) {
            self.put_out(room, &peer, socket, ErrorCode::RoomClosed);
        }
        self.seat_kept.notify_one();
    }

    fn put_out(&self, room: &RoomName, peer: &PeerId, socket: Option<Client>, code: ErrorCode) {
        tracing::info!(room = %room, peer = %peer, ?code, "put out");
        self.ice.revoke(room, peer);
        if let Some(socket) = socket {
            socket.end(code);
        }
    }

    fn join_tutorial(&self, client: &Client, inbound: &mut Inbound, room: RoomName) -> Result<(), WireError> {
        if inbound.seat.as_ref().is_some_and(|seat| seat.dialect == Dialect::Tutorial && seat.room == room) {
            return Ok(());
        }
        let mut random = [0; 20];
        getrandom::fill(&mut random).map_err(|error| WireError::new(ErrorCode::Unknown, error.to_string()))?;
        let [a, b, c, d, id @ ..] = random;
        let generation = Generation::first(u32::from_be_bytes([a, b, c, d]));
        let peer = PeerId::from_bits(id);
        let peer = Peer { peer, instance: generation, generation, name: None, dialect: Dialect::Tutorial };
        self.enter(client, inbound, room, peer, |_| ())
    }

    /// Takes a seat; `answer` tells the joiner. Under one lock, so that everybody hears of this
    /// before anything that the joiner says, and of two that join at once each pair has one that
    /// hears of the other.
    fn enter(
        &self,
        client: &Client,
        inbound: &mut Inbound,
        room: RoomName,
        peer: Peer,
        answer: impl FnOnce(&mut Welcome<Client>),
    ) -> Result<(), WireError> {
        let (id, dialect) = (peer.peer.clone(), peer.dialect);
        let mut rooms = self.rooms();
        let mut welcome = rooms.join(&room, peer, client.clone())?;
        tracing::debug!(room = %room, peer = %id, ?dialect, others = welcome.others.len(), "joined");
        self.counters.joined(dialect);
        answer(&mut welcome);
        deliver(welcome.notices);
        if let Some(before) = inbound.seat.take()
            && (before.room != room || before.peer != id)
        {
            self.leave(&mut rooms, &before, client, LeaveReason::Left);
        }
        inbound.seat = Some(Seat { room, peer: id, dialect });
        match welcome.replaced {
            Some(replaced) if replaced.same_page => replaced.socket.end_quietly(),
            Some(replaced) => replaced.socket.end(ErrorCode::Replaced),
            None => {}
        }
        Ok(())
    }

    fn signal(&self, client: &Client, inbound: &Inbound, signal: SignalTo<&RawValue>) -> Result<(), WireError> {
        let seat = inbound.seat.as_ref().ok_or(ErrorCode::NotJoined)?;
        if seat.dialect == Dialect::Tutorial {
            return Err(other_dialect());
        }
        let mut rooms = self.rooms();
        match rooms.route(&seat.room, &seat.peer, client, signal.to.as_str())? {
            Route::Away => {}
            Route::Direct(to) => {
                let to = to.clone();
                drop(rooms);
                let SignalTo { epoch, seq, body, .. } = signal;
                let signal = SignalFrom { from: seat.peer.clone(), epoch, seq, body };
                to.emit(event::SIGNAL, &signal, body.get().len() + ENVELOPE_BYTES);
            }
            Route::Translated(to, bridge) => {
                let SignalTo { to: peer, epoch, seq, body } = signal;
                let body: Body = parsed(body)?;
                for said in bridge.to_page(SignalTo { to: peer, epoch, seq, body }) {
                    if let Some(to) = to {
                        say(to, said);
                    }
                }
            }
        }
        Ok(())
    }

    fn tutorial_event(
        &self,
        client: &Client,
        inbound: &Inbound,
        kind: TutorialEvent,
        payload: &RawValue,
        room: &str,
    ) -> Result<(), WireError> {
        let seat = inbound.seat.as_ref().ok_or(ErrorCode::NotJoined)?;
        if seat.dialect == Dialect::Native {
            return Err(other_dialect());
        }
        if seat.room.as_str() != room {
            return Err(WireError::new(ErrorCode::NotJoined, "this socket is in another room"));
        }
        let mut rooms = self.rooms();
        match rooms.route_tutorial(&seat.room, &seat.peer, client)? {
            None | Some(Route::Away) => {}
            Some(Route::Direct(to)) => {
                let to = to.clone();
                drop(rooms);
                to.emit(kind.name(), &(payload,), payload.get().len() + ENVELOPE_BYTES);
            }
            Some(Route::Translated(to, bridge)) => {
                let said = read_said(kind, payload)?;
                if !to.is_some_and(|to| say_natively(to, bridge, said)) {
                    bridge.lose();
                }
            }
        }
        Ok(())
    }

    /// The end of a socket that sends too much.
    fn cut_off(&self, client: &Client, inbound: &mut Inbound) {
        self.counters.refused(ErrorCode::RateLimited);
        if let Some(seat) = inbound.seat.take() {
            self.leave(&mut self.rooms(), &seat, client, LeaveReason::Removed);
        }
        client.end(ErrorCode::RateLimited);
    }

    /// The socket is gone: with its page, or alone.
    fn dropped(&self, client: &Client, reason: DisconnectReason) {
        if let Some(seat) = lock(&client.state.inbound).seat.take() {
            if reason == DisconnectReason::TransportClose && client.state.went_away() {
                tracing::debug!(room = %seat.room, peer = %seat.peer, "page gone");
                self.leave(&mut self.rooms(), &seat, client, LeaveReason::Left);
                return;
            }
            tracing::debug!(room = %seat.room, peer = %seat.peer, "socket lost");
            deliver(self.rooms().dropped(self.now(), &seat.room, &seat.peer, client));
            self.seat_kept.notify_one();
        }
    }
}

/// What the library wants of a middleware.
type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>>;

/// Lets sockets in.
#[derive(Clone)]
struct Door {
    signaling: Arc<Signaling>,
}

impl ConnectHandler<LocalAdapter, Ours> for Door {
    /// Before the client is told that it is connected, so that its first event finds the handlers.
    fn call_middleware<'a>(&'a self, socket: Arc<Socket>, _: &'a Option<Value>) -> Admission<'a> {
        let (signaling, socket) = (self.signaling.clone(), SocketRef::from(socket));
        let state = State::new(&socket, &signaling.sessions, signaling.rates, signaling.now());
        let events = Events { signaling, state };
        socket.on_disconnect(events.clone());
        socket.on_fallback(events);
        Box::pin(std::future::ready(Ok(())))
    }

    fn call(&self, socket: Arc<Socket>, auth: Option<Value>) {
        let Some(Value::Str(auth, None)) = auth else { return };
        let state = self.signaling.sessions.get(socket.id).state();
        if let Some(state) = state {
            self.signaling.connected(&Client { socket: SocketRef::from(socket), state }, &auth);
        }
    }
}

/// Handles what the library calls for one socket.
#[derive(Clone)]
struct Events {
    signaling: Arc<Signaling>,
    state: Arc<State>,
}

/// Marks the implementations below as ours among the library's for closures.
enum Ours {}

impl MessageHandler<LocalAdapter, Ours> for Events {
    fn call(&self, socket: Arc<Socket>, mut value: Value, ack: Option<i64>) {
        let Ok(sender) = AckSender::from_message_parts(&socket, &mut value, &ack);
        let client = Client { socket: SocketRef::from(socket), state: self.state.clone() };
        self.state.greet(&client.socket);
        self.signaling.receive(&client, &value, sender, ack.is_some());
    }
}

impl DisconnectHandler<LocalAdapter, Ours> for Events {
    fn call_with_defer(&self, socket: Arc<Socket>, reason: DisconnectReason, defer: fn(Arc<Socket>)) {
        tracing::debug!(socket = %socket.id, %reason, "disconnected");
        let client = Client { socket: SocketRef::from(socket.clone()), state: self.state.clone() };
        self.signaling.dropped(&client, reason);
        defer(socket);
    }
}

/// A panic elsewhere must not end the rooms: each method leaves them whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_said(kind: TutorialEvent, payload: &RawValue) -> Result<Said, WireError> {
    let said = match kind {
        TutorialEvent::IceCandidate => return Ok(Said::Candidate(parsed(payload)?)),
        TutorialEvent::Offer | TutorialEvent::Answer => parsed::<madang_protocol::Description>(payload)?,
    };
    if (said.kind == DescriptionType::Offer) == (kind == TutorialEvent::Offer) {
        Ok(Said::Description(said))
    } else {
        Err(WireError::new(ErrorCode::BadMessage, "the description is of another type than the event"))
    }
}

fn parsed<'a, T: serde::Deserialize<'a>>(value: &'a RawValue) -> Result<T, WireError> {
    serde_json::from_str(value.get()).map_err(|error| WireError::new(ErrorCode::BadMessage, error.to_string()))
}

fn other_dialect() -> WireError {
    WireError::new(ErrorCode::BadMessage, "this socket joined in the other dialect")
}

/// The first half of the secret's SHA-256.
fn peer_id(secret: &Secret) -> PeerId {
    let hash = Sha256::digest(secret.bits());
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash[..16]);
    PeerId::from_bits(bits)
}
