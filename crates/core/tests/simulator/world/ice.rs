//! Whether media can flow: ICE and DTLS, seen from far away. A path needs both ends of the same
//! two connections, mirrored generations, a known candidate and a network that is still there.

use madang_core::{ConnectionInput, ConnectionState, Route, Video};

use super::{Event, Millis, World};
use crate::browser::{Ice, Pc};

/// How long a path that works takes to be seen, in milliseconds, and one that works again.
const SOON: Millis = 200;
const LATE: Millis = 6000;

impl World {
    pub(super) fn has_path(&self, a: Pc, b: Pc) -> bool {
        let works = |pc: Pc| {
            let page = &self.pages[self.pcs[pc].page];
            !self.pcs[pc].closed && page.alive && self.outages[page.peer] == 0
        };
        works(a) && works(b)
    }

    pub(super) fn is_fresh(&self, ice: Ice) -> bool {
        let (pc, network, _) = self.ices[ice];
        self.network[self.pages[self.pcs[pc].page].peer] == network
    }

    /// The path in use carries.
    pub(super) fn is_alive(&self, pc: Pc) -> bool {
        let this = &self.pcs[pc];
        this.selected.is_some_and(|(own, theirs)| {
            self.has_path(pc, self.ices[theirs].0) && self.is_fresh(own) && self.is_fresh(theirs)
        })
    }

    /// Media arrive by the path in use. Where they were cut off, ICE need not know.
    pub(super) fn flows(&self, pc: Pc) -> bool {
        let deaf = |pc: Pc| self.pcs[pc].deaf;
        let this = &self.pcs[pc];
        self.is_alive(pc)
            && !deaf(pc)
            && !this.remote_identity.is_some_and(deaf)
            && self.pcs[pc].selected.is_none_or(|pair| !self.is_cut_off(pair))
    }

    fn is_cut_off(&self, (own, theirs): (Ice, Ice)) -> bool {
        self.cut_off.contains(&own) || self.cut_off.contains(&theirs)
    }

    /// Nothing goes by this connection's path any more, and ICE does not notice. Where nothing has come
    /// yet it would.
    pub(super) fn cut_off(&mut self, pc: Pc) {
        let flowed = |pc: Pc| self.pcs[pc].received > 0;
        if let Some((own, theirs)) = self.pcs[pc].selected
            && flowed(pc)
            && self.pcs[pc].remote_identity.is_some_and(flowed)
        {
            self.cut_off.extend([own, theirs]);
        }
    }

    /// `getStats()`: more has come since the last time, or nothing.
    pub(super) fn stats(&mut self, pc: Pc) {
        let state = self.pcs[pc].state;
        if matches!(state, ConnectionState::Connected | ConnectionState::Disconnected) && self.flows(pc) {
            self.pcs[pc].received += 1;
        }
        let received = self.pcs[pc].received;
        let route = self.pcs[pc].selected.and_then(|(own, _)| self.detour(own)).unwrap_or(Route::Direct);
        self.input(pc, ConnectionInput::Stats { route, received, improves: true, video: Video::default() });
    }

    /// By which relay media goes where this is the path's own end, though there is a better way.
    pub(super) fn detour(&self, own: Ice) -> Option<Route> {
        self.detours.iter().find(|(ice, _)| *ice == own).map(|(_, route)| *route)
    }

    /// The descriptions in force lead to a path.
    pub(super) fn usable(&self, pc: Pc) -> Option<(Ice, Ice)> {
        let this = &self.pcs[pc];
        let (own, theirs) = (this.local?, this.remote?);
        let other = &self.pcs[theirs.pc];
        let mirrored = other.local?.ice == theirs.ice && other.remote?.ice == own.ice;
        let known = this.known.contains(&theirs.ice) || other.known.contains(&own.ice);
        let pair = (own.ice, theirs.ice);
        let fresh = self.is_fresh(own.ice) && self.is_fresh(theirs.ice);
        let fit = mirrored && known && fresh && !self.is_cut_off(pair);
        (fit && self.has_path(pc, theirs.pc) && this.failed != Some(pair)).then_some(pair)
    }

    pub(super) fn evaluate_all(&mut self) {
        for page in 0..self.pages.len() {
            for place in 0..self.pages[page].connections.len() {
                if let Some(&pc) = self.pages[page].connections.get(place) {
                    self.evaluate(pc);
                }
            }
        }
    }

    pub(super) fn evaluate(&mut self, pc: Pc) {
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
            if self.random.once_in(4) {
                self.soon(1, 30, Event::FailEarly(pc, stamp));
            }
            self.input(pc, ConnectionInput::StateChanged(ConnectionState::Connecting));
        }
        let this = &self.pcs[pc];
        let (disconnected, scheduled) = (this.state == ConnectionState::Disconnected, this.connect_scheduled);
        // A browser may be late to see that a path it had is there again.
        let late = disconnected && usable.is_none_or(|pair| this.selected == Some(pair));
        let may = usable.is_some() || (disconnected && alive);
        if may && scheduled.is_none_or(|at| !late && at > self.now + SOON) {
            let delay = self.random.range(20, if late { LATE } else { SOON });
            self.pcs[pc].connect_scheduled = Some(self.now + delay);
            self.at(self.now + delay, Event::Connect(pc));
        }
    }

    pub(super) fn ice_connect(&mut self, pc: Pc) {
        self.pcs[pc].connect_scheduled = None;
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

    pub(super) fn ice_lose(&mut self, pc: Pc) {
        let (alive, usable) = (self.is_alive(pc), self.usable(pc));
        let this = &mut self.pcs[pc];
        let lost = !alive && usable.is_none();
        // Sometimes the path is back already: a browser may be late with either news.
        if !this.closed && this.state == ConnectionState::Connected && (lost || self.random.once_in(2)) {
            this.state = ConnectionState::Disconnected;
            this.stamp += 1;
            let stamp = this.stamp;
            self.soon(5000, 12_000, Event::Fail(pc, stamp));
            self.input(pc, ConnectionInput::StateChanged(ConnectionState::Disconnected));
            self.evaluate(pc);
        }
    }

    /// No pair can be made of the candidates so far. As in Chromium, that is `failed`, until there are others.
    pub(super) fn ice_fail_early(&mut self, pc: Pc, stamp: u32) {
        let usable = self.usable(pc).is_some();
        let this = &mut self.pcs[pc];
        let known = this.remote.is_some_and(|theirs| this.known.contains(&theirs.ice));
        if this.closed || this.stamp != stamp || usable || known {
            return;
        }
        this.state = ConnectionState::Failed;
        self.input(pc, ConnectionInput::StateChanged(ConnectionState::Failed));
    }

    pub(super) fn ice_fail(&mut self, pc: Pc, stamp: u32) {
        let this = &mut self.pcs[pc];
        if this.closed || this.stamp != stamp || this.connect_scheduled.is_some() {
            return;
        }
        this.stamp += 1;
        this.state = ConnectionState::Failed;
        this.failed = this.local.zip(this.remote).map(|(own, theirs)| (own.ice, theirs.ice));
        this.selected = None;
        // As in Firefox, where DTLS fails with ICE.
        this.deaf = self.deafened;
        let failed = match self.deafened {
            true => ConnectionInput::TransportFailed,
            false => ConnectionInput::StateChanged(ConnectionState::Failed),
        };
        self.input(pc, failed);
    }
}
