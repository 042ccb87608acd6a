//! Drives the machines of `madang-core` against the browser.
//!
//! Everything that happens goes through one inbox, in order: a browser callback posts its input,
//! and the machines' outputs are carried out in the same tick, before the callback returns. A
//! callback that arrives while outputs are being carried out is taken after them, so no machine
//! is ever entered twice and no borrow is held while the browser is called.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
};

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use madang_core::{
    ConnectionInput, ConnectionState, EndReason, Input, Output, Session, SessionEvent, Time,
    media::{Device, Media, MediaInput, MediaOutput, MediaProblemKind},
    session::Config,
    tutorial::Tutorial,
};
use madang_protocol::{ConnectionId, Dialect, Generation, IceServer, PeerId};
use wasm_bindgen::JsValue;
use web_sys::MediaStream;

use super::{MediaProblem, RoomEvent, RoomOptions, event::Events, secret};
use crate::{
    Error,
    media::{Acquired, Constraints, LocalMedia},
    peer::{Configuration, Connection, Report, Spare},
    signaling::{self, Signaling},
    sys::{clock, device_changes::DeviceListeners, log, page::PageListeners, socket::Socket},
};

/// How long the first join may take.
const JOIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

type Waiter = oneshot::Sender<Result<PeerId, Error>>;

/// What goes through the inbox.
#[derive(Debug)]
enum Work {
    Session(Input),
    Media(MediaInput),
    /// The answer to a request for devices.
    Acquired(Acquired),
}

/// The state of a room, and its loop.
#[derive(Debug)]
pub(crate) struct Engine {
    this: Weak<Engine>,
    inbox: RefCell<VecDeque<Work>>,
    working: Cell<bool>,
    session: RefCell<Session>,
    media: RefCell<Media>,
    local: LocalMedia,
    /// The browser's words for the latest refusal.
    refusal: RefCell<String>,
    signaling: RefCell<Option<Rc<Signaling>>>,
    connections: RefCell<Vec<Rc<Connection>>>,
    /// For whoever comes next, and whether one is to be made.
    spare: RefCell<Option<Spare>>,
    spare_wanted: Cell<bool>,
    remote: RefCell<Vec<(PeerId, MediaStream)>>,
    configuration: RefCell<Configuration>,
    /// When the session wants to be woken, and what will do it.
    timer: RefCell<Option<(Time, Timeout)>>,
    page: RefCell<Option<PageListeners>>,
    devices: RefCell<Option<DeviceListeners>>,
    events: Events,
    /// How the first join went, once it is known, and who waits for it.
    outcome: RefCell<Option<Result<PeerId, Error>>>,
    waiting: RefCell<Vec<Waiter>>,
}

impl Engine {
    /// Starts a room.
    pub(crate) fn start(options: RoomOptions) -> Result<Rc<Self>, Error> {
        let constraints = options.constraints.unwrap_or(Constraints { audio: JsValue::TRUE, video: JsValue::TRUE });
        let local = LocalMedia::new(constraints, options.stream).map_err(|_| Error::Unsupported)?;
        let server = match options.server {
            Some(server) => server,
            None => page_origin().ok_or(Error::Unsupported)?,
        };
        let socket = match options.socket {
            Some(socket) => Socket::adopt(socket),
            None => Socket::new(&server).map_err(|_| Error::Server(server.clone()))?,
        };
        // A page that has joined already is the peer that it joined as.
        let begun = signaling::carried_by(&socket).filter(|(room, ..)| *room == options.room.as_str());
        let (kept, instance) = begun.map(|(_, secret, instance)| (secret, instance)).unzip();
        let secret = options.secret.or(kept).or_else(|| secret::of(&options.room)).ok_or(Error::Unsupported)?;
        let seed = secret::seed().ok_or(Error::Unsupported)?;
        let tutorial = (options.dialect == Dialect::Tutorial)
            .then(|| (Tutorial::new(&secret, (seed >> 32) as u32), options.room.clone()));
        let session = Session::new(Config {
            server: server.clone(),
            room: options.room,
            secret,
            name: options.name,
            token: options.token,
            instance: instance.unwrap_or_else(|| Generation::first(seed as u32)),
            seed: seed.rotate_left(32),
            join_timeout: JOIN_TIMEOUT,
        });

        let engine = Rc::new_cyclic(|this| Self {
            this: this.clone(),
            inbox: RefCell::default(),
            working: Cell::default(),
            session: RefCell::new(session),
            media: RefCell::new(Media::new(options.audio, options.video)),
            local,
            refusal: RefCell::default(),
            signaling: RefCell::default(),
            connections: RefCell::default(),
            spare: RefCell::default(),
            spare_wanted: Cell::default(),
            remote: RefCell::default(),
            configuration: RefCell::new(Configuration::new(options.ice_transport_policy)),
            timer: RefCell::default(),
            page: RefCell::default(),
            devices: RefCell::default(),
            events: Events::default(),
            outcome: RefCell::default(),
            waiting: RefCell::default(),
        });
        let input = engine.poster(|input| Work::Session(Input::Socket(input)));
        let signaling = match tutorial {
            Some((machine, room)) => Signaling::tutorial(socket, server, machine, room, input),
            None => Signaling::native(socket, server, input),
        };
        *engine.signaling.borrow_mut() = Some(Rc::new(signaling));
        let closing = engine.poster(|()| Work::Session(Input::Leave));
        let network_changed = engine.poster(|()| Work::Session(Input::NetworkChanged));
        let woke = engine.poster(|()| Work::Session(Input::Woke));
        *engine.page.borrow_mut() =
            Some(PageListeners::new(move || closing(()), move || network_changed(()), move || woke(())));
        let devices_changed = engine.poster(|()| Work::Media(MediaInput::DevicesChanged));
        *engine.devices.borrow_mut() = Some(DeviceListeners::new(move || devices_changed(())));
        // The camera first: it takes longest.
        engine.post(Work::Media(MediaInput::Start));
        engine.post(Work::Session(Input::Start));
        Ok(engine)
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    pub(crate) fn set_microphone(&self, on: bool) {
        self.post(Work::Media(MediaInput::WantMicrophone(on)));
    }

    pub(crate) fn set_camera(&self, on: bool) {
        self.post(Work::Media(MediaInput::WantCamera(on)));
    }

    /// Whether microphone and camera are sent.
    pub(crate) fn sending(&self) -> (bool, bool) {
        self.media.borrow().sending()
    }

    pub(crate) fn local_stream(&self) -> Option<MediaStream> {
        let stream = self.local.stream();
        (stream.get_tracks().length() > 0).then(|| Clone::clone(stream))
    }

    pub(crate) fn remote_streams(&self) -> Vec<(PeerId, MediaStream)> {
        self.remote.borrow().clone()
    }

    /// Waits for the first join.
    pub(crate) fn joined(&self) -> impl Future<Output = Result<PeerId, Error>> + use<> {
        let (sender, receiver) = oneshot::channel();
        let outcome = self.outcome.borrow().clone();
        match outcome {
            // The receiver is held here, so sending cannot fail.
            Some(outcome) => drop(sender.send(outcome)),
            None => self.waiting.borrow_mut().push(sender),
        }
        async move { receiver.await.unwrap_or(Err(Error::Ended(EndReason::Left))) }
    }

    pub(crate) fn leave(&self) {
        self.post(Work::Session(Input::Leave));
    }

    /// A callback that posts work while the room exists.
    fn poster<T, W: Fn(T) -> Work + Clone + 'static>(&self, wrap: W) -> impl Fn(T) + Clone + use<T, W> {
        let this = self.this.clone();
        move |value| {
            if let Some(engine) = this.upgrade() {
                engine.post(wrap(value));
            }
        }
    }

    fn post(&self, work: Work) {
        self.inbox.borrow_mut().push_back(work);
        if self.working.replace(true) {
            return;
        }
        loop {
            let work = self.inbox.borrow_mut().pop_front();
            let Some(work) = work else { break };
            self.take(work);
        }
        self.working.set(false);
        self.set_timer();
        // Last: a page that shows something is busy, and peers wait for what was to be said.
        self.events.deliver();
    }

    fn emit(&self, event: RoomEvent) {
        self.events.keep(event);
        if !self.working.get() {
            self.events.deliver();
        }
    }

    fn take(&self, work: Work) {
        match work {
            Work::Session(input) => {
                if matches!(input, Input::NetworkChanged) {
                    self.spare.take(); // its candidates are of the network before
                }
                self.session.borrow_mut().handle(clock::now(), input);
            }
            Work::Media(input) => self.media.borrow_mut().handle(input),
            Work::Acquired(Ok(stream)) => {
                self.local.adopt(&stream, self.poster(Work::Media));
                self.media.borrow_mut().handle(MediaInput::Acquired);
            }
            Work::Acquired(Err((kind, message))) => {
                *self.refusal.borrow_mut() = message;
                self.media.borrow_mut().handle(MediaInput::Failed(kind));
            }
        }
        loop {
            let output = self.media.borrow_mut().poll();
            let Some(output) = output else { break };
            self.perform_media(output);
        }
        loop {
            let output = self.session.borrow_mut().poll();
            let Some(output) = output else { break };
            self.perform(output);
        }
        self.prepare();
    }

    /// Makes a spare connection, once it is known what it sends: before the page may use the
    /// camera, browsers hide its addresses from candidates.
    fn prepare(&self) {
        if !self.spare_wanted.get() || self.media.borrow().is_acquiring() {
            return;
        }
        self.spare_wanted.set(false);
        if self.spare.borrow().is_none() {
            // Where none can be made, the connection that is needed fails as well, and says so.
            *self.spare.borrow_mut() = Spare::new(&self.configuration.borrow(), &self.local.tracks()).ok();
        }
    }

    fn perform_media(&self, output: MediaOutput) {
        match output {
            MediaOutput::Acquire(request) => self.local.acquire(request, self.poster(Work::Acquired)),
            MediaOutput::EnableMicrophone(on) => self.local.enable_microphone(on),
            MediaOutput::SendTracks => self.local_changed(),
            MediaOutput::ReleaseMicrophone => {
                self.local.release_microphone();
                self.local_changed();
            }
            MediaOutput::ReleaseCamera => {
                self.local.release_camera();
                self.local_changed();
            }
            MediaOutput::Problem(device, kind) => {
                let message = match kind {
                    MediaProblemKind::Ended | MediaProblemKind::Interrupted => String::new(),
                    _ => self.refusal.borrow().clone(),
                };
                self.emit(RoomEvent::MediaProblem(MediaProblem { device, kind, message }));
                if let Some(devices) = &*self.devices.borrow() {
                    let allowed = self.poster(|name| {
                        let device = if name == "camera" { Device::Camera } else { Device::Microphone };
                        Work::Media(MediaInput::Allowed(device))
                    });
                    devices.watch_permissions(allowed);
                }
            }
            MediaOutput::Restored(device) => self.emit(RoomEvent::MediaRestored(device)),
            MediaOutput::Sending { microphone, camera } => {
                self.session.borrow_mut().handle(clock::now(), Input::Media { microphone, camera });
                self.emit(RoomEvent::LocalMedia { microphone, camera });
            }
        }
    }

    /// Sends the tracks that are in use now to every peer.
    fn local_changed(&self) {
        let tracks = self.local.tracks();
        for connection in self.connections.borrow().iter() {
            connection.replace_tracks(&tracks);
        }
        if let Some(spare) = &*self.spare.borrow() {
            spare.replace_tracks(&tracks);
        }
        self.emit(RoomEvent::LocalStream(tracks.stream));
    }

    fn perform(&self, output: Output) {
        match output {
            Output::Connect(join) => self.signaling(|signaling| signaling.connect(&join)),
            Output::Disconnect => self.signaling(Signaling::disconnect),
            Output::Knock(turn) => self.signaling(|signaling| signaling.knock(turn.as_deref())),
            Output::Join(_) | Output::Signal(_) | Output::AskForIceServers | Output::Leave | Output::SayGoodbye(_) => {
                self.signaling(|signaling| signaling.say(&output))
            }
            Output::Prepare => self.spare_wanted.set(true),
            Output::Open { peer, connection, offerer } => self.open(peer, connection, offerer),
            Output::Close { peer, connection } => {
                self.connections.borrow_mut().retain(|open| open.peer != peer || open.id != connection);
            }
            Output::Call { peer, connection, call } => {
                let found = self.connections.borrow().iter().find(|c| c.peer == peer && c.id == connection).cloned();
                if let Some(found) = found {
                    let this = self.this.clone();
                    let fallback = self.local.tracks();
                    found.call(call, move || this.upgrade().map_or(fallback.clone(), |engine| engine.local.tracks()));
                }
            }
            Output::Event(event) => self.tell(event),
        }
    }

    fn signaling(&self, act: impl FnOnce(&Signaling)) {
        let signaling = self.signaling.borrow().clone();
        if let Some(signaling) = signaling {
            act(&signaling);
        }
    }

    fn open(&self, peer: PeerId, id: ConnectionId, offerer: bool) {
        let report = self.poster_of_reports(peer.clone(), id);
        self.spare_wanted.set(false);
        if offerer && let Some(spare) = self.spare.take() {
            self.connections.borrow_mut().push(Rc::new(spare.open(peer, id, report)));
            return;
        }
        let configuration = self.configuration.borrow().clone();
        let tracks = offerer.then(|| self.local.tracks());
        match Connection::open(peer.clone(), id, tracks.as_ref(), &configuration, report) {
            Ok(connection) => self.connections.borrow_mut().push(Rc::new(connection)),
            Err(error) => {
                log::warn("madang: no RTCPeerConnection was opened:", &error);
                let closed = ConnectionInput::StateChanged(ConnectionState::Closed);
                self.post(Work::Session(Input::Connection(peer, id, closed)));
            }
        }
    }

    fn poster_of_reports(&self, peer: PeerId, id: ConnectionId) -> impl Fn(Report) + 'static {
        let this = self.this.clone();
        move |report| {
            let Some(engine) = this.upgrade() else { return };
            match report {
                Report::Input(input) => engine.post(Work::Session(Input::Connection(peer.clone(), id, input))),
                Report::Remote(stream) => engine.remote_stream(peer.clone(), stream),
            }
        }
    }

    /// Tells of a peer's stream, once per stream.
    fn remote_stream(&self, peer: PeerId, stream: MediaStream) {
        {
            let mut remote = self.remote.borrow_mut();
            if remote.iter().any(|(of, known)| *of == peer && *known == stream) {
                return;
            }
            remote.retain(|(of, _)| *of != peer);
            remote.push((peer.clone(), Clone::clone(&stream)));
        }
        self.emit(RoomEvent::PeerStream { peer, stream });
    }

    fn tell(&self, event: SessionEvent) {
        let event = match event {
            SessionEvent::Joined(joined) => {
                clock::mark("madang:joined");
                self.serve_ice(joined.ice_servers);
                self.settle(Ok(joined.peer.clone()));
                RoomEvent::Joined { peer: joined.peer, capacity: joined.limits.capacity }
            }
            SessionEvent::IceServers(servers) => {
                self.serve_ice(servers);
                return;
            }
            SessionEvent::Signaling(state) => RoomEvent::Signaling(state),
            SessionEvent::PeerJoined { peer, name, dialect } => RoomEvent::PeerJoined { peer, name, dialect },
            SessionEvent::PeerState { peer, state } => RoomEvent::PeerState { peer, state },
            SessionEvent::Reconnecting { peer, cause } => RoomEvent::Reconnecting { peer, cause },
            SessionEvent::Restored { peer, cause, after } => RoomEvent::Restored { peer, cause, after },
            SessionEvent::PeerRoute { peer, route } => RoomEvent::PeerRoute { peer, route },
            SessionEvent::PeerMedia { peer, microphone, camera } => RoomEvent::PeerMedia { peer, microphone, camera },
            SessionEvent::PeerLeft { peer, reason } => {
                self.remote.borrow_mut().retain(|(of, _)| *of != peer);
                RoomEvent::PeerLeft { peer, reason }
            }
            SessionEvent::Ended(reason) => {
                self.settle(Err(Error::Ended(reason.clone())));
                self.end();
                RoomEvent::Ended(reason)
            }
        };
        self.emit(event);
    }

    /// Uses these `iceServers` for connections to come, and for ICE restarts of those there are.
    fn serve_ice(&self, ice_servers: Vec<IceServer>) {
        let before = self.configuration.borrow().clone();
        let configuration = Configuration { ice_servers, ..before.clone() };
        if configuration == before {
            return;
        }
        self.spare.take();
        for connection in self.connections.borrow().iter() {
            connection.use_at_restart(configuration.clone());
        }
        self.configuration.replace(configuration);
    }

    /// Releases everything; the session has closed its connections already.
    fn end(&self) {
        self.media.borrow_mut().handle(MediaInput::Stop);
        self.local.release_microphone();
        self.local.release_camera();
        self.remote.borrow_mut().clear();
        self.spare_wanted.set(false);
        self.spare.take();
        // Dropped a little later: this may be running in one of their listeners.
        let listeners = (self.signaling.take(), self.page.take(), self.devices.take(), self.timer.take());
        wasm_bindgen_futures::spawn_local(async move { drop(listeners) });
    }

    fn settle(&self, outcome: Result<PeerId, Error>) {
        self.outcome.borrow_mut().get_or_insert_with(|| outcome.clone());
        for waiter in self.waiting.take() {
            // Whoever gave up waiting does not need to know.
            let _ = waiter.send(outcome.clone());
        }
    }

    /// Wakes the session when it wants to be.
    fn set_timer(&self) {
        let timeout = self.session.borrow().timeout();
        if timeout == self.timer.borrow().as_ref().map(|(at, _)| *at) {
            return;
        }
        let timer = timeout.map(|at| {
            let wait = at.saturating_sub(clock::now());
            // Rounded up: a tick that comes early is asked for again.
            let milliseconds = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).saturating_add(1);
            let this = self.this.clone();
            let tick = move || {
                if let Some(engine) = this.upgrade() {
                    engine.timer.take();
                    engine.post(Work::Session(Input::Tick));
                }
            };
            (at, Timeout::new(milliseconds.min(i32::MAX as u32), tick))
        });
        *self.timer.borrow_mut() = timer;
    }
}

fn page_origin() -> Option<String> {
    web_sys::window()?.location().origin().ok()
}
