//! What each input does, from the start to a call and back.

use madang::{Dialect, ErrorCode, LeaveReason, MediaProblemKind, WireError};
use wasm_bindgen::{JsCast, JsValue};

use super::*;

fn room() -> RoomName {
    "quiet-river-427".parse().expect("a room name")
}

fn peer(number: u8) -> PeerId {
    PeerId::from_bits([number; 16])
}

/// Takes inputs one by one, a second apart, and returns the last one's effects.
fn after(state: &mut State, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
    let inputs = inputs.into_iter().enumerate();
    inputs.map(|(second, input)| state.update(second as f64 * 1000.0, &input)).last().unwrap_or_default()
}

fn at_the_door(now: bool, inside: bool) -> (State, Vec<Effect>) {
    let mut state = State::new();
    let effects = after(&mut state, [Input::Opened { route: Route::Room { room: room(), now }, inside }]);
    (state, effects)
}

fn in_a_call(events: impl IntoIterator<Item = RoomEvent>) -> State {
    let (mut state, _) = at_the_door(true, false);
    after(&mut state, events.into_iter().map(Input::Room));
    state
}

fn call(state: &State) -> &Call {
    match &state.place {
        Place::Call { call, .. } => call,
        place => panic!("not in a call: {place:?}"),
    }
}

fn arrival(state: &State) -> Arrival {
    match &state.place {
        Place::Door { arrival, .. } => *arrival,
        place => panic!("not at a door: {place:?}"),
    }
}

fn someone_joins(number: u8) -> RoomEvent {
    RoomEvent::PeerJoined { peer: peer(number), name: None, dialect: Dialect::Native }
}

fn problem(device: Device) -> MediaProblem {
    MediaProblem { device, kind: MediaProblemKind::Denied, message: String::new() }
}

#[test]
fn a_room_link_asks_for_nothing_before_join() {
    let (mut state, effects) = at_the_door(false, false);
    assert_eq!(effects, [Effect::ReturnOnReload(false)]);
    assert_eq!(arrival(&state), Arrival::Fresh);
    assert_eq!(after(&mut state, [Input::Join]), [Effect::ReturnOnReload(true), Effect::Open(room())]);
    assert!(!call(&state).joined);
}

#[test]
fn join_now_and_a_reload_inside_go_in_at_once() {
    for (now, inside) in [(true, false), (false, true)] {
        let (state, effects) = at_the_door(now, inside);
        assert_eq!(effects, [Effect::ReturnOnReload(true), Effect::Open(room())]);
        call(&state);
    }
}

#[test]
fn a_made_room_and_a_typed_one_lead_to_the_door() {
    for input in [Input::Make(room()), Input::Enter(Typed::Room(room()))] {
        let mut state = State::new();
        assert_eq!(after(&mut state, [input]), [Effect::Address(room())]);
        assert_eq!(arrival(&state), Arrival::Fresh);
    }
}

#[test]
fn what_cannot_be_entered_is_said_where_it_was_typed() {
    let mut state = State::new();
    assert_eq!(after(&mut state, [Input::Enter(Typed::Invalid)]), []);
    assert_eq!(state.problem(), Some(Problem::InvalidRoom));
    assert!(matches!(state.place, Place::Start));
    after(&mut state, [Input::Dismiss]);
    assert_eq!(state.problem(), None);
    after(&mut state, [Input::Opened { route: Route::Invalid, inside: false }]);
    assert_eq!(state.problem(), Some(Problem::InvalidRoom));
}

#[test]
fn leaving_closes_and_offers_the_way_back() {
    let mut state = in_a_call([]);
    assert_eq!(after(&mut state, [Input::Leave]), [Effect::Close, Effect::ReturnOnReload(false)]);
    assert_eq!(arrival(&state), Arrival::Left);
    assert_eq!(after(&mut state, [Input::Join]), [Effect::ReturnOnReload(true), Effect::Open(room())]);
}

#[test]
fn a_page_that_goes_away_leaves_and_a_reload_still_returns() {
    let mut state = in_a_call([]);
    assert_eq!(after(&mut state, [Input::PageHidden]), [Effect::Close]);
    assert_eq!(arrival(&state), Arrival::Left);
    assert_eq!(after(&mut state, [Input::PageHidden]), [], "nothing to close any more");
}

#[test]
fn going_back_leaves_but_a_changed_fragment_does_not() {
    let mut state = in_a_call([]);
    let here = Route::Room { room: room(), now: false };
    assert_eq!(after(&mut state, [Input::Opened { route: here, inside: false }]), []);
    call(&state);
    assert_eq!(after(&mut state, [Input::Opened { route: Route::Start, inside: false }]), [Effect::Close]);
    assert!(matches!(state.place, Place::Start));
}

#[test]
fn a_refused_call_is_back_at_the_door_with_the_reason() {
    let mut state = in_a_call([RoomEvent::Ended(EndReason::Refused(WireError::from(ErrorCode::RoomFull)))]);
    assert_eq!(arrival(&state), Arrival::Refused);
    assert!(matches!(state.problem(), Some(Problem::Refused(ErrorCode::RoomFull, _))));
    after(&mut state, [Input::Join]);
    assert_eq!(state.problem(), None, "the next try begins without the old error");
}

#[test]
fn buttons_answer_at_once_and_the_room_has_the_last_word() {
    let mut state = in_a_call([]);
    assert_eq!(after(&mut state, [Input::ToggleMicrophone]), [Effect::SetMicrophone(false)]);
    assert!(!call(&state).microphone.wanted);
    assert_eq!(after(&mut state, [Input::ToggleMicrophone]), [Effect::SetMicrophone(true)]);
    after(&mut state, [Input::Room(RoomEvent::LocalMedia { microphone: true, camera: true })]);
    assert_eq!(after(&mut state, [Input::ToggleCamera]), [Effect::SetCamera(false)]);
    after(&mut state, [Input::Room(RoomEvent::LocalMedia { microphone: true, camera: false })]);
    assert!(call(&state).microphone.on && !call(&state).camera.on && !call(&state).camera.wanted);
}

fn shown(state: &State) -> Option<Device> {
    match state.problem() {
        Some(Problem::Media(problem)) => Some(problem.device),
        None => None,
        problem => panic!("another problem: {problem:?}"),
    }
}

#[test]
fn buttons_do_nothing_outside_a_call() {
    let (mut state, _) = at_the_door(false, false);
    assert_eq!(after(&mut state, [Input::ToggleMicrophone, Input::ToggleCamera, Input::Leave, Input::Hear]), []);
    assert_eq!(arrival(&state), Arrival::Fresh);
}

#[test]
fn a_camera_that_is_away_is_still_wanted_and_can_be_tried_again() {
    let mut state = in_a_call([RoomEvent::MediaProblem(problem(Device::Camera))]);
    assert!(call(&state).camera.wanted && call(&state).microphone.wanted);
    after(&mut state, [Input::Room(RoomEvent::LocalMedia { microphone: true, camera: false })]);
    assert_eq!(shown(&state), Some(Device::Camera));
    assert_eq!(after(&mut state, [Input::Retry]), [Effect::SetCamera(true)]);
    assert_eq!(shown(&state), None, "until it fails again");
    assert!(call(&state).camera.problem.is_some(), "it is still away");
    after(&mut state, [Input::Room(RoomEvent::MediaProblem(problem(Device::Camera)))]);
    assert_eq!(shown(&state), Some(Device::Camera));
}

#[test]
fn what_the_room_said_before_a_click_does_not_undo_it() {
    let mut state = in_a_call([]);
    let said_before = RoomEvent::LocalMedia { microphone: true, camera: true };
    after(&mut state, [Input::ToggleMicrophone, Input::ToggleCamera, Input::Room(said_before)]);
    assert!(!call(&state).microphone.wanted && !call(&state).camera.wanted);
}

#[test]
fn one_who_is_muted_stays_so_when_trying_again() {
    let mut state = in_a_call([]);
    after(&mut state, [Input::ToggleMicrophone, Input::Room(RoomEvent::MediaProblem(problem(Device::Both)))]);
    assert_eq!(after(&mut state, [Input::Retry]), [Effect::SetMicrophone(false), Effect::SetCamera(true)]);
    after(&mut state, [Input::Room(RoomEvent::MediaRestored(Device::Microphone))]);
    assert!(!call(&state).microphone.wanted);
}

#[test]
fn a_camera_that_is_switched_off_while_it_is_away_is_no_problem() {
    let mut state = in_a_call([RoomEvent::MediaProblem(problem(Device::Camera))]);
    assert_eq!(after(&mut state, [Input::ToggleCamera]), [Effect::SetCamera(false)]);
    assert_eq!(shown(&state), None);
    assert!(!call(&state).camera.wanted);
}

#[test]
fn what_is_back_is_not_complained_of_and_what_is_not_is() {
    let mut state = in_a_call([RoomEvent::MediaProblem(problem(Device::Both))]);
    assert_eq!(shown(&state), Some(Device::Both));
    after(&mut state, [Input::Room(RoomEvent::MediaRestored(Device::Microphone))]);
    assert_eq!(shown(&state), Some(Device::Camera));
    after(&mut state, [Input::Room(RoomEvent::MediaRestored(Device::Camera))]);
    assert_eq!(shown(&state), None);
}

#[test]
fn two_problems_are_shown_one_after_the_other() {
    let busy = MediaProblem { kind: MediaProblemKind::Busy, ..problem(Device::Camera) };
    let events = [RoomEvent::MediaProblem(problem(Device::Microphone)), RoomEvent::MediaProblem(busy)];
    let mut state = in_a_call(events);
    assert_eq!(shown(&state), Some(Device::Microphone));
    after(&mut state, [Input::Dismiss]);
    assert_eq!(shown(&state), Some(Device::Camera));
    after(&mut state, [Input::Dismiss]);
    assert_eq!(shown(&state), None);
    assert!(call(&state).microphone.problem.is_some(), "seen is not solved");
}

#[test]
fn who_leaves_is_gone_at_once_and_the_clock_starts_anew() {
    let stream = JsValue::NULL.unchecked_into();
    let mut state = in_a_call([
        someone_joins(1),
        RoomEvent::PeerStream { peer: peer(1), stream },
        RoomEvent::PeerState { peer: peer(1), state: PeerState::Connected },
        RoomEvent::PeerState { peer: peer(1), state: PeerState::Reconnecting },
        RoomEvent::PeerState { peer: peer(1), state: PeerState::Connected },
    ]);
    assert_eq!(call(&state).since, Some(2000.0), "a reconnection does not restart the clock");
    assert!(call(&state).others[0].stream);
    after(&mut state, [Input::Room(RoomEvent::PeerLeft { peer: peer(1), reason: LeaveReason::Left })]);
    assert!(call(&state).others.is_empty() && call(&state).someone_left);
    assert_eq!(call(&state).since, None);
}

#[test]
fn a_peer_is_there_once_however_often_it_is_told() {
    let muted = RoomEvent::PeerMedia { peer: peer(1), microphone: false, camera: true };
    let state = in_a_call([someone_joins(1), muted, someone_joins(1), someone_joins(2)]);
    assert_eq!(call(&state).others.len(), 2);
    assert!(!call(&state).others[0].microphone && call(&state).others[0].camera);
}

#[test]
fn refused_sound_plays_silently_until_a_click() {
    let mut state = in_a_call([someone_joins(1)]);
    assert_eq!(after(&mut state, [Input::PlayRefused]), [Effect::PlaySilently]);
    assert_eq!(after(&mut state, [Input::PlayRefused]), [], "no endless tries");
    assert_eq!(after(&mut state, [Input::Hear]), [Effect::Hear]);
    assert!(!call(&state).silent);
}

#[test]
fn keys() {
    assert!(matches!(Input::of_key("m", "KeyM"), Some(Input::ToggleMicrophone)));
    assert!(matches!(Input::of_key("ㅡ", "KeyM"), Some(Input::ToggleMicrophone)));
    assert!(matches!(Input::of_key("ㅍ", "KeyV"), Some(Input::ToggleCamera)));
    assert!(matches!(Input::of_key("m", "Semicolon"), Some(Input::ToggleMicrophone)), "another layout");
    assert!(Input::of_key("b", "KeyM").is_none());
    assert!(Input::of_key("Escape", "Escape").is_none());
}

#[test]
fn hiding_the_address_outlasts_a_call() {
    let (mut state, _) = at_the_door(false, false);
    assert_eq!(after(&mut state, [Input::RelayOnly(true)]), [Effect::RememberRelayOnly(true)]);
    after(&mut state, [Input::Join, Input::Leave]);
    assert!(state.relay_only);
    assert_eq!(after(&mut state, [Input::RelayOnly(false)]), [Effect::RememberRelayOnly(false)]);
    assert!(!state.relay_only);
}

#[test]
fn no_way_to_the_other_is_said_until_there_is_one() {
    let is = |state| Input::Room(RoomEvent::PeerState { peer: peer(1), state });
    let gone = Input::Room(RoomEvent::PeerLeft { peer: peer(1), reason: LeaveReason::Left });
    for back in [is(PeerState::Connected), is(PeerState::Connecting), gone] {
        let mut state = in_a_call([someone_joins(1)]);
        after(&mut state, [is(PeerState::Unreachable)]);
        assert_eq!(state.problem, Some(Problem::Unreachable { hidden: false }));
        after(&mut state, [back]);
        assert_eq!(state.problem, None);
    }
}

#[test]
fn what_was_dismissed_stays_so_and_other_problems_are_left_alone() {
    let is = |state| Input::Room(RoomEvent::PeerState { peer: peer(1), state });
    let mut state = in_a_call([someone_joins(1)]);
    after(&mut state, [is(PeerState::Unreachable), Input::Dismiss]);
    after(&mut state, [Input::Room(RoomEvent::PeerMedia { peer: peer(1), microphone: false, camera: false })]);
    assert_eq!(state.problem, None);
    let problem = Problem::Media(problem(Device::Camera));
    state.problem = Some(problem.clone());
    after(&mut state, [is(PeerState::Connected)]);
    assert_eq!(state.problem, Some(problem));
}

#[test]
fn whoever_hides_the_address_is_told_what_that_has_to_do_with_it() {
    let mut state = State::new();
    let here = Route::Room { room: room(), now: false };
    after(&mut state, [Input::Opened { route: here, inside: false }, Input::RelayOnly(true), Input::Join]);
    after(&mut state, [Input::Room(RoomEvent::PeerState { peer: peer(1), state: PeerState::Unreachable })]);
    assert_eq!(state.problem, Some(Problem::Unreachable { hidden: true }));
}

#[test]
fn a_call_that_is_set_up_shows_the_picture_first() {
    let is = |state| RoomEvent::PeerState { peer: peer(1), state };
    let joined = || RoomEvent::Joined { peer: peer(9), capacity: 2 };
    assert_eq!(State::new().extent(), Extent::Everything);
    let mut state = in_a_call([]);
    assert_eq!(state.extent(), Extent::Nothing, "it is not known yet who is there");
    assert_eq!(in_a_call([joined()]).extent(), Extent::Everything, "nobody is");
    after(&mut state, [joined(), someone_joins(1), is(PeerState::Connecting)].map(Input::Room));
    assert_eq!(state.extent(), Extent::Nothing);
    let stream = JsValue::NULL.unchecked_into();
    after(&mut state, [Input::Room(RoomEvent::PeerStream { peer: peer(1), stream })]);
    assert_eq!(state.extent(), Extent::Aside);
    after(&mut state, [Input::Room(is(PeerState::Connected))]);
    assert_eq!(state.extent(), Extent::Picture);
    after(&mut state, [Input::Pictured(peer(1))]);
    assert_eq!(state.extent(), Extent::Everything);
}

#[test]
fn what_is_wrong_is_shown_however_busy_the_browser_is() {
    let state = in_a_call([someone_joins(1), RoomEvent::MediaProblem(problem(Device::Camera))]);
    assert_eq!(state.extent(), Extent::Everything);
}
