//! Pages: the driver of a session, as thin as a driver can be, and what the application sees.

use std::time::Duration;

use madang_core::{EndReason, Input, Output, PeerState, Session, SessionEvent, SignalingState, session::Config};
use madang_protocol::{Body, DescriptionType, ErrorCode, Generation, PeerId, Secret, SignalTo};

use super::{Event, Millis, World};
use crate::{
    browser::{Pc, Sdp, generation},
    server::{Socket, Up},
};

/// Why a connection may be closed although it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    None,
    TheEnd,
    PeerLeft,
}

/// What an application knows of a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) state: PeerState,
    pub(super) media: Option<(bool, bool)>,
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) peer: usize,
    pub(super) session: Session,
    pub(super) instance: Option<Generation>,
    pub(super) alive: bool,
    pub(super) ended: Option<EndReason>,
    pub(super) socket: Option<Socket>,
    pub(super) attempts: u32,
    pub(super) tick: Option<Millis>,
    pub(super) connections: Vec<Pc>,
    pub(super) changes: u32,
    pub(super) media: (bool, bool),
    pub(super) signaling: Option<SignalingState>,
    /// By peer: what the application was told.
    pub(super) shown: Vec<Option<Shown>>,
    pub(super) reason: Reason,
    /// A `peer-left` came that an answer to `join` may have to follow.
    pub(super) left_early: bool,
    pub(super) refuse: bool,
    /// The same peer was opened in another page.
    pub(super) obsolete: bool,
}

impl World {
    pub(super) fn open_page(&mut self, peer: usize) {
        let secret = self.secret_of(peer);
        let seed = self.random.bits();
        let session = Session::new(Config {
            server: "https://call.example".to_owned(),
            room: "room".parse().unwrap(),
            secret,
            name: None,
            token: None,
            instance: Generation::first(seed as u32),
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
            left_early: false,
            refuse: false,
            obsolete: false,
        });
        self.current[peer] = Some(page);
        self.drive(page, Input::Start);
        self.drive(page, Input::Media { microphone: true, camera: true });
    }

    pub(super) fn secret_of(&self, peer: usize) -> Secret {
        // The model takes the id for the hash of itself.
        let text = self.ids[peer].as_str().parse::<Secret>().unwrap();
        Secret::from_bits(text.bits())
    }

    pub(super) fn drive(&mut self, page: usize, input: Input) {
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
            if !self.pages[page].alive {
                return;
            }
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

    pub(super) fn carry_out(&mut self, page: usize, output: Output) {
        if self.pages[page].ended.is_some() {
            return self.violate("something follows the end");
        }
        match output {
            Output::Connect(join) => self.connect(page, join),
            Output::Prepare => {}
            Output::Knock(_) => {
                let peer = self.pages[page].peer;
                if self.serves(peer) {
                    let latency = self.latency[peer];
                    self.soon(2 * latency, 3 * latency + 10, Event::Answered(page));
                }
            }
            Output::AskForIceServers => self.send(page, Up::AskForIceServers),
            Output::Disconnect => {
                self.disconnect(page);
                if self.pages[page].obsolete {
                    self.crash(page); // or the two would take turns
                }
            }
            Output::Join(join) => {
                self.pages[page].instance = Some(join.instance);
                let socket = self.pages[page].socket;
                if socket.is_none_or(|socket| self.sockets[socket].carried != Some(join.generation)) {
                    self.send(page, Up::Join(join));
                }
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
            Output::SayGoodbye(_) => {} // lost, which is the worst that can become of it
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
    pub(super) fn check_order(&mut self, page: usize, signal: &SignalTo<Body>) {
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
                let ice = generation(candidate);
                if let Some(pc) = self.find_pc(page, &signal.to, *connection)
                    && !self.pcs[pc].announced.contains(&ice)
                {
                    self.pcs[pc].early.push(ice);
                }
            }
            Body::EndOfCandidates { .. } | Body::Media { .. } => {}
        }
    }

    pub(super) fn tell(&mut self, page: usize, event: SessionEvent) {
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
            SessionEvent::PeerRoute { .. } | SessionEvent::Reconnecting { .. } | SessionEvent::Restored { .. } => {}
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
                let full = EndReason::Refused(ErrorCode::RoomFull.into());
                if reason == full && self.pages[page].signaling != Some(SignalingState::Connecting) {
                    self.violate("a member gives up");
                }
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
    pub(super) fn crash(&mut self, page: usize) {
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
}
