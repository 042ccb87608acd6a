//! What the tests of the server share: a server of their own, and peers that talk to it.
#![allow(dead_code, reason = "each test file uses some of it")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod tls;
pub(crate) mod turn;

use std::net::SocketAddr;

use madang_protocol::{
    Epoch, Generation, Join, JoinReply, Joined, Peer, Reply, RoomName, Secret, SignalTo, VERSION, WireError,
};
use madang_server::{Config, Server};
use madang_wire::{Event, Socket};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

/// A server on a port of its own, for as long as it is kept.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
}

/// Starts a server with the defaults.
pub(crate) async fn start() -> Running {
    start_with(|_| ()).await
}

/// Starts a server with a changed configuration.
pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::local();
    change(&mut config);
    let server = Server::bind(config).await.unwrap();
    let (address, metrics, admin) = (server.local_addr(), server.metrics_addr(), server.admin_addr());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.serve(async { _ = stopped.await }));
    Running { address, metrics, admin, stop: Some(stop), served: Some(served) }
}

impl Running {
    /// Connects a websocket that has not joined.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::connect(self.address).await.unwrap()
    }

    /// Connects a native peer that is in the room.
    pub(crate) async fn native(&self, room: &str, number: u8) -> (Native, Joined) {
        let mut native = Native { socket: self.socket().await, join: join(room, number) };
        let joined = native.join().await.unwrap();
        (native, joined)
    }

    /// Connects a tutorial page that has asked to join the room.
    pub(crate) async fn page(&self, room: &str) -> Socket {
        let mut socket = self.socket().await;
        socket.emit("join", &(room,)).await.unwrap();
        socket
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(mut self) {
        _ = self.stop.take().unwrap().send(());
        self.served.take().unwrap().await.unwrap();
    }
}

/// The payload of a first join of the peer with this number.
pub(crate) fn join(room: &str, number: u8) -> Join {
    let generation = Generation::first(u32::from(number));
    Join {
        v: VERSION,
        room: room.parse::<RoomName>().unwrap(),
        secret: Secret::from_bits([number; 16]),
        instance: generation,
        generation,
        name: None,
        token: None,
    }
}

/// A native peer.
pub(crate) struct Native {
    pub(crate) socket: Socket,
    pub(crate) join: Join,
}

impl Native {
    /// Joins as the payload says.
    pub(crate) async fn join(&mut self) -> Result<Joined, WireError> {
        match self.socket.call::<JoinReply>("join", &(&self.join,)).await.unwrap() {
            Reply::Ok(joined) => Ok(joined),
            Reply::Error(error) => Err(error),
        }
    }

    /// Comes back with another socket, as the same page.
    pub(crate) async fn rejoin(&mut self, server: &Running) -> Joined {
        self.socket = server.socket().await;
        self.join.generation = self.join.generation.next();
        self.join().await.unwrap()
    }

    /// Signals to a peer.
    pub(crate) async fn signal(&mut self, to: &Peer, seq: u32, body: impl Serialize) {
        let epoch = Epoch::of(self.join.generation, to.generation);
        self.socket.emit("signal", &(SignalTo { to: to.peer.clone(), epoch, seq, body },)).await.unwrap();
    }

    /// The next event, which is `peer-joined`.
    pub(crate) async fn peer_joined(&mut self) -> Peer {
        self.socket.expect("peer-joined").await.unwrap().arg().unwrap()
    }

    /// Makes sure that nothing has come: what was sent before this question comes before its answer.
    pub(crate) async fn heard_nothing(&mut self) {
        heard_nothing(&mut self.socket).await;
    }
}

/// Makes sure that nothing has come: what was sent before this question comes before the refusal.
pub(crate) async fn heard_nothing(socket: &mut Socket) {
    socket.emit("are-you-there", &()).await.unwrap();
    let error = socket.expect("error").await.unwrap();
    assert_eq!(code(&error), "bad-message");
}

/// The code of an `error` event.
pub(crate) fn code(event: &Event) -> String {
    event.arg::<Value>().unwrap()["code"].as_str().unwrap().to_owned()
}

/// A candidate as a tutorial page sends it.
pub(crate) fn candidate(number: usize) -> Value {
    json!({ "candidate": format!("candidate:{number} 1 udp 2113937151 192.0.2.1 50000 typ host"),
            "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "abcd" })
}
