//! Which types of candidates (RFC 8445 section 5.1.1) this side has gathered in a generation.

use madang_protocol::Candidate;

/// The types that were seen (RFC 8839 section 5.1, `cand-type`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gathered {
    host: bool,
    server_reflexive: bool,
    pub(crate) relayed: bool,
}

impl Gathered {
    /// One more, of `icecandidate`.
    pub(crate) fn add(&mut self, candidate: &Candidate) {
        for words in candidate.candidate.as_bytes().windows(5) {
            match words {
                b"typ h" => self.host = true,
                b"typ s" => self.server_reflexive = true,
                b"typ r" => self.relayed = true,
                _ => {}
            }
        }
    }

    /// Any at all.
    pub(crate) fn any(self) -> bool {
        self.host || self.server_reflexive || self.relayed
    }

    /// Addresses of its own, and not the public one: that is still to come, or the agent gathers no more.
    pub(crate) fn lacks_server_reflexive(self) -> bool {
        self.host && !self.server_reflexive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_told_by_its_word() {
        let mut gathered = Gathered::default();
        let mut add = |kind: &str| {
            let line = format!("candidate:1 1 udp 41885439 203.0.113.1 3478 typ {kind} raddr 0.0.0.0 rport 0");
            gathered.add(&Candidate { candidate: line, ..Candidate::default() });
            gathered
        };
        assert!(!add("other").any());
        let relay = add("relay");
        assert!(relay.relayed && relay.any() && !relay.lacks_server_reflexive(), "where only relays are wanted");
        assert!(add("host").lacks_server_reflexive());
        assert!(!add("srflx").lacks_server_reflexive());
    }
}
