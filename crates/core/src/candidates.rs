//! ICE candidates that must wait for a description (RFC 8838, RFC 9429 section 4.1.19).
//!
//! A remote candidate can only be added when the remote description it belongs to has been
//! given to the browser, and a local one only makes sense to the peer after the description
//! that announces its user name fragment. Both kinds wait here in order, and no stranger makes
//! the queue longer than [`limits::QUEUED_CANDIDATES`].

use std::collections::VecDeque;

use madang_protocol::{Candidate, limits};

/// Candidates in the order in which they came; `None` is the end of candidates.
#[derive(Debug, Default)]
pub(crate) struct Candidates(VecDeque<Option<Candidate>>);

impl Candidates {
    /// Keeps one. A full queue drops it: ICE needs one pair that works, not all.
    pub(crate) fn push(&mut self, candidate: Option<Candidate>) {
        if self.0.len() < limits::QUEUED_CANDIDATES {
            self.0.push_back(candidate);
        }
    }

    /// The one that has waited longest.
    pub(crate) fn pop(&mut self) -> Option<Option<Candidate>> {
        self.0.pop_front()
    }

    /// Forgets them all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_the_bound() {
        let mut queue = Candidates::default();
        for i in 0..limits::QUEUED_CANDIDATES + 10 {
            queue.push(Some(Candidate { candidate: i.to_string(), ..Candidate::default() }));
        }
        for i in 0..limits::QUEUED_CANDIDATES {
            assert_eq!(queue.pop().flatten().map(|c| c.candidate), Some(i.to_string()));
        }
        assert!(queue.pop().is_none());
        queue.push(None);
        queue.clear();
        assert!(queue.pop().is_none());
    }
}
