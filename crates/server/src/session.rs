//! What the server knows about an Engine.IO session beside the library: how many bytes it has
//! taken, by whatever transport, and how to end it when its reader does not read.
//!
//! The library has one queue per session that can neither be measured nor closed from outside
//! once it is full. So what goes out is counted where it leaves the server: in the writes of a
//! websocket's connection and in the bodies of long polls.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    body::Body,
    http::Request,
    response::{IntoResponse, Response},
};
use socketioxide::socket::Sid;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use crate::{client::State, transport::Transport};

type Direct = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// The sessions that somebody holds.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    held: Mutex<HashMap<Sid, Weak<Session>>>,
    /// Takes the requests of sessions.
    service: OnceLock<Direct>,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    id: Sid,
    sessions: Weak<Sessions>,
    taken: AtomicU64,
    away: AtomicBool,
    transport: Mutex<Weak<Transport>>,
    /// Its socket's.
    state: OnceLock<Weak<State>>,
}

impl Sessions {
    /// Sets the service that takes the requests of sessions.
    pub(crate) fn serve_by<S>(&self, service: S)
    where
        S: Service<Request<Body>, Response: IntoResponse, Error = Infallible, Future: Send>,
        S: Clone + Send + Sync + 'static,
    {
        let direct = service.map_response(IntoResponse::into_response);
        self.service.get_or_init(|| BoxCloneSyncService::new(direct));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The session of this id, which need not exist for the library (yet).
    pub(crate) fn get(self: &Arc<Self>, id: Sid) -> Arc<Session> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = held.get(&id).and_then(Weak::upgrade) {
            return session;
        }
        let session = Arc::new(Session {
            id,
            sessions: Arc::downgrade(self),
            taken: AtomicU64::new(0),
            away: AtomicBool::new(false),
            transport: Mutex::new(Weak::new()),
            state: OnceLock::new(),
        });
        held.insert(id, Arc::downgrade(&session));
        session
    }
}

impl Session {
    /// What is known about its socket.
    pub(crate) fn state(&self) -> Option<Arc<State>> {
        self.state.get()?.upgrade()
    }

    /// Its reader has taken this many bytes more.
    pub(crate) fn took(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes its reader has taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Its socket is known as this.
    pub(crate) fn known_as(&self, state: &Arc<State>) {
        self.state.get_or_init(|| Arc::downgrade(state));
    }

    /// It is a websocket on this connection (now).
    pub(crate) fn carried_by(self: &Arc<Self>, transport: &Arc<Transport>) {
        *self.transport.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(transport);
        transport.carries(self.clone());
    }

    /// The last thing that came by its websocket: whether the browser ends it with the page.
    pub(crate) fn goes_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// It was a websocket, and its page is gone.
    pub(crate) fn went_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Ends it, whatever waits for its reader.
    pub(crate) async fn end(&self) {
        let transport = self.transport.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(transport) = transport {
            return transport.cut();
        }
        // A polling session ends when its client says so: with a close packet in a POST.
        let uri = format!("/socket.io/?EIO=4&transport=polling&sid={}", self.id);
        let service = self.sessions.upgrade().and_then(|sessions| sessions.service.get().cloned());
        if let (Some(service), Ok(request)) = (service, Request::post(uri).body(Body::from("1"))) {
            let Ok(_) = service.oneshot(request).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(sessions) = self.sessions.upgrade() {
            let mut held = sessions.held.lock().unwrap_or_else(PoisonError::into_inner);
            // Another may have taken its place meanwhile.
            if held.get(&self.id).is_some_and(|session| session.strong_count() == 0) {
                held.remove(&self.id);
            }
        }
    }
}
