//! coturn's own clients against the real program: what they send comes back, and what is to be
//! refused is.
//!
//! They are not everywhere, so these tests run when they are asked for: `cargo xtask test coturn`
//! installs coturn first. Every client sends at the tool's own pace, and nothing may be lost.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, SystemTime},
};

use futures_util::future::join_all;
use madang_protocol::IceServer;
use madang_server::credentials::{Credentials, LIFETIME};
use support::turn;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const SECRET: &str = "north";
/// What a tool may take. It takes about eight seconds to send its messages.
const WITHIN: Duration = Duration::from_secs(60);
const MESSAGES: u32 = 100;
const CLIENTS: u32 = 10;
const OPEN: [&str; 8] =
    ["--relay", "open", "--relay-ports", "49152-57343", "--public-ip", "127.0.0.1", "--relay-allow", "127.0.0.0/8"];
/// By UDP, TCP and TLS.
const WAYS: [&[&str]; 3] = [&[], &["-t"], &["-S", "-t"]];
/// By channel and by Send indication.
const FORMS: [&[&str]; 2] = [&[], &["-s"]];

fn ways_and_forms() -> impl Iterator<Item = [&'static [&'static str]; 2]> {
    WAYS.iter().flat_map(|way| FORMS.map(|form| [*way, form]))
}

/// The server's program, while it is kept.
struct Server {
    _child: Child,
    address: SocketAddr,
}

impl Server {
    async fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang-server"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MADANG_")) {
            command.env_remove(name);
        }
        command.args(["--listen", "127.0.0.1:0", "--tls-self-signed"]).args(flags).env("MADANG_TURN_SECRET", SECRET);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(WITHIN, lines.next_line()).await.unwrap().unwrap().unwrap();
        let address = first.strip_prefix("Madang is listening on https://").unwrap().parse().unwrap();
        Self { _child: child, address }
    }

    /// Runs `turnutils_uclient` to its end: as many clients and messages, without RTCP's second port.
    async fn uclient<const N: usize>(&self, who: &[&str], how: [&[&str]; N]) -> Told {
        let [messages, clients] = [MESSAGES, CLIENTS].map(|number| number.to_string());
        self.tool("turnutils_uclient", &[&["-c", "-n", &messages, "-m", &clients], who, &how.concat()].concat()).await
    }

    /// In all ways and forms at once, each in a room of its own because of the quotas: all that is sent to
    /// this peer comes back.
    async fn all_come(&self, peer: &[&str]) {
        let run = async |(room, [way, form])| {
            let user = format!("{room}.alice");
            self.uclient(&["-u", &user, "-W", SECRET], [way, form, peer]).await.all_came();
        };
        join_all(ways_and_forms().enumerate().map(run)).await;
    }

    async fn tool(&self, program: &str, flags: &[&str]) -> Told {
        let mut command = Command::new(program);
        command.arg("-p").arg(self.address.port().to_string()).args(flags).arg("127.0.0.1");
        command.stdin(Stdio::null()).kill_on_drop(true);
        let asked = format!("{program} {}", flags.join(" "));
        let output = timeout(WITHIN, command.output()).await.unwrap_or_else(|_| panic!("{asked}: still at it"));
        let output = output.unwrap_or_else(|error| panic!("{asked}: {error}; `cargo xtask test coturn` installs it"));
        let said = [output.stdout, output.stderr].concat();
        Told { asked, well: output.status.success(), said: String::from_utf8_lossy(&said).into_owned() }
    }
}

/// What a tool told.
struct Told {
    asked: String,
    well: bool,
    said: String,
}

impl Told {
    /// Everything was sent and came back.
    fn all_came(&self) {
        let all = CLIENTS * MESSAGES;
        let totals = format!("tot_send_msgs={all}, tot_recv_msgs={all}");
        let whole = self.said.lines().any(|line| line.ends_with(&totals));
        let lost = self.said.contains("Total lost packets 0 (0.000000%), total send dropped 0 (0.000000%)");
        assert!(self.well && whole && lost, "{}: {}", self.asked, self.said);
    }

    fn is_told_its_address(&self) {
        assert!(self.well && self.said.contains("UDP reflexive addr: 127.0.0.1:"), "{}: {}", self.asked, self.said);
    }

    /// It gave up, and said this.
    fn gave_up(&self, why: &str) {
        assert!(!self.well && self.said.contains(why), "{}: {}", self.asked, self.said);
        assert!(!self.said.contains("tot_send_msgs"), "{} sent something: {}", self.asked, self.said);
    }
}

/// coturn's echo, while it is kept.
async fn echo() -> (Child, String) {
    // Free a moment ago, which is as good as it gets with a program that is told its port.
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let child = Command::new("turnutils_peer").args(["-L", "127.0.0.1", "-p", &port]).kill_on_drop(true).spawn();
    let child = child.unwrap_or_else(|error| panic!("{error}; `cargo xtask test coturn` installs turnutils_peer"));
    let asks = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    asks.connect(format!("127.0.0.1:{port}")).await.unwrap();
    timeout(WITHIN, async {
        // Refused as long as nobody listens.
        while asks.send(b"are you there").await.is_err()
            || !matches!(timeout(Duration::from_millis(50), asks.recv(&mut [0; 64])).await, Ok(Ok(_)))
        {}
    })
    .await
    .expect("no echo");
    (child, port)
}

/// User name and password as a web server would give them out, good until then.
fn credentials(user: &str, until: SystemTime) -> [String; 2] {
    let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let username = format!("{until}:{user}");
    let password = Credentials::new(SECRET.as_bytes(), LIFETIME).password(&username);
    [username, password]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs coturn's clients: cargo xtask test coturn"]
async fn an_open_relay_loses_nothing() {
    let server = Server::start(&OPEN).await;
    let (_echo, port) = echo().await;
    server.all_come(&["-y"]).await;
    server.all_come(&["-e", "127.0.0.1", "-r", &port]).await;
    server.tool("turnutils_stunclient", &[]).await.is_told_its_address();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs coturn's clients: cargo xtask test coturn"]
async fn a_closed_relay_loses_nothing_within_a_room() {
    let server = Server::start(&[]).await;
    server.all_come(&["-y"]).await;
    server.tool("turnutils_stunclient", &[]).await.is_told_its_address();
}

#[tokio::test]
#[ignore = "needs coturn's clients: cargo xtask test coturn"]
async fn a_closed_relay_leads_nowhere_else() {
    const FORBIDDEN: &str = "error 403 (Forbidden)";
    let server = Server::start(&[]).await;
    let (_echo, port) = echo().await;
    let [username, credential] = credentials("other.bob", SystemTime::now() + LIFETIME);
    let of_bob = IceServer { urls: Vec::new(), username: Some(username), credential: Some(credential) };
    let mut bob = turn::Client::new(server.address, &[of_bob]).await;
    bob.allocate().await.unwrap();
    let at_bob = bob.relayed.unwrap();
    let (ip_of_bob, port_of_bob) = (at_bob.ip().to_string(), at_bob.port().to_string());
    for [way, form] in ways_and_forms() {
        // Somebody outside, and somebody in another room.
        for peer in [["-e", "127.0.0.1", "-r", &port], ["-e", &ip_of_bob, "-r", &port_of_bob]] {
            server.uclient(&["-u", "room.alice", "-W", SECRET], [way, form, &peer]).await.gave_up(FORBIDDEN);
        }
    }
    bob.refresh().await.expect("nobody took Bob's allocation");
}

#[tokio::test]
#[ignore = "needs coturn's clients: cargo xtask test coturn"]
async fn credentials_are_looked_at() {
    let server = Server::start(&[]).await;
    let now = SystemTime::now();
    let [good, password] = credentials("room.alice", now + LIFETIME);
    server.uclient(&["-y", "-u", &good, "-w", &password], []).await.all_came();
    let [expired, expired_password] = credentials("room.alice", now - Duration::from_secs(1));
    for (username, password) in [(&good, &expired_password), (&expired, &expired_password), (&expired, &password)] {
        for way in WAYS {
            let told = server.uclient(&["-y", "-u", username, "-w", password], [way]).await;
            told.gave_up("Cannot complete Allocation");
        }
    }
    server.uclient(&["-y", "-u", "room.alice", "-W", "south"], []).await.gave_up("Cannot complete Allocation");
}
