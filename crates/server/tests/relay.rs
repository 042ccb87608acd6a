//! The relay over real sockets and streams: what is sent comes, bad streams end, failed sends end nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use madang_protocol::{PeerId, RoomName};
use madang_server::relay::{Mode, Options, Relay, Serving, StreamKind, limits};
use stun_types::{
    attribute::{ErrorCode, Nonce, RawAttribute, Realm, Username},
    message::{
        BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec,
        Method,
    },
    prelude::*,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::UdpSocket,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use turn_types::{
    attribute::{Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress},
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH},
};

const WITHIN: Duration = Duration::from_secs(20);

fn room() -> RoomName {
    "room".parse().unwrap()
}

fn peer(number: u8) -> PeerId {
    PeerId::from_bits([number; 16])
}

fn closed() -> Relay {
    Relay::new(Options::closed("north")).unwrap()
}

fn serve(relay: &Relay, at: &str) -> (Serving, u16) {
    let socket = std::net::UdpSocket::bind(at).unwrap();
    let port = socket.local_addr().unwrap().port();
    (relay.serve_udp(socket).unwrap(), port)
}

/// What a client comes by.
enum Way {
    Udp(UdpSocket),
    Stream(DuplexStream),
}

/// A TURN client.
struct Client {
    way: Way,
    username: String,
    password: String,
    nonce: String,
    transaction: u128,
}

impl Client {
    fn new(relay: &Relay, number: u8, way: Way) -> Self {
        let issued = relay.credentials(&room(), &peer(number));
        Self { way, username: issued.username, password: issued.credential, nonce: String::new(), transaction: 0 }
    }

    /// A connected socket hears only whom it asked.
    async fn udp(relay: &Relay, number: u8, server: impl Into<SocketAddr>) -> Self {
        let server = server.into();
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await.unwrap();
        socket.connect(server).await.unwrap();
        Self::new(relay, number, Way::Udp(socket))
    }

    fn stream(relay: &Relay, number: u8) -> (Self, JoinHandle<()>) {
        let (near, served) = stream(relay);
        (Self::new(relay, number, Way::Stream(near)), served)
    }

    async fn send(&mut self, bytes: &[u8]) {
        match &mut self.way {
            Way::Udp(socket) => _ = socket.send(bytes).await.unwrap(),
            Way::Stream(stream) => stream.write_all(bytes).await.unwrap(),
        }
    }

    async fn next(&mut self) -> Vec<u8> {
        let next = async {
            match &mut self.way {
                Way::Udp(socket) => {
                    let mut buffer = vec![0; 65_535];
                    let length = socket.recv(&mut buffer).await.unwrap();
                    buffer.truncate(length);
                    buffer
                }
                Way::Stream(stream) => {
                    let mut bytes = vec![0; 4];
                    stream.read_exact(&mut bytes).await.unwrap();
                    let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                    let is_channel = bytes[0] >= 0x40;
                    let whole = if is_channel { 4 + length } else { 20 + length };
                    bytes.resize(whole.next_multiple_of(4), 0);
                    stream.read_exact(&mut bytes[4..]).await.unwrap();
                    bytes.truncate(whole);
                    bytes
                }
            }
        };
        timeout(WITHIN, next).await.expect("nothing came")
    }

    fn request(&mut self, method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        let kind = MessageType::from_class_method(MessageClass::Request, method);
        let mut write = Message::builder(kind, self.transaction.into(), MessageWriteVec::new());
        for attribute in attributes {
            write.add_attribute(*attribute).unwrap();
        }
        if !self.nonce.is_empty() {
            write.add_attribute(&Username::new(&self.username).unwrap()).unwrap();
            write.add_attribute(&Realm::new("madang").unwrap()).unwrap();
            write.add_attribute(&Nonce::new(&self.nonce).unwrap()).unwrap();
            let (username, password) = (self.username.clone(), self.password.clone());
            let credentials = LongTermKeyCredentials::new(username, password, "madang".to_owned());
            let key = credentials.make_key(IntegrityAlgorithm::Sha1);
            write.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1).unwrap();
        }
        write.add_fingerprint().unwrap();
        write.finish()
    }

    /// Asks, and again with the nonce if there is to be one. Gives the error code, or 0.
    async fn ask(&mut self, method: Method, attributes: &[&dyn AttributeWrite]) -> (u16, Vec<u8>) {
        loop {
            let request = self.request(method, attributes);
            self.send(&request).await;
            let bytes = self.next().await;
            let answer = Message::from_bytes(&bytes).unwrap();
            assert_eq!(answer.transaction_id(), self.transaction.into());
            let code = answer.attribute::<ErrorCode>().map_or(0, |error| error.code());
            if code == 401 && self.nonce.is_empty() {
                self.nonce = answer.attribute::<Nonce>().unwrap().nonce().to_owned();
                continue;
            }
            self.transaction += 1;
            return (code, bytes);
        }
    }

    async fn allocate(&mut self) -> SocketAddr {
        let (code, answer) = self.ask(ALLOCATE, &[&RequestedTransport::new(17)]).await;
        assert_eq!(code, 0);
        let answer = Message::from_bytes(&answer).unwrap();
        answer.attribute::<XorRelayedAddress>().unwrap().addr(answer.transaction_id())
    }

    async fn bind(&mut self, number: u16, peer: SocketAddr) -> u16 {
        let [a, b] = number.to_be_bytes();
        let number = [a, b, 0, 0];
        let number = RawAttribute::new(0x000c.into(), &number);
        let peer = XorPeerAddress::new(peer, self.transaction.into());
        self.ask(CHANNEL_BIND, &[&number, &peer]).await.0
    }

    async fn permit(&mut self, peer: SocketAddr) -> u16 {
        let peer = XorPeerAddress::new(peer, self.transaction.into());
        self.ask(CREATE_PERMISSION, &[&peer]).await.0
    }

    async fn is_served(&mut self) -> bool {
        self.ask(REFRESH, &[&Lifetime::new(600)]).await.0 == 0
    }
}

/// Over a stream with padding, which a datagram may have too.
fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = [&number.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn stream(relay: &Relay) -> (DuplexStream, JoinHandle<()>) {
    let (near, far) = duplex(64 * 1024);
    let relay = relay.clone();
    let (local, remote) = ("127.0.0.1:443".parse().unwrap(), "198.51.100.7:5000".parse().unwrap());
    let served = tokio::spawn(async move { relay.serve_stream(far, local, remote, StreamKind::Tls).await });
    (near, served)
}

/// Waits until the relay has ended a stream.
async fn ends(near: &mut DuplexStream, served: JoinHandle<()>) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    near.read_to_end(&mut rest).await.unwrap();
    served.await.unwrap();
    start.elapsed()
}

#[tokio::test]
async fn datagrams_come_from_the_address_that_was_asked() {
    let relay = closed();
    let (_serving, port) = serve(&relay, "[::]:0");
    let mut one = Client::udp(&relay, 1, ([127, 0, 0, 1], port)).await;
    let mut two = Client::udp(&relay, 2, ([127, 0, 0, 2], port)).await;
    let mut three = Client::udp(
        &relay,
        3,
        "[::1]:0"
            .parse::<SocketAddr>()
            .map(|mut at| {
                at.set_port(port);
                at
            })
            .unwrap(),
    )
    .await;
    let (at_one, at_two, at_three) = (one.allocate().await, two.allocate().await, three.allocate().await);
    assert_eq!((one.bind(0x4000, at_two).await, two.bind(0x4001, at_one).await), (0, 0));
    assert_eq!((one.bind(0x4002, at_three).await, three.permit(at_one).await), (0, 0));
    for number in 0..100u8 {
        one.send(&channel_data(0x4000, &[number; 9])).await;
        assert_eq!(two.next().await, channel_data(0x4001, &[number; 9])[..13]);
        two.send(&channel_data(0x4001, &[number; 1_200])).await;
        assert_eq!(one.next().await, channel_data(0x4000, &[number; 1_200]));
    }
    one.send(&channel_data(0x4002, b"hello")).await;
    let indication = three.next().await;
    let indication = Message::from_bytes(&indication).unwrap();
    assert!(indication.has_method(DATA));
    assert_eq!(indication.attribute::<Data>().unwrap().data(), b"hello");
}

#[tokio::test]
async fn a_burst_of_one_size_comes_whole_and_in_order() {
    let relay = closed();
    let (_serving, port) = serve(&relay, "127.0.0.1:0");
    let mut one = Client::udp(&relay, 1, ([127, 0, 0, 1], port)).await;
    let mut two = Client::udp(&relay, 2, ([127, 0, 0, 1], port)).await;
    let (at_one, at_two) = (one.allocate().await, two.allocate().await);
    assert_eq!((one.bind(0x4000, at_two).await, two.bind(0x4001, at_one).await), (0, 0));
    // A picture's packets: all of one length but the last.
    for picture in 0..20u8 {
        for packet in 0..30u8 {
            let length = if packet == 29 { 77 } else { 1_100 };
            one.send(&channel_data(0x4000, &vec![picture ^ packet; length])).await;
        }
        for packet in 0..30u8 {
            let length = if packet == 29 { 77 } else { 1_100 };
            assert_eq!(two.next().await[4..], vec![picture ^ packet; length], "{packet} of {picture}");
        }
    }
}

#[tokio::test]
async fn streams_and_datagrams_meet() {
    let relay = closed();
    let (_serving, port) = serve(&relay, "127.0.0.1:0");
    let (mut one, _served) = Client::stream(&relay, 1);
    let (mut two, _served) = Client::stream(&relay, 2);
    let mut three = Client::udp(&relay, 3, ([127, 0, 0, 1], port)).await;
    let (at_one, at_two, at_three) = (one.allocate().await, two.allocate().await, three.allocate().await);
    assert_eq!((one.bind(0x4002, at_two).await, two.bind(0x4001, at_one).await), (0, 0));
    assert_eq!((one.bind(0x4003, at_three).await, three.bind(0x4001, at_one).await), (0, 0));
    // Both in one piece, then byte by byte.
    let both = [channel_data(0x4002, b"to two"), channel_data(0x4003, b"to three")].concat();
    one.send(&both).await;
    assert_eq!((&two.next().await[4..], &three.next().await[4..]), (&b"to two"[..], &b"to three"[..]));
    for byte in both {
        one.send(&[byte]).await;
    }
    assert_eq!((&two.next().await[4..], &three.next().await[4..]), (&b"to two"[..], &b"to three"[..]));
    two.send(&channel_data(0x4001, b"from two")).await;
    assert_eq!(one.next().await, channel_data(0x4002, b"from two"));
    three.send(&channel_data(0x4001, b"from three")).await;
    assert_eq!(&one.next().await[4..], b"from three");
    let mut text = String::new();
    relay.metrics(&mut text);
    for line in ["madang_relay_allocations 3", "madang_relay_packets_total{transport=\"tls\",direction=\"received\"} 5"]
    {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_ends() {
    let relay = closed();
    let (mut near, served) = stream(&relay);
    assert_eq!(ends(&mut near, served).await.as_secs(), limits::QUIET.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_half_of_something_ends() {
    let relay = closed();
    for half in [&[0x40][..], &[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42], &[0x40, 0, 0x10, 0, 1, 2, 3]] {
        let (mut near, served) = stream(&relay);
        near.write_all(half).await.unwrap();
        assert_eq!(ends(&mut near, served).await.as_secs(), limits::FRAME_WITHIN.as_secs());
    }
    // Byte by byte is no way to stay.
    let (mut near, served) = stream(&relay);
    let start = Instant::now();
    for byte in channel_data(0x4000, &[7; 100]) {
        if near.write_all(&[byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    ends(&mut near, served).await;
    assert!(start.elapsed() <= limits::FRAME_WITHIN + Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_stream_of_something_else_ends_at_once() {
    let relay = closed();
    for other in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[0xff; 20], &[0x40, 0, 0xff, 0xff]] {
        let (mut near, served) = stream(&relay);
        near.write_all(other).await.unwrap();
        timeout(WITHIN, ends(&mut near, served)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_an_allocation_may_be_quiet_until_it_ends() {
    let relay = closed();
    let (mut client, served) = Client::stream(&relay, 1);
    client.allocate().await;
    sleep(20 * limits::QUIET).await;
    assert!(client.is_served().await);
    relay.revoke(&room(), &peer(1));
    let Way::Stream(mut near) = client.way else { panic!("a stream") };
    assert_eq!(ends(&mut near, served).await, Duration::ZERO, "revoking ends it at once");
}

#[tokio::test]
async fn what_a_stream_had_ends_with_it() {
    let relay = closed();
    let (mut client, served) = Client::stream(&relay, 1);
    client.allocate().await;
    drop(client);
    served.await.unwrap();
    let (mut client, served) = Client::stream(&relay, 1);
    client.allocate().await;
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    let mut text = String::new();
    relay.metrics(&mut text);
    assert!(text.contains("madang_relay_allocations 0\n"), "{text}");
}

#[tokio::test]
async fn a_reader_that_is_slow_loses_data_and_nobody_else_does() {
    let relay = closed();
    let (_serving, port) = serve(&relay, "127.0.0.1:0");
    let (mut slow, _served) = Client::stream(&relay, 1);
    let mut one = Client::udp(&relay, 2, ([127, 0, 0, 1], port)).await;
    let mut two = Client::udp(&relay, 3, ([127, 0, 0, 1], port)).await;
    let (at_slow, at_one, at_two) = (slow.allocate().await, one.allocate().await, two.allocate().await);
    assert_eq!((one.bind(0x4000, at_slow).await, slow.bind(0x4000, at_one).await), (0, 0));
    assert_eq!((one.bind(0x4001, at_two).await, two.bind(0x4000, at_one).await), (0, 0));
    for _ in 0..400u16 {
        one.send(&channel_data(0x4000, &[7; 1_000])).await;
        one.send(&channel_data(0x4001, b"and to you")).await;
        assert_eq!(&two.next().await[4..], b"and to you");
    }
    let mut text = String::new();
    relay.metrics(&mut text);
    let dropped =
        text.lines().find_map(|line| line.strip_prefix("madang_relay_dropped_total{reason=\"slow-reader\"} "));
    assert!(dropped.unwrap().parse::<u32>().unwrap() > 100, "{text}");
    // What it does get is whole frames.
    for _ in 0..50 {
        assert_eq!(slow.next().await, channel_data(0x4000, &[7; 1_000]));
    }
}

#[tokio::test]
async fn revoking_ends_at_once() {
    let relay = closed();
    let (_serving, port) = serve(&relay, "127.0.0.1:0");
    let mut one = Client::udp(&relay, 1, ([127, 0, 0, 1], port)).await;
    one.allocate().await;
    relay.revoke(&room(), &peer(1));
    assert_eq!(one.ask(REFRESH, &[&Lifetime::new(600)]).await.0, 401);
}

#[tokio::test]
async fn a_failed_send_ends_nothing() {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mode = Mode::Open {
        ports: 49_152..=65_535,
        public: vec![any.ip()],
        bind: vec![any.ip()],
        own: Vec::new(),
        allow: vec!["127.0.0.0/8".parse().unwrap(), "240.0.0.0/4".parse().unwrap()],
    };
    let relay = Relay::new(Options { mode, ..Options::closed("north") }).unwrap();
    let (_serving, port) = serve(&relay, "127.0.0.1:0");
    let outside = UdpSocket::bind(any).await.unwrap();
    let nobody = UdpSocket::bind(any).await.unwrap().local_addr().unwrap();
    let mut one = Client::udp(&relay, 1, ([127, 0, 0, 1], port)).await;
    let relayed = one.allocate().await;
    let at_outside = outside.local_addr().unwrap();
    for (number, peer) in [(0x4000, at_outside), (0x4001, nobody), (0x4002, "240.0.0.1:9".parse().unwrap())] {
        assert_eq!(one.bind(number, peer).await, 0, "{peer}");
    }
    for number in 0..20u8 {
        one.send(&channel_data(0x4001, b"nobody listens")).await;
        one.send(&channel_data(0x4002, b"no way there")).await;
        one.send(&channel_data(0x4000, &[number])).await;
        let mut buffer = [0; 100];
        let (length, from) = timeout(WITHIN, outside.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..length], from), (&[number][..], relayed));
        outside.send_to(&[number; 3], relayed).await.unwrap();
        assert_eq!(one.next().await[4..], [number; 3]);
    }
    assert!(one.is_served().await);
    assert_eq!(one.ask(REFRESH, &[&Lifetime::new(0)]).await.0, 0);
    // Its port is free again.
    timeout(WITHIN, async {
        while UdpSocket::bind(relayed).await.is_err() {
            sleep(Duration::from_millis(5)).await
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_port_is_free_when_serving_has_ended() {
    let relay = closed();
    for at in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        let socket = std::net::UdpSocket::bind(at).unwrap();
        let address = socket.local_addr().unwrap();
        let serving = relay.serve_udp(socket).unwrap();
        drop(serving);
        drop(std::net::UdpSocket::bind(address).unwrap());
    }
    let (_serving, port) = serve(&relay, "127.0.0.1:0");
    let mut client = Client::udp(&relay, 1, ([127, 0, 0, 1], port)).await;
    assert_eq!(client.ask(BINDING, &[]).await.0, 0, "another is served meanwhile");
}
