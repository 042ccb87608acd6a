//! Bad input and bad readers: a typed error or the end of that socket, and nobody else notices.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use madang_protocol::{Epoch, SignalFrom, SignalTo};
use madang_server::limits;
use madang_wire::{Error, Socket, packet};
use serde_json::{Value, json};
use support::{Native, Running, code, start, start_with};

/// Two peers in another room, who must notice nothing.
struct Others {
    first: Native,
    second: Native,
    peer: madang_protocol::Peer,
    seq: u32,
}

impl Others {
    async fn join(server: &Running) -> Self {
        let (mut first, _) = server.native("others", 101).await;
        let (second, _) = server.native("others", 102).await;
        let peer = first.peer_joined().await;
        Self { first, second, peer, seq: 0 }
    }

    async fn notice_nothing(&mut self) {
        self.first.signal(&self.peer, self.seq, json!("still here")).await;
        self.seq += 1;
        let heard: SignalFrom<Value> = self.second.socket.expect("signal").await.unwrap().arg().unwrap();
        assert_eq!(heard.body, json!("still here"));
        self.first.heard_nothing().await;
        self.second.heard_nothing().await;
    }
}

/// Two peers in a room, and what the first needs to signal to the second.
async fn pair(server: &Running) -> (Native, Native, madang_protocol::Peer) {
    pair_in(server, "room").await
}

async fn pair_in(server: &Running, room: &str) -> (Native, Native, madang_protocol::Peer) {
    let (mut first, _) = server.native(room, 1).await;
    let (second, _) = server.native(room, 2).await;
    let peer = first.peer_joined().await;
    (first, second, peer)
}

fn signal(from: &Native, to: &madang_protocol::Peer, seq: u32, body: Value) -> String {
    let epoch = Epoch::of(from.join.generation, to.generation);
    packet("42", "signal", &(SignalTo { to: to.peer.clone(), epoch, seq, body },)).unwrap()
}

#[tokio::test]
async fn malformed_events_are_answered_with_a_typed_error() {
    let server = start().await;
    let mut others = Others::join(&server).await;
    let (mut native, _) = server.native("room", 1).await;
    let to = "a".repeat(26);
    let nested = "[".repeat(30_000) + &"]".repeat(30_000);
    for (text, refused) in [
        (r#"42["join",7]"#.to_owned(), "invalid-room"),
        (r#"42["join",{}]"#.to_owned(), "bad-message"),
        (r#"42["join",["room"]]"#.to_owned(), "invalid-room"),
        (r#"42["join",""]"#.to_owned(), "invalid-room"),
        (r#"42["join","a/b"]"#.to_owned(), "invalid-room"),
        (r#"42["join",{"v":99}]"#.to_owned(), "bad-message"),
        (r#"42["join",{"v":99,"room":"room"}]"#.to_owned(), "unsupported-version"),
        (r#"42["join","room","extra"]"#.to_owned(), "bad-message"),
        (r#"42["signal"]"#.to_owned(), "bad-message"),
        (r#"42["signal","text"]"#.to_owned(), "bad-message"),
        (r#"42["signal",{"to":"nobody","epoch":1,"seq":0,"body":{}}]"#.to_owned(), "bad-message"),
        (format!(r#"42["signal",{{"to":"{to}","epoch":-1,"seq":0,"body":{{}}}}]"#), "bad-message"),
        (format!(r#"42["signal",{{"to":"{to}","epoch":1,"seq":0,"body":{{}}}}]"#), "unknown-peer"),
        (format!(r#"42["signal",{{"to":"{to}","epoch":1,"seq":0,"body":{nested}}}]"#), "bad-message"),
        (format!(r#"42["signal",{{"to":"{to}","epoch":1,"seq":0,"body":"\ud800"}}]"#), "bad-message"),
        (r#"42["offer",{},"room"]"#.to_owned(), "bad-message"),
        (r#"42["leave",null]"#.to_owned(), "bad-message"),
        (r#"42["no-such-event",1,2,3]"#.to_owned(), "bad-message"),
    ] {
        native.socket.send_text(text.clone()).await.unwrap();
        let error = native.socket.expect("error").await.unwrap();
        assert_eq!(code(&error), refused, "{}", text.get(..80).unwrap_or(&text));
    }
    let reply: Value = native.socket.call("join", &(3,)).await.unwrap();
    assert_eq!(reply["error"]["code"], "invalid-room", "a call is answered, not only reported");
    others.notice_nothing().await;
}

#[tokio::test]
async fn what_is_not_socket_io_ends_the_socket() {
    let server = start().await;
    let mut others = Others::join(&server).await;
    for text in [
        "42",
        "42{",
        r#"42["unfinished"#,
        r#"42[1]"#,
        "4",
        "9",
        "hello",
        r#"451-["offer",{"_placeholder":true,"num":0},"room"]"#,
        "40/other-namespace,",
    ] {
        let mut socket = server.socket().await;
        socket.send_text(text).await.unwrap();
        match socket.emit("are-you-there", &()).await {
            Err(Error::Closed(_)) => continue,
            other => other.unwrap(),
        }
        // Ended, or answered by an error: nothing else.
        match socket.expect("error").await {
            Ok(error) => assert_eq!(code(&error), "bad-message"),
            Err(Error::Closed(_) | Error::Protocol(_)) => {}
            Err(error) => panic!("{text}: {error}"),
        }
    }
    others.notice_nothing().await;
}

#[tokio::test]
async fn a_megabyte_and_deep_nesting_end_the_socket() {
    let server = start().await;
    let mut others = Others::join(&server).await;
    let megabyte = format!(r#"42["offer","{}","room"]"#, "x".repeat(1 << 20));
    let nested = format!(r#"42["offer",{}{},"room"]"#, "[".repeat(100_000), "]".repeat(100_000));
    for (room, text) in [("large", megabyte), ("deep", nested)] {
        let (mut first, mut second, _) = pair_in(&server, room).await;
        // The server may have closed before all of it is sent.
        _ = first.socket.send_text(text).await;
        first.socket.closed().await.unwrap();
        second.heard_nothing().await;
    }
    others.notice_nothing().await;
}

#[tokio::test]
async fn signals_to_strangers_and_without_a_room_are_refused() {
    let server = start().await;
    let mut others = Others::join(&server).await;
    let (mut native, _) = server.native("room", 1).await;
    let stranger = others.peer.clone();
    native.signal(&stranger, 0, json!("psst")).await;
    assert_eq!(code(&native.socket.expect("error").await.unwrap()), "unknown-peer");
    native.socket.emit("leave", &()).await.unwrap();
    native.signal(&stranger, 1, json!("psst")).await;
    assert_eq!(code(&native.socket.expect("error").await.unwrap()), "not-joined");
    let mut nobody = server.socket().await;
    nobody.emit("offer", &(json!({}), "others")).await.unwrap();
    assert_eq!(code(&nobody.expect("error").await.unwrap()), "not-joined");
    others.notice_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_candidates_arrive_whole_and_in_order() {
    let server = start().await;
    let (mut first, mut second, peer) = pair(&server).await;
    let sender = tokio::spawn(async move {
        for seq in 0..10_000 {
            let body = json!({ "candidate": support::candidate(seq as usize) });
            let text = signal(&first, &peer, seq, body);
            first.socket.feed_text(text).await.unwrap();
        }
        first.socket.flush().await.unwrap();
        first
    });
    // The reader starts late, so all of it has to wait somewhere.
    let mut first = sender.await.unwrap();
    first.heard_nothing().await;
    for seq in 0..10_000 {
        let heard: SignalFrom<Value> = second.socket.expect("signal").await.unwrap().arg().unwrap();
        assert_eq!(heard.seq, seq);
        assert_eq!(heard.body["candidate"], support::candidate(seq as usize));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_events_end_the_socket_and_its_peer_is_told() {
    let server = start_with(|config| config.rates.events.per_second = 1).await;
    let mut others = Others::join(&server).await;
    let (mut first, mut second, peer) = pair(&server).await;
    for seq in 0..2 * limits::EVENTS_AT_ONCE {
        let text = signal(&first, &peer, seq, json!(1));
        if first.socket.feed_text(text).await.is_err() {
            break;
        }
    }
    _ = first.socket.flush().await;
    let events = first.socket.closed().await.unwrap();
    assert_eq!(events.last().map(code).as_deref(), Some("rate-limited"));
    // All that was taken arrives, then the end.
    let mut seq = 0;
    let left = loop {
        let event = second.socket.next().await.unwrap();
        if event.name() != "signal" {
            break event;
        }
        assert_eq!(event.arg::<SignalFrom<Value>>().unwrap().seq, seq);
        seq += 1;
    };
    assert!(seq >= limits::EVENTS_AT_ONCE - 2, "{seq}");
    assert_eq!(left.arg::<Value>().unwrap()["reason"], "removed");
    others.notice_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_malformed_events_end_the_socket() {
    let server = start().await;
    let mut others = Others::join(&server).await;
    let mut socket = server.socket().await;
    for _ in 0..10_000 {
        if socket.feed_text(r#"42["nonsense",{}]"#).await.is_err() {
            break;
        }
    }
    _ = socket.flush().await;
    let events = socket.closed().await.unwrap();
    assert_eq!(events.last().map(code).as_deref(), Some("rate-limited"));
    assert!(events.len() < 500, "{} answers", events.len());
    others.notice_nothing().await;
}

/// Fills the way to the second of a pair, who does not read, until the server gives up on it.
async fn flood(first: &mut Native, peer: &madang_protocol::Peer) {
    let large = "x".repeat(60_000);
    let mut seq = 0;
    loop {
        for _ in 0..50 {
            let text = signal(first, peer, seq, json!(large));
            first.socket.feed_text(text).await.unwrap();
            seq += 1;
        }
        // Once the reader was ended its seat is kept, and then given up.
        first.socket.emit("are-you-there", &()).await.unwrap();
        loop {
            let event = first.socket.next().await.unwrap();
            match event.name() {
                "peer-left" => return,
                "error" if code(&event) == "bad-message" => break,
                "error" => assert_eq!(code(&event), "unknown-peer"),
                other => panic!("{other}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_is_ended() {
    let server = start_with(|config| {
        config.grace = Duration::ZERO;
        config.rates.bytes.per_second = 1 << 30;
        config.rates.bytes.at_once = 1 << 30;
    })
    .await;
    let mut others = Others::join(&server).await;
    let (mut first, mut second, peer) = pair(&server).await;
    flood(&mut first, &peer).await;
    // What it reads now has no gap: all up to some signal, then the reason or the plain end.
    let mut seq = 0;
    loop {
        match second.socket.next().await {
            Ok(event) if event.name() == "signal" => {
                assert_eq!(event.arg::<SignalFrom<Value>>().unwrap().seq, seq);
                seq += 1;
            }
            Ok(event) => assert_eq!(code(&event), "slow-reader"),
            Err(Error::Closed(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    others.notice_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polling_reader_that_does_not_poll_is_ended() {
    let server = start_with(|config| {
        config.grace = Duration::ZERO;
        config.rates.bytes.per_second = 1 << 30;
        config.rates.bytes.at_once = 1 << 30;
    })
    .await;
    let (mut first, _) = server.native("room", 1).await;
    let mut second =
        Native { socket: Socket::connect_polling(server.address).await.unwrap(), join: support::join("room", 2) };
    second.join().await.unwrap();
    let peer = first.peer_joined().await;
    flood(&mut first, &peer).await;
    let mut seq = 0;
    loop {
        match second.socket.next().await {
            Ok(event) if event.name() == "signal" => {
                assert_eq!(event.arg::<SignalFrom<Value>>().unwrap().seq, seq);
                seq += 1;
            }
            Ok(event) => assert_eq!(code(&event), "slow-reader"),
            Err(Error::Closed(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    // It does not say goodbye itself, so the server ends the session.
    while second.socket.expect("an end").await.is_err_and(|error| !error.to_string().contains("400")) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_three_hundred_rooms_exactly_one_of_two_is_ready() {
    let server = start().await;
    let mut rooms = tokio::task::JoinSet::new();
    for number in 0..300 {
        let address = server.address;
        rooms.spawn(async move {
            let room = format!("room {number}");
            let (first, second) = tokio::join!(Socket::connect(address), Socket::connect(address));
            let (mut first, mut second) = (first.unwrap(), second.unwrap());
            let args = (room.as_str(),);
            let (one, two) = tokio::join!(first.emit("join", &args), second.emit("join", &args));
            one.and(two).unwrap();
            // Both have joined when both are answered; each has then heard all that it will.
            let mut ready = 0;
            for socket in [&mut first, &mut second] {
                socket.emit("are-you-there", &()).await.unwrap();
            }
            for socket in [&mut first, &mut second] {
                while socket.next().await.unwrap().name() == "ready" {
                    ready += 1;
                }
            }
            // The first to be answered may hear of the second's join only now.
            for socket in [&mut first, &mut second] {
                socket.emit("are-you-there", &()).await.unwrap();
                while socket.next().await.unwrap().name() == "ready" {
                    ready += 1;
                }
            }
            ready
        });
    }
    while let Some(ready) = rooms.join_next().await {
        assert_eq!(ready.unwrap(), 1);
    }
}
