//! Whether anything arrives, by counting: ICE may say for many seconds that all is well while
//! nothing comes any more.
//!
//! What `getStats()` says of the selected candidate pair (webrtc-stats section 8.19,
//! `bytesReceived`: media and its reports, no connectivity checks) is read once a second. What never
//! flowed cannot stop, so silence counts from the last time that more had come.

use std::time::Duration;

use crate::session::Time;

/// How often it is read.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often when nothing came between the last two times.
const CLOSER: Duration = Duration::from_millis(500);
/// So long after something came nothing is expected to have stopped: a busy machine pauses as long.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// Knows when something came last, and when to look next.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    at: Option<Time>,
    received: Option<u64>,
    came: Option<Time>,
}

impl Flow {
    /// Media can flow, perhaps along another route than before.
    pub(crate) fn connected(&mut self, now: Time) {
        *self = Self { at: Some(now), ..Self::default() };
    }

    /// It cannot.
    pub(crate) fn lost(&mut self) {
        *self = Self::default();
    }

    /// Whether to look now.
    pub(crate) fn tick(&mut self, now: Time) -> bool {
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = Some(now + INTERVAL);
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
        let more = self.received.replace(received).unwrap_or_default() != received;
        if more {
            self.came = Some(now);
        } else if self.came.is_some() {
            self.at = self.at.map(|at| at.min(now + CLOSER));
        }
        more
    }

    /// When something came last.
    pub(crate) fn came(&self) -> Option<Time> {
        self.came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_every_second_and_closer_when_nothing_comes() {
        let mut flow = Flow::default();
        let ms = Duration::from_millis;
        assert!(!flow.tick(ms(0)));
        flow.connected(ms(0));
        let mut looked = Vec::new();
        for now in (0..5000).step_by(100) {
            if flow.tick(ms(now)) {
                looked.push(now);
                flow.read(ms(now), now.min(2000));
            }
        }
        assert_eq!(looked, [0, 1000, 2000, 3000, 3500, 4000, 4500]);
        assert_eq!(flow.came(), Some(ms(2000)));
        flow.lost();
        assert_eq!(flow.timeout(), None);
    }

    #[test]
    fn what_never_came_has_not_stopped() {
        let mut flow = Flow::default();
        flow.connected(Time::ZERO);
        assert!(!flow.read(Time::from_secs(1), 0));
        assert!(!flow.read(Time::from_secs(9), 0));
        assert_eq!(flow.came(), None);
        assert!(flow.read(Time::from_secs(10), 500));
        assert!(flow.read(Time::from_secs(11), 40), "another pair");
    }
}
