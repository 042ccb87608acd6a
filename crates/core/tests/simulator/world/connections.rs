//! The browser's side of connections: the operations chain and `negotiationneeded`.

use madang_core::{
    ConnectionInput, ConnectionState, Input, Route,
    session::{ConnectionCall, Operation as Refused},
};
use madang_protocol::{ConnectionId, PeerId};

use super::{Event, Reason, World};
use crate::browser::{Effect, Ice, Operation, Pc, PeerConnection, Sdp, Signaling, candidate};

impl World {
    pub(super) fn open_pc(&mut self, page: usize, peer: &PeerId, id: ConnectionId, offerer: bool) {
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

    pub(super) fn find_pc(&self, page: usize, peer: &PeerId, id: ConnectionId) -> Option<Pc> {
        let found = |pc: &&Pc| self.pcs[**pc].id == id && self.ids[self.pcs[**pc].peer] == *peer;
        self.pages[page].connections.iter().find(found).copied()
    }

    pub(super) fn close_pc(&mut self, page: usize, pc: Pc) {
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
    pub(super) fn is_healthy(&self, pc: Pc) -> bool {
        let this = &self.pcs[pc];
        let page = &self.pages[this.page];
        !this.closed
            && this.state == ConnectionState::Connected
            && self.flows(pc)
            && page.alive
            && page.ended.is_none()
            && self.current[page.peer] == Some(this.page)
    }

    pub(super) fn call(&mut self, pc: Pc, call: ConnectionCall) {
        let looks = [ConnectionCall::ReadStats, ConnectionCall::ResumeVideo, ConnectionCall::PauseVideo];
        if !looks.contains(&call) {
            self.last_activity = self.now;
        }
        let operation = match call {
            ConnectionCall::SetLocalDescription => Operation::SetLocal,
            ConnectionCall::Rollback => Operation::Rollback,
            ConnectionCall::SetRemoteDescription(description) => Operation::SetRemote(description),
            ConnectionCall::AddIceCandidate(candidate) => Operation::AddCandidate(candidate),
            ConnectionCall::ReadStats => {
                let delay = self.random.range(1, 50);
                return self.at(self.now + delay, Event::Stats(pc));
            }
            ConnectionCall::ResumeVideo | ConnectionCall::PauseVideo | ConnectionCall::Configure => return,
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

    pub(super) fn schedule_operation(&mut self, pc: Pc) {
        // Browsers under load take their time.
        let slowest = if self.random.once_in(20) { 1500 } else { 12 };
        self.soon(0, slowest, Event::Run(pc));
    }

    pub(super) fn update_negotiation_needed(&mut self, pc: Pc) {
        if self.pcs[pc].chain.is_empty() {
            self.soon(0, 2, Event::Negotiation(pc));
        } else {
            self.pcs[pc].update_on_empty_chain = true;
        }
    }

    pub(super) fn fire_negotiation_needed(&mut self, pc: Pc) {
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

    pub(super) fn input(&mut self, pc: Pc, input: ConnectionInput) {
        let this = &self.pcs[pc];
        if !this.closed {
            let (page, peer, id) = (this.page, self.ids[this.peer].clone(), this.id);
            self.drive(page, Input::Connection(peer, id, input));
        }
    }

    pub(super) fn run_operation(&mut self, pc: Pc) {
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
                    // As in Chromium, where a relay may win and that is it. An undisturbed call makes one offer.
                    let first = !self.ices[..ice].iter().any(|&(of, ..)| of == pc);
                    if first && self.disturbed && self.random.once_in(8) {
                        let route = if self.random.once_in(2) { Route::RelayTcp } else { Route::RelayUdp };
                        self.detours.push((ice, route));
                    }
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

    pub(super) fn gather(&mut self, pc: Pc, ice: Ice, left: u32) {
        if self.pcs[pc].closed || !self.pcs[pc].gathers(ice) {
            return;
        }
        if left == 0 {
            return self.input(pc, ConnectionInput::LocalCandidate(None));
        }
        self.ices[ice].2 = true;
        // One that is cut short does not come to its last.
        let straight = left == 1 && self.detour(ice) != Some(Route::RelayUdp);
        let kind = if straight { "srflx" } else { "host" };
        self.input(pc, ConnectionInput::LocalCandidate(Some(candidate(ice, kind))));
        self.soon(1, 40, Event::Gather(pc, ice, left - 1));
    }
}
