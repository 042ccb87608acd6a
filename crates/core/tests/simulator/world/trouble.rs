//! Carries out the faults.

use madang_core::Input;
use madang_protocol::ErrorCode;

use super::{Event, Millis, World};
use crate::{
    faults::{ALARM_SPACING, Fault},
    server::Down,
};

impl World {
    pub(super) fn fault(&mut self, fault: Fault) {
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
            Fault::CutSocket(peer) => self.cut_socket(peer),
            Fault::Limit(peer) => {
                if let Some(socket) = self.current[peer].and_then(|page| self.pages[page].socket) {
                    self.deliver(vec![(socket, Down::Error(ErrorCode::RateLimited.into())), (socket, Down::Close)]);
                }
            }
            Fault::Restart { down } => self.restart(down),
            Fault::Outage { peer, down } => {
                self.outages[peer] += 1;
                self.cut_socket(peer);
                self.at(self.now + down, Event::OutageOver(peer));
                self.evaluate_all();
            }
            Fault::ServerAway { peer, down } => {
                self.unserved[peer] += 1;
                self.cut_socket(peer);
                self.at(self.now + down, Event::ServerBack(peer));
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
            Fault::Silence(peer) => {
                if let Some(page) = self.current[peer] {
                    for pc in self.pages[page].connections.clone() {
                        self.cut_off(pc);
                    }
                }
            }
            Fault::Alarms { peer, times } => {
                if let Some(page) = self.current[peer] {
                    self.drive(page, Input::NetworkChanged);
                }
                if times > 1 {
                    self.at(self.now + ALARM_SPACING, Event::Fault(Fault::Alarms { peer, times: times - 1 }));
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

    fn cut_socket(&mut self, peer: usize) {
        if let Some(socket) = self.current[peer].and_then(|page| self.pages[page].socket) {
            self.cut(socket);
        }
    }

    pub(super) fn refuse(&mut self, peer: usize) {
        if let Some(page) = self.current[peer] {
            self.pages[page].refuse = true;
        }
    }

    pub(super) fn change(&mut self, peer: usize) {
        let Some(page) = self.current[peer] else { return };
        self.pages[page].changes += 1;
        for pc in self.pages[page].connections.clone() {
            // Changes are made to connections that have transceivers already.
            if self.pcs[pc].local.is_some() {
                self.update_negotiation_needed(pc);
            }
        }
    }

    pub(super) fn restart(&mut self, down: Millis) {
        self.server_down += 1;
        self.server.lose_memory();
        self.at(self.now + down, Event::ServerUp);
        for socket in 0..self.sockets.len() {
            let wire = &mut self.sockets[socket];
            if !wire.server_knows {
                (wire.up, wire.server_knows) = (false, true);
                self.soon(0, 200, Event::PageNotices(socket));
            }
        }
    }
}
