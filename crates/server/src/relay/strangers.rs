//! How often addresses that have shown no credentials are answered.
//!
//! Their addresses can be forged, so there is no entry for each: a fixed number of buckets, and
//! an address always meets the same one. Which one, nobody outside can tell.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::limits::Rate;

const BUCKETS: usize = 16_384;

/// The buckets. Each is the time at which it will be full again (in microseconds).
pub(crate) struct Strangers {
    full_at: Box<[u64]>,
    hasher: RandomState,
    /// Time per answer, and that of all which may be given at once.
    each: u64,
    at_once: u64,
}

impl Strangers {
    pub(crate) fn new(rate: Rate) -> Self {
        let each = 1_000_000 / u64::from(rate.per_second.max(1));
        Self {
            full_at: vec![0; BUCKETS].into(),
            hasher: RandomState::new(),
            each,
            at_once: each * u64::from(rate.at_once),
        }
    }

    /// Whether to answer another time.
    pub(crate) fn may_be_answered(&mut self, subscriber: u64, now: Duration) -> bool {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.hasher.hash_one(subscriber) as usize % BUCKETS;
        let full_at = self.full_at[bucket].max(now) + self.each;
        let may = full_at - now <= self.at_once;
        if may {
            self.full_at[bucket] = full_at;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_average() {
        let mut strangers = Strangers::new(Rate { per_second: 10, at_once: 3 });
        let mut answered = |millis| strangers.may_be_answered(7, Duration::from_millis(millis));
        assert_eq!([0, 0, 0, 0, 99, 100, 100].map(&mut answered), [true, true, true, false, false, true, false]);
    }
}
