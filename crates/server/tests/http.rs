//! What URLs answer: content types, encodings, caching, the headers that protect the page, CORS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fs, net::SocketAddr};

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use madang_protocol::{Generation, Goodbye, Join, LEAVE_PATH, LeaveReason, Left, Secret};
use madang_server::config::Origin;
use support::{start, start_with};
use tokio::net::TcpStream;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(address, method, path, headers, "").await
}

async fn send(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response =
        sender.send_request(request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(address, Method::GET, path, headers).await
}

#[tokio::test]
async fn the_page_is_protected() {
    let server = start().await;
    for path in ["/", "/r/quiet-river-42", "/r/%EB%A7%88%EB%8B%B9%201?join=now", "/index.html"] {
        let page = get(server.address, path, &[]).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.header(header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(page.header(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(page.header(header::CACHE_CONTROL), "no-cache");
        let policy = page.header(header::CONTENT_SECURITY_POLICY);
        for rule in
            ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "connect-src 'self'", "base-uri 'none'"]
        {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        assert!(page.header("permissions-policy").contains("camera=(self), microphone=(self)"));
    }
    let health = get(server.address, "/healthz", &[]).await;
    assert_eq!((health.status, &*health.body), (StatusCode::OK, &b"ok\n"[..]));
    assert_eq!(get(server.address, "/nothing/here", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(server.address, Method::POST, "/", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_socket_io_client_is_where_pages_expect_it() {
    let server = start().await;
    for name in ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"] {
        let path = format!("/socket.io/{name}");
        let original =
            fs::read(format!("{}/../../vendor/socket.io-client/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let script = get(server.address, &path, &[]).await;
        assert_eq!(script.status, StatusCode::OK);
        assert_eq!(script.header(header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        assert_eq!(script.body, original);
        assert!(!script.headers.contains_key(header::CONTENT_ENCODING));
    }
    assert_eq!(get(server.address, "/socket.io/other.js", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_smallest_encoding_that_is_taken_is_sent() {
    let server = start().await;
    let path = "/socket.io/socket.io.js";
    let plain = get(server.address, path, &[]).await;
    let gzip = get(server.address, path, &[("accept-encoding", "gzip")]).await;
    let brotli = get(server.address, path, &[("accept-encoding", "gzip, deflate, br, zstd")]).await;
    assert_eq!(gzip.header(header::CONTENT_ENCODING), "gzip");
    assert_eq!(brotli.header(header::CONTENT_ENCODING), "br");
    assert!(brotli.body.len() < gzip.body.len() && gzip.body.len() < plain.body.len());
    assert!(gzip.body.starts_with(&[0x1f, 0x8b]));
    let mut decoded = Vec::new();
    brotli::BrotliDecompress(&mut &*brotli.body, &mut decoded).unwrap();
    assert_eq!(decoded, plain.body);
    for answer in [&plain, &gzip, &brotli] {
        assert!(answer.headers.get_all(header::VARY).iter().any(|value| value == "accept-encoding"));
    }
    let refused = get(server.address, path, &[("accept-encoding", "br;q=0, gzip;q=0")]).await;
    assert_eq!(refused.body, plain.body);
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let server = start().await;
    let path = "/socket.io/socket.io.min.js";
    let first = get(server.address, path, &[("accept-encoding", "br")]).await;
    let tag = first.header(header::ETAG);
    assert!(tag.starts_with('"') && tag.len() > 20, "{tag}");
    for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = get(server.address, path, &[("accept-encoding", "br"), ("if-none-match", &known)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{known}");
        assert!(again.body.is_empty());
        assert_eq!(again.header(header::ETAG), tag);
    }
    // Another encoding is another representation.
    let gzip = get(server.address, path, &[("accept-encoding", "gzip"), ("if-none-match", tag)]).await;
    assert_eq!(gzip.status, StatusCode::OK);
}

#[tokio::test]
async fn a_folder_can_be_served_instead() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    fs::create_dir(folder.path().join("sdk")).unwrap();
    fs::write(folder.path().join("index.html"), "<!doctype html>mine").unwrap();
    fs::write(folder.path().join("assets/page-0123.wasm"), b"\0asm").unwrap();
    fs::write(folder.path().join("sdk/madang.js"), "export {}").unwrap();
    let secret = folder.path().with_extension("secret");
    fs::write(&secret, "outside").unwrap();
    let www = folder.path().to_owned();
    let server = start_with(|config| config.www = Some(www)).await;

    let page = get(server.address, "/r/room", &[]).await;
    assert_eq!(page.body, "<!doctype html>mine");
    assert!(page.headers.contains_key(header::CONTENT_SECURITY_POLICY));
    let wasm = get(server.address, "/assets/page-0123.wasm", &[]).await;
    assert_eq!(wasm.header(header::CONTENT_TYPE), "application/wasm");
    assert_eq!(wasm.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    let script = get(server.address, "/sdk/madang.js", &[]).await;
    assert!(script.header(header::CONTENT_TYPE).starts_with("text/javascript"), "{:?}", script.headers);
    assert_eq!(script.header(header::CACHE_CONTROL), "no-cache");
    assert_eq!(get(server.address, "/socket.io/socket.io.js", &[]).await.status, StatusCode::OK);
    assert_eq!(get(server.address, "/assets/gone.js", &[]).await.header(header::CACHE_CONTROL), "");
    let name = secret.file_name().unwrap().to_str().unwrap();
    for outside in [format!("/../{name}"), format!("/%2e%2e/{name}"), format!("/assets/..%2f..%2f{name}")] {
        let answer = get(server.address, &outside, &[]).await;
        assert_ne!(answer.body, "outside", "{outside}");
    }
    fs::remove_file(secret).unwrap();
}

#[tokio::test]
async fn other_origins_are_let_in_by_name_only() {
    const POLL: &str = "/socket.io/?EIO=4&transport=polling";
    let origin = |origin: &str| origin.parse::<Origin>().unwrap();
    let server = start_with(|config| config.allow_origin = vec![origin("https://a.example")]).await;
    let any = start_with(|config| config.allow_origin = vec![origin("*")]).await;
    let none = start().await;
    for path in [POLL, "/socket.io/socket.io.js"] {
        for (address, from, allowed) in [
            (server.address, "https://a.example", "https://a.example"),
            (server.address, "https://b.example", ""),
            (any.address, "https://b.example", "*"),
            (none.address, "https://a.example", ""),
        ] {
            let answer = get(address, path, &[("origin", from)]).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{path} {from}");
        }
    }
    let asked = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = ask(server.address, Method::OPTIONS, POLL, &asked).await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(preflight.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "https://a.example");
    // The page itself is nobody else's.
    let page = get(any.address, "/", &[("origin", "https://a.example")]).await;
    assert_eq!(page.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "");
}

#[tokio::test]
async fn a_request_for_a_websocket_that_is_none_is_refused() {
    let server = start().await;
    let path = "/socket.io/?EIO=4&transport=websocket";
    for headers in [
        &[][..],
        &[("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")],
        &[
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-key", "eA=="),
            ("sec-websocket-version", "8"),
        ],
    ] {
        assert_eq!(get(server.address, path, headers).await.status, StatusCode::BAD_REQUEST);
    }
    let stranger = get(server.address, "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", &[]).await;
    assert_eq!(stranger.status, StatusCode::BAD_REQUEST);
    let old = get(server.address, "/socket.io/?EIO=3&transport=polling", &[]).await;
    assert_eq!(old.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn metrics_are_where_they_were_asked_for() {
    let server = start().await;
    assert_eq!(get(server.address, "/metrics", &[]).await.status, StatusCode::NOT_FOUND);
    let public = start_with(|config| config.metrics_public = true).await;
    let (_native, _) = public.native("room", 1).await;
    let metrics = get(public.address, "/metrics", &[]).await;
    assert!(metrics.header(header::CONTENT_TYPE).starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in ["madang_rooms 1", "madang_sockets 1", "madang_joins_total{dialect=\"native\"} 1"] {
        assert!(text.lines().any(|told| told == line), "{text}");
    }
    assert!(text.contains("madang_relay_"), "{text}");
    // On a port of their own there is nothing else.
    let apart = start_with(|config| config.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await;
    let metrics = apart.metrics.unwrap();
    assert_eq!(get(metrics, "/metrics", &[]).await.status, StatusCode::OK);
    assert_eq!(get(metrics, "/", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(apart.address, "/metrics", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_without_a_socket_says_goodbye() {
    let server = start().await;
    let (mut first, _) = server.native("room", 1).await;
    let (second, joined) = server.native("room", 2).await;
    first.peer_joined().await;
    let goodbye = async |goodbye: &str| send(server.address, Method::POST, LEAVE_PATH, &[], goodbye).await.status;
    let Join { room, secret, instance, .. } = second.join.clone();
    let goodbye_of =
        |secret: Secret, instance| serde_json::to_string(&Goodbye { room: room.clone(), secret, instance }).unwrap();
    // Whoever else says so, or did before a reload, is not believed, and learns nothing.
    let stranger = goodbye_of(Secret::from_bits([9; 16]), instance);
    let earlier = goodbye_of(secret.clone(), Generation(instance.0 - 1));
    for nothing in [stranger, earlier] {
        assert_eq!(goodbye(&nothing).await, StatusCode::NO_CONTENT);
        first.heard_nothing().await;
    }
    for bad in [String::new(), "{}".to_owned(), "[".repeat(500)] {
        assert_eq!(goodbye(&bad).await, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(goodbye(&" ".repeat(100_000)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(goodbye(&goodbye_of(secret, instance)).await, StatusCode::NO_CONTENT);
    let left: Left = first.socket.expect("peer-left").await.unwrap().arg().unwrap();
    assert_eq!(left, Left { peer: joined.peer, reason: LeaveReason::Left });
}
