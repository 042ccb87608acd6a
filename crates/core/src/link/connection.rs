//! One RTCPeerConnection of a link: its negotiation, the candidates that wait, and its health.

use std::collections::VecDeque;

use madang_protocol::{Body, Candidate, ConnectionId, Description, DescriptionType, PeerId};

use crate::{
    candidates::Candidates,
    mutation::{Mutation, broken},
    negotiation::{Negotiation, Outcome, Step},
    session::{ConnectionCall, ConnectionState, Output, Time, Video},
};

use super::{Route, flow::Flow, gathered::Gathered, picture::Picture, recovery::Recovery, way::Way};

/// So long after it is connected, whoever began small sends video in full size: the first frame is there by then, and
/// the bandwidth is roughly known.
const GROWS_AFTER: Time = Time::from_millis(750);

/// A connection and what it waits for.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: PeerId,
    pub(crate) id: ConnectionId,
    pub(crate) negotiation: Negotiation,
    pub(crate) recovery: Recovery,
    pub(crate) flow: Flow,
    picture: Picture,
    /// As of the last time that [`Connection::advance`] was called.
    flowed: bool,
    /// The peer missed frames, or had only small ones, and video is perhaps paused: it is to begin anew.
    missed: bool,
    /// Video is sent in half size until then, if nothing makes it begin anew before.
    grows_at: Option<Time>,
    route: Option<Route>,
    /// Of the latest remote description.
    remote_ufrag: Option<String>,
    remote_candidates: Candidates,
    local_candidates: Candidates,
    /// Of this generation.
    gathered: Gathered,
}

impl Connection {
    /// A connection that was just opened. Whoever offers in it sends video in half size at first.
    pub(crate) fn new(peer: PeerId, id: ConnectionId, offerer: bool, polite: bool, recovery: Recovery) -> Self {
        Self {
            peer,
            id,
            negotiation: Negotiation::new(polite),
            recovery,
            flow: Flow::default(),
            picture: Picture::default(),
            flowed: false,
            missed: false,
            grows_at: offerer.then_some(Time::MAX),
            route: None,
            remote_ufrag: None,
            remote_candidates: Candidates::default(),
            local_candidates: Candidates::default(),
            gathered: Gathered::default(),
        }
    }

    /// Asks for a method to be called.
    fn call(&self, call: ConnectionCall, out: &mut VecDeque<Output>) {
        out.push_back(Output::Call { peer: self.peer.clone(), connection: self.id, call });
    }

    /// Restarts ICE with an offer, which need not wait for `negotiationneeded`.
    pub(crate) fn restart_ice(&mut self, out: &mut VecDeque<Output>) {
        self.call(ConnectionCall::RestartIce, out);
        self.gathered = Gathered::default();
        // Paused, the other path's bandwidth would be found out with audio only. Video begins with a key frame once
        // more when there is that path.
        if self.missed {
            self.call(ConnectionCall::ResumeVideo, out);
        }
        self.negotiation.offer_needed();
    }

    /// `connectionstatechange`. That it is `disconnected` while media comes is news of an outage that is over (or of
    /// one in the other direction, which the peer notices): whether media stops is left to [`Flow`].
    pub(crate) fn state_changed(&mut self, now: Time, state: ConnectionState) {
        if state == ConnectionState::Disconnected && self.recovery.is_connected() && self.flow.flows(now) {
            self.recovery.disconnected_late();
            return;
        }
        self.missed |= self.recovery.lost().is_some();
        self.recovery.state_changed(now, state);
        match state {
            ConnectionState::Connected => {
                self.flow.connected(now);
                self.grows_at = self.grows_at.map(|at| at.min(now + GROWS_AFTER));
            }
            ConnectionState::Disconnected => self.flow.disconnected(now),
            _ => self.flow.lost(),
        }
    }

    /// Looks at what arrives when it is time to, and whether video has been small for long enough.
    pub(crate) fn look(&mut self, now: Time, out: &mut VecDeque<Output>) {
        self.missed |= self.grows_at.take_if(|at| *at <= now).is_some();
        if self.flow.tick(now) {
            self.call(ConnectionCall::ReadStats, out);
        }
    }

    /// What was seen; `true` when the route is news. `expected`: the peer sends something.
    pub(crate) fn seen(&mut self, now: Time, (route, improves): (Route, bool), received: u64, expected: bool) -> bool {
        if self.flow.read(now, received) {
            // What comes again in one direction goes again in the other, nearly always.
            self.missed |= self.recovery.heard();
        } else if let Some(came) = self.flow.stopped(now)
            && !broken(Mutation::SilenceIgnored)
        {
            self.recovery.silent(now, came, expected);
        }
        let detours = match route {
            Route::Direct => false,
            Route::RelayUdp => self.gathered.lacks_server_reflexive() && !broken(Mutation::CutShortKept),
            Route::RelayTcp | Route::RelayTls => !broken(Mutation::DetourKept),
        };
        self.recovery.detours(now, detours && improves);
        self.route.replace(route) != Some(route)
    }

    /// Whether the ICE credentials of the peer are others than before (RFC 8839 section 4.4.1.1.1). They
    /// are kept for the next time.
    fn restarts_ice(&mut self, description: &Description) -> bool {
        let ufrag = description.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::to_owned);
        let before = std::mem::replace(&mut self.remote_ufrag, ufrag);
        before.is_some() && before != self.remote_ufrag
    }

    /// Does what the loss of media and the negotiation want done next.
    pub(crate) fn advance(&mut self, out: &mut VecDeque<Output>) {
        let flows = self.recovery.is_flowing();
        if std::mem::replace(&mut self.flowed, flows) && !flows {
            self.missed = true;
            self.call(ConnectionCall::PauseVideo, out);
        }
        if flows && std::mem::take(&mut self.missed) {
            self.call(ConnectionCall::ResumeVideo, out);
            self.grows_at = None;
        }
        while let Some(step) = self.negotiation.next() {
            if let Step::SetRemoteDescription(description) = &step
                && self.restarts_ice(description)
                && description.kind == DescriptionType::Offer
            {
                self.call(ConnectionCall::Configure, out);
                self.gathered = Gathered::default();
            }
            let call = match step {
                Step::SetLocalDescription => ConnectionCall::SetLocalDescription,
                Step::Rollback => ConnectionCall::Rollback,
                Step::SetRemoteDescription(description) => ConnectionCall::SetRemoteDescription(description),
            };
            self.call(call, out);
        }
        while self.negotiation.takes_candidates() {
            let Some(candidate) = self.remote_candidates.pop() else { break };
            self.call(ConnectionCall::AddIceCandidate(candidate), out);
        }
    }

    /// The epoch is over.
    pub(crate) fn suspend(&mut self, now: Time) {
        self.flow.alert(now);
        self.negotiation.suspend();
        self.remote_candidates.clear();
        self.local_candidates.clear();
    }

    /// `icecandidate`.
    pub(crate) fn local_candidate(
        &mut self,
        candidate: Option<Candidate>,
        way: Option<&mut Way>,
        out: &mut VecDeque<Output>,
    ) {
        if let Some(candidate) = &candidate {
            self.gathered.add(candidate);
        }
        let overtakes = broken(Mutation::CandidatesOvertake);
        if self.negotiation.is_describing() && !overtakes {
            if candidate.is_some() {
                // The end of candidates that comes now is that of the generation before.
                self.local_candidates.push(candidate);
            }
        } else if self.negotiation.is_announced() || overtakes {
            self.say(candidate_body(self.id, candidate), way, out);
        }
    }

    /// A candidate of the peer.
    pub(crate) fn remote_candidate(&mut self, now: Time, candidate: Option<Candidate>) {
        if !self.negotiation.is_ignoring() {
            if candidate.is_none() {
                self.recovery.candidates_ended(now);
            }
            self.remote_candidates.push(candidate);
        }
    }

    /// What came of video was seen. A change of this side's sender starts the receiver beside it anew.
    pub(crate) fn seen_video(&mut self, video: Video) {
        self.missed |= self.picture.read(video);
    }

    /// Acts on an operation's outcome; `false` if the connection is lost.
    #[must_use]
    pub(crate) fn conclude(
        &mut self,
        outcome: Outcome,
        now: Time,
        way: Option<&mut Way>,
        out: &mut VecDeque<Output>,
    ) -> bool {
        let description = match outcome {
            Outcome::Lost => return false,
            Outcome::Done => None,
            Outcome::Send(description) => Some(description),
            Outcome::Exchanged(answer) => {
                self.recovery.negotiated(now, answer.is_none());
                answer
            }
        };
        match description {
            Some(description) => self.say_description(description, way, out),
            None if self.negotiation.is_describing() => {}
            None => self.local_candidates.clear(),
        }
        true
    }

    fn say_description(&mut self, description: Description, mut way: Option<&mut Way>, out: &mut VecDeque<Output>) {
        self.say(Body::Description { connection: self.id, description }, way.as_deref_mut(), out);
        while let Some(candidate) = self.local_candidates.pop() {
            self.say(candidate_body(self.id, candidate), way.as_deref_mut(), out);
        }
    }

    fn say(&self, body: Body, way: Option<&mut Way>, out: &mut VecDeque<Output>) {
        if let Some(way) = way {
            out.push_back(Output::Signal(way.signal(self.peer.clone(), body)));
        }
    }
}

fn candidate_body(connection: ConnectionId, candidate: Option<Candidate>) -> Body {
    match candidate {
        Some(candidate) => Body::Candidate { connection, candidate },
        None => Body::EndOfCandidates { connection },
    }
}
