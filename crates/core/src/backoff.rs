//! When to try the server again: soon at first, then less and less often, never giving up.
//!
//! The ceiling doubles from [`Backoff::FIRST`] to [`Backoff::LONGEST`], and each delay is drawn
//! from its upper three quarters, so that the clients of a server that restarts do not
//! all come back in the same instant. The first try after a loss comes almost at once: most
//! sockets are lost to a blip.

use std::time::Duration;

use crate::random::Random;

/// Counts the tries since the last success.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    tries: u32,
    random: Random,
}

impl Backoff {
    /// The first try comes at most this late, and not at once: some browsers end the sockets of a
    /// page before they tell it that it ends itself.
    const SOON: Duration = Duration::from_millis(200);
    const NOT_AT_ONCE: Duration = Duration::from_millis(50);
    /// The ceiling of the second.
    const FIRST: Duration = Duration::from_millis(500);
    /// No delay is longer.
    pub(crate) const LONGEST: Duration = Duration::from_secs(10);

    /// No try yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self { tries: 0, random: Random::new(seed) }
    }

    /// How long to wait before the next try.
    pub(crate) fn next_delay(&mut self) -> Duration {
        let (least, ceiling) = match self.tries.checked_sub(1) {
            None => (Self::NOT_AT_ONCE, Self::SOON),
            Some(doublings) => {
                let ceiling = Self::FIRST.saturating_mul(1 << doublings.min(16)).min(Self::LONGEST);
                (ceiling / 4, ceiling)
            }
        };
        self.tries = self.tries.saturating_add(1);
        let room = u64::try_from((ceiling - least).as_millis()).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.random.below(room.saturating_add(1)))
    }

    /// The server is there again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_soon_doubles_and_never_ends() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(seed);
            assert!(backoff.next_delay() <= Backoff::SOON);
            let mut ceiling = Backoff::FIRST;
            for _ in 0..50 {
                let delay = backoff.next_delay();
                assert!(delay >= ceiling / 4 && delay <= ceiling, "{delay:?} of {ceiling:?}");
                ceiling = (ceiling * 2).min(Backoff::LONGEST);
            }
            backoff.reset();
            assert!(backoff.next_delay() <= Backoff::SOON);
        }
    }

    #[test]
    fn two_clients_do_not_march_in_step() {
        let delays = |seed| (0..8).scan(Backoff::new(seed), |b, _| Some(b.next_delay())).collect::<Vec<_>>();
        assert_ne!(delays(1), delays(2));
        assert_eq!(delays(1), delays(1));
    }
}
