//! A tutorial page and a native peer in one room, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use madang_protocol::{Dialect, Epoch, LeaveReason, Left, SignalFrom};
use serde_json::{Value, json};
use support::{Native, candidate, heard_nothing, start};

/// From `ready` to the page's last candidate, wherever it joined.
async fn call(native: &mut Native, page: &mut madang_wire::Socket, peer: &madang_protocol::Peer) {
    assert_eq!(page.expect("ready").await.unwrap().json(), r#"["ready"]"#);
    page.emit("offer", &(json!({ "type": "offer", "sdp": "the offer" }), "room")).await.unwrap();
    page.emit("ice-candidate", &(candidate(1), "room")).await.unwrap();

    let epoch = Epoch::of(native.join.generation, peer.generation);
    let offer: SignalFrom<Value> = native.socket.expect("signal").await.unwrap().arg().unwrap();
    assert_eq!((offer.epoch, offer.seq, &offer.from), (epoch, 0, &peer.peer));
    let connection = offer.body["connection"].clone();
    let description = json!({ "type": "offer", "sdp": "the offer" });
    assert_eq!(offer.body, json!({ "description": { "connection": connection, "description": description } }));
    let trickled: SignalFrom<Value> = native.socket.expect("signal").await.unwrap().arg().unwrap();
    assert_eq!((trickled.epoch, trickled.seq), (epoch, 1));
    assert_eq!(trickled.body, json!({ "candidate": { "connection": connection, "candidate": candidate(1) } }));

    let answer = json!({ "type": "answer", "sdp": "the answer" });
    native.signal(peer, 0, json!({ "media": { "microphone": true, "camera": true } })).await;
    native.signal(peer, 1, json!({ "candidate": { "connection": connection, "candidate": candidate(2) } })).await;
    native.signal(peer, 2, json!({ "description": { "connection": connection, "description": answer } })).await;
    native.signal(peer, 3, json!({ "end-of-candidates": { "connection": connection } })).await;
    assert_eq!(page.expect("answer").await.unwrap().arg::<Value>().unwrap(), answer);
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
    let offer = json!({ "type": "offer", "sdp": "mine" });
    let peer = &joined.peers[0];
    native.signal(peer, 0, json!({ "description": { "connection": 7, "description": offer } })).await;
    assert_eq!(page.expect("offer").await.unwrap().arg::<Value>().unwrap(), offer);
    page.emit("answer", &(json!({ "type": "answer", "sdp": "yours" }), "room")).await.unwrap();
    let answer: SignalFrom<Value> = native.socket.expect("signal").await.unwrap().arg().unwrap();
    assert_eq!(answer.body["connection"], 7);
    assert_eq!(answer.body["description"]["description"], json!({ "type": "answer", "sdp": "yours" }));
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
