//! What the page shows for what it knows.

use std::{collections::HashSet, time::Duration};

use madang::{Dialect, EndReason, LeaveReason, RoomEvent, Route as Taken, WireError};
use wasm_bindgen::{JsCast, JsValue};

use super::*;
use crate::{input::Input, room_name::Route};

const LANGUAGES: [Language; 2] = [Language::English, Language::Korean];

fn peer() -> PeerId {
    PeerId::from_bits([1; 16])
}

/// In a call in which this happened, at the millisecond of the same number.
fn in_a_call(events: impl IntoIterator<Item = RoomEvent>) -> State {
    let mut state = State::new();
    let room = "pond".parse().expect("a room name");
    state.update(0.0, &Input::Opened { route: Route::Room { room, now: true }, inside: false });
    for (millisecond, event) in events.into_iter().enumerate() {
        state.update(millisecond as f64, &Input::Room(event));
    }
    state
}

fn english(state: &State) -> View {
    View::of(state, Language::English, 0.0)
}

fn call_of(view: &View) -> &CallView {
    match &view.screen {
        Screen::Call(call) => call,
        screen => panic!("not a call: {screen:?}"),
    }
}

fn joined() -> RoomEvent {
    RoomEvent::Joined { peer: PeerId::from_bits([9; 16]), capacity: 2 }
}

fn arrives() -> RoomEvent {
    RoomEvent::PeerJoined { peer: peer(), name: None, dialect: Dialect::Native }
}

fn is(state: PeerState) -> RoomEvent {
    RoomEvent::PeerState { peer: peer(), state }
}

fn goes() -> RoomEvent {
    RoomEvent::PeerLeft { peer: peer(), reason: LeaveReason::Left }
}

#[test]
fn every_state_of_a_call_has_its_name_and_its_words() {
    let away = || RoomEvent::Signaling(SignalingState::Reconnecting);
    for (events, name, words) in [
        (vec![], "connecting", Word::Connecting),
        (vec![joined()], "waiting", Word::Waiting),
        (vec![joined(), arrives()], "calling", Word::Calling),
        (vec![joined(), arrives(), is(PeerState::Connected)], "connected", Word::Connected),
        (vec![joined(), arrives(), is(PeerState::Connected), away()], "server-away", Word::ServerAway),
        (vec![joined(), arrives(), is(PeerState::Reconnecting), away()], "reconnecting", Word::Reconnecting),
        (vec![joined(), arrives(), is(PeerState::Unreachable)], "calling", Word::Calling),
        (
            vec![joined(), arrives(), is(PeerState::Connected), is(PeerState::Unreachable)],
            "reconnecting",
            Word::Reconnecting,
        ),
        (vec![joined(), away()], "connecting", Word::Connecting),
        (vec![joined(), arrives(), goes()], "waiting", Word::Left),
        (vec![joined(), RoomEvent::Ended(EndReason::Left)], "ended", Word::Ended),
    ] {
        let state = in_a_call(events);
        for language in LANGUAGES {
            let view = View::of(&state, language, 0.0);
            assert_eq!((view.call_state.name(), view.call_state_words), (name, language.say(words)));
            assert!(view.title.starts_with(view.call_state_words), "{}", view.title);
        }
    }
    let start = english(&State::new());
    assert_eq!((start.call_state.name(), start.title.as_str()), ("idle", "Madang"));
}

#[test]
fn alone_shows_the_link_and_says_whether_somebody_left() {
    let waiting = in_a_call([joined()]);
    assert!(call_of(&english(&waiting)).alone.is_some());
    let left = in_a_call([joined(), arrives(), goes()]);
    assert_eq!(call_of(&english(&left)).alone.map(|[title, _]| title), Some("They have left"));
    assert!(call_of(&english(&in_a_call([joined(), arrives()]))).alone.is_none());
}

#[test]
fn a_picture_is_veiled_while_it_would_be_frozen_or_black() {
    let stream = || RoomEvent::PeerStream { peer: peer(), stream: JsValue::NULL.unchecked_into() };
    let camera = |camera| RoomEvent::PeerMedia { peer: peer(), microphone: true, camera };
    for (events, veil, hidden) in [
        (vec![arrives()], Some("Connecting…"), true),
        (vec![arrives(), stream(), is(PeerState::Connected)], None, false),
        (vec![arrives(), is(PeerState::Unreachable)], Some("There is no way to them yet"), true),
        (vec![arrives(), stream(), is(PeerState::Reconnecting)], Some("Restoring the picture…"), false),
        (vec![arrives(), stream(), is(PeerState::Connected), camera(false)], Some("Their camera is off"), true),
        (vec![arrives(), stream(), is(PeerState::Connected), camera(false), camera(true)], None, false),
    ] {
        let view = english(&in_a_call(events));
        let tile = &call_of(&view).tiles[0];
        assert_eq!((tile.veil, tile.hidden), (veil, hidden));
    }
}

#[test]
fn ones_own_picture_says_why_it_is_not_there() {
    let media = |camera| RoomEvent::LocalMedia { microphone: true, camera };
    assert_eq!(call_of(&english(&in_a_call([]))).own_veil, Some("Camera is starting…"));
    assert_eq!(call_of(&english(&in_a_call([media(true)]))).own_veil, None);
    let mut state = in_a_call([media(true)]);
    state.update(0.0, &Input::ToggleCamera);
    state.update(0.0, &Input::Room(media(false)));
    let view = english(&state);
    assert_eq!((call_of(&view).own_veil, call_of(&view).camera.pressed), (Some("Your camera is off"), true));
}

#[test]
fn what_is_away_is_marked_and_as_the_reader_wants_it() {
    let lost = |device| {
        RoomEvent::MediaProblem(MediaProblem { device, kind: MediaProblemKind::Ended, message: String::new() })
    };
    let mut state = in_a_call([RoomEvent::LocalMedia { microphone: true, camera: true }, lost(Device::Both)]);
    state.update(0.0, &Input::Room(RoomEvent::LocalMedia { microphone: false, camera: false }));
    let view = english(&state);
    for (button, tip) in [
        (call_of(&view).microphone, "Microphone not available (M)"),
        (call_of(&view).camera, "Camera not available (V)"),
    ] {
        assert_eq!(button, Button { pressed: false, lost: true, tip });
    }
    assert_eq!((call_of(&view).own_veil, call_of(&view).unheard), (Some("No picture from your camera"), true));
    state.update(0.0, &Input::ToggleMicrophone);
    let muted = Button { pressed: true, lost: false, tip: "Unmute (M)" };
    assert_eq!(call_of(&english(&state)).microphone, muted);
    state.update(0.0, &Input::Room(RoomEvent::MediaRestored(Device::Microphone)));
    assert_eq!(call_of(&english(&state)).microphone, muted, "it comes back muted");
}

#[test]
fn every_error_has_a_code_and_a_next_step() {
    let media = |kind| Problem::Media(MediaProblem { device: Device::Both, kind, message: String::new() });
    let refused = |code: ErrorCode| Problem::Refused(code, WireError::from(code).message);
    let mut words = HashSet::new();
    for (problem, code) in [
        (media(MediaProblemKind::Denied), "denied"),
        (media(MediaProblemKind::Busy), "busy"),
        (media(MediaProblemKind::NotFound), "no-device"),
        (media(MediaProblemKind::InsecureOrigin), "insecure"),
        (media(MediaProblemKind::Ended), "device-lost"),
        (media(MediaProblemKind::Interrupted), "interrupted"),
        (media(MediaProblemKind::Other), "failed"),
        (refused(ErrorCode::RoomFull), "room-full"),
        (refused(ErrorCode::Replaced), "replaced"),
        (refused(ErrorCode::Removed), "removed"),
        (refused(ErrorCode::RoomClosed), "room-closed"),
        (refused(ErrorCode::InvalidRoom), "invalid-room"),
        (refused(ErrorCode::Stopping), "server-away"),
        (refused(ErrorCode::UnsupportedVersion), "failed"),
        (refused(ErrorCode::RateLimited), "failed"),
        (Problem::Unreachable { hidden: false }, "unreachable"),
        (Problem::Unreachable { hidden: true }, "unreachable"),
        (Problem::ServerAway, "server-away"),
        (Problem::OtherServer("else.example".to_owned()), "invalid-room"),
        (Problem::Failed("why".to_owned()), "failed"),
    ] {
        for language in LANGUAGES {
            let error = ErrorView::of(&problem, language);
            assert_eq!(error.code, code, "{problem:?}");
            assert!(!error.what.contains("{}") && !error.step.is_empty(), "{error:?}");
            assert!(words.insert(error.what.clone()), "{problem:?} says the same as another: {}", error.what);
        }
    }
}

#[test]
fn trying_again_is_offered_where_it_can_help() {
    let media = |kind| Problem::Media(MediaProblem { device: Device::Camera, kind, message: String::new() });
    assert!(ErrorView::of(&media(MediaProblemKind::Denied), Language::English).retry);
    assert!(!ErrorView::of(&media(MediaProblemKind::InsecureOrigin), Language::English).retry);
    assert!(!ErrorView::of(&media(MediaProblemKind::Interrupted), Language::English).retry, "it is in use");
}

#[test]
fn the_clock_counts_from_the_connection() {
    let state = in_a_call([joined(), arrives(), is(PeerState::Connected)]);
    assert_eq!(View::of(&state, Language::English, 61_002.0).clock.as_deref(), Some("1:01"));
    assert_eq!(english(&in_a_call([joined()])).clock, None);
    assert_eq!([0.0, 59_999.0, 3_600_000.0, -5.0].map(clock), ["0:00", "0:59", "1:00:00", "0:00"]);
}

#[test]
fn the_route_is_said_while_there_is_one() {
    let route = |events: Vec<RoomEvent>| call_of(&english(&in_a_call(events))).tiles[0].route.clone();
    let goes_by = |route| RoomEvent::PeerRoute { peer: peer(), route };
    assert_eq!(route(vec![joined(), arrives(), is(PeerState::Connected)]), None);
    let relayed = vec![joined(), arrives(), is(PeerState::Connected), goes_by(Taken::RelayTls)];
    assert_eq!(route(relayed.clone()), Some(("relay-tls", "Through the server, over TLS".to_owned())));
    assert_eq!(route([relayed.clone(), vec![goes_by(Taken::Direct)]].concat()), Some(("direct", "Direct".to_owned())));
    assert_eq!(route([relayed, vec![is(PeerState::Reconnecting)]].concat()), None);
}

#[test]
fn why_a_picture_stopped_and_that_it_is_back_is_said() {
    let stops = |cause| vec![is(PeerState::Reconnecting), RoomEvent::Reconnecting { peer: peer(), cause }];
    let before = vec![joined(), arrives(), is(PeerState::Connected), goes_straight()];
    for (cause, words) in [
        (Cause::NetworkChanged, "Another network: finding the way…"),
        (Cause::PathLost, "The connection broke: finding another way…"),
        (Cause::MediaStopped, "Nothing comes through: finding another way…"),
        (Cause::PeerReloaded, "They are coming back…"),
    ] {
        let events = [before.clone(), stops(cause)].concat();
        assert_eq!(call_of(&english(&in_a_call(events))).tiles[0].veil, Some(words));
    }
    let restored = RoomEvent::Restored { peer: peer(), cause: Cause::PathLost, after: Duration::from_millis(4200) };
    let events = [before, stops(Cause::PathLost), vec![is(PeerState::Connected), restored]].concat();
    let tile = call_of(&english(&in_a_call(events))).tiles[0].clone();
    assert_eq!((tile.veil, tile.route.expect("a route").1.as_str()), (None, "Direct · back after 4 s"));
}

fn goes_straight() -> RoomEvent {
    RoomEvent::PeerRoute { peer: peer(), route: Taken::Direct }
}
