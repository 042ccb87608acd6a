//! Reads one Socket.IO event from its JSON text, in one pass and without reading what is only
//! passed on.
//!
//! Whatever does not fit, an event of an unknown name too, is a [`WireError`] that says what would:
//! never silence, never a panic.

use std::{borrow::Cow, fmt};

use madang_protocol::{
    ConnectAuth, ErrorCode, Join, RoomName, SignalTo, VERSION, WireError, limits, message::event, tutorial,
};
use serde::{
    Deserialize,
    de::{Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// An event a client may send.
#[derive(Debug)]
pub enum Event<'a> {
    /// `join {…}`.
    Join(Box<Join>),
    /// `signal`.
    Signal(SignalTo<&'a RawValue>),
    /// `leave`.
    Leave,
    /// `ice-servers`.
    IceServers,
    /// `join(room)` of the tutorial.
    JoinTutorial(RoomName),
    /// `offer`, `answer` and `ice-candidate` of the tutorial: for the room that is named last.
    Tutorial(TutorialEvent, &'a RawValue, Cow<'a, str>),
}

/// What a tutorial page says to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TutorialEvent {
    /// `offer`.
    Offer,
    /// `answer`.
    Answer,
    /// `ice-candidate`.
    IceCandidate,
}

impl TutorialEvent {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offer => tutorial::OFFER,
            Self::Answer => tutorial::ANSWER,
            Self::IceCandidate => tutorial::ICE_CANDIDATE,
        }
    }
}

/// Reads `["name", argument, …]`.
///
/// # Errors
/// A `bad-message` (or a more precise code for a `join`) that tells the sender what is wrong.
pub fn read(text: &str) -> Result<Event<'_>, WireError> {
    let Parsed(result) = serde_json::from_str(text).map_err(|error| bad(&error))?;
    let event = match result? {
        Event::Signal(signal) => Event::Signal(SignalTo { body: passable(signal.body)?, ..signal }),
        Event::Tutorial(kind, payload, room) => Event::Tutorial(kind, passable(payload)?, room),
        event => event,
    };
    Ok(event)
}

/// Reads the `auth` of a connection: the join in it, if there is one. Whatever else it holds is
/// somebody else's.
///
/// # Errors
/// As [`read`], when there is a join that does not fit.
pub fn read_auth(text: &str) -> Result<Option<Box<Join>>, WireError> {
    let Ok(ConnectAuth { join: Some(argument) }) = serde_json::from_str::<ConnectAuth<Option<&RawValue>>>(text) else {
        return Ok(None);
    };
    match join(argument)? {
        Event::Join(join) => Ok(Some(join)),
        _ => Err(bad(&"the join of a connection is an object")),
    }
}

fn bad(problem: &dyn fmt::Display) -> WireError {
    WireError::new(ErrorCode::BadMessage, format!("{}: {problem}", ErrorCode::BadMessage))
}

/// What is passed on unread must be something that every reader can read.
fn passable(value: &RawValue) -> Result<&RawValue, WireError> {
    let text = value.get();
    if deeper_than(text, limits::NESTING) {
        return Err(bad(&format_args!("nested deeper than {}", limits::NESTING)));
    }
    // A lone surrogate is not text. Escapes are rare enough to look at them closely.
    if text.contains("\\u") {
        serde_json::from_str::<serde_json::Value>(text).map_err(|error| bad(&error))?;
    }
    Ok(value)
}

/// Whether arrays and objects of valid JSON are nested deeper than `limit`.
fn deeper_than(json: &str, limit: usize) -> bool {
    let opens = |b: &u8| matches!(b, b'[' | b'{');
    if json.as_bytes().iter().filter(|b| opens(b)).count() <= limit {
        return false;
    }
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// The event, or a refusal with a code of its own: JSON that is fine but says something wrong.
struct Parsed<'a>(Result<Event<'a>, WireError>);

impl<'de> Deserialize<'de> for Parsed<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EventVisitor).map(Self)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Result<Event<'de>, WireError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event's name and arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut args: A) -> Result<Self::Value, A::Error> {
        let name: Cow<'de, str> = next(&mut args, "a name")?;
        let event = match &*name {
            event::SIGNAL => Ok(Event::Signal(next(&mut args, "a signal")?)),
            event::JOIN => join(next(&mut args, "a room")?),
            event::LEAVE => Ok(Event::Leave),
            event::ICE_SERVERS => Ok(Event::IceServers),
            tutorial::OFFER => said(TutorialEvent::Offer, &mut args),
            tutorial::ANSWER => said(TutorialEvent::Answer, &mut args),
            tutorial::ICE_CANDIDATE => said(TutorialEvent::IceCandidate, &mut args),
            _ => return Err(A::Error::custom("no such event")),
        };
        match args.next_element::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom("too many arguments")),
            None => Ok(event),
        }
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(args: &mut A, what: &str) -> Result<T, A::Error> {
    args.next_element()?.ok_or_else(|| A::Error::custom(format_args!("expected {what}")))
}

fn said<'de, A: SeqAccess<'de>>(kind: TutorialEvent, args: &mut A) -> Result<Event<'de>, WireError> {
    let payload = next(args, "a description or candidate").map_err(|error| bad(&error))?;
    let room = next(args, "a room").map_err(|error| bad(&error))?;
    Ok(Event::Tutorial(kind, payload, room))
}

/// A string is the tutorial's room, an object the native payload.
fn join(argument: &RawValue) -> Result<Event<'_>, WireError> {
    let text = argument.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            let room: String = serde_json::from_str(text).map_err(|error| bad(&error))?;
            Ok(Event::JoinTutorial(room_name(&room)?))
        }
        Some(b'{') => {
            // The version first: another version may say the rest differently.
            let claim: Claim<'_> = serde_json::from_str(text).map_err(|error| bad(&error))?;
            if claim.v != VERSION {
                return Err(ErrorCode::UnsupportedVersion.into());
            }
            room_name(&claim.room)?;
            Ok(Event::Join(Box::new(serde_json::from_str(text).map_err(|error| bad(&error))?)))
        }
        _ => Err(WireError::new(ErrorCode::InvalidRoom, "a room is named by a string")),
    }
}

#[derive(Deserialize)]
struct Claim<'a> {
    v: u32,
    #[serde(borrow)]
    room: Cow<'a, str>,
}

fn room_name(text: &str) -> Result<RoomName, WireError> {
    text.parse()
        .map_err(|problem| WireError::new(ErrorCode::InvalidRoom, format!("{}: it {problem}", ErrorCode::InvalidRoom)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(text: &str) -> ErrorCode {
        read(text).expect_err(text).code
    }

    #[test]
    fn native_events() {
        let secret = "a".repeat(26);
        let join = format!(r#"["join",{{"v":1,"room":"r","secret":"{secret}","instance":1,"generation":2}}]"#);
        assert!(matches!(read(&join), Ok(Event::Join(join)) if join.room.as_str() == "r"));
        assert!(matches!(read(r#"["leave"]"#), Ok(Event::Leave)));
        let signal = format!(r#"["signal",{{"to":"{secret}","epoch":1,"seq":0,"body":{{"x":[1, 2]}}}}]"#);
        match read(&signal) {
            Ok(Event::Signal(signal)) => assert_eq!(signal.body.get(), r#"{"x":[1, 2]}"#, "passed on as it came"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_connection_may_bring_a_join() {
        let secret = "a".repeat(26);
        let auth = format!(r#"{{"join":{{"v":1,"room":"r","secret":"{secret}","instance":1,"generation":2}}}}"#);
        assert!(matches!(read_auth(&auth), Ok(Some(join)) if join.room.as_str() == "r"));
        for other in ["", "{}", "null", "7", r#"{"token":"x"}"#, r#"{"join":null}"#] {
            assert!(matches!(read_auth(other), Ok(None)), "{other}");
        }
        let code = |auth: &str| read_auth(auth).expect_err(auth).code;
        assert_eq!(code(r#"{"join":{"v":2}}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"join":{"v":2,"room":"r"}}"#), ErrorCode::UnsupportedVersion);
        assert_eq!(code(r#"{"join":"room"}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"join":7}"#), ErrorCode::InvalidRoom);
    }

    #[test]
    fn tutorial_events() {
        assert!(matches!(read(r#"["join","room"]"#), Ok(Event::JoinTutorial(room)) if room.as_str() == "room"));
        let offer = read(r#"["offer",{"type":"offer","sdp":"v=0"},"room"]"#);
        assert!(matches!(offer, Ok(Event::Tutorial(TutorialEvent::Offer, _, room)) if room == "room"));
    }

    #[test]
    fn what_does_not_fit_says_so() {
        assert_eq!(code(r#"["join",7]"#), ErrorCode::InvalidRoom);
        assert_eq!(code(r#"["join",""]"#), ErrorCode::InvalidRoom);
        assert_eq!(code(r#"["join","a/b"]"#), ErrorCode::InvalidRoom);
        assert_eq!(code(r#"["join",{"v":2,"room":"r"}]"#), ErrorCode::UnsupportedVersion);
        assert_eq!(code(r#"["join",{"v":1,"room":""}]"#), ErrorCode::InvalidRoom);
        assert_eq!(code(r#"["join",{"v":1,"room":"r"}]"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"["join"]"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"["leave",1]"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"["nonsense"]"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"["offer",{}]"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"["signal",{"to":"x","epoch":1,"seq":0,"body":1}]"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"not":"a list"}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"["offer","\ud800","room"]"#), ErrorCode::BadMessage);
    }

    #[test]
    fn nesting_is_counted_outside_of_strings() {
        let nested = |n: usize| format!(r#"["offer",{}{},"room"]"#, "[".repeat(n), "]".repeat(n));
        assert!(read(&nested(limits::NESTING)).is_ok());
        assert_eq!(code(&nested(limits::NESTING + 1)), ErrorCode::BadMessage);
        assert_eq!(code(&nested(30_000)), ErrorCode::BadMessage);
        let text = format!(r#"["offer","{}\"[","room"]"#, "[".repeat(100));
        assert!(read(&text).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = (read(&text), read_auth(&text));
        }

        #[test]
        fn any_argument_is_read_or_refused(name in "join|signal|leave|offer|answer|ice-candidate", arg: String) {
            let _ = read(&format!("[{:?},{arg}]", name));
            let _ = read(&format!("[{name:?},{}]", serde_json::to_string(&arg).unwrap()));
        }
    }
}
