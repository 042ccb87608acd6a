//! What must hold between the machine's tables, whatever came. For tests of all kinds.

use super::{Machine, Reach, TIMERS_KEPT};

impl Machine {
    /// Panics when two tables contradict each other, or one is larger than it may be.
    pub(crate) fn holds(&self) {
        let count = self.allocations.len();
        assert!(count <= self.quotas.in_all, "{count} allocations");
        assert_eq!((self.by_flow.len(), self.by_relayed.len()), (count, count));
        assert!(self.timers.len() <= 2 * count + TIMERS_KEPT + 1, "{} timers for {count}", self.timers.len());
        for (slot, allocation) in &self.allocations {
            assert_eq!(self.by_flow.get(&allocation.flow), Some(&slot));
            assert_eq!(self.by_relayed.get(&allocation.relayed), Some(&slot));
            assert!(self.census.of_peer(&allocation.holder).contains(&slot), "{slot} belongs to nobody");
            assert!(self.census.in_room(&allocation.holder.room).any(|other| other == slot), "{slot} is in no room");
            let (permissions, channels) = allocation.counts();
            assert!(permissions <= self.quotas.permissions && channels <= self.quotas.channels);
        }
    }

    /// Whether nothing is kept for anybody: all who came have gone, and what they were refused is forgotten.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.allocations.is_empty()
            && self.by_flow.is_empty()
            && self.by_relayed.is_empty()
            && self.census.is_empty()
            && self.credentials.refuses_nobody()
            && self.timers.len() <= TIMERS_KEPT
    }

    /// Whether it forwards to peers outside.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.reach, Reach::Open { .. })
    }
}
