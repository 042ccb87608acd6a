//! Rooms in a real browser, two in one page, against a server in memory: real cameras (fake
//! ones, that is), real RTCPeerConnections, real frames.
//!
//! `wasm-pack test --headless --chrome` and `--firefox` run these.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that panics fails, with the place where it did")]

use futures_util::StreamExt;
use js_sys::Promise;
use madang::{
    Dialect, DisplayName, EndReason, Error, ErrorCode, LeaveReason, PeerId, PeerState, Room, RoomEvent, RoomEvents,
    RoomName, RoomOptions, Secret, SignalingState,
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{MediaStream, MediaStreamTrack, MediaStreamTrackState};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/support/server.js")]
extern "C" {
    type FakeServer;
    #[wasm_bindgen(constructor)]
    fn new(capacity: u32) -> FakeServer;
    #[wasm_bindgen(method)]
    fn socket(this: &FakeServer) -> JsValue;
    #[wasm_bindgen(method)]
    fn joined_socket(this: &FakeServer, secret: &str) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn joins(this: &FakeServer) -> u32;
    #[wasm_bindgen(method, getter)]
    fn signals(this: &FakeServer) -> u32;
    #[wasm_bindgen(method)]
    fn drop(this: &FakeServer, socket: u32);
    #[wasm_bindgen(method)]
    fn listeners(this: &FakeServer, socket: u32) -> u32;
    #[wasm_bindgen(method, setter)]
    fn set_away(this: &FakeServer, away: bool);
    type FakeTutorialServer;
    #[wasm_bindgen(constructor)]
    fn new() -> FakeTutorialServer;
    #[wasm_bindgen(method)]
    fn socket(this: &FakeTutorialServer) -> JsValue;
    fn frames(stream: &MediaStream, n: u32) -> Promise;
}

/// A room with a secret of its own: the two pages of these tests share one `sessionStorage`.
fn open(server: &FakeServer, number: u8) -> (Room, RoomEvents) {
    open_with(server, number, |options| options)
}

fn open_with(server: &FakeServer, number: u8, more: impl Fn(RoomOptions) -> RoomOptions) -> (Room, RoomEvents) {
    open_on(server.socket(), number, more)
}

fn open_on(socket: JsValue, number: u8, more: impl Fn(RoomOptions) -> RoomOptions) -> (Room, RoomEvents) {
    let name: RoomName = "test".parse().unwrap();
    let options = RoomOptions::new(name).secret(Secret::from_bits([number; 16])).socket(socket);
    let room = Room::open(more(options)).unwrap();
    let events = room.events();
    (room, events)
}

/// The next event that `pick` takes, of those that `pick` is shown.
async fn next<T>(events: &mut RoomEvents, mut pick: impl FnMut(RoomEvent) -> Option<T>) -> T {
    loop {
        let event = events.next().await.expect("the room has not ended");
        if let Some(picked) = pick(event) {
            return picked;
        }
    }
}

/// Waits until the peer is connected, and gives its stream.
async fn connected(events: &mut RoomEvents) -> (PeerId, MediaStream) {
    let mut stream = None;
    let mut up = false;
    next(events, |event| {
        match event {
            RoomEvent::PeerStream { peer, stream: new } => stream = Some((peer, new)),
            RoomEvent::PeerState { state, .. } => up = state == PeerState::Connected,
            _ => {}
        }
        if up { stream.clone() } else { None }
    })
    .await
}

/// Waits until the room's own camera and microphone are in use, and gives their stream.
async fn sending(room: &Room, events: &mut RoomEvents) -> MediaStream {
    while !(room.camera() && room.microphone()) {
        next(events, Some).await;
    }
    room.local_stream().expect("a camera is in use")
}

async fn shows_frames(stream: &MediaStream) {
    JsFuture::from(frames(stream, 3)).await.unwrap();
}

fn tracks(stream: &MediaStream) -> Vec<MediaStreamTrack> {
    stream.get_tracks().iter().map(JsCast::unchecked_into).collect()
}

#[wasm_bindgen_test]
async fn a_page_that_has_joined_already_is_taken_over() {
    let server = FakeServer::new(2);
    let (_first, mut first_events) = open(&server, 1);
    next(&mut first_events, |event| matches!(event, RoomEvent::Joined { .. }).then_some(())).await;
    let secret = String::from(Secret::from_bits([2; 16]));
    let socket = server.joined_socket(&secret);
    next(&mut first_events, |event| matches!(event, RoomEvent::PeerJoined { .. }).then_some(())).await;
    while server.signals() < 2 {
        gloo_timers::future::TimeoutFuture::new(5).await; // the first says what it sends, and offers
    }

    let second = Room::open(RoomOptions::new("test".parse().unwrap()).socket(socket)).unwrap();
    let mut events = second.events();
    connected(&mut events).await;
    assert_eq!(second.joined().await.unwrap().as_str(), secret, "it is the peer that the page joined as");
    assert_eq!(server.joins(), 2, "nobody joins twice");
}

#[wasm_bindgen_test]
async fn two_rooms_see_and_hear_each_other() {
    let server = FakeServer::new(2);
    let (a, mut events_a) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, mut events_b) = open_with(&server, 2, |options| options.name("Bora".parse::<DisplayName>().unwrap()));

    let name = next(&mut events_a, |event| match event {
        RoomEvent::PeerJoined { name, .. } => Some(name),
        _ => None,
    })
    .await;
    assert_eq!(name.map(String::from).as_deref(), Some("Bora"));
    let (_, stream_a) = connected(&mut events_a).await;
    let (_, stream_b) = connected(&mut events_b).await;
    for stream in [&stream_a, &stream_b] {
        assert_eq!(stream.get_audio_tracks().length(), 1);
        assert_eq!(stream.get_video_tracks().length(), 1);
        shows_frames(stream).await;
    }
    a.leave();
    b.leave();
}

#[wasm_bindgen_test]
async fn without_a_device_one_still_receives() {
    let server = FakeServer::new(2);
    let (a, mut events_a) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, mut events_b) = open_with(&server, 2, |options| options.audio(false).video(false));

    let (_, stream) = connected(&mut events_b).await;
    shows_frames(&stream).await;
    assert!(b.local_stream().is_none());
    // And it can begin to send later, without a new stream for the other.
    let (_, stream) = connected(&mut events_a).await;
    b.set_camera(true);
    shows_frames(&stream).await;
    a.leave();
    b.leave();
}

#[wasm_bindgen_test]
async fn camera_off_stops_it_and_tells_the_other() {
    let server = FakeServer::new(2);
    let (a, mut events_a) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, mut events_b) = open(&server, 2);
    connected(&mut events_b).await;

    let local = sending(&a, &mut events_a).await;
    let before = tracks(&local);
    a.set_camera(false);
    next(&mut events_b, |event| {
        matches!(event, RoomEvent::PeerMedia { camera: false, microphone: true, .. }).then_some(())
    })
    .await;
    assert!(!a.camera());
    assert!(before.iter().any(|t| t.kind() == "video" && t.ready_state() == MediaStreamTrackState::Ended));
    a.set_microphone(false);
    next(&mut events_b, |event| {
        matches!(event, RoomEvent::PeerMedia { camera: false, microphone: false, .. }).then_some(())
    })
    .await;
    assert!(tracks(&local).iter().all(|t| t.kind() == "audio" && !t.enabled()));

    a.set_camera(true);
    next(&mut events_a, |event| matches!(event, RoomEvent::LocalMedia { camera: true, .. }).then_some(())).await;
    let stream = b.remote_streams().pop().expect("a stream is there").1;
    shows_frames(&stream).await;
    a.leave();
    b.leave();
}

#[wasm_bindgen_test]
async fn leaving_releases_everything() {
    let server = FakeServer::new(2);
    let (a, mut events_a) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, mut events_b) = open(&server, 2);
    connected(&mut events_b).await;
    connected(&mut events_a).await;
    let local = tracks(&sending(&a, &mut events_a).await);
    assert_eq!(local.len(), 2);

    a.leave();
    assert!(local.iter().all(|track| track.ready_state() == MediaStreamTrackState::Ended));
    let reason = next(&mut events_a, |event| match event {
        RoomEvent::Ended(reason) => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, EndReason::Left);
    assert!(events_a.next().await.is_none(), "nothing follows the end");
    let reason = next(&mut events_b, |event| match event {
        RoomEvent::PeerLeft { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, LeaveReason::Left);
    assert_eq!(server.listeners(0), 0);
    assert!(b.remote_streams().is_empty());
    b.leave();
}

#[wasm_bindgen_test]
async fn dropping_the_last_handle_leaves() {
    let server = FakeServer::new(2);
    let (a, _) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, mut events_b) = open(&server, 2);
    connected(&mut events_b).await;
    std::mem::drop(a);
    next(&mut events_b, |event| matches!(event, RoomEvent::PeerLeft { .. }).then_some(())).await;
    b.leave();
}

#[wasm_bindgen_test]
async fn a_full_room_is_an_error() {
    let server = FakeServer::new(1);
    let (a, _events) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, _events) = open(&server, 2);
    match b.joined().await {
        Err(Error::Ended(EndReason::Refused(error))) => assert_eq!(error.code, ErrorCode::RoomFull),
        other => panic!("{other:?}"),
    }
    a.leave();
}

#[wasm_bindgen_test]
async fn a_lost_socket_does_not_touch_the_call() {
    let server = FakeServer::new(2);
    let (a, mut events_a) = open(&server, 1);
    a.joined().await.unwrap();
    let (b, mut events_b) = open(&server, 2);
    connected(&mut events_a).await;
    let (_, stream) = connected(&mut events_b).await;

    server.set_away(true);
    server.drop(1);
    next(&mut events_b, |event| matches!(event, RoomEvent::Signaling(SignalingState::Reconnecting)).then_some(()))
        .await;
    shows_frames(&stream).await;
    server.set_away(false);
    next(&mut events_b, |event| match event {
        RoomEvent::PeerStream { .. } | RoomEvent::PeerState { .. } | RoomEvent::PeerLeft { .. } => {
            panic!("the call was touched: {event:?}")
        }
        RoomEvent::Signaling(SignalingState::Joined) => Some(()),
        _ => None,
    })
    .await;
    shows_frames(&stream).await;
    a.leave();
    b.leave();
}

#[wasm_bindgen_test]
async fn a_tutorial_server_will_do() {
    let server = FakeTutorialServer::new();
    let [(a, mut events_a), (b, mut events_b)] =
        [1, 2].map(|number| open_on(server.socket(), number, |options| options.dialect(Dialect::Tutorial)));
    let (_, stream_a) = connected(&mut events_a).await;
    let (_, stream_b) = connected(&mut events_b).await;
    shows_frames(&stream_a).await;
    shows_frames(&stream_b).await;
    a.leave();
    b.leave();
}
