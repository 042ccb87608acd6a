//! A session on a stage: the test is the socket, the browser and the clock.

use std::time::Duration;

use madang_core::{
    ConnectionInput, ConnectionState, Input, Output, Route, Session, SessionEvent, SocketInput, Video,
    session::{Config, ConnectionCall},
};
use madang_protocol::{
    Body, ConnectionId, Description, DescriptionType, Dialect, Epoch, Generation, IceServers, Join, Joined, Limits,
    Peer, PeerId, Reply, Secret, SignalFrom,
};

/// How long the first join may take here.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The grace the server tells.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    session: Session,
    pub(crate) now: Duration,
    pub(crate) own: PeerId,
    pub(crate) other: Peer,
    pub(crate) join: Option<Join>,
    /// How often a connection was to be prepared; left out of what is returned.
    pub(crate) prepared: u32,
    /// How often the route was to be read; left out as well.
    pub(crate) looked: u32,
    /// The server answers when it is asked for `iceServers`.
    pub(crate) answers: bool,
    heard: u32,
}

impl Stage {
    /// A session that is about to start; `polite` towards the other.
    pub(crate) fn new(polite: bool) -> Self {
        let session = Session::new(Config {
            server: "https://call.example".to_owned(),
            room: "room".parse().unwrap(),
            secret: Secret::from_bits([9; 16]),
            name: None,
            token: None,
            instance: Generation::first(5),
            seed: 5,
            join_timeout: JOIN_TIMEOUT,
        });
        let instance = Generation::first(77);
        let other = Peer {
            peer: PeerId::from_bits([if polite { 200 } else { 1 }; 16]),
            instance,
            generation: instance,
            name: None,
            dialect: Dialect::Native,
        };
        Self {
            session,
            now: Duration::ZERO,
            own: PeerId::from_bits([100; 16]),
            other,
            join: None,
            prepared: 0,
            looked: 0,
            answers: false,
            heard: 0,
        }
    }

    /// Started, connected and in the room with those peers.
    pub(crate) fn joined(polite: bool, peers: Vec<Peer>) -> Self {
        let mut stage = Self::new(polite);
        stage.tell(Input::Start);
        stage.connect();
        stage.welcome(peers);
        stage
    }

    /// In the room, and connected with the other, who offered with connection 2 or 1.
    pub(crate) fn connected(polite: bool) -> Self {
        let mut stage = Self::joined(polite, vec![]);
        stage.enter_other();
        let id = stage.number();
        stage.set_local(id, DescriptionType::Offer);
        stage.hear(description(id, DescriptionType::Answer));
        stage.browser(id, ConnectionInput::RemoteDescriptionSet);
        stage.state(id, ConnectionState::Connected);
        stage
    }

    /// The number of the first connection this side opens.
    pub(crate) fn number(&self) -> u32 {
        if self.own < self.other.peer { 2 } else { 1 }
    }

    pub(crate) fn tell(&mut self, input: Input) -> Vec<Output> {
        self.session.handle(self.now, input);
        let mut out: Vec<_> = std::iter::from_fn(|| self.session.poll()).collect();
        let all = out.len();
        out.retain(|output| *output != Output::Prepare);
        self.prepared += u32::try_from(all - out.len()).unwrap();
        let all = out.len();
        out.retain(|output| !matches!(output, Output::Call { call: ConnectionCall::ReadStats, .. }));
        self.looked += u32::try_from(all - out.len()).unwrap();
        for output in &out {
            if let Output::Join(join) = output {
                self.join = Some(join.clone());
            }
        }
        if self.answers && out.contains(&Output::AskForIceServers) {
            out.retain(|output| *output != Output::AskForIceServers);
            out.extend(self.socket(SocketInput::IceServers(IceServers::default())));
        }
        out
    }

    pub(crate) fn socket(&mut self, input: SocketInput) -> Vec<Output> {
        self.tell(Input::Socket(input))
    }

    pub(crate) fn connect(&mut self) -> Vec<Output> {
        self.socket(SocketInput::Connected)
    }

    pub(crate) fn welcome(&mut self, peers: Vec<Peer>) -> Vec<Output> {
        self.welcome_for(peers, None)
    }

    /// In the room, with credentials for so many seconds.
    pub(crate) fn welcome_for(&mut self, peers: Vec<Peer>, expires: Option<u64>) -> Vec<Output> {
        self.heard = 0;
        self.socket(SocketInput::JoinReply(Reply::Ok(Joined {
            peer: self.own.clone(),
            peers,
            ice_servers: vec![],
            expires,
            limits: Limits { capacity: 2, message_bytes: 65536, grace_ms: GRACE.as_millis().try_into().unwrap() },
        })))
    }

    /// The other joins (again).
    pub(crate) fn enter_other(&mut self) -> Vec<Output> {
        self.other.generation = self.other.generation.next();
        self.heard = 0;
        self.socket(SocketInput::PeerJoined(self.other.clone()))
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch::of(self.join.as_ref().unwrap().generation, self.other.generation)
    }

    /// The next signal of the other.
    pub(crate) fn hear(&mut self, body: Body) -> Vec<Output> {
        let seq = self.heard;
        self.heard += 1;
        self.hear_at(self.epoch(), seq, body)
    }

    pub(crate) fn hear_at(&mut self, epoch: Epoch, seq: u32, body: Body) -> Vec<Output> {
        self.socket(SocketInput::Signal(SignalFrom { from: self.other.peer.clone(), epoch, seq, body }))
    }

    pub(crate) fn browser(&mut self, id: u32, input: ConnectionInput) -> Vec<Output> {
        self.tell(Input::Connection(self.other.peer.clone(), ConnectionId(id), input))
    }

    pub(crate) fn set_local(&mut self, id: u32, kind: DescriptionType) -> Vec<Output> {
        self.browser(id, ConnectionInput::LocalDescriptionSet(Description { kind, sdp: "own".into() }))
    }

    pub(crate) fn state(&mut self, id: u32, state: ConnectionState) -> Vec<Output> {
        self.browser(id, ConnectionInput::StateChanged(state))
    }

    /// So many bytes have come in all.
    pub(crate) fn receive(&mut self, received: u64) -> Vec<Output> {
        let id = self.number();
        self.browser(
            id,
            ConnectionInput::Stats { route: Route::Direct, received, improves: true, video: Video::default() },
        )
    }

    /// Lets time pass as a driver does, tick by tick.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Output> {
        let until = self.now + time;
        let mut out = Vec::new();
        while let Some(at) = self.session.timeout().filter(|at| *at <= until) {
            assert!(at >= self.now || out.is_empty(), "a timeout in the past is due at once, and once");
            self.now = self.now.max(at);
            out.extend(self.tell(Input::Tick));
        }
        self.now = until;
        out
    }

    /// Whether nothing happens by itself, however long one waits.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.wait(Duration::from_secs(3600)).is_empty()
    }
}

pub(crate) fn description(id: u32, kind: DescriptionType) -> Body {
    Body::Description { connection: ConnectionId(id), description: Description { kind, sdp: "theirs".into() } }
}

pub(crate) fn events(out: &[Output]) -> Vec<&SessionEvent> {
    pick(out, |output| if let Output::Event(event) = output { Some(event) } else { None })
}

pub(crate) fn bodies(out: &[Output]) -> Vec<&Body> {
    pick(out, |output| if let Output::Signal(signal) = output { Some(&signal.body) } else { None })
}

pub(crate) fn calls(out: &[Output]) -> Vec<&ConnectionCall> {
    pick(out, |output| if let Output::Call { call, .. } = output { Some(call) } else { None })
}

fn pick<'a, T: ?Sized>(out: &'a [Output], part: impl Fn(&'a Output) -> Option<&'a T>) -> Vec<&'a T> {
    out.iter().filter_map(part).collect()
}

/// Numbers and roles of the connections that are opened.
pub(crate) fn opened(out: &[Output]) -> Vec<(u32, bool)> {
    let open = |output: &Output| match output {
        Output::Open { connection, offerer, .. } => Some((connection.0, *offerer)),
        _ => None,
    };
    out.iter().filter_map(open).collect()
}

/// Numbers of the connections that are closed.
pub(crate) fn closed(out: &[Output]) -> Vec<u32> {
    let close = |output: &Output| match output {
        Output::Close { connection, .. } => Some(connection.0),
        _ => None,
    };
    out.iter().filter_map(close).collect()
}
