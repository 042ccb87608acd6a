//! A tutorial page and a native peer in one room, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use madang_protocol::{
    Body, ConnectionId, Description, DescriptionType, Dialect, Epoch, LeaveReason, Left, Peer, SignalFrom,
};
use madang_wire::Socket;
use serde_json::{Value, json};
use support::{Native, candidate, heard_nothing, start};

fn described(connection: ConnectionId, kind: DescriptionType, sdp: &str) -> Body {
    Body::Description { connection, description: Description { kind, sdp: sdp.to_owned() } }
}

fn gathered(connection: ConnectionId, number: usize) -> Body {
    Body::Candidate { connection, candidate: serde_json::from_value(candidate(number)).unwrap() }
}

/// From `ready` to the page's last candidate, wherever it joined.
async fn call(native: &mut Native, page: &mut Socket, peer: &Peer) {
    assert_eq!(page.expect("ready").await.unwrap().json(), r#"["ready"]"#);
    page.emit("offer", &(json!({ "type": "offer", "sdp": "the offer" }), "room")).await.unwrap();
    page.emit("ice-candidate", &(candidate(1), "room")).await.unwrap();

    let epoch = Epoch::of(native.join.generation, peer.generation);
    let offer: SignalFrom<Body> = native.socket.expect("signal").await.unwrap().arg().unwrap();
    let Body::Description { connection, .. } = offer.body else { panic!("{offer:?}") };
    let body = described(connection, DescriptionType::Offer, "the offer");
    assert_eq!(offer, SignalFrom { from: peer.peer.clone(), epoch, seq: 0, body });
    let trickled: SignalFrom<Body> = native.socket.expect("signal").await.unwrap().arg().unwrap();
    assert_eq!(trickled, SignalFrom { from: peer.peer.clone(), epoch, seq: 1, body: gathered(connection, 1) });

    native.signal(peer, 0, Body::Media { microphone: true, camera: true }).await;
    native.signal(peer, 1, gathered(connection, 2)).await;
    native.signal(peer, 2, described(connection, DescriptionType::Answer, "the answer")).await;
    native.signal(peer, 3, Body::EndOfCandidates { connection }).await;
    let answer: Value = page.expect("answer").await.unwrap().arg().unwrap();
    assert_eq!(answer, json!({ "type": "answer", "sdp": "the answer" }));
    assert_eq!(page.expect("ice-candidate").await.unwrap().arg::<Value>().unwrap(), candidate(2));
    heard_nothing(page).await;
}

#[tokio::test]
async fn the_page_was_there_first() {
    let server = start().await;
    let mut page = server.page("room").await;
    heard_nothing(&mut page).await;
    let (mut native, joined) = server.native("room", 1).await;
    assert_eq!(joined.peers[0].dialect, Dialect::Tutorial);
    call(&mut native, &mut page, &joined.peers[0]).await;

    native.socket.emit("leave", &()).await.unwrap();
    native.heard_nothing().await;
    heard_nothing(&mut page).await;
}

#[tokio::test]
async fn the_page_came_second() {
    let server = start().await;
    let (mut native, _) = server.native("room", 1).await;
    let mut page = server.page("room").await;
    let peer = native.peer_joined().await;
    assert_eq!(peer.dialect, Dialect::Tutorial);
    call(&mut native, &mut page, &peer).await;

    // A tutorial page never resumes: its seat is free at once.
    page.close().await;
    let left: Left = native.socket.expect("peer-left").await.unwrap().arg().unwrap();
    assert_eq!(left, Left { peer: peer.peer, reason: LeaveReason::Left });
    let mut reloaded = server.page("room").await;
    let peer = native.peer_joined().await;
    call(&mut native, &mut reloaded, &peer).await;
}

#[tokio::test]
async fn a_reloaded_native_page_makes_the_tutorial_page_ready_again() {
    let server = start().await;
    let mut page = server.page("room").await;
    let (mut native, joined) = server.native("room", 1).await;
    call(&mut native, &mut page, &joined.peers[0]).await;

    // The socket is lost and comes back: the call stands, so the page is left alone.
    let rejoined = native.rejoin(&server).await;
    assert_eq!(rejoined.peers, joined.peers);
    heard_nothing(&mut page).await;

    // A reload is another page of the same peer.
    native.join.instance = native.join.generation.next();
    let joined = native.rejoin(&server).await;
    call(&mut native, &mut page, &joined.peers[0]).await;
}

#[tokio::test]
async fn a_native_peer_that_missed_the_offer_gets_another() {
    let server = start().await;
    let mut page = server.page("room").await;
    let (mut native, _) = server.native("room", 1).await;
    page.expect("ready").await.unwrap();
    let lost = std::mem::replace(&mut native.socket, server.socket().await);
    lost.close().await;
    native.join.generation = native.join.generation.next();
    let joined = native.join().await.unwrap();
    call(&mut native, &mut page, &joined.peers[0]).await;
}

#[tokio::test]
async fn the_page_answers_an_offer_of_the_native_peer() {
    let server = start().await;
    let mut page = server.page("room").await;
    let (mut native, joined) = server.native("room", 1).await;
    page.expect("ready").await.unwrap();
    let peer = &joined.peers[0];
    native.signal(peer, 0, described(ConnectionId(7), DescriptionType::Offer, "mine")).await;
    let offer: Value = page.expect("offer").await.unwrap().arg().unwrap();
    assert_eq!(offer, json!({ "type": "offer", "sdp": "mine" }));
    page.emit("answer", &(json!({ "type": "answer", "sdp": "yours" }), "room")).await.unwrap();
    let answer: SignalFrom<Body> = native.socket.expect("signal").await.unwrap().arg().unwrap();
    assert_eq!(answer.body, described(ConnectionId(7), DescriptionType::Answer, "yours"));
}

#[tokio::test]
async fn what_cannot_be_translated_is_refused() {
    let server = start().await;
    let mut page = server.page("room").await;
    let (mut native, joined) = server.native("room", 1).await;
    page.expect("ready").await.unwrap();
    page.emit("offer", &(json!({ "type": "answer", "sdp": "x" }), "room")).await.unwrap();
    page.emit("ice-candidate", &(json!(17), "room")).await.unwrap();
    page.emit("signal", &(json!({ "to": joined.peer, "epoch": 1, "seq": 0, "body": 1 }),)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(support::code(&page.expect("error").await.unwrap()), "bad-message");
    }
    native.signal(&joined.peers[0], 0, json!({ "unheard-of": {} })).await;
    native.socket.emit("offer", &(json!({}), "room")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(support::code(&native.socket.expect("error").await.unwrap()), "bad-message");
    }
}
