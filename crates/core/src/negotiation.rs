//! Perfect negotiation of one RTCPeerConnection as a pure machine.
//!
//! This is the example of webrtc-pc section 10.7 with two changes. Operations on the connection
//! are run one after another instead of being chained in the browser, so that the signaling
//! state (RFC 9429 section 3.2) is known whenever something is decided; and it survives gaps in
//! the signaling: at the end of an epoch ([`Negotiation::suspend`]) what is pending becomes
//! *stale*. A stale remote offer is answered to oneself only; a stale local offer is rolled back by
//! the polite peer, and made anew by the impolite one when the next epoch begins
//! ([`Negotiation::resume`]).
//!
//! The impolite peer never rolls back, and it is the one that answered the first offer: when that
//! side of a connection rolls an offer back, Chromium (156) decodes the pictures that come after
//! it and shows none.
//!
//! What must always hold: within an epoch the impolite peer's offer is answered by the polite
//! one, and whatever a rolled-back or ignored offer wanted is asked for again by the browser,
//! which fires `negotiationneeded` anew each time it becomes stable (section 4.7.3).

use std::collections::VecDeque;

use madang_protocol::{Description, DescriptionType};

use crate::mutation::{Mutation, broken};

/// Descriptions that wait. A peer that keeps to the rules has one on its way, or an answer and an
/// offer.
const WAITING: usize = 4;

/// `RTCSignalingState` without the pranswers. `stale`: of an epoch that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signaling {
    Stable,
    HaveLocalOffer { stale: bool },
    HaveRemoteOffer { stale: bool },
}

/// What the browser is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// `setLocalDescription()` in stable. While it runs, `makingOffer` of the example is true.
    MakeOffer,
    /// `setLocalDescription()` in have-remote-offer.
    MakeAnswer,
    /// `setLocalDescription({type: "rollback"})`.
    Rollback,
    /// `setRemoteDescription(offer)`.
    TakeOffer,
    /// `setRemoteDescription(answer)`. While it runs, `isSettingRemoteAnswerPending` is true.
    TakeAnswer,
}

/// What to do next with the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `setLocalDescription()`.
    SetLocalDescription,
    /// `setLocalDescription({type: "rollback"})`.
    Rollback,
    /// `setRemoteDescription(description)`.
    SetRemoteDescription(Description),
}

/// What came of an operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to do for others.
    Done,
    /// Send this to the peer.
    Send(Description),
    /// An offer has been answered, by this side (which must send the answer) or the other.
    Exchanged(Option<Description>),
    /// The browser did what nobody asked for; the connection cannot be relied on.
    Lost,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Negotiation {
    polite: bool,
    signaling: Signaling,
    running: Option<(Task, bool)>,
    received: VecDeque<Description>,
    /// An offer is wanted.
    needed: bool,
    /// Signaling works and this side may offer.
    live: bool,
    /// The last offer received was ignored, and so are its candidates.
    ignoring: bool,
    /// A local description was sent in this epoch.
    announced: bool,
    /// Any remote description was handed to the browser.
    described: bool,
    complete: bool,
}

impl Negotiation {
    /// A machine for a connection without descriptions.
    pub(crate) fn new(polite: bool) -> Self {
        Self {
            polite,
            signaling: Signaling::Stable,
            running: None,
            received: VecDeque::new(),
            needed: false,
            live: true,
            ignoring: false,
            announced: false,
            described: false,
            complete: false,
        }
    }

    /// One offer has been answered and, as far as this side knows, both sides know it.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// A local offer of this epoch is being made or waits for its answer.
    pub(crate) fn is_offering(&self) -> bool {
        self.running == Some((Task::MakeOffer, false)) || self.waits_for_answer()
    }

    fn waits_for_answer(&self) -> bool {
        self.running.is_none() && self.signaling == Signaling::HaveLocalOffer { stale: false }
    }

    /// A local description is being made: its candidates must not overtake it.
    pub(crate) fn is_describing(&self) -> bool {
        matches!(self.running, Some((Task::MakeOffer | Task::MakeAnswer, _)))
    }

    /// The peer was sent a local description in this epoch. Until then it has no use for
    /// candidates, and that description will hold those that are known.
    pub(crate) fn is_announced(&self) -> bool {
        self.announced
    }

    /// The candidates that come belong to an offer that was ignored.
    pub(crate) fn is_ignoring(&self) -> bool {
        self.ignoring
    }

    /// Candidates that came up to now can be added.
    pub(crate) fn takes_candidates(&self) -> bool {
        (self.described && self.received.is_empty()) || broken(Mutation::CandidatesNotQueued)
    }

    /// `negotiationneeded`, or an offer is wanted for another reason.
    pub(crate) fn offer_needed(&mut self) {
        self.needed = true;
    }

    /// The epoch is over: what is pending is stale.
    pub(crate) fn suspend(&mut self) {
        self.live = false;
        self.received.clear();
        self.ignoring = false;
        self.announced = false;
        if let Some((_, stale)) = &mut self.running {
            *stale = true;
        }
        if let Signaling::HaveLocalOffer { stale } | Signaling::HaveRemoteOffer { stale } = &mut self.signaling {
            *stale = true;
        }
    }

    /// Signaling works again and this side may offer.
    pub(crate) fn resume(&mut self) {
        self.live = true;
    }

    /// A description of this epoch arrived.
    pub(crate) fn receive(&mut self, description: Description) {
        match description.kind {
            DescriptionType::Offer if self.collides() && !self.yields() => self.ignoring = true,
            DescriptionType::Answer if !self.waits_for_answer() => {} // nobody asked
            _ if self.received.len() >= WAITING => {}                 // a stranger who does not wait for answers
            _ => {
                self.ignoring = false;
                self.received.push_back(description);
            }
        }
    }

    /// `offerCollision` of the example, for offers of this epoch.
    fn collides(&self) -> bool {
        match self.running {
            Some((Task::MakeOffer, stale)) => !((stale && self.polite) || broken(Mutation::MakingOfferForgotten)),
            Some((Task::TakeAnswer, _)) => broken(Mutation::AnswerPendingForgotten),
            Some(_) => false,
            None => self.waits_for_answer() || self.makes_anew(),
        }
    }

    /// A stale local offer is not rolled back, but takes another one's place.
    fn makes_anew(&self) -> bool {
        self.signaling == Signaling::HaveLocalOffer { stale: true } && !self.polite && !broken(Mutation::AllRollBack)
    }

    fn yields(&self) -> bool {
        if self.polite { !broken(Mutation::PoliteIgnores) } else { broken(Mutation::ImpoliteYields) }
    }

    /// The next step, if the browser is idle and there is one.
    pub(crate) fn next(&mut self) -> Option<Step> {
        if self.running.is_some() {
            return None;
        }
        match self.signaling {
            Signaling::HaveLocalOffer { stale: true } if self.makes_anew() => {
                self.live.then(|| self.start(Task::MakeOffer, false, Step::SetLocalDescription)).flatten()
            }
            Signaling::HaveLocalOffer { stale: true } if !broken(Mutation::NoRollback) => {
                self.start(Task::Rollback, true, Step::Rollback)
            }
            // Also when stale: rolling back a remote offer is what browsers do least well.
            Signaling::HaveRemoteOffer { stale } => self.start(Task::MakeAnswer, stale, Step::SetLocalDescription),
            Signaling::Stable | Signaling::HaveLocalOffer { .. } => self.take_received().or_else(|| self.offer()),
        }
    }

    fn take_received(&mut self) -> Option<Step> {
        let description = self.received.pop_front()?;
        self.described = true;
        let task = match description.kind {
            // In have-local-offer this rolls back implicitly (RFC 9429 section 4.1.10.2).
            DescriptionType::Offer => Task::TakeOffer,
            DescriptionType::Answer => Task::TakeAnswer,
        };
        self.start(task, false, Step::SetRemoteDescription(description))
    }

    fn offer(&mut self) -> Option<Step> {
        let stable = self.signaling == Signaling::Stable || broken(Mutation::OfferWhenUnstable);
        if !(self.needed && self.live && stable) {
            return None;
        }
        self.start(Task::MakeOffer, false, Step::SetLocalDescription)
    }

    fn start(&mut self, task: Task, stale: bool, step: Step) -> Option<Step> {
        // What ends in stable makes the browser ask again if it must; a stale answer heals nothing.
        if !stale && matches!(task, Task::MakeOffer | Task::MakeAnswer | Task::TakeAnswer) {
            self.needed = false;
        }
        self.running = Some((task, stale));
        Some(step)
    }

    /// `setLocalDescription()` was fulfilled.
    pub(crate) fn local_description_set(&mut self, description: Description) -> Outcome {
        match (self.running.take(), description.kind) {
            (Some((Task::MakeOffer, stale)), DescriptionType::Offer) => {
                self.signaling = Signaling::HaveLocalOffer { stale };
                if stale {
                    return Outcome::Done;
                }
                self.announced = true;
                Outcome::Send(description)
            }
            (Some((Task::MakeAnswer, stale)), DescriptionType::Answer) => {
                self.signaling = Signaling::Stable;
                if stale && !broken(Mutation::LateAnswerSent) {
                    return Outcome::Done;
                }
                self.announced = true;
                self.complete = true;
                Outcome::Exchanged(Some(description))
            }
            (None, _) => Outcome::Done,
            _ => Outcome::Lost,
        }
    }

    /// The rollback was fulfilled.
    pub(crate) fn rolled_back(&mut self) -> Outcome {
        match self.running.take() {
            Some((Task::Rollback, _)) => {
                self.signaling = Signaling::Stable;
                Outcome::Done
            }
            None => Outcome::Done,
            _ => Outcome::Lost,
        }
    }

    /// `setRemoteDescription()` was fulfilled.
    pub(crate) fn remote_description_set(&mut self) -> Outcome {
        match self.running.take() {
            Some((Task::TakeOffer, stale)) => {
                self.signaling = Signaling::HaveRemoteOffer { stale };
                Outcome::Done
            }
            Some((Task::TakeAnswer, _)) => {
                self.signaling = Signaling::Stable;
                self.complete = true;
                Outcome::Exchanged(None)
            }
            None => Outcome::Done,
            _ => Outcome::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(kind: DescriptionType) -> Description {
        Description { kind, sdp: String::new() }
    }

    fn offer() -> Description {
        description(DescriptionType::Offer)
    }

    fn answer() -> Description {
        description(DescriptionType::Answer)
    }

    /// With an offer that is being made.
    fn making_offer(polite: bool) -> Negotiation {
        let mut negotiation = Negotiation::new(polite);
        negotiation.offer_needed();
        assert_eq!(negotiation.next(), Some(Step::SetLocalDescription));
        negotiation
    }

    /// With an offer that waits for its answer.
    fn offered(polite: bool) -> Negotiation {
        let mut negotiation = making_offer(polite);
        assert_eq!(negotiation.local_description_set(offer()), Outcome::Send(offer()));
        negotiation
    }

    #[test]
    fn an_offer_is_made_sent_and_answered() {
        let mut negotiation = offered(true);
        assert!(!negotiation.is_complete());
        negotiation.receive(answer());
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(answer())));
        assert_eq!(negotiation.remote_description_set(), Outcome::Exchanged(None));
        assert!(negotiation.is_complete());
        assert_eq!(negotiation.next(), None);
    }

    #[test]
    fn an_offer_is_taken_and_answered() {
        let mut negotiation = Negotiation::new(false);
        negotiation.receive(offer());
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(offer())));
        assert_eq!(negotiation.remote_description_set(), Outcome::Done);
        assert_eq!(negotiation.next(), Some(Step::SetLocalDescription));
        assert_eq!(negotiation.local_description_set(answer()), Outcome::Exchanged(Some(answer())));
        assert!(negotiation.is_complete());
    }

    #[test]
    fn in_a_collision_the_impolite_peer_ignores_and_the_polite_one_takes() {
        for mut negotiation in [making_offer(false), offered(false)] {
            negotiation.receive(offer());
            assert!(negotiation.is_ignoring());
        }
        let mut negotiation = offered(true);
        negotiation.receive(offer());
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(offer())));
    }

    #[test]
    fn the_polite_peer_takes_a_colliding_offer_when_its_own_is_made() {
        let mut negotiation = making_offer(true);
        negotiation.receive(offer());
        assert_eq!(negotiation.next(), None);
        assert_eq!(negotiation.local_description_set(offer()), Outcome::Send(offer()));
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(offer())));
    }

    #[test]
    fn an_offer_that_follows_an_answer_is_no_collision() {
        let mut negotiation = offered(false);
        negotiation.receive(answer());
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(answer())));
        negotiation.receive(offer());
        assert!(!negotiation.is_ignoring());
        assert_eq!(negotiation.next(), None);
        negotiation.remote_description_set();
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(offer())));
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_dropped() {
        for mut negotiation in [Negotiation::new(true), making_offer(true)] {
            negotiation.receive(answer());
            assert!(negotiation.received.is_empty());
        }
    }

    #[test]
    fn a_stale_offer_is_rolled_back_and_repeated_if_wanted() {
        let mut negotiation = making_offer(true);
        negotiation.suspend();
        assert_eq!(negotiation.local_description_set(offer()), Outcome::Done);
        assert_eq!(negotiation.next(), Some(Step::Rollback));
        assert_eq!(negotiation.rolled_back(), Outcome::Done);
        negotiation.offer_needed();
        assert_eq!(negotiation.next(), None, "not before the next epoch");
        negotiation.resume();
        assert_eq!(negotiation.next(), Some(Step::SetLocalDescription));
    }

    #[test]
    fn a_stale_offer_of_the_other_side_is_answered_to_nobody() {
        let mut negotiation = Negotiation::new(true);
        negotiation.receive(offer());
        negotiation.next();
        negotiation.suspend();
        negotiation.remote_description_set();
        assert_eq!(negotiation.next(), Some(Step::SetLocalDescription));
        assert_eq!(negotiation.local_description_set(answer()), Outcome::Done);
        assert!(!negotiation.is_complete());
        assert_eq!(negotiation.next(), None);
    }

    #[test]
    fn in_a_new_epoch_an_offer_does_not_collide_with_a_stale_one_of_the_polite_peer() {
        let mut negotiation = offered(true);
        negotiation.suspend();
        assert_eq!(negotiation.next(), Some(Step::Rollback));
        negotiation.resume();
        negotiation.receive(offer());
        assert!(!negotiation.is_ignoring());
        negotiation.rolled_back();
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(offer())));
    }

    #[test]
    fn the_impolite_peer_makes_a_stale_offer_anew_and_lets_the_other_give_way() {
        let mut negotiation = offered(false);
        negotiation.suspend();
        assert_eq!(negotiation.next(), None, "not before the next epoch");
        negotiation.resume();
        negotiation.receive(offer());
        assert!(negotiation.is_ignoring());
        assert_eq!(negotiation.next(), Some(Step::SetLocalDescription));
        assert_eq!(negotiation.local_description_set(offer()), Outcome::Send(offer()));
        negotiation.receive(answer());
        assert_eq!(negotiation.next(), Some(Step::SetRemoteDescription(answer())));
    }

    #[test]
    fn a_stranger_cannot_fill_the_memory() {
        let mut negotiation = making_offer(true);
        for _ in 0..1000 {
            negotiation.receive(offer());
        }
        assert_eq!(negotiation.received.len(), WAITING);
    }

    #[test]
    fn what_the_browser_was_not_asked_for() {
        let mut negotiation = Negotiation::new(true);
        assert_eq!(negotiation.remote_description_set(), Outcome::Done);
        assert_eq!(negotiation.rolled_back(), Outcome::Done);
        assert_eq!(making_offer(true).local_description_set(answer()), Outcome::Lost);
        assert_eq!(making_offer(true).remote_description_set(), Outcome::Lost);
    }
}
