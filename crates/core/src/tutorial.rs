//! Talking to a server that only knows the tutorial's dialect ([`madang_protocol::tutorial`]).
//!
//! Such a server has no peers, no acknowledgements and no senders: it says `ready` when two
//! sockets are in a room and passes on what either says. This machine stands between it and a
//! [`crate::Session`] and plays the native server: it answers the join, makes a peer of whoever
//! is there, and gives what it hears the epoch, order and connection number that a session
//! expects. The peer is told as one that speaks the tutorial's dialect, so the session lets it
//! make the first offer.
//!
//! Two of our own pages in such a room both wait, then both offer. Each then holds the same two
//! offers, and the one whose text is greater stands.

use std::{cmp::Ordering, collections::VecDeque};

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, DescriptionType, Dialect, Epoch, Generation, IceServers, Joined,
    Limits, Peer, PeerId, Reply, RoomName, Secret, SignalFrom, limits,
};

use crate::{Output, SocketInput};

/// What the server's events say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// `ready`.
    Ready,
    /// `offer` or `answer`.
    Description(Description),
    /// `ice-candidate`.
    Candidate(Candidate),
}

/// What to say to the server; the room goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// `join`.
    Join(RoomName),
    /// `offer` or `answer`.
    Description(Description),
    /// `ice-candidate`.
    Candidate(Candidate),
}

/// The machine.
#[derive(Debug)]
pub struct Tutorial {
    own: PeerId,
    own_generation: Generation,
    other: Peer,
    present: bool,
    seq: u32,
    /// The connection that is spoken of.
    connection: ConnectionId,
    /// Our offer, until it is answered.
    offered: Option<String>,
    inputs: VecDeque<SocketInput>,
    says: VecDeque<Say>,
}

impl Tutorial {
    /// For a page with this secret. `seed` is 32 random bits.
    pub fn new(secret: &Secret, seed: u32) -> Self {
        let mut bits = secret.bits();
        let own = PeerId::from_bits(bits);
        bits[0] ^= 1;
        let instance = Generation::first(seed);
        let other = Peer {
            peer: PeerId::from_bits(bits),
            instance,
            generation: instance,
            name: None,
            dialect: Dialect::Tutorial,
        };
        Self {
            own,
            own_generation: instance,
            other,
            present: false,
            seq: 0,
            connection: ConnectionId(0),
            offered: None,
            inputs: VecDeque::new(),
            says: VecDeque::new(),
        }
    }

    /// The next input for the session.
    pub fn poll_input(&mut self) -> Option<SocketInput> {
        self.inputs.pop_front()
    }

    /// The next thing to say to the server.
    pub fn poll_say(&mut self) -> Option<Say> {
        self.says.pop_front()
    }

    /// Takes what the session wants the server to be told.
    pub fn say(&mut self, output: &Output) {
        match output {
            Output::Join(join) => {
                self.own_generation = join.generation;
                self.present = false;
                self.says.push_back(Say::Join(join.room.clone()));
                self.inputs.push_back(SocketInput::JoinReply(Reply::Ok(Joined {
                    peer: self.own.clone(),
                    peers: Vec::new(),
                    ice_servers: Vec::new(),
                    expires: None,
                    limits: Limits {
                        capacity: 2,
                        message_bytes: limits::MESSAGE_BYTES,
                        grace_ms: u64::try_from(limits::GRACE.as_millis()).unwrap_or(u64::MAX),
                    },
                })));
            }
            Output::Signal(signal) => self.say_body(&signal.body),
            // There are none to be had. Whether the server is there is not asked: it could not answer.
            Output::AskForIceServers => self.inputs.push_back(SocketInput::IceServers(IceServers::default())),
            _ => {}
        }
    }

    fn say_body(&mut self, body: &Body) {
        match body {
            Body::Description { connection, description } => {
                self.connection = *connection;
                if description.kind == DescriptionType::Offer {
                    self.offered = Some(description.sdp.clone());
                }
                self.says.push_back(Say::Description(description.clone()));
            }
            Body::Candidate { connection, candidate } if *connection == self.connection => {
                self.says.push_back(Say::Candidate(candidate.clone()));
            }
            // The dialect has no words for the rest.
            _ => {}
        }
    }

    /// Takes what the server said.
    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Ready => self.enter(),
            Heard::Description(description) => match description.kind {
                DescriptionType::Offer => self.hear_offer(description),
                DescriptionType::Answer if self.offered.take().is_some() => self.tell_description(description),
                DescriptionType::Answer => {}
            },
            Heard::Candidate(candidate) => {
                let connection = self.connection;
                self.tell(Body::Candidate { connection, candidate });
            }
        }
    }

    fn hear_offer(&mut self, description: Description) {
        if let Some(offered) = self.offered.take() {
            if offered.cmp(&description.sdp) == Ordering::Greater {
                self.offered = Some(offered);
                return;
            }
            // Ours falls: the peer comes anew, without it.
            self.other.instance = self.other.generation.next();
            self.enter();
        } else if !self.present {
            self.enter();
        }
        self.connection = ConnectionId(self.connection.0.saturating_add(1));
        self.tell_description(description);
    }

    /// Tells the session that the other is here: the next epoch.
    fn enter(&mut self) {
        self.present = true;
        self.offered = None;
        self.seq = 0;
        self.other.generation = self.other.generation.next();
        self.inputs.push_back(SocketInput::PeerJoined(self.other.clone()));
    }

    fn tell_description(&mut self, description: Description) {
        let connection = self.connection;
        self.tell(Body::Description { connection, description });
    }

    fn tell(&mut self, body: Body) {
        if !self.present {
            return;
        }
        let epoch = Epoch::of(self.own_generation, self.other.generation);
        let seq = self.seq;
        self.seq = seq.saturating_add(1);
        self.inputs.push_back(SocketInput::Signal(SignalFrom { from: self.other.peer.clone(), epoch, seq, body }));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        ConnectionInput, Input, Session, Time,
        session::{Config, ConnectionCall},
    };

    /// A session behind the machine, with a browser that does at once what it is asked to.
    struct Page {
        name: &'static str,
        session: Session,
        tutorial: Tutorial,
        open: Option<(PeerId, ConnectionId)>,
        /// How its connection stands: its own and the other's latest description.
        local: String,
        remote: String,
        opened: u32,
    }

    impl Page {
        fn new(name: &'static str, bits: u8) -> Self {
            let secret = Secret::from_bits([bits; 16]);
            let tutorial = Tutorial::new(&secret, u32::from(bits));
            let session = Session::new(Config {
                server: "https://call.example".to_owned(),
                room: "room".parse().unwrap(),
                secret,
                name: None,
                token: None,
                instance: Generation::first(u32::from(bits)),
                seed: u64::from(bits),
                join_timeout: Duration::from_secs(10),
            });
            Self { name, session, tutorial, open: None, local: String::new(), remote: String::new(), opened: 0 }
        }

        fn input(&mut self, now: Time, input: Input) {
            self.session.handle(now, input);
            while let Some(output) = self.session.poll() {
                self.tutorial.say(&output);
                match output {
                    Output::Connect(_) => self.input(now, Input::Socket(SocketInput::Connected)),
                    Output::Open { peer, connection, .. } => {
                        self.open = Some((peer, connection));
                        self.opened += 1;
                        (self.local, self.remote) = Default::default();
                    }
                    Output::Close { connection, .. } if self.open.as_ref().is_some_and(|open| open.1 == connection) => {
                        self.open = None;
                    }
                    Output::Call { peer, connection, call } => self.call(now, peer, connection, call),
                    _ => {}
                }
            }
            while let Some(input) = self.tutorial.poll_input() {
                self.input(now, Input::Socket(input));
            }
        }

        fn call(&mut self, now: Time, peer: PeerId, connection: ConnectionId, call: ConnectionCall) {
            let done = match call {
                ConnectionCall::SetLocalDescription => {
                    let answers = self.remote.contains("offer");
                    let kind = if answers { DescriptionType::Answer } else { DescriptionType::Offer };
                    self.local = format!("{kind:?} of {} {}", self.name, self.opened).to_lowercase();
                    ConnectionInput::LocalDescriptionSet(Description { kind, sdp: self.local.clone() })
                }
                ConnectionCall::SetRemoteDescription(description) => {
                    self.remote = description.sdp;
                    ConnectionInput::RemoteDescriptionSet
                }
                ConnectionCall::Rollback => ConnectionInput::RolledBack,
                ConnectionCall::AddIceCandidate(_)
                | ConnectionCall::RestartIce
                | ConnectionCall::Configure
                | ConnectionCall::ReadStats
                | ConnectionCall::ResumeVideo
                | ConnectionCall::PauseVideo => return,
            };
            self.input(now, Input::Connection(peer, connection, done));
        }

        fn hear(&mut self, now: Time, heard: Heard) {
            self.tutorial.hear(heard);
            while let Some(input) = self.tutorial.poll_input() {
                self.input(now, Input::Socket(input));
            }
        }

        fn says(&mut self) -> Vec<Say> {
            std::iter::from_fn(|| self.tutorial.poll_say()).collect()
        }
    }

    fn heard(said: Say) -> Heard {
        match said {
            Say::Join(_) => Heard::Ready,
            Say::Description(description) => Heard::Description(description),
            Say::Candidate(candidate) => Heard::Candidate(candidate),
        }
    }

    fn description(kind: DescriptionType, sdp: &str) -> Description {
        Description { kind, sdp: sdp.to_owned() }
    }

    #[test]
    fn a_tutorial_page_offers_and_is_answered() {
        let now = Time::ZERO;
        let mut page = Page::new("a", 1);
        page.input(now, Input::Start);
        assert_eq!(page.says(), [Say::Join("room".parse().unwrap())]);
        page.hear(now, Heard::Ready);
        assert_eq!(page.says(), []);
        page.hear(now, Heard::Description(description(DescriptionType::Offer, "offer of the tutorial")));
        assert_eq!(page.says(), [Say::Description(description(DescriptionType::Answer, "answer of a 1"))]);
        // Its page was reloaded: another ready, another offer, another connection.
        page.hear(now, Heard::Ready);
        page.hear(now, Heard::Description(description(DescriptionType::Offer, "offer after a reload")));
        assert_eq!(page.says(), [Say::Description(description(DescriptionType::Answer, "answer of a 2"))]);
        assert_eq!(page.remote, "offer after a reload");
    }

    /// Lets both wait until both offer, and passes on what they say in this order.
    fn two_of_our_own(first: usize) -> [Page; 2] {
        let mut pages = [Page::new("a", 1), Page::new("b", 2)];
        for page in &mut pages {
            page.input(Time::ZERO, Input::Start);
            page.says();
        }
        for page in &mut pages {
            page.hear(Time::ZERO, Heard::Ready);
        }
        let now = Duration::from_secs(6);
        for page in &mut pages {
            page.input(now, Input::Tick);
        }
        let mut on_the_way: VecDeque<(usize, Say)> = VecDeque::new();
        for from in [first, 1 - first] {
            on_the_way.extend(pages[from].says().into_iter().map(|say| (from, say)));
        }
        assert_eq!(on_the_way.len(), 2, "both offer");
        while let Some((from, said)) = on_the_way.pop_front() {
            let to = 1 - from;
            pages[to].hear(now, heard(said));
            on_the_way.extend(pages[to].says().into_iter().map(|say| (to, say)));
        }
        pages
    }

    #[test]
    fn of_two_offers_the_greater_stands() {
        for first in [0, 1] {
            let [a, b] = two_of_our_own(first);
            assert_eq!(b.local, "offer of b 1");
            assert_eq!(a.remote, b.local, "b's offer is the greater");
            assert_eq!(b.remote, a.local);
        }
    }
}
