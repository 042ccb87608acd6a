//! One port: who is answered on it, and who is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use madang_server::config::RelayMode;
use support::{start, start_with, tls, turn};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

const SOON: Duration = Duration::from_secs(20);

/// What an HTTP request over this stream is answered with, until the stream ends.
async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: call.example:3000\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Who ends TLS without its goodbye is as gone.
    _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn tcp(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Connects and says this.
async fn saying(address: SocketAddr, said: &[u8]) -> TcpStream {
    let mut stream = tcp(address).await;
    stream.write_all(said).await.unwrap();
    stream
}

/// Waits until the other side has ended the stream, which says nothing before.
async fn ended(stream: &mut TcpStream) {
    match tokio::time::timeout(SOON, stream.read(&mut [0; 64])).await.expect("still open") {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

fn asks_udp(address: SocketAddr) -> io::Result<usize> {
    let socket = UdpSocket::bind((address.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.send_to(&turn::BINDING, address).unwrap();
    socket.recv(&mut [0; 512])
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_on_one_port() {
    let server = start_with(|config| config.tls.self_signed = true).await;
    let address = server.address;
    turn::binding(&mut tcp(address).await).await.unwrap();
    turn::binding(&mut tls::connect(address).await.unwrap()).await.unwrap();
    assert!(asks_udp(address).unwrap() > 20);
    let secure = tls::connect(address).await.unwrap();
    assert_eq!(secure.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(get(secure, "/healthz").await.ends_with("\r\n\r\nok\n"));
    // Without TLS a browser is told where to go.
    let sent_on = get(tcp(address).await, "/r/room?a=b").await;
    assert!(
        sent_on.starts_with("HTTP/1.1 308 ") && sent_on.contains("location: https://call.example:3000/r/room?a=b\r\n")
    );
    assert!(get(tcp(address).await, "/socket.io/?EIO=4&transport=polling").await.starts_with("HTTP/1.1 308 "));
    assert!(get(tcp(address).await, "/healthz").await.ends_with("\r\n\r\nok\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_too() {
    let server = start_with(|config| config.listen = "[::1]:0".parse().unwrap()).await;
    turn::binding(&mut tcp(server.address).await).await.unwrap();
    assert!(asks_udp(server.address).unwrap() > 20);
    assert!(get(tcp(server.address).await, "/healthz").await.ends_with("ok\n"));
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let server = start().await;
    let mut stream = tcp(server.address).await;
    stream.set_nodelay(true).unwrap();
    for byte in &turn::BINDING[..19] {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.write_all(&turn::BINDING[19..]).await.unwrap();
    let mut header = [0; 20];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(header[..2], *b"\x01\x01");
    let mut stream = saying(server.address, b"G").await;
    tokio::task::yield_now().await;
    stream.write_all(b"ET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("ok\n"));
}

#[tokio::test]
async fn what_is_not_spoken_here_is_closed() {
    let server = start().await;
    let address = server.address;
    for said in [&b"\x16\x03\x01\x02\x00\x01"[..], b"\x00\x03\x00\x08\x00\x00\x00\x00", b"\x03\x00\x00\x0b\x06\xe0"] {
        ended(&mut saying(address, said).await).await;
    }
    assert!(get(tcp(address).await, "/healthz").await.ends_with("ok\n"));
}

#[tokio::test]
async fn who_says_too_little_is_closed() {
    let server = start_with(|config| {
        config.decided_within = Duration::from_millis(300);
        config.tls.self_signed = true;
    })
    .await;
    let address = server.address;
    let mut silent = Vec::new();
    for said in [&b""[..], b"\x00", b"\x00\x01\x00\x00\x21\x12\xa4", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
        silent.push(saying(address, said).await);
    }
    let mut inside = tls::connect(address).await.unwrap();
    inside.write_all(b"\x00\x01").await.unwrap();
    inside.flush().await.unwrap();
    // Others are not held up meanwhile.
    assert!(get(tcp(address).await, "/healthz").await.ends_with("ok\n"));
    for stream in &mut silent {
        ended(stream).await;
    }
    let end = tokio::time::timeout(SOON, inside.read(&mut [0; 64])).await.expect("still open");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_silent_connections_hold_nobody_up() {
    rlimit::increase_nofile_limit(8_192).unwrap();
    let server = start().await;
    let address = server.address;
    let mut silent = Vec::new();
    for number in 0..800 {
        // Silent ones, beginnings of STUN and of requests.
        let said: &[u8] = [&b""[..], b"\x00\x01", b"GET / HTTP/1.1\r\nho"][number % 3];
        silent.push(saying(address, said).await);
    }
    turn::binding(&mut tcp(address).await).await.unwrap();
    assert!(get(tcp(address).await, "/healthz").await.ends_with("ok\n"));
    let (_native, _) = server.native("room", 1).await;
    // More come, and the oldest give way.
    tokio::time::timeout(SOON, async {
        let mut first = [0; 1];
        while !matches!(silent[0].try_read(&mut first), Ok(0)) {
            silent.push(tcp(address).await);
        }
    })
    .await
    .expect("none gave way");
    assert!(get(tcp(address).await, "/healthz").await.ends_with("ok\n"));
}

#[tokio::test]
async fn without_relay_there_is_no_udp_and_no_stun() {
    let server = start_with(|config| config.ice.relay = Some(RelayMode::Off)).await;
    UdpSocket::bind(server.address).expect("the port's UDP is free");
    ended(&mut saying(server.address, &turn::BINDING).await).await;
    let (_native, joined) = server.native("room", 1).await;
    assert_eq!((joined.ice_servers, joined.expires), (Vec::new(), None));
    let server = start().await;
    let taken = UdpSocket::bind(server.address).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn nobody_holds_up_the_end() {
    let server = start_with(|config| config.tls.self_signed = true).await;
    let address = server.address;
    let (mut relayed, mut silent) = (tcp(address).await, tcp(address).await);
    let mut secure = tls::connect(address).await.unwrap();
    turn::binding(&mut relayed).await.unwrap();
    turn::binding(&mut secure).await.unwrap();
    tokio::time::timeout(SOON, server.stop()).await.unwrap();
    ended(&mut relayed).await;
    ended(&mut silent).await;
    UdpSocket::bind(address).expect("the port's UDP is free again");
}
