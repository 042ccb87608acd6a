//! One Socket.IO socket as the server sees it: what it may send, what waits for it, and its end.
//!
//! A socket gets every message that is emitted to it, in order, or it ends: the library drops
//! what does not fit into its queue, so every emit is checked here, and the bytes that wait for a
//! reader are bounded too.

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use madang_protocol::{Dialect, ErrorCode, PeerId, RoomName, WireError, message::event};
use serde::Serialize;
use socketioxide::{SendError, SocketError, extract::SocketRef};

use crate::{
    limits::{self, Bucket, Rates},
    room::Time,
    session::{Session, Sessions},
    transport::Transport,
};

/// How often a thread that waits for another lets it run.
const GREETING_YIELDS: usize = 1_000;

/// A socket and what is known about it. Two are equal when they are the same socket.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) socket: SocketRef,
    pub(crate) state: Arc<State>,
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.socket.id == other.socket.id
    }
}

/// What is known about a socket. Does not hold the socket, which holds it.
#[derive(Debug)]
pub(crate) struct State {
    /// Where it sits and how much it may send.
    pub(crate) inbound: Mutex<Inbound>,
    session: Arc<Session>,
    /// Bytes emitted to it so far.
    emitted: AtomicU64,
    /// Its first event has come.
    greeted: AtomicBool,
    /// It was told why it ends; nothing more is said.
    ended: AtomicBool,
}

/// What handling a socket's own events needs.
#[derive(Debug)]
pub(crate) struct Inbound {
    /// The seat it took last. The room knows whether it still holds it.
    pub(crate) seat: Option<Seat>,
    events: Bucket,
    bytes: Bucket,
}

/// A seat in a room.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) room: RoomName,
    pub(crate) peer: PeerId,
    pub(crate) dialect: Dialect,
}

impl Inbound {
    /// Whether an event of this size may be handled now.
    pub(crate) fn admits(&mut self, now: Time, bytes: usize) -> bool {
        self.events.take(now, 1) && self.bytes.take(now, u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    /// Counts a malformed event, and says whether there may be more.
    pub(crate) fn admits_malformed(&mut self, now: Time) -> bool {
        self.events.take(now, limits::MALFORMED_COSTS)
    }
}

impl State {
    pub(crate) fn new(socket: &SocketRef, sessions: &Arc<Sessions>, rates: Rates, now: Time) -> Arc<Self> {
        let session = sessions.get(socket.id);
        if let Some(transport) = socket.req_parts().extensions.get::<Weak<Transport>>().and_then(Weak::upgrade) {
            session.carried_by(&transport);
        }
        let (events, bytes) = (Bucket::new(rates.events, now), Bucket::new(rates.bytes, now));
        let state = Arc::new(Self {
            inbound: Mutex::new(Inbound { seat: None, events, bytes }),
            session,
            emitted: AtomicU64::new(0),
            greeted: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        state.session.known_as(&state);
        state
    }

    /// Its page is gone, and its websocket with it.
    pub(crate) fn went_away(&self) -> bool {
        self.session.went_away()
    }

    /// Waits until the library has noticed that the socket is connected.
    ///
    /// It tells the client first, so that a quick client's first event may come while emits to it
    /// are still refused. In the other thread only an assignment is missing.
    pub(crate) fn greet(&self, socket: &SocketRef) {
        if self.greeted.swap(true, Ordering::Relaxed) {
            return;
        }
        for _ in 0..GREETING_YIELDS {
            if socket.connected() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Client {
    /// Sends an event of about `bytes`. Whether the socket will get it, in its turn.
    pub(crate) fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T, bytes: usize) -> bool {
        if self.state.ended.load(Ordering::Relaxed) {
            return false;
        }
        let emitted = self.state.emitted.fetch_add(bytes as u64, Ordering::Relaxed);
        if emitted.saturating_sub(self.state.session.taken()) > limits::QUEUED_BYTES {
            self.end(ErrorCode::SlowReader);
            return false;
        }
        match self.socket.emit(event, data) {
            Ok(()) => true,
            Err(SendError::Socket(SocketError::Closed)) => false,
            Err(SendError::Socket(SocketError::InternalChannelFull)) => {
                self.end(ErrorCode::SlowReader);
                false
            }
            Err(SendError::Serialize(error)) => {
                tracing::error!(%error, event, "an event could not be written as JSON");
                false
            }
        }
    }

    /// Tells the socket that something it did is refused.
    pub(crate) fn refuse(&self, error: &WireError) {
        self.emit(event::ERROR, error, error.message.len() + 64);
    }

    /// Tells the socket why it ends, if it still listens, and ends it.
    pub(crate) fn end(&self, code: ErrorCode) {
        if self.state.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::debug!(socket = %self.socket.id, ?code, "ending a socket");
        if let Err(error) = self.socket.emit(event::ERROR, &WireError::from(code)) {
            tracing::debug!(%error, "it could not be told why");
        }
        self.disconnect();
    }

    /// Ends the socket without a word.
    pub(crate) fn end_quietly(&self) {
        if !self.state.ended.swap(true, Ordering::Relaxed) {
            self.disconnect();
        }
    }

    /// Nothing that it sends is handled any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.ended.load(Ordering::Relaxed)
    }

    /// In a task of its own, because the library calls the disconnect handler from within and the
    /// caller may hold the lock of the rooms. Not at once, because the library closes the
    /// connection of a disconnected socket that still sends, and what was said to it is lost.
    fn disconnect(&self) {
        let Self { socket, state } = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(limits::LAST_WORD).await;
            if let Err(error) = socket.disconnect() {
                tracing::debug!(%error, "its queue is full");
            }
            tokio::time::sleep(limits::LINGER).await;
            state.session.end().await;
        });
    }
}
