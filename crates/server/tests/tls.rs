//! The certificate: read, changed while people are connected, and websockets over it.

mod support;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use support::{start_with, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{client_async, tungstenite::Message};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_certificate_is_taken_up_and_drops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let first = tls::write_certificate(folder.path());
    let server = start_with(|config| {
        config.tls.cert = Some(folder.path().join("cert.pem"));
        config.tls.key = Some(folder.path().join("key.pem"));
    })
    .await;
    let mut before = tls::connect(server.address).await.unwrap();
    assert_eq!(tls::shown(&before), first);
    let second = tls::write_certificate(folder.path());
    assert_ne!(first, second);
    tokio::time::timeout(Duration::from_secs(30), async {
        while tls::shown(&tls::connect(server.address).await.unwrap()) != second {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the new certificate was not taken up");
    before.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    before.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_are_told_where_turn_is_by_the_name_they_used() {
    let server = start_with(|config| config.tls.self_signed = true).await;
    let stream = tls::connect(server.address).await.unwrap();
    let url = "ws://Call.example:8443/socket.io/?EIO=4&transport=websocket";
    let (mut socket, _) = client_async(url, stream).await.unwrap();
    let auth = serde_json::json!({ "join": support::join("room", 1) });
    assert!(socket.next().await.unwrap().unwrap().into_text().unwrap().starts_with('0'));
    socket.send(Message::text(format!("40{auth}"))).await.unwrap();
    let joined = loop {
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
        if text.starts_with("42") {
            break text;
        }
    };
    for url in [
        "\"stun:call.example:8443\"",
        "\"turn:call.example:8443?transport=udp\"",
        "\"turn:call.example:8443?transport=tcp\"",
        "\"turns:call.example:8443?transport=tcp\"",
    ] {
        assert!(joined.contains(url), "{joined}");
    }
}
