//! Lets a page of the tutorial and a native peer talk to each other.
//!
//! The tutorial's page knows no peers, epochs or connection numbers, so the server keeps them on
//! its behalf in a [`Bridge`]: each offer, from either side, is a new connection; candidates and
//! answers belong to the newest one; a late message of an older epoch is dropped as a native
//! client would do. What the page cannot use (`media`, the end of candidates) ends here.

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, DescriptionType, Epoch, Generation, Peer, PeerId, SignalFrom, SignalTo,
    limits,
};

/// What a tutorial page and the server say to each other about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// `ready`: make an offer on a new connection. Only to a page.
    Ready,
    /// `offer` or `answer`, by the description's type.
    Description(Description),
    /// `ice-candidate`.
    Candidate(Candidate),
}

/// A tutorial page's part of the native protocol.
#[derive(Debug)]
pub struct Bridge {
    page: PeerId,
    generation: Generation,
    /// The instance of the native page that the connections so far were with.
    native: Option<Generation>,
    /// The page is the polite one of the two, so its connections have even numbers.
    polite: bool,
    epoch: Epoch,
    seq: u32,
    /// The connection the page has.
    connection: u32,
    /// The highest number of any connection.
    last: u32,
    /// The page was told, and has told, a description of its connection.
    heard: bool,
    told: bool,
    /// The native peer's candidates that came before its description.
    waiting: Vec<Candidate>,
}

impl Bridge {
    /// For a page that joined as this peer, which the server made up.
    pub fn new(page: &Peer) -> Self {
        Self {
            page: page.peer.clone(),
            generation: page.generation,
            native: None,
            polite: false,
            epoch: Epoch(0),
            seq: 0,
            connection: 0,
            last: 0,
            heard: false,
            told: false,
            waiting: Vec::new(),
        }
    }

    /// A native peer joined (again): a new epoch. Returns whether the page has to make a new
    /// connection, because the peer's page is another one or the two were still negotiating.
    pub fn native_joined(&mut self, native: &Peer) -> bool {
        let same_page = self.native == Some(native.instance);
        self.native = Some(native.instance);
        self.polite = self.page < native.peer;
        self.epoch = Epoch::of(self.generation, native.generation);
        self.seq = 0;
        !(same_page && self.heard && self.told)
    }

    /// What the page said could not be delivered.
    pub fn lose(&mut self) {
        self.told = false;
    }

    /// What the page said, as the native peer hears it.
    pub fn to_native(&mut self, said: Said) -> Option<SignalFrom<Body>> {
        let body = match said {
            Said::Ready => return None,
            Said::Description(description) => {
                if description.kind == DescriptionType::Offer {
                    self.open(self.next_number());
                }
                self.told = true;
                Body::Description { connection: ConnectionId(self.connection), description }
            }
            Said::Candidate(candidate) => Body::Candidate { connection: ConnectionId(self.connection), candidate },
        };
        let seq = self.seq;
        self.seq = self.seq.saturating_add(1);
        Some(SignalFrom { from: self.page.clone(), epoch: self.epoch, seq, body })
    }

    /// What the native peer said, as the page hears it.
    pub fn to_page(&mut self, signal: SignalTo<Body>) -> Vec<Said> {
        if signal.epoch != self.epoch {
            return Vec::new();
        }
        match signal.body {
            Body::Description { connection: ConnectionId(connection), description } => {
                match description.kind {
                    // The page replaces its connection for any offer, one that crossed its own too.
                    DescriptionType::Offer => self.open(connection),
                    DescriptionType::Answer if connection == self.connection => {}
                    DescriptionType::Answer => return Vec::new(),
                }
                self.heard = true;
                let waiting = std::mem::take(&mut self.waiting).into_iter().map(Said::Candidate);
                [Said::Description(description)].into_iter().chain(waiting).collect()
            }
            Body::Candidate { connection: ConnectionId(connection), candidate } if connection == self.connection => {
                if self.heard {
                    return vec![Said::Candidate(candidate)];
                }
                if self.waiting.len() < limits::QUEUED_CANDIDATES {
                    self.waiting.push(candidate);
                }
                Vec::new()
            }
            Body::Candidate { .. } | Body::EndOfCandidates { .. } | Body::Media { .. } => Vec::new(),
        }
    }

    /// The lowest number above all that are known that is the page's to give.
    fn next_number(&self) -> u32 {
        let next = self.last.saturating_add(1);
        if next.is_multiple_of(2) == self.polite { next } else { next.saturating_add(1) }
    }

    fn open(&mut self, connection: u32) {
        self.connection = connection;
        self.last = self.last.max(connection);
        self.heard = false;
        self.told = false;
        self.waiting.clear();
    }
}

#[cfg(test)]
#[path = "tutorial_tests.rs"]
mod tests;
