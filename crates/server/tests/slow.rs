//! Hundreds of connections that say nothing, or a byte now and then: beside them everybody else
//! is answered at once, and after a bounded time they are ended.
//!
//! They come from other addresses of this machine than the ones who are answered, as an
//! attacker's would.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt, future::join_all};
use madang_protocol::{Epoch, IceServer, JoinReply, Joined, Peer, Reply, SignalFrom, SignalTo};
use madang_server::limits;
use madang_wire::packet;
use serde::de::DeserializeOwned;
use serde_json::json;
use support::{Running, start_with, tls, turn};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// How long the slow ones are borne: long enough for all that is done beside them.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the others may have to wait, on a machine that has much else to do.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How soon an end has come at the latest.
const SOON: Duration = Duration::from_secs(30);
const SLOW: usize = 500;
const ADDRESSES: usize = 4;

/// What a slow connection begins with, and what then comes time and again, if anything does.
const KINDS: [(&[u8], &[u8]); 9] = [
    (b"", b""),
    // A STUN message, but for its cookie.
    (b"\x00\x03\x00\x08\x21", b""),
    // The beginning of a TLS record of 512 bytes.
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00"),
    (b"GET / HTTP/1.1\r\nhost: a\r\nx-sl", b""),
    (b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ", b"o"),
    // TURN: a message of 1024 bytes, and ChannelData behind a whole message.
    (b"\x00\x03\x04\x00\x21\x12\xa4\x42mada", b""),
    (b"\x00\x03\x04\x00\x21\x12\xa4\x42madang-tests", b"\x00"),
    (b"\x00\x11\x00\x00\x21\x12\xa4\x42madang-tests\x40\x00\x04\x00", b"\x00"),
];

/// Connects from one of this machine's many addresses.
async fn from(ip: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((ip, 0).into()).unwrap();
    let stream = socket.connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn attacker(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, 1 + (number % ADDRESSES) as u8)
}

/// Whether the other side has ended it; what it said before is of no interest.
fn has_ended(stream: &TcpStream) -> bool {
    loop {
        match stream.try_read(&mut [0; 512]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// Connections of all kinds that are slow.
struct Slow(Vec<TcpStream>);

impl Slow {
    async fn connect(to: SocketAddr) -> Self {
        let connect = async |number: usize| {
            let mut stream = from(attacker(number), to).await;
            stream.write_all(KINDS[number % KINDS.len()].0).await.unwrap();
            stream
        };
        Self(join_all((0..SLOW).map(connect)).await)
    }

    /// Sends a byte by each that does at all.
    fn drip(&self) {
        for (stream, (_, more)) in self.0.iter().zip(KINDS.iter().cycle()) {
            // Some have ended, which is the point.
            _ = stream.try_write(more);
        }
    }

    fn open(&self) -> usize {
        self.0.iter().filter(|stream| !has_ended(stream)).count()
    }
}

/// A peer on a websocket inside TLS.
struct Signals(WebSocketStream<TlsStream<TcpStream>>);

impl Signals {
    async fn join(server: &Running, number: u8) -> (Self, Joined) {
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.address);
        let (socket, _) = client_async(url, tls::connect(server.address).await.unwrap()).await.unwrap();
        let mut signals = Self(socket);
        let auth = json!({ "join": support::join("room", number) });
        signals.0.send(Message::text(format!("40{auth}"))).await.unwrap();
        match signals.hears("joined").await {
            Reply::Ok(joined) => (signals, joined),
            JoinReply::Error(error) => panic!("{error:?}"),
        }
    }

    /// What comes with the next event of this name.
    async fn hears<T: DeserializeOwned>(&mut self, event: &str) -> T {
        let begins = format!("42[\"{event}\",");
        loop {
            let text = self.0.next().await.unwrap().unwrap().into_text().unwrap();
            if text.starts_with(&begins) {
                let (_, told): (String, T) = serde_json::from_str(&text[2..]).unwrap();
                return told;
            }
        }
    }
}

/// Does this, which is to take no longer than [`AT_ONCE`].
async fn at_once<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = timeout(SOON, work).await.unwrap_or_else(|_| panic!("{what}: never"));
    assert!(start.elapsed() <= AT_ONCE, "{what} took {:?}", start.elapsed());
    done
}

async fn load_page(server: &Running) {
    let mut stream = tls::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Who ends TLS without its goodbye is as gone.
    _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("</html>"), "{answer}");
}

async fn relayed(server: &Running, one: &[IceServer], two: &[IceServer]) -> [turn::Client; 2] {
    let mut clients = [turn::Client::new(server.address, one).await, turn::Client::new(server.address, two).await];
    for client in &mut clients {
        client.allocate().await.unwrap();
    }
    let [one, two] = &mut clients;
    one.bind(0x4000, two.relayed.unwrap()).await.unwrap();
    two.bind(0x4001, one.relayed.unwrap()).await.unwrap();
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_hold_nobody_up_and_are_ended() {
    rlimit::increase_nofile_limit(8_192).unwrap();
    let server = start_with(|config| {
        config.tls.self_signed = true;
        (config.decided_within, config.headers_within) = (PATIENCE, PATIENCE);
    })
    .await;
    let start = Instant::now();
    let slow = Slow::connect(server.address).await;
    let (mut one, in_one) = at_once("a join", Signals::join(&server, 1)).await;
    let (mut two, in_two) = at_once("a join", Signals::join(&server, 2)).await;
    let peer: Peer = at_once("hearing of a join", one.hears("peer-joined")).await;
    let [at_one, at_two] = at_once("allocations", relayed(&server, &in_one.ice_servers, &in_two.ice_servers)).await;
    let epoch = Epoch::of(support::join("room", 1).generation, peer.generation);
    for seq in 0..5u8 {
        slow.drip();
        at_once("a page", load_page(&server)).await;
        at_once("a signal", async {
            let signal = SignalTo { to: peer.peer.clone(), epoch, seq: seq.into(), body: json!("hello") };
            one.0.send(Message::text(packet("42", "signal", &(signal,)).unwrap())).await.unwrap();
            let heard: SignalFrom<serde_json::Value> = two.hears("signal").await;
            assert_eq!(heard.seq, u32::from(seq));
        })
        .await;
        at_once("data over UDP", async {
            at_one.send(0x4000, &[seq; 900]).await;
            assert_eq!(at_two.heard(0x4001, AT_ONCE).await, Some(vec![seq; 900]));
        })
        .await;
        at_once("STUN over TCP", async {
            turn::binding(&mut TcpStream::connect(server.address).await.unwrap()).await.unwrap();
        })
        .await;
    }
    let (open, done) = (slow.open(), start.elapsed());
    assert!(
        done > PATIENCE || open == SLOW,
        "only {open} of the slow ones were there all the time, which was {done:?}"
    );
    // However they go on, they are ended.
    timeout(SOON, async {
        while slow.open() > 0 {
            slow.drip();
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{} are still open", slow.open()));
    load_page(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_many_undecided_connections_makes_room_for_itself_alone() {
    rlimit::increase_nofile_limit(8_192).unwrap();
    let server = start_with(|config| config.decided_within = Duration::from_secs(600)).await;
    // Older than all others, and never to make room for them.
    let other = from(Ipv4Addr::new(127, 0, 2, 1), server.address).await;
    let connect = || from(attacker(0), server.address);
    let mut of_one = Vec::new();
    for _ in 0..limits::UNDECIDED_PER_ADDRESS {
        of_one.push(connect().await);
    }
    assert!(!of_one.iter().any(has_ended), "there may be so many");
    // Once they are no longer spared, each that comes takes the place of the oldest.
    timeout(SOON, async {
        while !has_ended(&of_one[0]) {
            of_one.push(connect().await);
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("none made room");
    // Each ends in a task of its own; when all have, it is the oldest that are gone and no others.
    timeout(SOON, async {
        while !of_one.iter().map(has_ended).is_sorted_by(|older, newer| older >= newer) {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the oldest make room, and no others");
    assert!(of_one.iter().filter(|stream| !has_ended(stream)).count() >= limits::UNDECIDED_PER_ADDRESS);
    assert!(!has_ended(&other), "another address is not asked");
}
