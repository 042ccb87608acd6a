//! The ordered way to one peer through the server, for as long as an epoch lasts.
//!
//! Signals carry the pair's epoch and count from 0 in each direction. What belongs to another
//! epoch is late and dropped; what is missing is noticed at the next signal.

use madang_protocol::{Body, Epoch, PeerId, SignalTo};

use crate::mutation::{Mutation, broken};

/// What to make of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next one.
    Take,
    /// It is late or a repetition.
    Drop,
    /// Something before it is missing.
    Gap,
}

/// Counts both directions.
#[derive(Debug)]
pub(crate) struct Way {
    epoch: Epoch,
    sent: u32,
    expected: u32,
    /// This side may offer: it is the one that starts the epoch, or the other one's offer came.
    pub(crate) open: bool,
}

impl Way {
    /// The way in a new epoch.
    pub(crate) fn new(epoch: Epoch, open: bool) -> Self {
        Self { epoch, sent: 0, expected: 0, open }
    }

    /// The next signal to `to`.
    pub(crate) fn signal(&mut self, to: PeerId, body: Body) -> SignalTo<Body> {
        let seq = self.sent;
        self.sent = self.sent.saturating_add(1);
        SignalTo { to, epoch: self.epoch, seq, body }
    }

    /// Judges a signal by its place.
    pub(crate) fn receive(&mut self, epoch: Epoch, seq: u32) -> Verdict {
        if epoch != self.epoch {
            return if broken(Mutation::EpochIgnored) { Verdict::Take } else { Verdict::Drop };
        }
        if seq < self.expected {
            return if broken(Mutation::DuplicateTaken) { Verdict::Take } else { Verdict::Drop };
        }
        let gap = seq > self.expected;
        self.expected = seq.saturating_add(1);
        if gap && !broken(Mutation::GapIgnored) { Verdict::Gap } else { Verdict::Take }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_each_signal_of_its_epoch_once_and_in_order() {
        let mut way = Way::new(Epoch(7), true);
        assert_eq!(way.receive(Epoch(6), 0), Verdict::Drop);
        assert_eq!(way.receive(Epoch(7), 0), Verdict::Take);
        assert_eq!(way.receive(Epoch(7), 0), Verdict::Drop);
        assert_eq!(way.receive(Epoch(7), 1), Verdict::Take);
        assert_eq!(way.receive(Epoch(7), 3), Verdict::Gap);
    }

    #[test]
    fn counts_what_it_sends() {
        let mut way = Way::new(Epoch(7), true);
        let to = PeerId::from_bits([1; 16]);
        let body = Body::Media { microphone: true, camera: false };
        let seqs: Vec<_> = (0..3).map(|_| way.signal(to.clone(), body.clone()).seq).collect();
        assert_eq!(seqs, [0, 1, 2]);
    }
}
