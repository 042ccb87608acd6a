//! A client, and the world between it and the machine.

use stun_types::{
    attribute::{ErrorCode, Nonce, Realm, Username, XorMappedAddress},
    message::{IntegrityAlgorithm, LongTermKeyCredentials, MessageType, MessageWriteVec, Method},
};
use turn_types::{
    attribute::{ChannelNumber, Lifetime, XorRelayedAddress},
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND},
};

use super::*;
use crate::relay::policy::Policy;

pub(super) const UNIX: Duration = Duration::from_secs(1_700_000_000);

/// The machine, its clock, and what it said.
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) time: Duration,
    pub(super) said: Said,
}

#[derive(Default)]
pub(super) struct Said {
    pub(super) frames: Vec<(Flow, Vec<u8>)>,
    pub(super) opened: Vec<(Id, SocketAddr)>,
    pub(super) closed: Vec<Id>,
    pub(super) outside: Vec<(Id, SocketAddr, Vec<u8>)>,
    pub(super) hung_up: Vec<Flow>,
    /// Ports that cannot be opened.
    pub(super) taken_ports: Vec<u16>,
}

impl Sink for Said {
    fn send(&mut self, to: &Flow, frame: Frame<'_>) {
        let bytes = [frame.head, frame.body, &[0; 3][..frame.padding]].concat();
        assert!(!to.is_stream() || bytes.len() % 4 == 0, "a stream's frames are padded");
        self.frames.push((*to, bytes));
    }

    fn open(&mut self, id: Id, port: SocketAddr) -> bool {
        let free = !self.taken_ports.contains(&port.port());
        if free {
            self.opened.push((id, port));
        }
        free
    }

    fn send_outside(&mut self, id: Id, peer: SocketAddr, data: &[u8]) {
        self.outside.push((id, peer, data.to_vec()));
    }

    fn close(&mut self, id: Id) {
        self.closed.push(id);
    }

    fn hang_up(&mut self, stream: &Flow) {
        self.hung_up.push(*stream);
    }
}

impl World {
    pub(super) fn closed() -> Self {
        Self::with(Quotas::default())
    }

    pub(super) fn with(quotas: Quotas) -> Self {
        Self { machine: Machine::closed_relay(SECRET, quotas, [9; 32]), time: Duration::ZERO, said: Said::default() }
    }

    /// An open relay with ports 5000 to 5009, which allows 10.0.0.0/8.
    pub(super) fn open() -> Self {
        let mut world = Self::closed();
        let public = vec![address("192.88.1.1:0").ip()];
        let policy = Policy::new(public.clone(), vec!["10.0.0.0/8".parse().expect("a network")]);
        world.machine.reach = Reach::Open { public, ports: 5000..=5009, policy };
        world
    }

    pub(super) fn now(&self) -> Now {
        Now { time: self.time, unix: UNIX + self.time }
    }

    pub(super) fn passes(&mut self, time: Duration) {
        self.time += time;
        let now = self.now();
        self.machine.tick(now, &mut self.said);
    }

    pub(super) fn receive(&mut self, flow: &Flow, bytes: &[u8]) {
        let now = self.now();
        self.machine.receive(now, flow, bytes, &mut self.said);
    }

    pub(super) fn receive_outside(&mut self, id: Id, from: &str, data: &[u8]) {
        let now = self.now();
        self.machine.receive_outside(now, id, address(from), data, &mut self.said);
    }

    pub(super) fn dropped(&self, reason: Dropped) -> u64 {
        self.machine.counters().dropped(reason)
    }

    /// A client at this address with credentials for this peer in this room.
    pub(super) fn client(&mut self, at: &str, name: &str, number: u8) -> Client {
        let flow = Flow { remote: address(at), local: Local::Udp(0, None) };
        let now = self.now();
        let issued = self.machine.issue(now, &room(name), &peer(number));
        Client { flow, username: issued.username, password: issued.credential, nonce: String::new(), transaction: 0 }
    }

    /// Such a client with an allocation.
    pub(super) fn ready(&mut self, at: &str, name: &str, number: u8) -> (Client, SocketAddr) {
        let mut client = self.client(at, name, number);
        let relayed = client.allocate(self);
        (client, relayed)
    }
}

/// A TURN client.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) flow: Flow,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) nonce: String,
    pub(super) transaction: u128,
}

/// What an answer said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// 0: success.
    pub(super) code: u16,
    pub(super) relayed: Option<SocketAddr>,
    pub(super) mapped: Option<SocketAddr>,
    pub(super) lifetime: Option<u32>,
}

pub(super) fn attribute(kind: u16, value: &[u8]) -> (u16, Vec<u8>) {
    (kind, value.to_vec())
}

/// Attributes as they stand on the wire, so that a test can say what no library would.
pub(super) type Attributes = Vec<(u16, Vec<u8>)>;

pub(super) const UDP_TRANSPORT: (u16, [u8; 4]) = (0x0019, [17, 0, 0, 0]);

impl Client {
    pub(super) fn over_stream(mut self, id: u64) -> Self {
        self.flow.local = Local::Stream(id, StreamKind::Tcp);
        self
    }

    pub(super) fn xor(&self, peer: SocketAddr) -> (u16, Vec<u8>) {
        let transaction = TransactionId::from(self.transaction + 1);
        let peer = XorPeerAddress::new(peer, transaction);
        (XorPeerAddress::TYPE.value(), peer.to_raw().value.to_vec())
    }

    /// A request's bytes, signed if there is a nonce.
    pub(super) fn bytes(&mut self, method: Method, attributes: &Attributes) -> Vec<u8> {
        self.transaction += 1;
        let kind = MessageType::from_class_method(MessageClass::Request, method);
        let mut write = Message::builder(kind, self.transaction.into(), MessageWriteVec::new());
        for (kind, value) in attributes {
            let raw = stun_types::attribute::RawAttribute::new((*kind).into(), value);
            write.add_attribute(&raw).expect("it fits");
        }
        if !self.nonce.is_empty() {
            write.add_attribute(&Username::new(&self.username).expect("a name")).expect("it fits");
            write.add_attribute(&Realm::new("madang").expect("a realm")).expect("it fits");
            write.add_attribute(&Nonce::new(&self.nonce).expect("a nonce")).expect("it fits");
            let credentials =
                LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), "madang".to_owned());
            let key = credentials.make_key(IntegrityAlgorithm::Sha1);
            write.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1).expect("it fits");
        }
        write.add_fingerprint().expect("it fits");
        write.finish()
    }

    /// Sends a request; gives the answer, if there is one.
    pub(super) fn ask(&mut self, world: &mut World, method: Method, attributes: &Attributes) -> Option<Answer> {
        let bytes = self.bytes(method, attributes);
        self.ask_with(world, &bytes)
    }

    pub(super) fn ask_with(&mut self, world: &mut World, bytes: &[u8]) -> Option<Answer> {
        let before = world.said.frames.len();
        world.receive(&self.flow, bytes);
        assert!(world.said.frames.len() <= before + 1, "more than one answer");
        if world.said.frames.len() == before {
            return None;
        }
        let (to, answer) = world.said.frames.pop()?;
        assert_eq!(to, self.flow);
        let answer = Message::from_bytes(&answer).expect("a message");
        assert!(answer.has_attribute(stun_types::attribute::Fingerprint::TYPE), "no FINGERPRINT");
        assert_eq!(answer.transaction_id(), Message::from_bytes(bytes).expect("a message").transaction_id());
        assert!(answer.is_response());
        let code = answer.attribute::<ErrorCode>().map_or(0, |error| error.code());
        if let Ok(nonce) = answer.attribute::<Nonce>() {
            assert!(matches!(code, 401 | 438));
            assert_eq!(answer.attribute::<Realm>().expect("a realm").realm(), "madang");
            self.nonce = nonce.nonce().to_owned();
        }
        let transaction = answer.transaction_id();
        Some(Answer {
            code,
            relayed: answer.attribute::<XorRelayedAddress>().ok().map(|at| at.addr(transaction)),
            mapped: answer.attribute::<XorMappedAddress>().ok().map(|at| at.addr(transaction)),
            lifetime: answer.attribute::<Lifetime>().ok().map(|lifetime| lifetime.seconds()),
        })
    }

    /// The same, of an answer that has to be there.
    pub(super) fn code(&mut self, world: &mut World, method: Method, attributes: &Attributes) -> u16 {
        self.ask(world, method, attributes).expect("an answer").code
    }

    /// Allocates, whatever else it is to say, as browsers do: asked for credentials first.
    pub(super) fn try_allocate(&mut self, world: &mut World, more: &Attributes) -> Answer {
        let mut attributes = vec![attribute(UDP_TRANSPORT.0, &UDP_TRANSPORT.1)];
        attributes.extend_from_slice(more);
        if self.nonce.is_empty() {
            assert_eq!(self.code(world, ALLOCATE, &attributes), 401);
        }
        self.ask(world, ALLOCATE, &attributes).expect("an answer")
    }

    pub(super) fn allocate(&mut self, world: &mut World) -> SocketAddr {
        let answer = self.try_allocate(world, &Vec::new());
        assert_eq!(answer.code, 0);
        assert_eq!(answer.mapped, Some(self.flow.client()));
        answer.relayed.expect("a relayed address")
    }

    pub(super) fn refresh(&mut self, world: &mut World, lifetime: u32) -> Answer {
        self.ask(world, REFRESH, &vec![attribute(0x000d, &lifetime.to_be_bytes())]).expect("an answer")
    }

    pub(super) fn permit(&mut self, world: &mut World, peer: SocketAddr) -> u16 {
        let peer = self.xor(peer);
        self.code(world, CREATE_PERMISSION, &vec![peer])
    }

    pub(super) fn bind(&mut self, world: &mut World, number: u16, peer: SocketAddr) -> u16 {
        let peer = self.xor(peer);
        let [a, b] = number.to_be_bytes();
        self.code(world, CHANNEL_BIND, &vec![attribute(ChannelNumber::TYPE.value(), &[a, b, 0, 0]), peer])
    }

    /// Sends data by Send indication.
    pub(super) fn send(&mut self, world: &mut World, peer: SocketAddr, data: &[u8]) {
        self.transaction += 1;
        let transaction = self.transaction.into();
        let kind = MessageType::from_class_method(MessageClass::Indication, SEND);
        let mut write = Message::builder(kind, transaction, MessageWriteVec::new());
        write.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("it fits");
        write.add_attribute(&Data::new(data)).expect("it fits");
        world.receive(&self.flow, &write.finish());
    }

    /// Sends data by channel.
    pub(super) fn send_channel(&self, world: &mut World, number: u16, data: &[u8]) {
        world.receive(&self.flow, &channel_data(number, data));
    }

    /// The next thing that came, and from the beginning.
    pub(super) fn came(&self, world: &mut World) -> Option<Came> {
        let at = world.said.frames.iter().position(|(to, _)| *to == self.flow)?;
        let (_, bytes) = world.said.frames.remove(at);
        if bytes[0] >> 6 == 1 {
            let channel = ChannelData::parse(&bytes).expect("ChannelData");
            return Some(Came::Channel(channel.id(), channel.data().to_vec()));
        }
        let message = Message::from_bytes(&bytes).expect("a message");
        assert!(message.has_class(MessageClass::Indication) && message.has_method(DATA));
        let peer = message.attribute::<XorPeerAddress>().expect("a peer").addr(message.transaction_id());
        Some(Came::Indication(peer, message.attribute::<Data>().expect("data").data().to_vec()))
    }
}

/// Data that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    Channel(u16, Vec<u8>),
    Indication(SocketAddr, Vec<u8>),
}

pub(super) fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 4 + data.len()];
    ChannelData::new(number, data).write_into_unchecked(&mut bytes);
    bytes
}
