//! Rules broken on purpose, to prove that the simulator would notice.
//!
//! Only the crate's own tests turn the `mutants` feature on; without it the question
//! whether a rule is broken is answered at compile time, and nothing of this is left.

/// A rule that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The impolite peer takes a colliding offer too.
    ImpoliteYields,
    /// The polite peer ignores a colliding offer too.
    PoliteIgnores,
    /// An offer that arrives while one's own is being made is not seen as a collision.
    MakingOfferForgotten,
    /// An offer that arrives while an answer is being set is seen as a collision
    /// (no `isSettingRemoteAnswerPending`).
    AnswerPendingForgotten,
    /// `negotiationneeded` is ignored.
    NegotiationNeededIgnored,
    /// `negotiationneeded` makes an offer although the connection is not stable.
    OfferWhenUnstable,
    /// An offer of the last epoch is not rolled back.
    NoRollback,
    /// The impolite peer rolls its offers back as well.
    AllRollBack,
    /// An offer of the last epoch is answered although it is late.
    LateAnswerSent,
    /// Candidates are not kept until their description is there.
    CandidatesNotQueued,
    /// Local candidates overtake their description.
    CandidatesOvertake,
    /// Signals of another epoch are taken.
    EpochIgnored,
    /// A gap in the sequence is passed over.
    GapIgnored,
    /// A repeated signal is taken again.
    DuplicateTaken,
    /// The peer that hears `peer-joined` does not offer.
    HearerSilent,
    /// The peer that was found in the reply offers as well, without waiting.
    BothOffer,
    /// Both peers take the same numbers for the connections they open.
    NumbersShared,
    /// The number of a connection is not looked at.
    ConnectionNumberIgnored,
    /// A connection is kept although the peer's page is another one.
    InstanceIgnored,
    /// A connection without a complete first exchange is kept in the next epoch.
    IncompleteKept,
    /// An offer for a connection that is gone is not answered with a new one.
    LostConnectionIgnored,
    /// A failed connection is not restarted.
    NoRestart,
    /// What fails before it knows the candidates of the peer is restarted at once.
    EarlyFailureBelieved,
    /// Media that goes by TCP goes on so, though there is a better way.
    DetourKept,
    /// A relay is kept though this side did not come to learn its public address.
    CutShortKept,
    /// Nothing comes any more, and nothing is done about it while ICE is content.
    SilenceIgnored,
    /// A connection whose transport failed is kept although nothing comes by it any more.
    FailedTransportKept,
    /// An operation that was rejected is not made good.
    RejectionIgnored,
    /// The generation is not counted up when joining again.
    GenerationKept,
    /// A join whose connection failed is made once more by the next.
    FailedJoinRepeated,
    /// What arrives before the answer to `join` is dropped.
    EarlyEventsDropped,
    /// A member that is refused when it joins again gives up.
    MemberGivesUp,
    /// A peer that is not listed is dropped although the connection works.
    UnlistedDropped,
    /// What is sent is not said again in a new epoch.
    MediaSaidOnce,
    /// Connections are closed when the socket drops.
    CloseOnSocketLoss,
    /// The same connection is opened anew in every epoch.
    ReplaceEachEpoch,
}

#[cfg(feature = "mutants")]
mod knob {
    use super::Mutation;
    use std::cell::Cell;

    thread_local! {
        static BROKEN: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Breaks a rule for every session of this thread, or none.
    pub fn set(mutation: Option<Mutation>) {
        BROKEN.set(mutation);
    }

    pub(crate) fn broken(mutation: Mutation) -> bool {
        BROKEN.get() == Some(mutation)
    }
}

#[cfg(not(feature = "mutants"))]
mod knob {
    pub(crate) const fn broken(_: super::Mutation) -> bool {
        false
    }
}

pub(crate) use knob::broken;
#[cfg(feature = "mutants")]
pub use knob::set;
