//! Whatever a stranger sends, decoding answers with a value within its limits or an error: it
//! never panics. Values that are written are read again as the same.

use std::fmt::Debug;

use madang_protocol::{
    Body, Candidate, ConnectionId, Description, DescriptionType, DisplayName, Join, JoinReply, Left, Peer, PeerId,
    RoomName, Secret, SignalFrom, SignalTo, Token, WireError, limits,
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The words of the protocol, so that random JSON comes near it.
const WORDS: [&str; 30] = [
    "v",
    "room",
    "secret",
    "instance",
    "generation",
    "name",
    "token",
    "ok",
    "error",
    "peer",
    "peers",
    "iceServers",
    "expires",
    "limits",
    "dialect",
    "to",
    "from",
    "epoch",
    "seq",
    "body",
    "type",
    "connection",
    "description",
    "sdp",
    "candidate",
    "sdpMid",
    "offer",
    "media",
    "code",
    "urls",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
        1 => Just("aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned()),
        1 => ".{0,70}",
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 12, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..12)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A `join` with one field replaced by anything.
fn nearly_join() -> impl Strategy<Value = Value> {
    (proptest::sample::select(&WORDS[..8]), json()).prop_map(|(field, value)| {
        let mut join = serde_json::json!({
            "v": 1, "room": "r", "secret": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "instance": 1, "generation": 2,
        });
        join[field] = value;
        join
    })
}

fn decode(value: &Value) {
    let text = value.to_string();
    let _ = serde_json::from_str::<JoinReply>(&text);
    let _ = serde_json::from_str::<SignalTo<Body>>(&text);
    let _ = serde_json::from_str::<SignalTo<Value>>(&text);
    let _ = serde_json::from_str::<SignalFrom<Body>>(&text);
    let _ = serde_json::from_str::<Peer>(&text);
    let _ = serde_json::from_str::<Left>(&text);
    let _ = serde_json::from_str::<WireError>(&text);
    let _ = serde_json::from_str::<Body>(&text);
    let _ = serde_json::from_str::<DisplayName>(&text);
    let _ = serde_json::from_str::<Token>(&text);
    let _ = serde_json::from_str::<PeerId>(&text);
    if let Ok(join) = serde_json::from_value::<Join>(value.clone()) {
        assert!((1..=limits::ROOM_NAME_CHARS).contains(&join.room.as_str().chars().count()));
        assert!(join.name.is_none_or(|name| name.as_str().chars().count() <= limits::DISPLAY_NAME_CHARS));
        assert_eq!(join.secret, Secret::from_bits(join.secret.bits()));
    }
    if let Ok(room) = serde_json::from_value::<RoomName>(value.clone()) {
        assert!(!room.as_str().contains(['/', '\\', '?', '#', '\0']));
    }
}

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
    let text = serde_json::to_string(value).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let read: T = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&read, value);
    Ok(())
}

proptest! {
    #[test]
    fn any_json_is_taken_or_refused(value in json()) {
        decode(&value);
    }

    #[test]
    fn any_near_miss_is_taken_or_refused(value in nearly_join()) {
        decode(&value);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
        let _ = serde_json::from_slice::<Join>(&bytes);
        let _ = serde_json::from_slice::<SignalFrom<Body>>(&bytes);
    }

    #[test]
    fn descriptions_and_candidates_round_trip(
        id: u32, sdp: String, candidate: String, sdp_mid: Option<String>, sdp_m_line_index: Option<u16>,
        username_fragment: Option<String>,
    ) {
        let connection = ConnectionId(id);
        round_trips(&Body::Description {
            connection,
            description: Description { kind: DescriptionType::Offer, sdp },
        })?;
        let candidate = Candidate { candidate, sdp_mid, sdp_m_line_index, username_fragment };
        round_trips(&Body::Candidate { connection, candidate })?;
    }
}

#[test]
fn a_message_nested_very_deep_is_refused() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert!(serde_json::from_str::<SignalTo<Value>>(&deep).is_err());
    let inside = format!(r#"{{"to":"aaaaaaaaaaaaaaaaaaaaaaaaaa","epoch":1,"seq":0,"body":{deep}}}"#);
    assert!(serde_json::from_str::<SignalTo<Value>>(&inside).is_err());
}
