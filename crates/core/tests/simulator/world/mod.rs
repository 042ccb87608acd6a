//! Pages, sockets, a server and a network, all driven by one queue of events and one seed.

mod connections;
mod event;
mod ice;
mod pages;
mod sockets;
mod trouble;
mod verdict;

use std::{cmp::Reverse, collections::BinaryHeap, fmt::Write as _};

use madang_core::{Input, Route, SocketInput};
use madang_protocol::{PeerId, Secret};

use self::{
    event::{Event, Scheduled},
    pages::{Page, Reason},
    sockets::Wire,
};
use crate::{
    browser::{Ice, Pc, PeerConnection},
    faults,
    random::Random,
    server::Server,
};

/// Milliseconds.
type Millis = u64;

/// How long after the last fault everything must be well.
const CONVERGENCE: Millis = 60_000;
/// How long nothing may happen after that.
const QUIET: Millis = 20_000;
/// More events than any run needs: one that has more goes round in circles.
const MOST_EVENTS: u32 = 100_000;

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
    /// Of each peer: how many times over it does not reach the server.
    unserved: Vec<u32>,
    latency: Vec<Millis>,
    late_answers: bool,
    reorder: Vec<bool>,
    repeat: Vec<bool>,
    pages: Vec<Page>,
    sockets: Vec<Wire>,
    server: Server,
    server_down: u32,
    pcs: Vec<PeerConnection>,
    /// Of each ICE generation: whose it is, in which network, and whether a candidate is out.
    ices: Vec<(Pc, u32, bool)>,
    /// Generations by which nothing goes any more, though ICE is content.
    cut_off: Vec<Ice>,
    /// Generations by which media goes by a relay, over TCP or though a straight path would work.
    detours: Vec<(Ice, Route)>,
    /// What failed is deaf from then on.
    deafened: bool,
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
            unserved: vec![0; peers + 1],
            latency: (0..=peers).map(|_| random.range(1, slow)).collect(),
            late_answers: random.once_in(3),
            deafened: random.once_in(3),
            reorder: vec![false; peers + 1],
            repeat: vec![false; peers + 1],
            pages: Vec::new(),
            sockets: Vec::new(),
            server: Server::new(peers, grace),
            server_down: 0,
            pcs: Vec::new(),
            ices: Vec::new(),
            cut_off: Vec::new(),
            detours: Vec::new(),
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
            Event::Answered(page) => self.drive(page, Input::Socket(SocketInput::Reachable)),
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
            Event::FailEarly(pc, stamp) => self.ice_fail_early(pc, stamp),
            Event::Stats(pc) => self.stats(pc),
            Event::OutageOver(peer) => {
                self.outages[peer] -= 1;
                self.evaluate_all();
            }
            Event::ServerBack(peer) => self.unserved[peer] -= 1,
            Event::Leave(page) => {
                self.pages[page].reason = Reason::TheEnd;
                self.drive(page, Input::Leave);
            }
            Event::Fault(fault) => self.fault(fault),
        }
    }
}

fn secret(random: &mut Random) -> Secret {
    let mut bits = [0; 16];
    bits[..8].copy_from_slice(&random.bits().to_be_bytes());
    bits[8..].copy_from_slice(&random.bits().to_be_bytes());
    Secret::from_bits(bits)
}
