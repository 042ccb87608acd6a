//! Pages, sockets, a server and a network, all driven by one queue of events and one seed.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    fmt::Write as _,
    time::Duration,
};

use madang_core::{
    ConnectionInput, ConnectionState, EndReason, Input, Output, PeerState, Session, SessionEvent, SignalingState,
    SocketInput,
    session::{Config, ConnectionCall, Operation as Refused},
};
use madang_protocol::{Body, ConnectionId, DescriptionType, ErrorCode, Generation, PeerId, Secret, SignalTo};

use crate::{
    browser::{Effect, Ice, Operation, Pc, PeerConnection, Sdp, Signaling, candidate},
    faults::{self, Fault},
    random::Random,
    server::{Down, Server, Socket, Up},
};

/// Milliseconds.
type Millis = u64;

/// How long after the last fault everything must be well.
const CONVERGENCE: Millis = 60_000;
/// How long nothing may happen after that.
const QUIET: Millis = 20_000;
/// More events than any run needs: one that has more goes round in circles.
const MOST_EVENTS: u32 = 100_000;

#[derive(Clone, Debug)]
enum Event {
    Open(usize),
    Tick(usize, Millis),
    Connected(usize, Socket),
    ConnectFailed(usize, u32),
    ToServer(Socket, Up),
    ToPage(Socket, Down),
    Release(Socket),
    PageNotices(Socket),
    ServerNotices(Socket),
    Grace(PeerId, u32),
    ServerUp,
    Run(Pc),
    Negotiation(Pc),
    Gather(Pc, Ice, u32),
    Connect(Pc),
    Lose(Pc),
    Fail(Pc, u32),
    OutageOver(usize),
    Leave(usize),
    Fault(Fault),
}

#[derive(Debug)]
struct Scheduled {
    at: Millis,
    order: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Debug)]
struct Wire {
    page: usize,
    /// Carries messages.
    up: bool,
    server_knows: bool,
    page_knows: bool,
    /// When the last message of each direction arrives: order is kept.
    last_up: Millis,
    last_down: Millis,
    held: Option<Down>,
}

/// Why a connection may be closed although it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    None,
    TheEnd,
    PeerLeft,
}

/// What an application knows of a peer.
#[derive(Clone, Copy, Debug)]
struct Shown {
    state: PeerState,
    media: Option<(bool, bool)>,
}

#[derive(Debug)]
struct Page {
    peer: usize,
    session: Session,
    instance: Option<Generation>,
    alive: bool,
    ended: Option<EndReason>,
    socket: Option<Socket>,
    attempts: u32,
    tick: Option<Millis>,
    connections: Vec<Pc>,
    changes: u32,
    media: (bool, bool),
    signaling: Option<SignalingState>,
    /// By peer: what the application was told.
    shown: Vec<Option<Shown>>,
    reason: Reason,
    refuse: bool,
    /// The same peer was opened in another page.
    obsolete: bool,
}

/// A run.
#[derive(Debug)]
pub(crate) struct World {
    random: Random,
    now: Millis,
    order: u64,
    queue: BinaryHeap<Reverse<Scheduled>>,
    ids: Vec<PeerId>,
    /// Of each peer: the page it is in now, its network, and how many outages it suffers.
    current: Vec<Option<usize>>,
    network: Vec<u32>,
    outages: Vec<u32>,
    latency: Vec<Millis>,
    reorder: Vec<bool>,
    repeat: Vec<bool>,
    pages: Vec<Page>,
    sockets: Vec<Wire>,
    server: Server,
    server_down: u32,
    pcs: Vec<PeerConnection>,
    /// Of each ICE generation: whose it is, in which network, and whether a candidate is out.
    ices: Vec<(Pc, u32, bool)>,
    exchanges: u32,
    offers: u32,
    peers: usize,
    disturbed: bool,
    last_activity: Millis,
    violation: Option<String>,
    trace: Option<String>,
}

/// What a seed showed: a violation and, if asked for, all that happened.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) violation: String,
    pub(crate) trace: String,
}

/// Runs a seed.
pub(crate) fn run(seed: u64, trace: bool) -> Result<(), Finding> {
    let mut world = World::new(seed, trace);
    world.play();
    match world.violation {
        None => Ok(()),
        Some(violation) => Err(Finding { violation, trace: world.trace.unwrap_or_default() }),
    }
}

impl World {
    fn new(seed: u64, trace: bool) -> Self {
        let mut random = Random::new(seed);
        let peers = if random.once_in(4) { 3 } else { 2 };
        let grace = if random.once_in(3) { 2000 } else { 30_000 };
        // One more for the intruder.
        let secrets: Vec<_> = (0..=peers).map(|_| secret(&mut random)).collect();
        let slow = [5, 40, 150][random.place(3)];
        let mut world = Self {
            now: 0,
            order: 0,
            queue: BinaryHeap::new(),
            ids: secrets.iter().map(|secret| PeerId::from_bits(secret.bits())).collect(),
            current: vec![None; peers + 1],
            network: vec![0; peers + 1],
            outages: vec![0; peers + 1],
            latency: (0..=peers).map(|_| random.range(1, slow)).collect(),
            reorder: vec![false; peers + 1],
            repeat: vec![false; peers + 1],
            pages: Vec::new(),
            sockets: Vec::new(),
            server: Server::new(peers, grace),
            server_down: 0,
            pcs: Vec::new(),
            ices: Vec::new(),
            exchanges: 0,
            offers: 0,
            disturbed: false,
            peers,
            last_activity: 0,
            violation: None,
            trace: trace.then(String::new),
            random,
        };
        for peer in 0..peers {
            let at = if world.random.once_in(2) { 0 } else { world.random.range(0, 2000) };
            world.at(at, Event::Open(peer));
        }
        world
    }

    fn play(&mut self) {
        let (plan, end) = faults::plan(&mut self.random, self.peers);
        self.disturbed = !plan.is_empty();
        for (at, fault) in plan {
            self.at(at, Event::Fault(fault));
        }
        let deadline = end + CONVERGENCE;
        self.play_until(deadline);
        if self.violation.is_none() {
            self.violation = self.unwell().err();
        }
        self.play_until(deadline + QUIET);
        if self.violation.is_none() && self.last_activity > deadline {
            self.violation = Some(format!("still busy at {} ms", self.last_activity));
        }
    }

    fn play_until(&mut self, deadline: Millis) {
        let mut events = 0;
        while self.violation.is_none() && self.queue.peek().is_some_and(|Reverse(next)| next.at <= deadline) {
            let Some(Reverse(next)) = self.queue.pop() else { return };
            self.now = next.at;
            self.happen(next.event);
            events += 1;
            if events > MOST_EVENTS {
                self.violate("it goes round in circles");
            }
        }
    }

    fn at(&mut self, at: Millis, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Scheduled { at, order: self.order, event }));
    }

    fn soon(&mut self, from: Millis, to: Millis, event: Event) {
        let delay = self.random.range(from, to);
        self.at(self.now + delay, event);
    }

    fn violate(&mut self, what: impl Into<String>) {
        self.violation.get_or_insert(format!("{} ms: {}", self.now, what.into()));
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let _ = writeln!(trace, "{:>6} {}", self.now, what());
        }
    }

    fn happen(&mut self, event: Event) {
        if self.trace.is_some() && !matches!(event, Event::Tick(..)) {
            self.note(|| format!("{event:?}"));
        }
        match event {
            Event::Open(peer) => self.open_page(peer),
            Event::Tick(page, at) => {
                if self.pages[page].tick == Some(at) {
                    self.pages[page].tick = None;
                    self.drive(page, Input::Tick);
                }
            }
            Event::Connected(page, socket) => {
                if self.pages[page].socket == Some(socket) {
                    self.drive(page, Input::Socket(SocketInput::Connected));
                }
            }
            Event::ConnectFailed(page, attempt) => {
                if self.pages[page].attempts == attempt {
                    self.drive(page, Input::Socket(SocketInput::ConnectFailed));
                }
            }
            Event::ToServer(socket, message) => {
                if self.server_down == 0 && !self.sockets[socket].server_knows {
                    let sent = self.server.receive(socket, message);
                    self.deliver(sent);
                }
            }
            Event::ToPage(socket, message) => self.arrive(socket, message),
            Event::Release(socket) => {
                if let Some(held) = self.sockets[socket].held.take() {
                    self.down(socket, held);
                }
            }
            Event::PageNotices(socket) => self.page_notices(socket),
            Event::ServerNotices(socket) => self.server_notices(socket),
            Event::Grace(peer, losses) => {
                let sent = self.server.grace_over(&peer, losses);
                self.deliver(sent);
            }
            Event::ServerUp => self.server_down -= 1,
            Event::Run(pc) => self.run_operation(pc),
            Event::Negotiation(pc) => self.fire_negotiation_needed(pc),
            Event::Gather(pc, ice, left) => self.gather(pc, ice, left),
            Event::Connect(pc) => self.ice_connect(pc),
            Event::Lose(pc) => self.ice_lose(pc),
            Event::Fail(pc, stamp) => self.ice_fail(pc, stamp),
            Event::OutageOver(peer) => {
                self.outages[peer] -= 1;
                self.evaluate_all();
            }
            Event::Leave(page) => {
                self.pages[page].reason = Reason::TheEnd;
                self.drive(page, Input::Leave);
            }
            Event::Fault(fault) => self.fault(fault),
        }
    }

    // Pages

    fn open_page(&mut self, peer: usize) {
        let secret = self.secret_of(peer);
        let seed = self.random.bits();
        let session = Session::new(Config {
            room: "room".parse().unwrap(),
            secret,
            name: None,
            token: None,
            seed,
            join_timeout: Duration::from_secs(300),
        });
        let page = self.pages.len();
        self.pages.push(Page {
            peer,
            session,
            instance: None,
            alive: true,
            ended: None,
            socket: None,
            attempts: 0,
            tick: None,
            connections: Vec::new(),
            changes: 0,
            media: (true, true),
            signaling: None,
            shown: vec![None; self.peers + 1],
            reason: Reason::None,
            refuse: false,
            obsolete: false,
        });
        self.current[peer] = Some(page);
        self.drive(page, Input::Start);
        self.drive(page, Input::Media { microphone: true, camera: true });
    }

    fn secret_of(&self, peer: usize) -> Secret {
        // The model takes the id for the hash of itself.
        let text = self.ids[peer].as_str().parse::<Secret>().unwrap();
        Secret::from_bits(text.bits())
    }

    fn drive(&mut self, page: usize, input: Input) {
        if !self.pages[page].alive {
            return;
        }
        let now = Duration::from_millis(self.now);
        self.pages[page].session.handle(now, input);
        while let Some(output) = self.pages[page].session.poll() {
            if self.trace.is_some() {
                self.note(|| format!("    page {page}: {output:?}"));
            }
            self.carry_out(page, output);
        }
        if let Some(timeout) = self.pages[page].session.timeout() {
            let at = u64::try_from(timeout.as_millis()).unwrap().max(self.now + 1);
            if self.pages[page].tick != Some(at) {
                self.pages[page].tick = Some(at);
                self.at(at, Event::Tick(page, at));
            }
        } else {
            self.pages[page].tick = None;
        }
    }

    fn carry_out(&mut self, page: usize, output: Output) {
        if self.pages[page].ended.is_some() {
            return self.violate("something follows the end");
        }
        match output {
            Output::Connect => self.connect(page),
            Output::Disconnect => self.disconnect(page),
            Output::Join(join) => {
                self.pages[page].instance = Some(join.instance);
                self.send(page, Up::Join(join));
            }
            Output::Signal(signal) => {
                if self.pages[page].signaling != Some(SignalingState::Joined) {
                    self.violate("a signal without a membership");
                }
                self.last_activity = self.now;
                self.check_order(page, &signal);
                self.send(page, Up::Signal(signal));
            }
            Output::Leave => self.send(page, Up::Leave),
            Output::Open { peer, connection, offerer } => self.open_pc(page, &peer, connection, offerer),
            Output::Close { peer, connection } => match self.find_pc(page, &peer, connection) {
                Some(pc) => self.close_pc(page, pc),
                None => self.violate("closes a connection that is not open"),
            },
            Output::Call { peer, connection, call } => match self.find_pc(page, &peer, connection) {
                Some(pc) => self.call(pc, call),
                None => self.violate("calls a connection that is not open"),
            },
            Output::Event(event) => self.tell(page, event),
        }
    }

    /// A candidate must not overtake the description that announces its generation.
    fn check_order(&mut self, page: usize, signal: &SignalTo<Body>) {
        match &signal.body {
            Body::Description { connection, description } => {
                let ice = Sdp::read(description).ice;
                if let Some(pc) = self.find_pc(page, &signal.to, *connection) {
                    if self.pcs[pc].early.contains(&ice) {
                        self.violate("a candidate overtook its description");
                    }
                    self.pcs[pc].announced.push(ice);
                    self.offers += u32::from(description.kind == DescriptionType::Offer);
                }
            }
            Body::Candidate { connection, candidate } => {
                let ice = candidate.candidate.parse::<Ice>().unwrap();
                if let Some(pc) = self.find_pc(page, &signal.to, *connection)
                    && !self.pcs[pc].announced.contains(&ice)
                {
                    self.pcs[pc].early.push(ice);
                }
            }
            Body::EndOfCandidates { .. } | Body::Media { .. } => {}
        }
    }

    fn tell(&mut self, page: usize, event: SessionEvent) {
        let place = |id: &PeerId| self.ids.iter().position(|known| known == id).unwrap();
        let own = self.pages[page].peer;
        match event {
            SessionEvent::Signaling(state) => {
                if self.pages[page].signaling.replace(state) == Some(state) {
                    self.violate("told the same signaling state twice");
                }
            }
            SessionEvent::PeerJoined { peer, .. } => {
                let peer = place(&peer);
                if self.pages[page].shown[peer].is_some() {
                    self.violate("a peer joins twice");
                }
                self.pages[page].shown[peer] = Some(Shown { state: PeerState::Connecting, media: None });
            }
            SessionEvent::PeerState { peer, state } => {
                let peer = place(&peer);
                match &mut self.pages[page].shown[peer] {
                    Some(shown) => shown.state = state,
                    None => self.violate("the state of a stranger"),
                }
            }
            SessionEvent::PeerMedia { peer, microphone, camera } => {
                let peer = place(&peer);
                match &mut self.pages[page].shown[peer] {
                    Some(shown) => shown.media = Some((microphone, camera)),
                    None => self.violate("the media of a stranger"),
                }
            }
            SessionEvent::PeerLeft { peer, .. } => {
                let peer = place(&peer);
                if self.pages[page].shown[peer].take().is_none() {
                    self.violate("a stranger leaves");
                }
            }
            SessionEvent::Ended(reason) => {
                let taken = [ErrorCode::RoomFull, ErrorCode::Replaced].map(|code| EndReason::Refused(code.into()));
                if taken.contains(&reason) && self.current[own] == Some(page) {
                    // An intruder had the seat first, or the page it took the place of came back
                    // once more: people try again.
                    self.current[own] = None;
                    if own < self.peers {
                        self.soon(2000, 4000, Event::Open(own));
                    }
                }
                self.pages[page].ended = Some(reason);
                if !self.pages[page].connections.is_empty() {
                    self.violate("a connection survives the end");
                }
                if self.pages[page].socket.is_some() {
                    self.violate("a socket survives the end");
                }
            }
            SessionEvent::Joined(_) | SessionEvent::IceServers(_) => {}
        }
    }

    /// The page is gone without a word.
    fn crash(&mut self, page: usize) {
        self.pages[page].alive = false;
        for pc in std::mem::take(&mut self.pages[page].connections) {
            self.pcs[pc].closed = true;
        }
        if let Some(socket) = self.pages[page].socket.take() {
            self.sockets[socket].page_knows = true;
            self.cut(socket);
        }
        self.evaluate_all();
    }

    // Sockets

    fn connect(&mut self, page: usize) {
        if self.pages[page].socket.is_some() {
            return self.violate("connects twice");
        }
        let peer = self.pages[page].peer;
        self.pages[page].attempts += 1;
        let attempt = self.pages[page].attempts;
        if self.server_down > 0 || self.outages[peer] > 0 {
            self.soon(1, 300, Event::ConnectFailed(page, attempt));
            return;
        }
        let socket = self.sockets.len();
        self.sockets.push(Wire {
            page,
            up: true,
            server_knows: false,
            page_knows: false,
            last_up: 0,
            last_down: 0,
            held: None,
        });
        self.pages[page].socket = Some(socket);
        let latency = self.latency[peer];
        self.soon(2 * latency, 3 * latency + 10, Event::Connected(page, socket));
    }

    /// The page ends its socket, or an attempt to connect.
    fn disconnect(&mut self, page: usize) {
        self.pages[page].attempts += 1;
        if let Some(socket) = self.pages[page].socket.take() {
            self.sockets[socket].page_knows = true;
            // What was sent before still arrives, and then the server sees the end.
            let arrived = self.sockets[socket].last_up.max(self.now) + self.latency[self.pages[page].peer];
            self.at(arrived, Event::ServerNotices(socket));
        }
    }

    /// The socket carries nothing any more; both sides find out in their time.
    fn cut(&mut self, socket: Socket) {
        self.sockets[socket].up = false;
        self.soon(0, 3000, Event::PageNotices(socket));
        self.soon(0, 3000, Event::ServerNotices(socket));
    }

    fn page_notices(&mut self, socket: Socket) {
        let page = self.sockets[socket].page;
        if !std::mem::replace(&mut self.sockets[socket].page_knows, true) && self.pages[page].socket == Some(socket) {
            self.pages[page].socket = None;
            if self.pages[page].obsolete {
                return self.crash(page); // or the two would take turns
            }
            self.drive(page, Input::Socket(SocketInput::Disconnected));
        }
    }

    fn server_notices(&mut self, socket: Socket) {
        self.sockets[socket].up = false;
        if !std::mem::replace(&mut self.sockets[socket].server_knows, true)
            && let Some((peer, losses)) = self.server.socket_lost(socket)
        {
            let grace = self.server.grace_ms();
            self.at(self.now + grace, Event::Grace(peer, losses));
        }
    }

    fn send(&mut self, page: usize, message: Up) {
        let Some(socket) = self.pages[page].socket else { return self.violate("sends without a socket") };
        let latency = self.latency[self.pages[page].peer];
        let delay = self.random.range(latency, 2 * latency + 3);
        let wire = &mut self.sockets[socket];
        if wire.up {
            wire.last_up = wire.last_up.max(self.now + delay);
            let at = wire.last_up;
            self.at(at, Event::ToServer(socket, message));
        }
    }

    fn deliver(&mut self, sent: Vec<(Socket, Down)>) {
        for (socket, message) in sent {
            let peer = self.pages[self.sockets[socket].page].peer;
            let signal = matches!(message, Down::Signal(_));
            if signal && std::mem::take(&mut self.repeat[peer]) {
                self.down(socket, message.clone());
            }
            if signal && self.sockets[socket].held.is_none() && std::mem::take(&mut self.reorder[peer]) {
                self.sockets[socket].held = Some(message);
                self.soon(500, 3000, Event::Release(socket));
                continue;
            }
            self.down(socket, message);
            if signal && let Some(held) = self.sockets[socket].held.take() {
                self.down(socket, held);
            }
        }
    }

    fn down(&mut self, socket: Socket, message: Down) {
        let latency = self.latency[self.pages[self.sockets[socket].page].peer];
        let delay = self.random.range(latency, 2 * latency + 3);
        let wire = &mut self.sockets[socket];
        if wire.up {
            wire.last_down = wire.last_down.max(self.now + delay);
            let at = wire.last_down;
            self.at(at, Event::ToPage(socket, message));
        }
    }

    fn arrive(&mut self, socket: Socket, message: Down) {
        let wire = &self.sockets[socket];
        let page = wire.page;
        // A socket that was cut loses what was under way.
        if !wire.up || wire.page_knows || self.pages[page].socket != Some(socket) {
            return;
        }
        let input = match message {
            Down::Reply(reply) => SocketInput::JoinReply(reply),
            Down::PeerJoined(peer) => SocketInput::PeerJoined(peer),
            Down::PeerLeft(left) => {
                self.pages[page].reason = Reason::PeerLeft;
                SocketInput::PeerLeft(left)
            }
            Down::Signal(signal) => {
                if let Body::Description { .. } = signal.body {
                    self.last_activity = self.now;
                }
                SocketInput::Signal(signal)
            }
            Down::Error(error) => {
                if error.code == ErrorCode::Replaced {
                    self.pages[page].reason = Reason::TheEnd;
                }
                SocketInput::Error(error)
            }
            Down::Close => {
                self.server_notices(socket);
                return self.page_notices(socket);
            }
        };
        self.drive(page, Input::Socket(input));
        self.pages[page].reason = Reason::None;
    }

    // Connections

    fn open_pc(&mut self, page: usize, peer: &PeerId, id: ConnectionId, offerer: bool) {
        let peer = self.ids.iter().position(|known| known == peer).unwrap();
        let place = self.pages[page].peer;
        let used = self.pcs.iter().any(|pc| pc.page == page && pc.peer == peer && pc.id == id);
        let double = self.pages[page].connections.iter().any(|&pc| self.pcs[pc].peer == peer);
        if used || double || place == peer {
            return self.violate("opens a connection that was there before, or a second one");
        }
        self.last_activity = self.now;
        let pc = self.pcs.len();
        self.pcs.push(PeerConnection::new(page, peer, id, offerer));
        self.pages[page].connections.push(pc);
        if offerer {
            self.soon(0, 2, Event::Negotiation(pc));
        }
    }

    fn find_pc(&self, page: usize, peer: &PeerId, id: ConnectionId) -> Option<Pc> {
        let found = |pc: &&Pc| self.pcs[**pc].id == id && self.ids[self.pcs[**pc].peer] == *peer;
        self.pages[page].connections.iter().find(found).copied()
    }

    fn close_pc(&mut self, page: usize, pc: Pc) {
        let other = self.pcs[pc].remote_identity.filter(|&other| self.is_healthy(pc) && self.is_healthy(other));
        if let Some(other) = other
            && self.pages[page].reason == Reason::None
            && !self.pcs[pc].sabotaged
            && !self.pcs[other].sabotaged
        {
            self.violate("closes a connection that works");
        }
        self.pcs[pc].closed = true;
        self.pages[page].connections.retain(|&open| open != pc);
        self.evaluate_all();
    }

    /// Connected, the path works, and the page is the one its peer is in.
    fn is_healthy(&self, pc: Pc) -> bool {
        let this = &self.pcs[pc];
        let page = &self.pages[this.page];
        !this.closed
            && this.state == ConnectionState::Connected
            && self.is_alive(pc)
            && page.alive
            && page.ended.is_none()
            && self.current[page.peer] == Some(this.page)
    }

    fn call(&mut self, pc: Pc, call: ConnectionCall) {
        self.last_activity = self.now;
        let operation = match call {
            ConnectionCall::SetLocalDescription => Operation::SetLocal,
            ConnectionCall::Rollback => Operation::Rollback,
            ConnectionCall::SetRemoteDescription(description) => Operation::SetRemote(description),
            ConnectionCall::AddIceCandidate(candidate) => Operation::AddCandidate(candidate),
            ConnectionCall::RestartIce => {
                self.pcs[pc].replace_credentials = true;
                return self.update_negotiation_needed(pc);
            }
        };
        self.pcs[pc].chain.push_back(operation);
        if self.pcs[pc].chain.len() == 1 {
            self.schedule_operation(pc);
        }
    }

    fn schedule_operation(&mut self, pc: Pc) {
        // Browsers under load take their time.
        let slowest = if self.random.once_in(20) { 1500 } else { 12 };
        self.soon(0, slowest, Event::Run(pc));
    }

    fn update_negotiation_needed(&mut self, pc: Pc) {
        if self.pcs[pc].chain.is_empty() {
            self.soon(0, 2, Event::Negotiation(pc));
        } else {
            self.pcs[pc].update_on_empty_chain = true;
        }
    }

    fn fire_negotiation_needed(&mut self, pc: Pc) {
        let changes = self.pages[self.pcs[pc].page].changes;
        let this = &mut self.pcs[pc];
        if this.closed {
            return;
        }
        if !this.chain.is_empty() {
            this.update_on_empty_chain = true;
            return;
        }
        if this.signaling != Signaling::Stable {
            return;
        }
        if !this.needs_negotiation(changes) {
            this.negotiation_needed = false;
        } else if !std::mem::replace(&mut this.negotiation_needed, true) {
            self.input(pc, ConnectionInput::NegotiationNeeded);
        }
    }

    fn input(&mut self, pc: Pc, input: ConnectionInput) {
        let this = &self.pcs[pc];
        if !this.closed {
            let (page, peer, id) = (this.page, self.ids[this.peer].clone(), this.id);
            self.drive(page, Input::Connection(peer, id, input));
        }
    }

    fn run_operation(&mut self, pc: Pc) {
        if self.pcs[pc].closed {
            return;
        }
        let operation = match self.pcs[pc].chain.front() {
            Some(Operation::SetLocal) => Some(Refused::SetLocalDescription),
            Some(Operation::SetRemote(_)) => Some(Refused::SetRemoteDescription),
            Some(Operation::Rollback) => Some(Refused::Rollback),
            _ => None,
        };
        let page = self.pcs[pc].page;
        let (changes, network) = (self.pages[page].changes, self.network[self.pages[page].peer]);
        let sabotage = operation.is_some() && std::mem::take(&mut self.pages[page].refuse);
        let fresh = (self.ices.len(), self.exchanges + 1);
        let ices = &self.ices;
        let effect = if sabotage {
            self.pcs[pc].sabotaged = true;
            Effect::Refused("no reason")
        } else {
            self.pcs[pc].run(pc, changes, fresh, |ice| ices.get(ice).is_some_and(|ice| ice.2))
        };
        self.exchanges += 1;
        self.pcs[pc].chain.pop_front();
        if self.pcs[pc].chain.is_empty() {
            if std::mem::take(&mut self.pcs[pc].update_on_empty_chain) {
                // Behind the promise's reactions, which run first.
                self.update_negotiation_needed(pc);
            }
        } else {
            self.schedule_operation(pc);
        }
        let input = match effect {
            Effect::LocalDescription(description) => {
                let ice = Sdp::read(&description).ice;
                if ice == self.ices.len() {
                    self.ices.push((pc, network, false));
                    let candidates = u32::try_from(self.random.range(1, 4)).unwrap();
                    if self.random.once_in(2) {
                        // The first candidate may be known before the promise is.
                        self.gather(pc, ice, candidates);
                    } else {
                        self.soon(0, 30, Event::Gather(pc, ice, candidates));
                    }
                }
                ConnectionInput::LocalDescriptionSet(description)
            }
            Effect::RolledBack => ConnectionInput::RolledBack,
            Effect::RemoteDescription => ConnectionInput::RemoteDescriptionSet,
            Effect::Candidate => return self.evaluate(pc),
            Effect::Refused(why) => {
                if !sabotage {
                    return self.violate(format!("the browser refuses: {why}"));
                }
                let Some(operation) = operation else { return };
                ConnectionInput::Rejected(operation)
            }
        };
        self.input(pc, input);
        self.evaluate(pc);
        if let Some(other) = self.pcs[pc].remote_identity {
            self.evaluate(other);
        }
    }

    fn gather(&mut self, pc: Pc, ice: Ice, left: u32) {
        if self.pcs[pc].closed || !self.pcs[pc].gathers(ice) {
            return;
        }
        if left == 0 {
            return self.input(pc, ConnectionInput::LocalCandidate(None));
        }
        self.ices[ice].2 = true;
        self.input(pc, ConnectionInput::LocalCandidate(Some(candidate(ice))));
        self.soon(1, 40, Event::Gather(pc, ice, left - 1));
    }

    // ICE and DTLS

    fn has_path(&self, a: Pc, b: Pc) -> bool {
        let works = |pc: Pc| {
            let page = &self.pages[self.pcs[pc].page];
            !self.pcs[pc].closed && page.alive && self.outages[page.peer] == 0
        };
        works(a) && works(b)
    }

    fn is_fresh(&self, ice: Ice) -> bool {
        let (pc, network, _) = self.ices[ice];
        self.network[self.pages[self.pcs[pc].page].peer] == network
    }

    /// The path in use carries.
    fn is_alive(&self, pc: Pc) -> bool {
        let this = &self.pcs[pc];
        this.selected.is_some_and(|(own, theirs)| {
            self.has_path(pc, self.ices[theirs].0) && self.is_fresh(own) && self.is_fresh(theirs)
        })
    }

    /// The descriptions in force lead to a path.
    fn usable(&self, pc: Pc) -> Option<(Ice, Ice)> {
        let this = &self.pcs[pc];
        let (own, theirs) = (this.local?, this.remote?);
        let other = &self.pcs[theirs.pc];
        let mirrored = other.local?.ice == theirs.ice && other.remote?.ice == own.ice;
        let known = this.known.contains(&theirs.ice) || other.known.contains(&own.ice);
        let pair = (own.ice, theirs.ice);
        let fresh = self.is_fresh(own.ice) && self.is_fresh(theirs.ice);
        (mirrored && known && fresh && self.has_path(pc, theirs.pc) && this.failed != Some(pair)).then_some(pair)
    }

    fn evaluate_all(&mut self) {
        for page in 0..self.pages.len() {
            for place in 0..self.pages[page].connections.len() {
                if let Some(&pc) = self.pages[page].connections.get(place) {
                    self.evaluate(pc);
                }
            }
        }
    }

    fn evaluate(&mut self, pc: Pc) {
        if self.pcs[pc].closed {
            return;
        }
        let (alive, usable) = (self.is_alive(pc), self.usable(pc));
        let this = &mut self.pcs[pc];
        if this.state == ConnectionState::Connected {
            if usable.is_some() {
                this.selected = usable;
            } else if !alive {
                self.soon(500, 4000, Event::Lose(pc));
            }
            return;
        }
        let pair = this.local.zip(this.remote).map(|(own, theirs)| (own.ice, theirs.ice));
        let begins = match this.state {
            ConnectionState::New => pair.is_some(),
            ConnectionState::Failed => pair != this.failed,
            _ => false,
        };
        if begins {
            this.stamp += 1;
            let stamp = this.stamp;
            this.state = ConnectionState::Connecting;
            self.at(self.now + 15_000, Event::Fail(pc, stamp));
            self.input(pc, ConnectionInput::StateChanged(ConnectionState::Connecting));
        }
        let may = usable.is_some() || (self.pcs[pc].state == ConnectionState::Disconnected && alive);
        if may && !std::mem::replace(&mut self.pcs[pc].connect_scheduled, true) {
            self.soon(20, 200, Event::Connect(pc));
        }
    }

    fn ice_connect(&mut self, pc: Pc) {
        self.pcs[pc].connect_scheduled = false;
        if self.pcs[pc].closed || self.pcs[pc].state == ConnectionState::Connected {
            return;
        }
        let (alive, usable) = (self.is_alive(pc), self.usable(pc));
        let this = &mut self.pcs[pc];
        if usable.is_some() || (this.state == ConnectionState::Disconnected && alive) {
            this.selected = usable.or(this.selected);
            this.failed = None;
            this.state = ConnectionState::Connected;
            this.stamp += 1;
            self.input(pc, ConnectionInput::StateChanged(ConnectionState::Connected));
        }
    }

    fn ice_lose(&mut self, pc: Pc) {
        let (alive, usable) = (self.is_alive(pc), self.usable(pc));
        let this = &mut self.pcs[pc];
        if !this.closed && this.state == ConnectionState::Connected && !alive && usable.is_none() {
            this.state = ConnectionState::Disconnected;
            this.stamp += 1;
            let stamp = this.stamp;
            self.soon(5000, 12_000, Event::Fail(pc, stamp));
            self.input(pc, ConnectionInput::StateChanged(ConnectionState::Disconnected));
        }
    }

    fn ice_fail(&mut self, pc: Pc, stamp: u32) {
        let this = &mut self.pcs[pc];
        if this.closed || this.stamp != stamp || this.connect_scheduled {
            return;
        }
        this.stamp += 1;
        this.state = ConnectionState::Failed;
        this.failed = this.local.zip(this.remote).map(|(own, theirs)| (own.ice, theirs.ice));
        this.selected = None;
        self.input(pc, ConnectionInput::StateChanged(ConnectionState::Failed));
    }

    // Faults

    fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Change(peer) => self.change(peer),
            Fault::Glare => {
                for peer in 0..self.peers {
                    self.change(peer);
                }
            }
            Fault::Mute(peer) => {
                if let Some(page) = self.current[peer] {
                    self.pages[page].media.0 ^= true;
                    let (microphone, camera) = self.pages[page].media;
                    self.drive(page, Input::Media { microphone, camera });
                }
            }
            Fault::CutSocket(peer) => {
                if let Some(socket) = self.current[peer].and_then(|page| self.pages[page].socket) {
                    self.cut(socket);
                }
            }
            Fault::Limit(peer) => {
                if let Some(socket) = self.current[peer].and_then(|page| self.pages[page].socket) {
                    self.deliver(vec![(socket, Down::Error(ErrorCode::RateLimited.into())), (socket, Down::Close)]);
                }
            }
            Fault::Restart { down } => self.restart(down),
            Fault::Outage { peer, down } => {
                self.outages[peer] += 1;
                if let Some(socket) = self.current[peer].and_then(|page| self.pages[page].socket) {
                    self.cut(socket);
                }
                self.at(self.now + down, Event::OutageOver(peer));
                self.evaluate_all();
            }
            Fault::Roam { peer, told, cut } => {
                self.network[peer] += 1;
                let Some(page) = self.current[peer] else { return };
                if let Some(socket) = self.pages[page].socket.filter(|_| cut) {
                    self.cut(socket);
                }
                self.evaluate_all();
                if told {
                    self.drive(page, Input::NetworkChanged);
                }
            }
            Fault::Reload(peer) => {
                if let Some(page) = self.current[peer] {
                    self.crash(page);
                    self.soon(10, 3000, Event::Open(peer));
                    self.current[peer] = None;
                }
            }
            Fault::Duplicate(peer) => {
                if let Some(page) = self.current[peer] {
                    self.pages[page].obsolete = true;
                    self.open_page(peer);
                    if self.pages[page].socket.is_none() {
                        self.crash(page);
                    }
                }
            }
            Fault::Intruder => {
                if self.current[self.peers].is_none() {
                    self.open_page(self.peers);
                    let page = self.pages.len() - 1;
                    self.soon(1000, 5000, Event::Leave(page));
                }
            }
            Fault::LeaveAndReturn(peer) => {
                if let Some(page) = self.current[peer].take() {
                    self.happen(Event::Leave(page));
                    self.soon(10, 3000, Event::Open(peer));
                }
            }
            Fault::Refuse(peer) => self.refuse(peer),
            Fault::RefuseAll => {
                for peer in 0..self.peers {
                    self.refuse(peer);
                    self.change(peer);
                }
            }
            Fault::Reorder(peer) => self.reorder[peer] = true,
            Fault::Repeat(peer) => self.repeat[peer] = true,
        }
    }

    fn refuse(&mut self, peer: usize) {
        if let Some(page) = self.current[peer] {
            self.pages[page].refuse = true;
        }
    }

    fn change(&mut self, peer: usize) {
        let Some(page) = self.current[peer] else { return };
        self.pages[page].changes += 1;
        for pc in self.pages[page].connections.clone() {
            // Changes are made to connections that have transceivers already.
            if self.pcs[pc].local.is_some() {
                self.update_negotiation_needed(pc);
            }
        }
    }

    fn restart(&mut self, down: Millis) {
        self.server_down += 1;
        self.server.forget();
        self.at(self.now + down, Event::ServerUp);
        for socket in 0..self.sockets.len() {
            let wire = &mut self.sockets[socket];
            if !wire.server_knows {
                (wire.up, wire.server_knows) = (false, true);
                self.soon(0, 200, Event::PageNotices(socket));
            }
        }
    }

    // What must be true in the end

    fn unwell(&self) -> Result<(), String> {
        let pairs = self.peers * (self.peers - 1) / 2;
        if !self.disturbed && (self.pcs.len() != 2 * pairs || self.offers as usize != pairs) {
            return Err("more connections or offers than an undisturbed call needs".into());
        }
        let pages: Vec<usize> = (0..self.peers).filter_map(|peer| self.current[peer]).collect();
        if pages.len() != self.peers {
            return Err("a page is missing".into());
        }
        for &page in &pages {
            let this = &self.pages[page];
            if let Some(reason) = &this.ended {
                return Err(format!("page {page} ended: {reason:?}"));
            }
            if this.signaling != Some(SignalingState::Joined) {
                return Err(format!("page {page} is not in the room"));
            }
            if self.server.instance(&self.ids[this.peer]) != this.instance {
                return Err(format!("page {page} is not who the server takes it for"));
            }
            if this.connections.len() != self.peers - 1 {
                return Err(format!("page {page} has {} connections", this.connections.len()));
            }
            if this.shown.iter().flatten().count() != self.peers - 1 {
                return Err(format!("page {page} shows other peers than there are"));
            }
            for &pc in &this.connections {
                self.is_well(page, pc).map_err(|why| format!("page {page}, connection {pc}: {why}"))?;
            }
        }
        Ok(())
    }

    fn is_well(&self, page: usize, pc: Pc) -> Result<(), &'static str> {
        let (this, own) = (&self.pcs[pc], &self.pages[page]);
        let other = this.remote_identity.ok_or("it never heard of the other side")?;
        let there = &self.pcs[other];
        if there.closed || there.remote_identity != Some(pc) || self.current[this.peer] != Some(there.page) {
            return Err("its other end is not the peer's");
        }
        if this.signaling != Signaling::Stable || !this.chain.is_empty() {
            return Err("something is pending");
        }
        if this.state != ConnectionState::Connected || !self.is_alive(pc) {
            return Err("it is not connected");
        }
        if this.agreed.exchange != there.agreed.exchange {
            return Err("the sides agreed on different things");
        }
        if this.agreed.own_changes != own.changes || there.agreed.their_changes != own.changes {
            return Err("a change is not negotiated");
        }
        let shown = own.shown[this.peer].ok_or("the peer is not shown")?;
        if shown.state != PeerState::Connected {
            return Err("the application does not know that it is connected");
        }
        let theirs = self.pages[there.page].shown[own.peer].ok_or("the peer does not show it")?;
        if theirs.media != Some(own.media) {
            return Err("the other side does not know what is sent");
        }
        Ok(())
    }
}

fn secret(random: &mut Random) -> Secret {
    let mut bits = [0; 16];
    bits[..8].copy_from_slice(&random.bits().to_be_bytes());
    bits[8..].copy_from_slice(&random.bits().to_be_bytes());
    Secret::from_bits(bits)
}
