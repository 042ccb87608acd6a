//! Four clients and a relay: what they send, what comes from outside, revocations, and time.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use madang_protocol::{PeerId, RoomName};
use stun_types::attribute::Realm;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH};

use super::{
    client::{Attributes, CHANNEL_NUMBER, Client, UDP_TRANSPORT, channel_data},
    input::Input,
};
use crate::{
    credentials::{self, Credentials},
    limits::Rate,
    relay::{
        self, Quotas, StreamKind,
        addresses::Virtual,
        allocation::Id,
        flow::{Flow, Local},
        limits,
        machine::{Frame, Machine, Now, Reach, Sink},
        policy::Policy,
    },
};

const UNIX: Duration = Duration::from_secs(1_700_000_000);
/// So small that a few steps reach them.
const QUOTAS: Quotas = Quotas {
    per_peer: 2,
    per_room: 3,
    per_address: 2,
    in_all: 3,
    permissions: 3,
    channels: 3,
    bytes: Rate { per_second: 1_000, at_once: 4_000 },
    strangers: Rate { per_second: 100, at_once: 500 },
};
/// Three in one room, two of them the same peer; and somebody in another room.
const CLIENTS: [(&str, u8); 4] = [("a", 1), ("a", 1), ("a", 2), ("b", 3)];
/// Peers outside of an open relay: the first is denied, the others are not.
const OUTSIDE: [[u8; 4]; 3] = [[10, 0, 0, 1], [8, 8, 8, 8], [9, 9, 9, 9]];

/// Reads steps from these bytes and takes them.
pub fn datagrams(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut world = World::new(input.byte() & 1 == 1);
    while !input.is_over() {
        world.step(&mut input);
        world.holds();
    }
    world.comes_to_rest();
}

struct World {
    machine: Machine,
    time: Duration,
    said: Said,
    clients: [Client; 4],
}

/// What the machine has said in one step, and which sockets are open.
#[derive(Default)]
struct Said {
    answers: Vec<Vec<u8>>,
    data_to: Vec<Flow>,
    open: Vec<(Id, SocketAddr)>,
}

impl Sink for Said {
    fn send(&mut self, to: &Flow, frame: Frame<'_>) {
        let bytes = [frame.head, frame.body, &[0; 3][..frame.padding]].concat();
        assert!(!bytes.is_empty() && bytes.len() <= 65_535 + 48, "{} bytes", bytes.len());
        assert!(!to.is_stream() || bytes.len().is_multiple_of(4), "a stream's frames are padded");
        if frame.is_data {
            self.data_to.push(*to);
        } else {
            self.answers.push(bytes);
        }
    }

    fn open(&mut self, id: Id, port: SocketAddr) -> bool {
        // One port is always taken by somebody else.
        let free = port.port() != 5_001;
        if free {
            assert!(self.open.iter().all(|(other, at)| *other != id && *at != port), "opened twice");
            self.open.push((id, port));
        }
        free
    }

    fn send_outside(&mut self, id: Id, peer: SocketAddr, _: &[u8]) {
        assert!(self.open.iter().any(|(other, _)| *other == id), "from a socket that is not there");
        assert_ne!(peer.ip(), IpAddr::from(OUTSIDE[0]), "to somebody who is denied");
    }

    fn close(&mut self, id: Id) {
        let at = self.open.iter().position(|(other, _)| *other == id);
        self.open.swap_remove(at.unwrap_or_else(|| panic!("closed twice")));
    }

    fn hang_up(&mut self, stream: &Flow) {
        assert!(stream.is_stream());
    }
}

impl World {
    fn new(open: bool) -> Self {
        let credentials = Credentials::new(b"north", credentials::LIFETIME);
        let realm = Realm::new(relay::REALM).unwrap_or_else(|_| unreachable!("it is short"));
        let reach = if open {
            let public = vec![IpAddr::V4(Ipv4Addr::new(192, 88, 1, 1))];
            Reach::Open { policy: Policy::new(public.clone(), Vec::new()), public, ports: 5_000..=5_003 }
        } else {
            Reach::Closed(Virtual::new(0))
        };
        let mut machine = Machine::new(credentials, realm, QUOTAS, reach, [9; 32]);
        let clients = CLIENTS.map(|(room, peer)| {
            Client::new(machine.issue(
                Now { time: Duration::ZERO, unix: UNIX },
                &name(room),
                &PeerId::from_bits([peer; 16]),
            ))
        });
        Self { machine, time: Duration::ZERO, said: Said::default(), clients }
    }

    fn now(&self) -> Now {
        Now { time: self.time, unix: UNIX + self.time }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte();
        let number = usize::from(kind >> 3) % CLIENTS.len();
        let more = kind >> 5;
        match kind & 0b111 {
            0 => self.receive(number, input.some()),
            1 => {
                let mut attributes =
                    if more & 1 == 0 { vec![(UDP_TRANSPORT.0, UDP_TRANSPORT.1.to_vec())] } else { vec![] };
                attributes.extend(any_attributes(input));
                self.ask(number, ALLOCATE, &attributes);
            }
            2 => {
                let method = [REFRESH, CREATE_PERMISSION, CHANNEL_BIND][usize::from(more) % 3];
                let attributes = any_attributes(input);
                self.ask(number, method, &attributes);
            }
            3 => {
                let mut attributes = any_peer(self, number, input);
                if more & 1 == 1 {
                    let [a, b] = (0x4000 | input.short() & 0x3fff).to_be_bytes();
                    attributes.push((CHANNEL_NUMBER, vec![a, b, 0, 0]));
                }
                self.ask(number, if more & 1 == 1 { CHANNEL_BIND } else { CREATE_PERMISSION }, &attributes);
            }
            4 => {
                let bytes = match self.a_peer(input.byte()) {
                    Some(peer) if more & 1 == 0 => self.clients[number].send(peer, input.some()),
                    _ => channel_data(0x4000 | input.short() & 0x3fff, input.some()),
                };
                self.receive(number, &bytes);
            }
            5 => {
                self.time += Duration::from_millis(u64::from(input.short()) << more);
                self.machine.tick(self.now(), &mut self.said);
            }
            6 => {
                let (now, (room, peer)) = (self.now(), CLIENTS[number]);
                let (room, peer) = (name(room), PeerId::from_bits([peer; 16]));
                if more & 1 == 0 {
                    self.machine.revoke(now, &room, &peer, &mut self.said);
                } else {
                    self.clients[number].issued = self.machine.issue(now, &room, &peer);
                }
            }
            _ if more & 1 == 0 => self.machine.closed(&flow(number), &mut self.said),
            _ => {
                let open = self.said.open.get(usize::from(input.byte()) % 4).copied();
                let peer = self.a_peer(input.byte());
                if let (Some((id, _)), Some(peer)) = (open, peer) {
                    self.machine.receive_outside(self.now(), id, peer, input.some(), &mut self.said);
                }
            }
        }
    }

    /// The clients' relayed addresses, or somebody outside.
    fn a_peer(&self, which: u8) -> Option<SocketAddr> {
        let which = usize::from(which);
        match self.clients.get(which % 8) {
            Some(client) => client.relayed,
            None => Some(SocketAddr::from((OUTSIDE[which % OUTSIDE.len()], (which % 7) as u16))),
        }
    }

    fn ask(&mut self, number: usize, method: stun_types::message::Method, attributes: &Attributes) {
        if !self.clients[number].can_sign() {
            let unsigned = self.clients[number].request(ALLOCATE, &Vec::new());
            self.receive(number, &unsigned);
        }
        let request = self.clients[number].request(method, attributes);
        self.receive(number, &request);
    }

    fn receive(&mut self, number: usize, bytes: &[u8]) {
        let (now, had_one) = (self.now(), self.machine.has_allocation(self.now(), &flow(number)));
        let answers = self.said.answers.len();
        self.machine.receive(now, &flow(number), bytes, &mut self.said);
        assert!(self.said.answers.len() <= answers + 1, "more than one answer");
        assert!(had_one || self.said.data_to.is_empty(), "data of somebody without an allocation");
        for answer in self.said.answers.drain(..) {
            // A stranger gains little by making the relay answer somebody else.
            assert!(answer.len() <= bytes.len() + 256, "{} bytes for {}", answer.len(), bytes.len());
            self.clients[number].hears(&answer);
        }
    }

    fn holds(&mut self) {
        self.machine.holds();
        for to in self.said.data_to.drain(..) {
            assert!(
                self.machine.has_allocation(Now { time: self.time, unix: UNIX + self.time }, &to),
                "data for nobody"
            );
        }
        if self.machine.is_open() {
            assert_eq!(self.said.open.len(), self.machine.allocations());
        }
    }

    /// When nobody says anything more, nothing is left.
    fn comes_to_rest(&mut self) {
        self.time += limits::LONGEST_LIFETIME + credentials::LIFETIME;
        while self.machine.next_tick().is_some() {
            self.machine.tick(self.now(), &mut self.said);
        }
        self.machine.tick(self.now(), &mut self.said);
        self.holds();
        assert!(self.machine.is_at_rest() && self.said.open.is_empty(), "something is left: {:?}", self.machine);
    }
}

fn flow(number: usize) -> Flow {
    let local = match number {
        1 => Local::Stream(1, StreamKind::Tls),
        number => Local::Udp(0, (number == 2).then(|| [198, 51, 100, 1].into())),
    };
    let remote = match number {
        2 => SocketAddr::from(([0x2a00, 0x1450, 0, 0, 0, 0, 0, 7], 5_000)),
        number => SocketAddr::from(([198, 51, 100, 7], 5_000 + number as u16)),
    };
    Flow { remote, local }
}

fn any_attributes(input: &mut Input<'_>) -> Attributes {
    // The ones that TURN knows are more likely than others.
    const KNOWN: [u16; 12] =
        [0x000c, 0x000d, 0x0012, 0x0013, 0x0017, 0x0018, 0x0019, 0x001a, 0x0022, 0x0006, 0x8022, 0x8028];
    let count = input.byte() % 5;
    let mut attributes = Vec::new();
    for _ in 0..count {
        let kind = input.byte();
        let kind = KNOWN.get(usize::from(kind)).copied().unwrap_or_else(|| input.short());
        attributes.push((kind, input.some().to_vec()));
    }
    attributes
}

fn any_peer(world: &World, number: usize, input: &mut Input<'_>) -> Attributes {
    let count = 1 + input.byte() % 5;
    (0..count).filter_map(|_| world.a_peer(input.byte())).map(|peer| world.clients[number].peer(peer)).collect()
}

fn name(room: &str) -> RoomName {
    room.parse().unwrap_or_else(|_| unreachable!("it is a name"))
}
