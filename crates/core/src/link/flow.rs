//! Whether anything arrives, by counting: ICE may say for many seconds that all is well while
//! nothing comes any more.
//!
//! What `getStats()` says of the selected candidate pair (webrtc-stats section 8.19,
//! `bytesReceived`: media and its reports, no connectivity checks) is read twice a second. What never
//! flowed cannot stop, so silence counts from the last time that more had come. After a sign of
//! trouble (another network, a lost socket) it is read more often for a while, and less silence is
//! enough. While ICE says `disconnected` it is read as well: what comes then comes by a path.

use std::time::Duration;

use crate::session::Time;

/// How often it is read. What is taken for the last arrival is up to so much later than that was.
const INTERVAL: Duration = Duration::from_millis(500);
/// How often when nothing came between the last two times.
const CLOSER: Duration = Duration::from_millis(250);
/// So long after something came nothing is taken to have stopped: a busy machine pauses as long.
const SILENCE: Duration = Duration::from_secs(2);
/// After so long it may have: time to look twice.
const QUIET: Duration = Duration::from_millis(700);
/// For how long a sign of trouble counts, and how often it is read then, and what is silence.
const ALERT: Duration = Duration::from_secs(4);
const ALERT_INTERVAL: Duration = Duration::from_millis(250);
const ALERT_SILENCE: Duration = Duration::from_millis(700);

/// Knows when something came last, and when to look next.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    at: Option<Time>,
    received: Option<u64>,
    came: Option<Time>,
    alert_until: Option<Time>,
    /// Nothing had come for a while when it was read last.
    quiet: bool,
    /// Since when ICE says that nothing can come.
    disconnected_since: Option<Time>,
}

impl Flow {
    /// Media can flow, perhaps along another route than before. What comes first is left alone: to
    /// count is work, and now a browser has enough of it.
    pub(crate) fn connected(&mut self, now: Time) {
        *self = Self { at: Some(now + CLOSER), ..Self::default() };
    }

    /// It cannot, says ICE, and may be late to see that it can again. What came before does not count.
    pub(crate) fn disconnected(&mut self, now: Time) {
        *self = Self { at: Some(now), disconnected_since: Some(now), ..Self::default() };
    }

    /// It cannot.
    pub(crate) fn lost(&mut self) {
        *self = Self::default();
    }

    /// There is a sign of trouble.
    pub(crate) fn alert(&mut self, now: Time) {
        self.alert_until = Some(now + ALERT);
        self.at = self.at.map(|at| at.min(now + ALERT_INTERVAL));
    }

    fn is_alert(&self, now: Time) -> bool {
        self.alert_until.is_some_and(|until| now < until)
    }

    /// Whether to look now.
    pub(crate) fn tick(&mut self, now: Time) -> bool {
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = Some(match self.is_alert(now) {
                true => now + ALERT_INTERVAL,
                false if self.disconnected_since.is_some() && self.came.is_none() => now + CLOSER,
                false => now + INTERVAL,
            });
        }
        due
    }

    /// When to look.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.at
    }

    /// So many bytes have come in all; `true` if that is more than the last time. Another pair counts
    /// from its own beginning.
    pub(crate) fn read(&mut self, now: Time, received: u64) -> bool {
        let before = self.received.replace(received);
        let more = before.unwrap_or(if self.disconnected_since.is_some() { received } else { 0 }) != received;
        self.quiet = !more && self.latest().is_some_and(|since| since + QUIET <= now);
        if more {
            self.came = Some(now);
        } else if self.came.is_some() {
            self.at = self.at.map(|at| at.min(now + CLOSER));
        }
        more
    }

    /// Since when nothing has come, as far as is known.
    fn latest(&self) -> Option<Time> {
        self.came.or(self.disconnected_since)
    }

    /// Something has just come.
    pub(crate) fn flows(&self, now: Time) -> bool {
        self.came.is_some_and(|came| now < came + QUIET)
    }

    /// Since when nothing has come, if it may have stopped.
    pub(crate) fn quiet(&self) -> Option<Time> {
        self.latest().filter(|_| self.quiet)
    }

    /// When something came last, if that is so long ago that it has stopped.
    pub(crate) fn stopped(&self, now: Time) -> Option<Time> {
        let silence = if self.is_alert(now) { ALERT_SILENCE } else { SILENCE };
        self.came.filter(|came| *came + silence <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_twice_a_second_and_closer_when_nothing_comes() {
        let mut flow = Flow::default();
        let ms = Duration::from_millis;
        assert!(!flow.tick(ms(0)));
        flow.connected(ms(0));
        assert!(!flow.flows(ms(0)));
        let mut looked = Vec::new();
        for now in (0..5000).step_by(50) {
            if flow.tick(ms(now)) {
                looked.push(now);
                flow.read(ms(now), now.min(2000));
            }
        }
        assert_eq!(flow.quiet(), Some(ms(2250)));
        assert!(flow.flows(ms(2900)) && !flow.flows(ms(2950)));
        assert_eq!(looked[..5], [250, 750, 1250, 1750, 2250]);
        assert_eq!(looked[5..10], [2750, 3000, 3250, 3500, 3750]);
        assert_eq!((flow.stopped(ms(4200)), flow.stopped(ms(4250))), (None, Some(ms(2250))));
        flow.lost();
        assert_eq!(flow.timeout(), None);
    }

    #[test]
    fn after_a_sign_of_trouble_it_looks_more_often_for_a_while() {
        let mut flow = Flow::default();
        let ms = Duration::from_millis;
        flow.connected(ms(0));
        assert!(flow.tick(ms(250)) && flow.read(ms(250), 1));
        flow.alert(ms(350));
        assert!(flow.tick(ms(600)));
        assert!(!flow.read(ms(600), 1));
        assert_eq!(flow.quiet(), None, "it may be late");
        assert_eq!((flow.stopped(ms(900)), flow.stopped(ms(950))), (None, Some(ms(250))));
        assert!(flow.tick(ms(850)) && flow.read(ms(850), 2));
        assert_eq!((flow.stopped(ms(5000)), flow.quiet()), (Some(ms(850)), None));
        assert!(flow.tick(ms(5000)));
        assert_eq!(flow.timeout(), Some(ms(5500)));
    }

    #[test]
    fn what_comes_while_disconnected_counts_from_then_on() {
        let mut flow = Flow::default();
        let ms = Duration::from_millis;
        flow.connected(ms(0));
        assert!(flow.tick(ms(250)) && flow.read(ms(250), 1000));
        flow.disconnected(ms(300));
        assert!(flow.tick(ms(300)) && !flow.read(ms(300), 1500), "it came before");
        assert_eq!(flow.timeout(), Some(ms(550)));
        assert!(flow.tick(ms(550)) && !flow.read(ms(550), 1500));
        assert_eq!((flow.stopped(ms(9000)), flow.quiet()), (None, None));
        assert!(flow.tick(ms(1000)) && !flow.read(ms(1000), 1500));
        assert_eq!(flow.quiet(), Some(ms(300)));
        assert!(flow.tick(ms(1250)) && flow.read(ms(1250), 1600));
        assert_eq!((flow.stopped(ms(3250)), flow.quiet()), (Some(ms(1250)), None));
    }

    #[test]
    fn what_never_came_has_not_stopped() {
        let mut flow = Flow::default();
        flow.connected(Time::ZERO);
        assert!(!flow.read(Time::from_secs(1), 0));
        assert!(!flow.read(Time::from_secs(9), 0));
        assert_eq!(flow.stopped(Time::from_secs(9)), None);
        assert!(flow.read(Time::from_secs(10), 500));
        assert!(flow.read(Time::from_secs(11), 40), "another pair");
    }
}
