//! The JSON as it is on the wire. A change here is a change for every client and server out
//! there: old ones must still understand it, or `VERSION` goes up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::fmt::Debug;

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, DescriptionType, Dialect, Epoch, ErrorCode, Generation, Goodbye,
    IceServer, IceServers, Join, JoinReply, Joined, LeaveReason, Left, Limits, Peer, PeerId, Reply, Secret, SignalFrom,
    SignalTo, VERSION, WireError,
};
use serde::{Serialize, de::DeserializeOwned};

/// The value is written as this text, and this text is read as the value.
#[track_caller]
fn is<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, json: &str) {
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    reads(json, value);
}

/// This text, too, is read as the value.
#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(json: &str, value: T) {
    assert_eq!(serde_json::from_str::<T>(json).unwrap(), value);
}

/// This text is refused, with words that say why.
#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(json: &str, why: &str) {
    let error = serde_json::from_str::<T>(json).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

fn peer_id() -> PeerId {
    PeerId::from_bits([1; 16])
}

const PEER: &str = "aeaqcaibaeaqcaibaeaqcaibae";

fn join() -> Join {
    Join {
        v: VERSION,
        room: "quiet-river-42".parse().unwrap(),
        secret: Secret::from_bits([0; 16]),
        instance: Generation(65536),
        generation: Generation(65537),
        name: None,
        token: None,
    }
}

#[test]
fn goodbye() {
    let goodbye =
        Goodbye { room: "a".parse().unwrap(), secret: Secret::from_bits([1; 16]), instance: Generation::first(3) };
    is(goodbye, &format!(r#"{{"room":"a","secret":"{PEER}","instance":196608}}"#));
}

#[test]
fn join_asks() {
    is(
        join(),
        r#"{"v":1,"room":"quiet-river-42","secret":"aaaaaaaaaaaaaaaaaaaaaaaaaa","instance":65536,"generation":65537}"#,
    );
    is(
        Join { name: Some("김하늘".parse().unwrap()), token: Some("let-me-in".parse().unwrap()), ..join() },
        r#"{"v":1,"room":"quiet-river-42","secret":"aaaaaaaaaaaaaaaaaaaaaaaaaa","instance":65536,"generation":65537,"name":"김하늘","token":"let-me-in"}"#,
    );
}

#[test]
fn join_takes_fields_of_later_versions() {
    reads(
        r#"{"v":1,"later":{},"room":"quiet-river-42","secret":"aaaaaaaaaaaaaaaaaaaaaaaaaa","instance":65536,"generation":65537,"name":null}"#,
        join(),
    );
}

#[test]
fn join_says_what_is_wrong() {
    let with_room = |room: &str| {
        format!(r#"{{"v":1,"room":{room},"secret":"aaaaaaaaaaaaaaaaaaaaaaaaaa","instance":1,"generation":1}}"#)
    };
    refuses::<Join>(&with_room(r#""""#), "must not be empty");
    refuses::<Join>(&with_room(r#""a/b""#), "must not contain '/'");
    refuses::<Join>(&with_room(&format!("\"{}\"", "x".repeat(65))), "at most 64 characters");
    refuses::<Join>(&with_room("7"), "invalid type: integer");
    refuses::<Join>(r#"{"v":1,"room":"r","secret":"short","instance":1,"generation":1}"#, "26 characters");
    refuses::<Join>(r#"{"v":1,"room":"r"}"#, "missing field `secret`");
    refuses::<Join>(r#"{"v":-1}"#, "invalid value");
}

#[test]
fn join_is_answered() {
    let joined = Joined {
        peer: peer_id(),
        peers: vec![Peer {
            peer: PeerId::from_bits([0; 16]),
            instance: Generation(7),
            generation: Generation(8),
            name: None,
            dialect: Dialect::Native,
        }],
        ice_servers: vec![IceServer { urls: vec!["stun:example.org:3478".into()], username: None, credential: None }],
        expires: None,
        limits: Limits { capacity: 2, message_bytes: 65536, grace_ms: 30_000 },
    };
    let json = format!(
        r#"{{"ok":{{"peer":"{PEER}","peers":[{{"peer":"aaaaaaaaaaaaaaaaaaaaaaaaaa","instance":7,"generation":8}}],"iceServers":[{{"urls":["stun:example.org:3478"]}}],"limits":{{"capacity":2,"messageBytes":65536,"graceMs":30000}}}}}}"#
    );
    is::<JoinReply>(Reply::Ok(joined), &json);
    is::<JoinReply>(
        Reply::Error(ErrorCode::RoomFull.into()),
        r#"{"error":{"code":"room-full","message":"the room is full"}}"#,
    );
}

#[test]
fn ice_servers() {
    let stun = IceServer { urls: vec!["stun:example.org:3478".into()], username: None, credential: None };
    let turn = IceServer {
        urls: vec!["turn:example.org".into(), "turns:example.org".into()],
        username: Some("u".into()),
        credential: Some("c".into()),
    };
    is(
        Reply::Ok(IceServers { ice_servers: vec![turn], expires: Some(600) }),
        r#"{"ok":{"iceServers":[{"urls":["turn:example.org","turns:example.org"],"username":"u","credential":"c"}],"expires":600}}"#,
    );
    is(
        Reply::Ok(IceServers { ice_servers: vec![stun], expires: None }),
        r#"{"ok":{"iceServers":[{"urls":["stun:example.org:3478"]}]}}"#,
    );
}

#[test]
fn peers_come_and_go() {
    is(
        Peer {
            peer: peer_id(),
            instance: Generation(7),
            generation: Generation(8),
            name: Some("Ada".parse().unwrap()),
            dialect: Dialect::Tutorial,
        },
        &format!(r#"{{"peer":"{PEER}","instance":7,"generation":8,"name":"Ada","dialect":"tutorial"}}"#),
    );
    for (reason, word) in
        [(LeaveReason::Left, "left"), (LeaveReason::TimedOut, "timed-out"), (LeaveReason::Removed, "removed")]
    {
        is(Left { peer: peer_id(), reason }, &format!(r#"{{"peer":"{PEER}","reason":"{word}"}}"#));
    }
    reads(r#""abducted""#, LeaveReason::Unknown);
}

#[test]
fn signals() {
    let body = Body::Media { microphone: true, camera: false };
    is(
        SignalTo { to: peer_id(), epoch: Epoch(15), seq: 3, body: body.clone() },
        &format!(r#"{{"to":"{PEER}","epoch":15,"seq":3,"body":{{"media":{{"microphone":true,"camera":false}}}}}}"#),
    );
    is(
        SignalFrom { from: peer_id(), epoch: Epoch(15), seq: 3, body },
        &format!(r#"{{"from":"{PEER}","epoch":15,"seq":3,"body":{{"media":{{"microphone":true,"camera":false}}}}}}"#),
    );
}

#[test]
fn bodies() {
    let connection = ConnectionId(2);
    for (kind, word) in [(DescriptionType::Offer, "offer"), (DescriptionType::Answer, "answer")] {
        is(
            Body::Description { connection, description: Description { kind, sdp: "v=0\r\n".into() } },
            &format!(r#"{{"description":{{"connection":2,"description":{{"type":"{word}","sdp":"v=0\r\n"}}}}}}"#),
        );
    }
    is(
        Body::Candidate {
            connection,
            candidate: Candidate {
                candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".into(),
                sdp_mid: Some("0".into()),
                sdp_m_line_index: Some(0),
                username_fragment: Some("abcd".into()),
            },
        },
        r#"{"candidate":{"connection":2,"candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}}}"#,
    );
    is(Body::EndOfCandidates { connection }, r#"{"end-of-candidates":{"connection":2}}"#);
    refuses::<Body>(r#"{"description":{"connection":2,"description":{"type":"pranswer","sdp":""}}}"#, "pranswer");
    refuses::<Body>(r#"{"gossip":{}}"#, "unknown variant `gossip`");
}

#[test]
fn candidates_as_browsers_write_them() {
    reads(
        r#"{"candidate":"","sdpMid":null,"sdpMLineIndex":null,"usernameFragment":null,"url":"stun:x"}"#,
        Candidate::default(),
    );
}

#[test]
fn errors() {
    let codes = [
        (ErrorCode::BadMessage, "bad-message"),
        (ErrorCode::InvalidRoom, "invalid-room"),
        (ErrorCode::RoomFull, "room-full"),
        (ErrorCode::NotJoined, "not-joined"),
        (ErrorCode::UnknownPeer, "unknown-peer"),
        (ErrorCode::Replaced, "replaced"),
        (ErrorCode::Removed, "removed"),
        (ErrorCode::RoomClosed, "room-closed"),
        (ErrorCode::RateLimited, "rate-limited"),
        (ErrorCode::SlowReader, "slow-reader"),
        (ErrorCode::UnsupportedVersion, "unsupported-version"),
        (ErrorCode::Stopping, "stopping"),
    ];
    for (code, word) in codes {
        is(WireError::new(code, "why"), &format!(r#"{{"code":"{word}","message":"why"}}"#));
    }
    reads(r#""too-beautiful""#, ErrorCode::Unknown);
}

#[test]
fn the_largest_epoch_is_exact_in_javascript() {
    let largest = Generation::first(u32::MAX);
    let epoch = Epoch::of(Generation(largest.0 + 0xffff), Generation(largest.0 + 0xffff));
    assert!(epoch.0 < 1 << 53, "{epoch:?}");
    is(epoch, "562949953421310");
}
