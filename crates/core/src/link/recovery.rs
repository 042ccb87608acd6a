//! When a connection that lost its path is restarted, and when it is given up.
//!
//! `disconnected` heals by itself most of the time and is given [`PATIENCE`]; silence, `failed` and a
//! changed network are acted upon at once. An ICE restart (RFC 8445 section 9) that has been
//! negotiated gets a [`TRIAL`] to succeed. After some restarts in vain the connection is replaced:
//! by the impolite peer first, so that not both do it.
//!
//! A connection that is being set up may say `failed` while candidates of the peer are on their way, as
//! when the first of them is one that no pair can be made with: the agent does not wait for the others,
//! though it should (webrtc-pc section 5.6.4, `failed`). The next one brings it back, so a restart waits
//! until the peer has said that there are no more, and the last of them had its chance.
//!
//! A peer that is cut off cannot answer, and one that is back finds the old path again, mostly. A
//! restart that waited for it would only take that path away: a browser that was asked for one makes
//! it with whatever offer is next, needed or not. So unless the path has `failed` or the network
//! changed, an offer without a restart finds out whether the peer is there, and the restart follows
//! the answer.
//!
//! What goes by a relay over TCP works and is a detour: what is lost holds up all that comes after it. So
//! is any relay where the address that a straight path needs was not learnt. A browser takes the path that
//! is there first and gathers no more, so a datagram that came late is enough for either, and it stays when
//! a firewall opens. A restart finds out whether there is a better path, and media goes by the old one until
//! then. Where there is none that is asked less and less often.

use std::time::Duration;

use crate::{
    mutation::{Mutation, broken},
    session::{Cause, ConnectionState, Time},
};

/// How long `disconnected` may last.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How long a negotiated path may take to work.
pub(crate) const TRIAL: Duration = Duration::from_secs(10);
/// The same for the first restart of what worked: it may have been too early, when the network was
/// not there yet.
const FIRST_TRIAL: Duration = Duration::from_secs(5);
/// So soon after the network changed, what is lost is lost to that.
const CHANGE_SHOWS: Duration = Duration::from_secs(10);
/// How long a restart is left alone, even though nothing has come since, and the last candidates.
const CHANCE: Duration = Duration::from_millis(1500);
/// So long after the peer turned out to be there the old path may still come back: time to look.
const RETURN: Duration = Duration::from_millis(300);
/// The least time between two restarts because the network changed.
const SPACING: Duration = Duration::from_secs(5);
/// For so many seconds a detour is taken before a better path is looked for, three times as long each time.
const DETOUR: u32 = 3;
const LONGEST_DETOUR: u32 = 1800;
/// Restarts in vain before the impolite peer replaces the connection.
const RESTARTS: u32 = 3;

/// What to do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Find out with an offer whether the peer is there.
    Inquire,
    /// Restart ICE.
    Restart,
    /// Open another one.
    Replace,
}

/// Whether the peer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inquiry {
    Unasked,
    Asked,
    Answered,
}

/// Watches one connection.
#[derive(Debug)]
pub(crate) struct Recovery {
    /// How many restarts before the connection is replaced.
    restarts: u32,
    state: ConnectionState,
    at: Option<Time>,
    restarted_at: Option<Time>,
    /// When the path that was negotiated has had its time.
    tried_at: Option<Time>,
    /// Restarts since it was last connected.
    tries: u32,
    /// Candidates of the peer may be on their way.
    awaits_candidates: bool,
    /// Not connected, for longer than is worth a word.
    lost: bool,
    /// What comes says otherwise than ICE: nothing, though it is `connected`, or something, though
    /// it is `disconnected`. That it stays for up to six seconds in Firefox, until a check of its
    /// consent (RFC 7675) is answered, and media flows by the same path meanwhile.
    contradicted: bool,
    inquiry: Inquiry,
    /// Why it is not connected any more, and since when.
    cause: Option<(Cause, Time)>,
    network_changed_at: Option<Time>,
    /// Since when it takes a detour, and how long that is left alone.
    detour: Option<Time>,
    detour_lasts: u32,
}

impl Recovery {
    /// For a connection that can be restarted.
    pub(crate) fn new(polite: bool) -> Self {
        Self::replacing_after(if polite { 2 * RESTARTS } else { RESTARTS })
    }

    /// For a connection that cannot.
    pub(crate) fn without_restart() -> Self {
        Self::replacing_after(0)
    }

    fn replacing_after(restarts: u32) -> Self {
        Self {
            restarts,
            state: ConnectionState::New,
            at: None,
            restarted_at: None,
            tried_at: None,
            tries: 0,
            awaits_candidates: true,
            lost: true,
            contradicted: false,
            inquiry: Inquiry::Unasked,
            cause: None,
            network_changed_at: None,
            detour: None,
            detour_lasts: DETOUR,
        }
    }

    /// Media can flow.
    pub(crate) fn is_connected(&self) -> bool {
        match self.state {
            ConnectionState::Connected => !self.contradicted,
            ConnectionState::Disconnected => self.contradicted,
            _ => false,
        }
    }

    /// There is a path, as ICE says or as what comes by it shows.
    pub(crate) fn has_path(&self) -> bool {
        self.state == ConnectionState::Connected || self.is_connected()
    }

    /// Why it is not connected any more, and since when.
    pub(crate) fn lost(&self) -> Option<(Cause, Time)> {
        self.cause
    }

    fn blame(&mut self, cause: Cause, since: Time) {
        let changed = self.network_changed_at.is_some_and(|at| since <= at + CHANGE_SHOWS);
        let cause = if changed { Cause::NetworkChanged } else { cause };
        self.cause.get_or_insert((cause, since));
    }

    /// Nothing has come since `came`. While ICE says `connected` that matters only where something is
    /// `expected`.
    pub(crate) fn silent(&mut self, now: Time, came: Time, expected: bool) {
        let disconnected = self.state == ConnectionState::Disconnected;
        if !self.is_connected() || !(disconnected || (expected && self.restarts > 0)) {
            return;
        }
        (self.contradicted, self.lost) = (!self.contradicted, true);
        self.blame(if disconnected { Cause::PathLost } else { Cause::MediaStopped }, came);
        self.not_later_than(match self.restarted_at {
            _ if self.restarts == 0 => now + TRIAL,
            // A restart that was made just now is given a chance.
            Some(at) => now.max(at + CHANCE),
            None => now,
        });
    }

    /// Something came; `true` if that ends a silence.
    pub(crate) fn heard(&mut self) -> bool {
        let known = matches!(self.state, ConnectionState::Connected | ConnectionState::Disconnected);
        let ends = known && !self.is_connected();
        if ends {
            self.contradicted = !self.contradicted;
            self.works();
        }
        ends
    }

    fn works(&mut self) {
        (self.at, self.tried_at, self.tries, self.lost, self.cause) = (None, None, 0, false, None);
        self.inquiry = Inquiry::Unasked;
    }

    /// Media can flow, or stopped so recently that it is not worth a word.
    pub(crate) fn is_flowing(&self) -> bool {
        self.is_connected() || (self.state == ConnectionState::Disconnected && !self.lost)
    }

    /// `connectionstatechange`.
    pub(crate) fn state_changed(&mut self, now: Time, state: ConnectionState) {
        if self.is_connected() && state != ConnectionState::Connected {
            self.blame(Cause::PathLost, now);
        }
        (self.state, self.contradicted) = (state, false);
        match state {
            ConnectionState::Connected => self.works(),
            ConnectionState::Disconnected => {
                self.not_later_than(now + if self.restarts > 0 { PATIENCE } else { TRIAL })
            }
            ConnectionState::Failed if self.is_set_up() && !broken(Mutation::EarlyFailureBelieved) => {
                self.not_later_than(now + if self.awaits_candidates { TRIAL } else { CHANCE });
            }
            // After a restart its trial counts: it may fail early and still come to life.
            ConnectionState::Failed if self.tries == 0 => self.not_later_than(now),
            // The last of the candidates may have brought it back.
            ConnectionState::Connecting if self.is_set_up() => self.at = self.tried_at,
            ConnectionState::Failed | ConnectionState::New | ConnectionState::Connecting | ConnectionState::Closed => {}
        }
    }

    /// `disconnected`, although something has just come.
    pub(crate) fn disconnected_late(&mut self) {
        (self.state, self.contradicted) = (ConnectionState::Disconnected, true);
    }

    /// It has not been connected, nor restarted, so far.
    fn is_set_up(&self) -> bool {
        self.cause.is_none() && self.tries == 0
    }

    /// The peer has no more candidates.
    pub(crate) fn candidates_ended(&mut self, now: Time) {
        self.awaits_candidates = false;
        if self.state == ConnectionState::Failed && self.is_set_up() {
            self.not_later_than(now + CHANCE);
        }
    }

    /// The browser's network changed: the path may be gone before anybody notices. Some browsers
    /// say so whenever their guess at the bandwidth changes, so not every time counts.
    pub(crate) fn network_changed(&mut self, now: Time) {
        self.network_changed_at = Some(now);
        (self.detour, self.detour_lasts) = (None, DETOUR);
        if self.restarts > 0 {
            self.not_later_than(self.restarted_at.map_or(now, |at| now.max(at + SPACING)));
        }
    }

    /// Whether media goes by a detour, as was seen.
    pub(crate) fn detours(&mut self, now: Time, detours: bool) {
        self.detour = (detours && self.is_connected()).then(|| self.detour.unwrap_or(now));
        let lasts = Duration::from_secs(self.detour_lasts.into());
        if self.detour.is_some_and(|since| since + lasts <= now) && self.restarts > 0 {
            (self.detour, self.detour_lasts) = (None, LONGEST_DETOUR.min(3 * self.detour_lasts));
            self.not_later_than(now);
        }
    }

    /// An offer was answered, `own` or of the other: that may have restarted ICE.
    pub(crate) fn negotiated(&mut self, now: Time, own: bool) {
        if self.inquiry == Inquiry::Asked {
            self.inquiry = Inquiry::Answered;
            self.at = Some(now + if own { RETURN } else { CHANCE });
        } else if !self.is_connected() {
            let end = now + if self.tries == 1 && self.cause.is_some() { FIRST_TRIAL } else { TRIAL };
            self.not_later_than(end);
            // What the other negotiates anew takes nothing from the time that there was.
            self.tried_at = Some(self.tried_at.map_or(end, |at| at.min(end)));
        }
    }

    /// Whether a path was negotiated, had its time, and does not work.
    pub(crate) fn was_tried(&self, now: Time) -> bool {
        self.tried_at.is_some_and(|at| at <= now)
    }

    fn not_later_than(&mut self, time: Time) {
        self.at = Some(self.at.map_or(time, |at| at.min(time)));
    }

    /// Whether to find out first if the peer is there.
    fn is_doubtful(&self, now: Time) -> bool {
        let changed = self.network_changed_at.is_some_and(|at| now <= at + CHANGE_SHOWS);
        matches!(self.state, ConnectionState::Connected | ConnectionState::Disconnected)
            && !self.is_connected()
            && self.tries == 0
            && self.restarts > 0
            && self.inquiry != Inquiry::Answered
            && !changed
    }

    /// A new epoch begins with an offer of this side: whether it restarts ICE.
    pub(crate) fn restart_now(&mut self, now: Time) -> bool {
        let due = !self.is_connected() || self.at.is_some_and(|at| at <= now);
        if due && self.is_doubtful(now) {
            // The peer is there: it has just come back.
            (self.inquiry, self.at) = (Inquiry::Answered, Some(now + RETURN));
            return false;
        }
        if due && !broken(Mutation::NoRestart) {
            self.restarted(now);
            return true;
        }
        false
    }

    fn restarted(&mut self, now: Time) {
        (self.at, self.tried_at) = (None, None);
        self.restarted_at = Some(now);
        self.inquiry = Inquiry::Unasked;
        if !self.is_connected() {
            self.lost = true;
            self.tries = self.tries.saturating_add(1);
        }
    }

    /// What is due; `able` is whether signaling works.
    pub(crate) fn tick(&mut self, now: Time, able: bool) -> Option<Remedy> {
        if self.at.is_none_or(|at| at > now) {
            return None;
        }
        self.lost = !self.is_connected();
        if !able {
            return None;
        }
        if broken(Mutation::NoRestart) {
            self.at = None;
            return None;
        }
        if self.is_doubtful(now) {
            (self.inquiry, self.at) = (Inquiry::Asked, None);
            return Some(Remedy::Inquire);
        }
        if self.tries >= self.restarts {
            self.at = None;
            return Some(Remedy::Replace);
        }
        self.restarted(now);
        Some(Remedy::Restart)
    }

    /// When [`Recovery::tick`] is wanted.
    pub(crate) fn timeout(&self, able: bool) -> Option<Time> {
        self.at.filter(|_| able || (!self.lost && !self.is_connected()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Time {
        Time::from_secs(seconds)
    }

    #[test]
    fn a_flap_is_left_alone() {
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.state_changed(s(1), ConnectionState::Disconnected);
        assert!(recovery.is_flowing());
        assert_eq!(recovery.tick(s(2), true), None);
        recovery.state_changed(s(2), ConnectionState::Connected);
        assert_eq!(recovery.timeout(true), None);
    }

    #[test]
    fn disconnected_is_restarted_after_two_seconds_if_the_peer_is_there_and_failed_at_once() {
        for own in [true, false] {
            let mut recovery = Recovery::new(false);
            recovery.state_changed(s(0), ConnectionState::Connected);
            recovery.state_changed(s(1), ConnectionState::Disconnected);
            assert_eq!(recovery.timeout(true), Some(s(3)));
            assert_eq!(recovery.tick(s(3), true), Some(Remedy::Inquire));
            assert!(!recovery.is_flowing());
            assert_eq!(recovery.timeout(true), None, "nobody is there");
            recovery.negotiated(s(9), own);
            let due = s(9) + if own { RETURN } else { CHANCE };
            assert_eq!(recovery.timeout(true), Some(due), "it may come back by itself");
            assert_eq!(recovery.tick(due, true), Some(Remedy::Restart));
            recovery.negotiated(due, true);
            assert_eq!(recovery.timeout(true), Some(due + FIRST_TRIAL));
        }
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.state_changed(s(1), ConnectionState::Failed);
        assert_eq!(recovery.tick(s(1), true), Some(Remedy::Restart));
    }

    #[test]
    fn what_fails_before_the_candidates_are_there_is_given_the_rest_of_them() {
        let early = |recovery: &mut Recovery| {
            recovery.negotiated(s(0), true);
            recovery.state_changed(s(1), ConnectionState::Connecting);
            recovery.state_changed(s(1), ConnectionState::Failed);
            assert_eq!(recovery.timeout(true), Some(s(0) + TRIAL));
        };
        let mut recovery = Recovery::new(false);
        early(&mut recovery);
        recovery.state_changed(s(2), ConnectionState::Connected);
        assert_eq!(recovery.timeout(true), None);

        let mut recovery = Recovery::new(false);
        early(&mut recovery);
        recovery.candidates_ended(s(3));
        assert_eq!(recovery.timeout(true), Some(s(3) + CHANCE), "that was all");
        recovery.state_changed(s(3), ConnectionState::Connecting);
        assert_eq!(recovery.timeout(true), Some(s(0) + TRIAL), "it was the last of them");
        recovery.state_changed(s(4), ConnectionState::Failed);
        assert_eq!(recovery.tick(s(4) + CHANCE, true), Some(Remedy::Restart));
    }

    #[test]
    fn a_detour_is_left_alone_for_longer_and_longer() {
        let restarts = |recovery: &mut Recovery, from: u64, to: u64, detours: bool| {
            let mut at = Vec::new();
            for now in from..to {
                recovery.detours(s(now), detours);
                if let Some(remedy) = recovery.tick(s(now), true) {
                    assert_eq!(remedy, Remedy::Restart);
                    assert!(recovery.is_connected());
                    at.push(now - from);
                }
            }
            at
        };
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        assert_eq!(restarts(&mut recovery, 0, 200, true), [3, 13, 41, 123]);
        assert_eq!(restarts(&mut recovery, 200, 400, false), [0; 0]);
        recovery.network_changed(s(400));
        assert_eq!(recovery.tick(s(400), true), Some(Remedy::Restart));
        assert_eq!(restarts(&mut recovery, 400, 420, true), [3, 13], "the next network is another one");
        let mut recovery = Recovery::without_restart();
        recovery.state_changed(s(0), ConnectionState::Connected);
        assert_eq!(restarts(&mut recovery, 0, 200, true), [0; 0]);
    }

    #[test]
    fn whoever_failed_to_answer_is_restarted_when_the_connection_fails() {
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.state_changed(s(1), ConnectionState::Disconnected);
        assert_eq!(recovery.tick(s(3), true), Some(Remedy::Inquire));
        recovery.state_changed(s(30), ConnectionState::Failed);
        assert_eq!(recovery.tick(s(30), true), Some(Remedy::Restart));
    }

    #[test]
    fn a_new_epoch_waits_for_what_may_come_back_and_restarts_what_has_failed_or_moved() {
        let disconnected = || {
            let mut recovery = Recovery::new(false);
            recovery.state_changed(s(0), ConnectionState::Connected);
            recovery.state_changed(s(1), ConnectionState::Disconnected);
            recovery
        };
        let mut recovery = disconnected();
        assert!(!recovery.restart_now(s(2)));
        assert_eq!(recovery.timeout(true), Some(s(2) + RETURN));
        recovery.negotiated(s(2), true);
        assert_eq!(recovery.tick(s(2) + RETURN, true), Some(Remedy::Restart));
        let mut recovery = disconnected();
        recovery.state_changed(s(2), ConnectionState::Failed);
        assert!(recovery.restart_now(s(2)));
        let mut recovery = disconnected();
        recovery.network_changed(s(2));
        assert!(recovery.restart_now(s(2)));
    }

    #[test]
    fn nothing_happens_without_signaling_and_all_of_it_afterwards() {
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.state_changed(s(1), ConnectionState::Failed);
        assert_eq!(recovery.tick(s(1), false), None);
        assert_eq!(recovery.timeout(false), None);
        assert_eq!(recovery.tick(s(60), true), Some(Remedy::Restart));
    }

    #[test]
    fn false_alarms_are_restarted_now_and_then_and_never_held_against_the_connection() {
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        let mut restarts = 0;
        for second in 0..50 {
            recovery.network_changed(s(second));
            restarts += u32::from(recovery.tick(s(second), true) == Some(Remedy::Restart));
        }
        assert_eq!(restarts, 10);
        recovery.state_changed(s(60), ConnectionState::Disconnected);
        assert!(recovery.is_flowing());
    }

    #[test]
    fn silence_is_restarted_if_the_peer_is_there_and_is_over_when_something_comes() {
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.silent(s(9), s(7), true);
        assert!(!recovery.is_flowing());
        assert_eq!(recovery.lost(), Some((Cause::MediaStopped, s(7))));
        assert_eq!(recovery.tick(s(9), true), Some(Remedy::Inquire));
        recovery.negotiated(s(9), true);
        assert_eq!(recovery.tick(s(10), true), Some(Remedy::Restart));
        recovery.negotiated(s(10), true);
        assert_eq!(recovery.timeout(true), Some(s(10) + FIRST_TRIAL), "it may be in vain");
        assert!(recovery.heard());
        assert!(!recovery.heard() && recovery.is_flowing());
        assert_eq!((recovery.timeout(true), recovery.lost()), (None, None));
    }

    #[test]
    fn what_comes_although_disconnected_makes_a_restart_needless() {
        let mut recovery = Recovery::new(false);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.state_changed(s(5), ConnectionState::Disconnected);
        assert_eq!(recovery.tick(s(7), false), None);
        assert!(!recovery.is_flowing());
        assert!(recovery.heard());
        assert!(recovery.is_flowing() && recovery.has_path());
        assert_eq!((recovery.timeout(true), recovery.lost()), (None, None));
        assert!(!recovery.restart_now(s(8)), "a new epoch leaves it alone");
        recovery.silent(s(10), s(9), false);
        assert!(!recovery.is_flowing());
        assert_eq!(recovery.lost(), Some((Cause::PathLost, s(9))));
        assert_eq!(recovery.tick(s(10), true), Some(Remedy::Inquire));
    }

    #[test]
    fn what_is_lost_after_a_change_of_network_is_lost_to_that() {
        for (at, cause) in [(9, Cause::NetworkChanged), (50, Cause::PathLost)] {
            let mut recovery = Recovery::new(true);
            recovery.state_changed(s(0), ConnectionState::Connected);
            recovery.network_changed(s(5));
            recovery.state_changed(s(at), ConnectionState::Disconnected);
            assert_eq!(recovery.lost(), Some((cause, s(at))));
        }
    }

    #[test]
    fn a_path_has_had_its_time_although_the_other_restarts_at_the_end_of_it() {
        let mut recovery = Recovery::new(false);
        recovery.negotiated(s(0), true);
        recovery.negotiated(s(9), true);
        assert!(recovery.was_tried(s(10)));
        assert_eq!(recovery.tick(s(10), true), Some(Remedy::Restart));
        recovery.negotiated(s(10), true);
        assert!(!recovery.was_tried(s(11)));
    }

    #[test]
    fn the_impolite_peer_gives_up_first() {
        let restarts_until_replaced = |polite| {
            let mut recovery = Recovery::new(polite);
            recovery.state_changed(s(0), ConnectionState::Connected);
            recovery.state_changed(s(0), ConnectionState::Failed);
            let mut now = s(0);
            (0..20)
                .position(|_| {
                    let remedy = recovery.tick(now, true);
                    recovery.negotiated(now, true);
                    now += TRIAL;
                    remedy == Some(Remedy::Replace)
                })
                .unwrap()
        };
        assert_eq!(restarts_until_replaced(false), 3);
        assert_eq!(restarts_until_replaced(true), 6);
    }

    #[test]
    fn what_cannot_restart_is_replaced() {
        let mut recovery = Recovery::without_restart();
        recovery.network_changed(s(0));
        assert_eq!(recovery.timeout(true), None);
        recovery.state_changed(s(0), ConnectionState::Connected);
        recovery.state_changed(s(0), ConnectionState::Failed);
        assert_eq!(recovery.tick(s(0), true), Some(Remedy::Replace));
    }
}
