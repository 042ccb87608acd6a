//! What whoever runs the server can do, on a listener of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;

use axum::{
    body::Bytes,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use madang_protocol::{ErrorCode, LeaveReason, Left};
use madang_server::{Config, Server};
use serde_json::{Value, json};
use support::{Running, code, start_with};
use tokio::net::TcpStream;

const TOKEN: &str = "sixteen-and-more";

async fn start() -> Running {
    start_with(|config| {
        config.admin_listen = Some(([127, 0, 0, 1], 0).into());
        config.admin_token = TOKEN.parse().ok();
    })
    .await
}

async fn ask(address: SocketAddr, method: Method, path: &str, authorization: &str) -> (StatusCode, Bytes) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header(header::HOST, address.to_string());
    let request = request.header(header::AUTHORIZATION, authorization).body(Empty::<Bytes>::new()).unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    (parts.status, body.collect().await.unwrap().to_bytes())
}

async fn tell(server: &Running, method: Method, path: &str) -> (StatusCode, Bytes) {
    ask(server.admin.unwrap(), method, path, &format!("Bearer {TOKEN}")).await
}

#[tokio::test]
async fn a_peer_that_is_removed_is_told_and_does_not_get_in_again() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (mut second, joined) = server.native("room", 2).await;
    first.peer_joined().await;
    let path = format!("/rooms/room/peers/{}", joined.peer);

    let (status, body) = tell(&server, Method::GET, "/rooms/room").await;
    assert_eq!(status, StatusCode::OK);
    let peers = serde_json::from_slice::<Value>(&body).unwrap();
    let second_one = json!({"peer": joined.peer, "name": null, "dialect": "native", "connected": true});
    assert_eq!(peers["peers"][1], second_one);

    assert_eq!(tell(&server, Method::DELETE, &path).await.0, StatusCode::NO_CONTENT);
    assert_eq!(code(&second.socket.expect("error").await.unwrap()), "removed");
    let left: Left = first.socket.expect("peer-left").await.unwrap().arg().unwrap();
    assert_eq!(left, Left { peer: joined.peer, reason: LeaveReason::Removed });
    second.socket = server.socket().await;
    second.join.generation = second.join.generation.next();
    assert_eq!(second.join().await.unwrap_err().code, ErrorCode::Removed);
    first.heard_nothing().await;
    assert_eq!(tell(&server, Method::DELETE, &path).await.0, StatusCode::NO_CONTENT, "it is as was asked for");
    server.native("room", 3).await;
    first.peer_joined().await;
}

#[tokio::test]
async fn a_closed_room_ends_for_everybody_and_others_go_on() {
    let server = start().await;
    let (mut native, _) = server.native("room", 1).await;
    let mut page = server.page("room").await;
    page.expect("ready").await.unwrap();
    native.peer_joined().await;
    let (mut elsewhere, _) = server.native("elsewhere", 3).await;
    assert_eq!(tell(&server, Method::DELETE, "/rooms/room").await.0, StatusCode::NO_CONTENT);
    for socket in [&mut native.socket, &mut page] {
        assert_eq!(code(&socket.expect("error").await.unwrap()), "room-closed");
    }
    native.socket = server.socket().await;
    native.join.generation = native.join.generation.next();
    assert_eq!(native.join().await.unwrap_err().code, ErrorCode::RoomClosed);
    assert_eq!(tell(&server, Method::GET, "/rooms/room").await.0, StatusCode::NOT_FOUND);
    elsewhere.heard_nothing().await;
}

#[tokio::test]
async fn only_whoever_has_the_token_is_heard_and_only_there() {
    let server = start().await;
    let (mut native, joined) = server.native("room", 1).await;
    let path = format!("/rooms/room/peers/{}", joined.peer);
    for wrong in ["", "Bearer", "Bearer sixteen-and-less", &format!("Basic {TOKEN}"), TOKEN] {
        for (method, path) in [(Method::GET, "/rooms/room"), (Method::DELETE, "/rooms/room"), (Method::DELETE, &path)] {
            let (status, _) = ask(server.admin.unwrap(), method, path, wrong).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
        }
    }
    let public = ask(server.address, Method::DELETE, "/rooms/room", &format!("Bearer {TOKEN}")).await;
    assert_ne!(public.0, StatusCode::NO_CONTENT);
    for nothing in ["/", "/metrics", "/rooms", "/rooms/room/peers", "/healthz"] {
        assert_eq!(tell(&server, Method::GET, nothing).await.0, StatusCode::NOT_FOUND, "{nothing}");
    }
    assert_eq!(tell(&server, Method::DELETE, "/rooms/room/peers/nobody").await.0, StatusCode::BAD_REQUEST);
    native.heard_nothing().await;
}

#[tokio::test]
async fn listener_and_token_go_together() {
    let with = async |change: fn(&mut Config)| {
        let mut config = Config::local();
        change(&mut config);
        Server::bind(config).await.map(|_| ()).map_err(|error| error.to_string())
    };
    let only_one = Err("--admin-listen and --admin-token go together".to_owned());
    assert_eq!(with(|config| config.admin_listen = Some(([127, 0, 0, 1], 0).into())).await, only_one);
    assert_eq!(with(|config| config.admin_token = TOKEN.parse().ok()).await, only_one);
    for weak in ["", "fifteen-and-les", "sixteen and more"] {
        let mut config = Config::local();
        config.admin_listen = Some(([127, 0, 0, 1], 0).into());
        config.admin_token = weak.parse().ok();
        let error = Server::bind(config).await.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("16 characters") && (weak.is_empty() || !error.contains(weak)), "{error}");
    }
}
