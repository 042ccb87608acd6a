//! Whether this side has any way left to a peer: neither a straight one that works nor a relay.
//!
//! A relay that can be reached shows in a candidate of type `relay` (RFC 8839 section 5.1). Where none
//! is gathered, because there is no relay, or because it is blocked, away, or takes no credentials, a
//! call that does not connect straight will not connect here, and a person has to know.

use madang_protocol::Candidate;

use super::gathered::Gathered;

/// Watches the candidates of one side, and what becomes of them.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Candidates of this generation.
    gathered: Gathered,
    /// They were tried in vain, or those before them, and there was no relay.
    in_vain: bool,
}

impl Reach {
    /// A generation of candidates begins. What was tried without a relay is not forgotten.
    pub(crate) fn gathering(&mut self) {
        *self = Self { in_vain: self.in_vain && !self.gathered.relayed, ..Self::default() };
    }

    /// `icecandidate`; `None` is the end of candidates.
    pub(crate) fn gathered(&mut self, candidate: Option<&Candidate>) {
        match candidate {
            Some(candidate) => self.gathered.add(candidate),
            // Nothing to try, as with `iceTransportPolicy: "relay"`.
            None => self.in_vain |= !self.gathered.any(),
        }
    }

    /// The path had its time and does not work.
    pub(crate) fn tried(&mut self) {
        self.in_vain = true;
    }

    /// There is no way from here.
    pub(crate) fn is_lost(&self) -> bool {
        self.in_vain && !self.gathered.relayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(kind: &str) -> Candidate {
        let line = format!("candidate:1 1 udp 41885439 203.0.113.1 3478 typ {kind} raddr 0.0.0.0 rport 0");
        Candidate { candidate: line, ..Candidate::default() }
    }

    #[test]
    fn without_a_relay_what_was_tried_in_vain_is_lost() {
        let mut reach = Reach::default();
        reach.gathering();
        reach.gathered(Some(&candidate("host")));
        reach.gathered(None);
        assert!(!reach.is_lost(), "nothing was tried yet");
        reach.tried();
        assert!(reach.is_lost());
        reach.gathering();
        assert!(reach.is_lost(), "the next generation is no better until it has a relay");
        reach.gathered(Some(&candidate("srflx")));
        assert!(reach.is_lost());
        reach.gathered(Some(&candidate("relay")));
        assert!(!reach.is_lost());
    }

    #[test]
    fn with_a_relay_it_is_the_others_affair() {
        let mut reach = Reach::default();
        reach.gathering();
        reach.gathered(Some(&candidate("relay")));
        reach.tried();
        assert!(!reach.is_lost());
        reach.gathering();
        assert!(!reach.is_lost(), "a new generation has its time, whatever became of the one before");
        reach.tried();
        assert!(reach.is_lost(), "the relay is gone");
    }

    #[test]
    fn without_any_candidate_there_is_nothing_to_try() {
        let mut reach = Reach::default();
        reach.gathering();
        reach.gathered(None);
        assert!(reach.is_lost());
    }
}
