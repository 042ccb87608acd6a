//! Long polling, alone and with an upgrade to websocket, as browsers begin.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use madang_protocol::{SignalFrom, limits};
use madang_wire::{Error, Socket};
use serde_json::{Value, json};
use support::{Native, join, start};

async fn polling(server: &support::Running, room: &str, number: u8) -> Native {
    let socket = Socket::connect_polling(server.address).await.unwrap();
    let mut native = Native { socket, join: join(room, number) };
    native.join().await.unwrap();
    native
}

#[tokio::test]
async fn two_polling_peers_talk() {
    let server = start().await;
    let mut first = polling(&server, "room", 1).await;
    let mut second = polling(&server, "room", 2).await;
    let peer = first.peer_joined().await;
    // Large enough that no two fit into one response.
    let text = "x".repeat(50_000);
    for seq in 0..20 {
        first.signal(&peer, seq, json!([seq, text])).await;
    }
    for seq in 0..20 {
        let heard: SignalFrom<Value> = second.socket.expect("signal").await.unwrap().arg().unwrap();
        assert_eq!(heard.seq, seq);
        assert_eq!(heard.body, json!([seq, text]));
    }
}

#[tokio::test]
async fn an_upgrade_loses_nothing() {
    let server = start().await;
    let mut first = polling(&server, "room", 1).await;
    let mut second = polling(&server, "room", 2).await;
    let peer = first.peer_joined().await;
    for seq in 0..50 {
        first.signal(&peer, seq, json!("before")).await;
    }
    second.socket.upgrade().await.unwrap();
    first.socket.upgrade().await.unwrap();
    for seq in 50..100 {
        first.signal(&peer, seq, json!("after")).await;
    }
    for seq in 0..100 {
        let heard: SignalFrom<Value> = second.socket.expect("signal").await.unwrap().arg().unwrap();
        assert_eq!(heard.seq, seq);
    }
    second.heard_nothing().await;
}

#[tokio::test]
async fn too_large_a_post_is_refused() {
    let server = start().await;
    let mut first = polling(&server, "room", 1).await;
    let large = format!(r#"42["offer","{}","room"]"#, "x".repeat(limits::MESSAGE_BYTES));
    match first.socket.send_text(large).await {
        Err(Error::Closed(reason)) => assert!(reason.contains("413") || reason.contains("400"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_goodbye_by_polling_frees_nothing_but_the_socket() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let second = polling(&server, "room", 2).await;
    first.peer_joined().await;
    second.socket.close().await;
    // The seat is kept: nobody is told.
    first.heard_nothing().await;
}
