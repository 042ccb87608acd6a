//! Joining, leaving and coming back, over real sockets.

mod support;

use std::time::Duration;

use madang_protocol::{Epoch, ErrorCode, IceServers, JoinReply, LeaveReason, Left, Reply, SignalFrom};
use madang_wire::Socket;
use serde_json::{Value, json};
use support::{code, heard_nothing, join, start, start_with};

#[tokio::test]
async fn two_native_peers_find_each_other_and_talk() {
    let server = start().await;
    let (mut first, alone) = server.native("room", 1).await;
    assert_eq!(alone.peers, []);
    assert_eq!(alone.limits.capacity, 2);
    let (mut second, joined) = server.native("room", 2).await;
    let heard = first.peer_joined().await;
    assert_eq!(heard.peer, joined.peer);
    assert_eq!(joined.peers.len(), 1);
    assert_eq!(joined.peers[0].peer, alone.peer);

    let body = json!({ "anything": ["at", "all", 1.5, null] });
    first.signal(&heard, 0, body.clone()).await;
    let signal: SignalFrom<Value> = second.socket.expect("signal").await.unwrap().arg().unwrap();
    let epoch = Epoch::of(first.join.generation, second.join.generation);
    assert_eq!(signal, SignalFrom { from: alone.peer, epoch, seq: 0, body });

    second.socket.emit("leave", &()).await.unwrap();
    let left: Left = first.socket.expect("peer-left").await.unwrap().arg().unwrap();
    assert_eq!(left, Left { peer: heard.peer, reason: LeaveReason::Left });
}

#[tokio::test]
async fn a_join_may_come_with_the_connection() {
    let server = start().await;
    let (mut first, alone) = server.native("room", 1).await;
    let connect = async |join: Value| {
        let auth = json!({ "join": join }).to_string();
        let mut socket = Socket::connect_with(server.address, &auth).await.unwrap();
        let reply: JoinReply = socket.expect("joined").await.unwrap().arg().unwrap();
        (socket, reply)
    };
    let (_second, reply) = connect(json!(join("room", 2))).await;
    let Reply::Ok(joined) = reply else { panic!("{reply:?}") };
    assert_eq!(joined.peers[0].peer, alone.peer);
    assert_eq!(first.peer_joined().await.peer, joined.peer);
    let (_third, reply) = connect(json!(join("room", 3))).await;
    assert!(matches!(reply, Reply::Error(error) if error.code == ErrorCode::RoomFull));
    let (_broken, reply) = connect(json!({ "v": 1, "room": "room" })).await;
    assert!(matches!(reply, Reply::Error(error) if error.code == ErrorCode::BadMessage));
    first.heard_nothing().await;
}

#[tokio::test]
async fn a_third_is_refused_and_disturbs_nothing() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (mut second, _) = server.native("room", 2).await;
    first.peer_joined().await;
    let mut third = support::Native { socket: server.socket().await, join: join("room", 3) };
    assert_eq!(third.join().await.unwrap_err().code, ErrorCode::RoomFull);
    let mut page = server.page("room").await;
    assert_eq!(code(&page.expect("error").await.unwrap()), "room-full");
    first.heard_nothing().await;
    second.heard_nothing().await;
}

#[tokio::test]
async fn a_lost_socket_keeps_its_seat_and_its_page_comes_back() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (mut second, joined) = server.native("room", 2).await;
    first.peer_joined().await;
    let before = std::mem::replace(&mut second.socket, server.socket().await);
    before.close().await;
    second.join.generation = second.join.generation.next();
    assert_eq!(second.join().await.unwrap().peer, joined.peer);
    let again = first.peer_joined().await;
    assert_eq!(again.peer, joined.peer);
    assert_eq!(again.generation, second.join.generation);
    first.heard_nothing().await;
}

#[tokio::test]
async fn a_lost_socket_that_does_not_come_back_is_told_after_the_grace() {
    let server = start_with(|config| config.grace = Duration::from_millis(50)).await;
    let (mut first, _) = server.native("room", 1).await;
    let (second, joined) = server.native("room", 2).await;
    first.peer_joined().await;
    second.socket.close().await;
    let left: Left = first.socket.expect("peer-left").await.unwrap().arg().unwrap();
    assert_eq!(left, Left { peer: joined.peer, reason: LeaveReason::TimedOut });
}

#[tokio::test]
async fn a_page_that_is_gone_is_told_at_once() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (second, joined) = server.native("room", 2).await;
    first.peer_joined().await;
    second.socket.go_away().await.unwrap();
    let left: Left = first.socket.expect("peer-left").await.unwrap().arg().unwrap();
    assert_eq!(left, Left { peer: joined.peer, reason: LeaveReason::Left });
}

#[tokio::test]
async fn the_same_peer_in_another_page_replaces_the_first() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (mut other, _) = server.native("room", 2).await;
    first.peer_joined().await;
    let mut page = support::Native { socket: server.socket().await, join: join("room", 2) };
    page.join.instance = madang_protocol::Generation::first(99);
    page.join.generation = page.join.instance;
    page.join().await.unwrap();
    let events = other.socket.closed().await.unwrap();
    assert_eq!(code(&events[0]), "replaced");
    assert_eq!(first.peer_joined().await.instance, page.join.instance);
    first.heard_nothing().await;
}

#[tokio::test]
async fn the_same_page_replaces_its_own_socket_quietly() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (mut second, _) = server.native("room", 2).await;
    first.peer_joined().await;
    let mut old = std::mem::replace(&mut second.socket, server.socket().await);
    second.join.generation = second.join.generation.next();
    second.join().await.unwrap();
    assert!(old.closed().await.unwrap().is_empty());
    first.peer_joined().await;
    // The goodbye of the socket that no longer owns the seat changes nothing.
    first.heard_nothing().await;
}

#[tokio::test]
async fn a_join_on_the_same_socket_is_told_again() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (mut second, _) = server.native("room", 2).await;
    first.peer_joined().await;
    second.join.generation = second.join.generation.next();
    second.join().await.unwrap();
    assert_eq!(first.peer_joined().await.generation, second.join.generation);
}

#[tokio::test]
async fn nothing_goes_from_one_room_to_another() {
    let server = start().await;
    let (mut first, _) = server.native("one", 1).await;
    let (mut stranger, joined) = server.native("two", 2).await;
    let peer = madang_protocol::Peer {
        peer: joined.peer,
        instance: stranger.join.instance,
        generation: stranger.join.generation,
        name: None,
        dialect: madang_protocol::Dialect::Native,
    };
    first.signal(&peer, 0, json!("hello")).await;
    assert_eq!(code(&first.socket.expect("error").await.unwrap()), "unknown-peer");
    stranger.heard_nothing().await;
}

#[tokio::test]
async fn the_ice_servers_can_be_asked_for() {
    let server = start().await;
    let (mut first, joined) = server.native("one", 1).await;
    let at = server.address;
    assert_eq!(joined.ice_servers[0].urls, [format!("stun:{at}")]);
    assert_eq!(joined.ice_servers[1].urls, [format!("turn:{at}?transport=udp"), format!("turn:{at}?transport=tcp")]);
    assert_eq!(joined.expires, Some(600));
    let reply: Reply<IceServers> = first.socket.call("ice-servers", &()).await.unwrap();
    let Reply::Ok(fresh) = reply else { panic!("{reply:?}") };
    assert_eq!(fresh.expires, Some(600));
    assert_eq!(fresh.ice_servers[1].urls, joined.ice_servers[1].urls);
    // Only for who is in a room, and not for pages of the tutorial, which bring their own.
    let refused = async |socket: &mut Socket| match socket.call("ice-servers", &()).await.unwrap() {
        Reply::<IceServers>::Error(error) => error.code,
        Reply::Ok(servers) => panic!("{servers:?}"),
    };
    assert_eq!(refused(&mut server.socket().await).await, ErrorCode::NotJoined);
    assert_eq!(refused(&mut server.page("two").await).await, ErrorCode::BadMessage);
    first.socket.emit("leave", &()).await.unwrap();
    assert_eq!(refused(&mut first.socket).await, ErrorCode::NotJoined);
}

#[tokio::test]
async fn a_stopping_server_says_so() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    server.stop().await;
    let events = first.socket.closed().await.unwrap();
    assert_eq!(code(&events[0]), "stopping");
}

#[tokio::test]
async fn tutorial_pages_call_each_other() {
    let server = start().await;
    let mut first = server.page("room").await;
    heard_nothing(&mut first).await;
    let mut second = server.page("room").await;
    let ready = first.expect("ready").await.unwrap();
    assert_eq!(ready.json(), r#"["ready"]"#, "no argument at all");
    first.emit("offer", &(json!({ "type": "offer", "sdp": "v=0\r\n" }), "room")).await.unwrap();
    first.emit("ice-candidate", &(support::candidate(1), "room")).await.unwrap();
    let offer = second.expect("offer").await.unwrap();
    assert_eq!(offer.arg::<Value>().unwrap(), json!({ "type": "offer", "sdp": "v=0\r\n" }));
    assert_eq!(second.expect("ice-candidate").await.unwrap().arg::<Value>().unwrap(), support::candidate(1));
    second.emit("answer", &(json!({ "type": "answer", "sdp": "v=0" }), "room")).await.unwrap();
    first.expect("answer").await.unwrap();
    // In another room than its own, a page is heard by nobody.
    second.emit("offer", &(json!({}), "elsewhere")).await.unwrap();
    assert_eq!(code(&second.expect("error").await.unwrap()), "not-joined");
    // A reload: the page that stayed makes the next offer.
    second.close().await;
    let mut third = server.page("room").await;
    first.expect("ready").await.unwrap();
    heard_nothing(&mut third).await;
}
