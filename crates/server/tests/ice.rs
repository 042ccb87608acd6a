//! The relay as the signaling hands it out: to whom, and until when.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use madang_protocol::{IceServers, Reply};
use madang_server::check::{self, Finding, Place, Verdict};
use support::{start, start_with, turn::Client};

const UNAUTHORIZED: u16 = 401;

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_loses_the_relay_and_who_comes_back_has_it_again() {
    let server = start().await;
    let (mut native, joined) = server.native("room", 1).await;
    let (_other, others) = server.native("room", 2).await;
    let mut client = Client::new(server.address, &joined.ice_servers).await;
    let mut other = Client::new(server.address, &others.ice_servers).await;
    client.allocate().await.unwrap();
    other.allocate().await.unwrap();
    client.refresh().await.unwrap();
    native.peer_joined().await;
    native.socket.emit("leave", &()).await.unwrap();
    // An answer to the next event means that the leave was handled.
    native.heard_nothing().await;
    client.refresh().await.expect_err("left");
    let mut again = Client::new(server.address, &joined.ice_servers).await;
    assert_eq!(again.allocate().await, Err(UNAUTHORIZED));
    other.refresh().await.expect("another's leave changes nothing");

    native.join.generation = native.join.generation.next();
    let joined = native.join().await.unwrap();
    Client::new(server.address, &joined.ice_servers).await.allocate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_socket_keeps_the_relay() {
    let server = start_with(|config| config.grace = Duration::ZERO).await;
    let (mut first, _) = server.native("room", 1).await;
    let (second, joined) = server.native("room", 2).await;
    first.peer_joined().await;
    let mut client = Client::new(server.address, &joined.ice_servers).await;
    client.allocate().await.unwrap();
    second.socket.close().await;
    first.socket.expect("peer-left").await.unwrap();
    client.refresh().await.expect("a call goes on without its socket");
    Client::new(server.address, &joined.ice_servers).await.allocate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_loses_the_relay() {
    let server = start_with(|config| config.rates.events.at_once = 300).await;
    let (mut native, joined) = server.native("room", 1).await;
    let mut client = Client::new(server.address, &joined.ice_servers).await;
    client.allocate().await.unwrap();
    for _ in 0..300 {
        if native.socket.feed_text(r#"42["nonsense"]"#).await.is_err() {
            break;
        }
    }
    _ = native.socket.flush().await;
    native.socket.closed().await.unwrap();
    client.refresh().await.expect_err("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_can_be_renewed_and_are_of_no_use_to_others() {
    let server = start_with(|config| config.ice.turn_secret = "north".parse().ok()).await;
    let (mut native, joined) = server.native("room", 1).await;
    let reply: Reply<IceServers> = native.socket.call("ice-servers", &()).await.unwrap();
    let Reply::Ok(fresh) = reply else { panic!("{reply:?}") };
    Client::new(server.address, &fresh.ice_servers).await.allocate().await.unwrap();
    Client::new(server.address, &joined.ice_servers).await.allocate().await.unwrap();
    // A node with the same secret takes them, another does not.
    let twin = start_with(|config| config.ice.turn_secret = "north".parse().ok()).await;
    Client::new(twin.address, &fresh.ice_servers).await.allocate().await.unwrap();
    let stranger = start().await;
    assert_eq!(Client::new(stranger.address, &fresh.ice_servers).await.allocate().await, Err(UNAUTHORIZED));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_can_be_handed_out() {
    let server = start_with(|config| {
        config.ice.turn_url = vec!["turn:turn.example:3478?transport=udp".to_owned()];
        config.ice.stun_url = vec!["stun:stun.example".to_owned()];
        config.ice.turn_secret = "north".parse().ok();
    })
    .await;
    let (_native, joined) = server.native("room", 1).await;
    let urls: Vec<_> = joined.ice_servers.iter().flat_map(|server| &server.urls).collect();
    assert_eq!(urls, ["stun:stun.example", "turn:turn.example:3478?transport=udp"]);
    assert!(joined.ice_servers[1].username.is_some() && joined.expires == Some(600));
}

/// What a check finds, and whether it says that all is well.
async fn checked(place: &str) -> (Vec<Finding>, bool) {
    let place: Place = place.parse().unwrap();
    let mut findings = Vec::new();
    let well = check::check(&place, |finding| findings.push(finding.clone())).await;
    (findings, well)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tries_every_way() {
    let server = start().await;
    let (findings, well) = checked(&format!("http://{}", server.address)).await;
    assert!(well, "{findings:?}");
    let ways: Vec<_> = findings.iter().map(|finding| finding.way.as_str()).collect();
    assert_eq!(ways, ["page over http", "STUN over UDP", "TURN over UDP", "TURN over TCP", "TURN over TLS"]);

    let server = start_with(|config| config.tls.self_signed = true).await;
    let (findings, well) = checked(&format!("https://{}", server.address)).await;
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Fails).collect();
    assert!(!well && wrong.len() == 2, "{findings:?}");
    for finding in wrong {
        assert!(finding.words.contains("certificate"), "{finding:?}");
    }
    let (findings, well) = checked(&format!("http://{}", server.address)).await;
    assert!(!well && findings[1].words.contains("speaks https"), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_to_open() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (findings, well) = checked(&format!("http://{nobody}")).await;
    let problem = &findings[0].words;
    assert!(!well && problem.contains(&format!("-p {0}:{0}/tcp", nobody.port())), "{problem}");
    // UDP does not come through to this one: TURN is handed out at a port that nobody has.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = start_with(|config| config.ice.public_name = silent.to_string().parse().ok()).await;
    let (findings, well) = checked(&format!("http://{}", server.address)).await;
    let problem = |way: &str| {
        let found = findings.iter().find(|finding| finding.way == way).unwrap();
        assert_eq!(found.verdict, Verdict::Fails, "{found:?}");
        found.words.clone()
    };
    assert!(!well && problem("TURN over UDP").contains(&format!("-p {0}:{0}/udp", silent.port())), "{findings:?}");
    assert!(problem("TURN over TCP").contains(&format!("-p {0}:{0}/tcp", silent.port())), "{findings:?}");
}
