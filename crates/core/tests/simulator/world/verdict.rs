//! What must be true in the end.

use madang_core::{ConnectionState, PeerState, SignalingState};

use super::World;
use crate::browser::{Pc, Signaling};

impl World {
    pub(super) fn unwell(&self) -> Result<(), String> {
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

    pub(super) fn is_well(&self, page: usize, pc: Pc) -> Result<(), &'static str> {
        let (this, own) = (&self.pcs[pc], &self.pages[page]);
        let other = this.remote_identity.ok_or("it never heard of the other side")?;
        let there = &self.pcs[other];
        if there.closed || there.remote_identity != Some(pc) || self.current[this.peer] != Some(there.page) {
            return Err("its other end is not the peer's");
        }
        if this.signaling != Signaling::Stable || !this.chain.is_empty() {
            return Err("something is pending");
        }
        if this.state != ConnectionState::Connected || !self.flows(pc) {
            return Err("it is not connected");
        }
        if this.selected.is_some_and(|(own, _)| self.detour(own).is_some()) {
            return Err("it goes by a detour");
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
