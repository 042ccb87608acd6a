//! A model of RTCPeerConnection: what webrtc-pc says about the operations chain (section
//! 4.4.1.2), the signaling state, rollback and the negotiation-needed flag (section 4.7.3), and
//! so much of ICE and DTLS as decides whether media can flow.

use std::collections::VecDeque;

use madang_core::ConnectionState;
use madang_protocol::{Candidate, ConnectionId, Description, DescriptionType};

/// Index of a connection in the world: also its DTLS identity.
pub(crate) type Pc = usize;
/// Index of an ICE generation in the world: also its user name fragment.
pub(crate) type Ice = usize;

/// What a description says. Its text is these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sdp {
    /// Who made it.
    pub(crate) pc: Pc,
    /// Its ICE generation.
    pub(crate) ice: Ice,
    /// Candidates of that generation are in it.
    pub(crate) candidates: bool,
    /// How many of its side's changes it holds.
    pub(crate) changes: u32,
    /// Which offer it is or answers.
    pub(crate) exchange: u32,
    /// The offer that named the media descriptions (`a=mid`).
    pub(crate) mids: u32,
}

impl Sdp {
    pub(crate) fn write(self, kind: DescriptionType) -> Description {
        let Self { pc, ice, candidates, changes, exchange, mids } = self;
        Description { kind, sdp: format!("{pc} {ice} {} {changes} {exchange} {mids}", u8::from(candidates)) }
    }

    pub(crate) fn read(description: &Description) -> Self {
        let mut numbers = description.sdp.split(' ').map(|number| number.parse::<usize>().unwrap());
        let mut next = || numbers.next().unwrap();
        Self {
            pc: next(),
            ice: next(),
            candidates: next() == 1,
            changes: u32::try_from(next()).unwrap(),
            exchange: u32::try_from(next()).unwrap(),
            mids: u32::try_from(next()).unwrap(),
        }
    }
}

/// A candidate's text is its generation and its type.
pub(crate) fn candidate(ice: Ice, kind: &str) -> Candidate {
    Candidate { candidate: format!("{ice} typ {kind}"), ..Candidate::default() }
}

pub(crate) fn generation(candidate: &Candidate) -> Ice {
    candidate.candidate.split(' ').next().unwrap().parse().unwrap()
}

/// An entry of the operations chain.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    SetLocal,
    Rollback,
    SetRemote(Description),
    AddCandidate(Option<Candidate>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signaling {
    Stable,
    HaveLocalOffer,
    HaveRemoteOffer,
}

/// The last offer and answer both sides of which this side knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) exchange: u32,
    pub(crate) own_changes: u32,
    pub(crate) their_changes: u32,
}

/// What the operation did.
#[derive(Debug)]
pub(crate) enum Effect {
    LocalDescription(Description),
    RolledBack,
    RemoteDescription,
    Candidate,
    /// The browser refuses; the words say what the caller did wrong.
    Refused(&'static str),
}

/// The connection.
#[derive(Debug)]
pub(crate) struct PeerConnection {
    pub(crate) page: usize,
    pub(crate) peer: usize,
    pub(crate) id: ConnectionId,
    offerer: bool,
    pub(crate) closed: bool,
    pub(crate) chain: VecDeque<Operation>,
    pub(crate) signaling: Signaling,
    pub(crate) negotiation_needed: bool,
    pub(crate) update_on_empty_chain: bool,
    pub(crate) replace_credentials: bool,
    pub(crate) agreed: Agreed,
    mids: Option<u32>,
    pending_local: Option<Sdp>,
    pending_remote: Option<Sdp>,
    pub(crate) local: Option<Sdp>,
    pub(crate) remote: Option<Sdp>,
    /// Whose descriptions it has taken.
    pub(crate) remote_identity: Option<Pc>,
    /// Local generations the peer was told of.
    pub(crate) announced: Vec<Ice>,
    /// Local generations the peer got candidates of, but had not been told of.
    pub(crate) early: Vec<Ice>,
    /// Remote generations of which a candidate is known.
    pub(crate) known: Vec<Ice>,
    pub(crate) state: ConnectionState,
    /// Counts what has come.
    pub(crate) received: u64,
    /// Generations of the path in use.
    pub(crate) selected: Option<(Ice, Ice)>,
    /// Generations that failed.
    pub(crate) failed: Option<(Ice, Ice)>,
    /// Whatever path it finds, nothing comes or goes by it any more.
    pub(crate) deaf: bool,
    /// Counts the states, to tell old timers from new.
    pub(crate) stamp: u32,
    /// When it will see that there is a path.
    pub(crate) connect_scheduled: Option<u64>,
    /// An operation was refused for no reason: closing it is right.
    pub(crate) sabotaged: bool,
}

/// Chromium does not refuse it, but shows no picture from then on.
const FREEZES: &str = "a rollback by the side that answered first";

impl PeerConnection {
    pub(crate) fn new(page: usize, peer: usize, id: ConnectionId, offerer: bool) -> Self {
        Self {
            page,
            peer,
            id,
            offerer,
            closed: false,
            chain: VecDeque::new(),
            signaling: Signaling::Stable,
            negotiation_needed: false,
            update_on_empty_chain: false,
            replace_credentials: false,
            agreed: Agreed::default(),
            mids: None,
            announced: Vec::new(),
            early: Vec::new(),
            pending_local: None,
            pending_remote: None,
            local: None,
            remote: None,
            remote_identity: None,
            known: Vec::new(),
            state: ConnectionState::New,
            received: 0,
            selected: None,
            failed: None,
            deaf: false,
            stamp: 0,
            connect_scheduled: None,
            sabotaged: false,
        }
    }

    /// "Check if negotiation is needed": `changes` is how many this side has made.
    pub(crate) fn needs_negotiation(&self, changes: u32) -> bool {
        self.agreed.own_changes != changes || self.replace_credentials || self.local.is_none()
    }

    /// The local generations that are in use or announced.
    pub(crate) fn gathers(&self, ice: Ice) -> bool {
        [self.local, self.pending_local].into_iter().flatten().any(|sdp| sdp.ice == ice)
    }

    /// Runs the first operation of the chain. `sdp` gives an unused generation and exchange.
    pub(crate) fn run(&mut self, own: Pc, changes: u32, fresh: (Ice, u32), gathered: impl Fn(Ice) -> bool) -> Effect {
        match self.chain.front().cloned() {
            Some(Operation::SetLocal) if self.signaling == Signaling::HaveRemoteOffer => {
                self.answer(own, fresh.0, gathered)
            }
            Some(Operation::SetLocal) => {
                let ice = self.local.filter(|_| !self.replace_credentials).map_or(fresh.0, |sdp| sdp.ice);
                let mids = self.mids.unwrap_or(fresh.1);
                let sdp = Sdp { pc: own, ice, candidates: gathered(ice), changes, exchange: fresh.1, mids };
                self.pending_local = Some(sdp);
                self.signaling = Signaling::HaveLocalOffer;
                Effect::LocalDescription(sdp.write(DescriptionType::Offer))
            }
            Some(Operation::Rollback) if !self.offerer => Effect::Refused(FREEZES),
            Some(Operation::Rollback) if self.signaling == Signaling::HaveLocalOffer => {
                self.pending_local = None;
                self.become_stable();
                Effect::RolledBack
            }
            Some(Operation::Rollback) => Effect::Refused("rollback outside have-local-offer"),
            Some(Operation::SetRemote(description)) => self.set_remote(&description),
            Some(Operation::AddCandidate(candidate)) => self.add_candidate(candidate),
            None => Effect::Candidate,
        }
    }

    fn answer(&mut self, own: Pc, fresh: Ice, gathered: impl Fn(Ice) -> bool) -> Effect {
        let Some(offer) = self.pending_remote.take() else { return Effect::Refused("no offer to answer") };
        let restarted = self.remote.is_none_or(|remote| remote.ice != offer.ice);
        let ice = self.local.filter(|_| !restarted).map_or(fresh, |sdp| sdp.ice);
        let own_changes = self.agreed.own_changes;
        let candidates = gathered(ice);
        let sdp = Sdp { pc: own, ice, candidates, changes: own_changes, ..offer };
        self.apply(sdp, offer);
        self.agreed = Agreed { exchange: offer.exchange, own_changes, their_changes: offer.changes };
        self.become_stable();
        Effect::LocalDescription(sdp.write(DescriptionType::Answer))
    }

    fn set_remote(&mut self, description: &Description) -> Effect {
        let sdp = Sdp::read(description);
        if self.remote_identity.is_some_and(|pc| pc != sdp.pc) {
            return Effect::Refused("a description of another connection");
        }
        match description.kind {
            DescriptionType::Offer if self.mids.is_some_and(|mids| mids != sdp.mids) => {
                return Effect::Refused("an offer whose media descriptions are others than before");
            }
            DescriptionType::Offer if self.offerer && self.local.is_none() => {
                return Effect::Refused("an offer that would double the transceivers");
            }
            DescriptionType::Offer if !self.offerer && self.pending_local.is_some() => return Effect::Refused(FREEZES),
            DescriptionType::Offer => {
                self.pending_local = None; // implicit rollback
                self.pending_remote = Some(sdp);
                self.signaling = Signaling::HaveRemoteOffer;
            }
            DescriptionType::Answer => {
                if self.signaling != Signaling::HaveLocalOffer {
                    return Effect::Refused("an answer outside have-local-offer");
                }
                let Some(offer) = self.pending_local.filter(|offer| offer.exchange == sdp.exchange) else {
                    return Effect::Refused("an answer to another offer");
                };
                self.pending_local = None;
                self.apply(offer, sdp);
                self.agreed = Agreed { exchange: sdp.exchange, own_changes: offer.changes, their_changes: sdp.changes };
                self.become_stable();
            }
        }
        self.remote_identity = Some(sdp.pc);
        if sdp.candidates {
            self.known.push(sdp.ice);
        }
        Effect::RemoteDescription
    }

    fn add_candidate(&mut self, candidate: Option<Candidate>) -> Effect {
        if self.remote_identity.is_none() {
            return Effect::Refused("a candidate without a remote description");
        }
        let Some(ice) = candidate.as_ref().map(generation) else {
            return Effect::Candidate;
        };
        let described = || [self.remote, self.pending_remote].into_iter().flatten().map(|sdp| sdp.ice);
        if described().any(|known| known == ice) {
            self.known.push(ice);
        } else if described().all(|known| known < ice) {
            // One of a generation before does no harm.
            return Effect::Refused("a candidate before its description");
        }
        Effect::Candidate
    }

    fn apply(&mut self, local: Sdp, remote: Sdp) {
        if self.local.is_none_or(|old| old.ice != local.ice) {
            self.replace_credentials = false;
        }
        self.mids = Some(local.mids);
        self.local = Some(local);
        self.remote = Some(remote);
    }

    fn become_stable(&mut self) {
        self.signaling = Signaling::Stable;
        self.negotiation_needed = false;
        self.update_on_empty_chain = true; // the operation is still in the chain
    }
}
