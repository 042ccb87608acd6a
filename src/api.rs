//! What JavaScript sees: the `Room` class, its options, events and errors.
//!
//! The only `#[wasm_bindgen]` exports of the crate. Types are written out in `types.d.ts`; the
//! modules here turn plain objects into options and events into plain objects.

mod error;
mod event;
mod listeners;
mod options;

use std::rc::Rc;

use futures_util::StreamExt;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Map, Promise};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{future_to_promise, spawn_local};
use web_sys::MediaStream;

use self::listeners::Listeners;
use crate::room::{Room, RoomEvents};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("api/types.d.ts");

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "RoomOptions")]
    pub type JsRoomOptions;
    #[wasm_bindgen(typescript_type = "Promise<Room>")]
    pub type RoomPromise;
    #[wasm_bindgen(typescript_type = "Promise<string>")]
    pub type StringPromise;
    #[wasm_bindgen(typescript_type = "Map<string, MediaStream>")]
    pub type StreamMap;
}

/// One page's part in one room.
///
/// Opening a room asks for camera and microphone, connects and joins at the same time. It stays
/// open until `leave()` or its `ended` event, whether or not the page keeps a reference.
#[wasm_bindgen(js_name = Room)]
#[derive(Debug)]
pub struct JsRoom {
    room: Room,
    listeners: Rc<Listeners>,
}

#[wasm_bindgen(js_class = Room)]
impl JsRoom {
    /// Opens a room without waiting. Events are told from the next task on, so listeners that
    /// are added right away miss nothing.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsRoomOptions) -> Result<JsRoom, JsValue> {
        let (room, events) = open(options)?;
        let listeners = Rc::new(Listeners::default());
        spawn_local(tell(events, listeners.clone(), room.clone()));
        Ok(Self { room, listeners })
    }

    /// Opens a room and waits until it is joined. Rejects with a `MadangError`. Events are told
    /// from the next task on, so listeners that are added right after `await` miss nothing.
    pub fn join(options: &JsRoomOptions) -> RoomPromise {
        let opened = open(options);
        let promise = future_to_promise(async move {
            let (room, events) = opened?;
            room.joined().await.map_err(|error| error::to_js(&error))?;
            let listeners = Rc::new(Listeners::default());
            spawn_local(tell(events, listeners.clone(), room.clone()));
            Ok(Self { room, listeners }.into())
        });
        cast(promise)
    }

    /// Settles when the room is joined, with the id of this peer, or ends before that.
    #[wasm_bindgen(getter)]
    pub fn joined(&self) -> StringPromise {
        let room = self.room.clone();
        cast(future_to_promise(async move {
            let peer = room.joined().await.map_err(|error| error::to_js(&error))?;
            Ok(peer.as_str().into())
        }))
    }

    /// Adds a listener and returns a function that removes it.
    #[wasm_bindgen(skip_typescript)]
    pub fn on(&self, kind: &str, listener: Function) -> Result<JsValue, JsValue> {
        if !event::TYPES.contains(&kind) {
            let types = event::TYPES.join(", ");
            return Err(error::new("invalid-event", &format!("there is no event \"{kind}\"; the events are: {types}")));
        }
        Ok(self.listeners.add(kind, listener))
    }

    /// Whether the microphone is sent now.
    #[wasm_bindgen(getter)]
    pub fn microphone(&self) -> bool {
        self.room.microphone()
    }

    /// Whether the camera is sent now.
    #[wasm_bindgen(getter)]
    pub fn camera(&self) -> bool {
        self.room.camera()
    }

    /// Opens or mutes the microphone. `local-media` tells when it is done. Said again, it asks again
    /// for a microphone that could not be used.
    #[wasm_bindgen(js_name = setMicrophone)]
    pub fn set_microphone(&self, on: bool) {
        self.room.set_microphone(on);
    }

    /// Turns the camera on, or off and its light out. `local-media` tells when it is done. Said
    /// again, it asks again for a camera that could not be used.
    #[wasm_bindgen(js_name = setCamera)]
    pub fn set_camera(&self, on: bool) {
        self.room.set_camera(on);
    }

    /// The page's own camera and microphone, while one of them is in use.
    #[wasm_bindgen(getter, js_name = localStream)]
    pub fn local_stream(&self) -> Option<MediaStream> {
        self.room.local_stream()
    }

    /// The streams of the peers, by their ids.
    #[wasm_bindgen(getter, js_name = remoteStreams)]
    pub fn remote_streams(&self) -> StreamMap {
        let map = Map::new();
        for (peer, stream) in self.room.remote_streams() {
            map.set(&peer.as_str().into(), &stream);
        }
        map.unchecked_into()
    }

    /// Leaves: says goodbye, closes every connection, releases camera and microphone. Leaving
    /// twice is harmless.
    pub fn leave(&self) {
        self.room.leave();
    }
}

fn open(options: &JsRoomOptions) -> Result<(Room, RoomEvents), JsValue> {
    let room = Room::open(options::parse(options)?).map_err(|error| error::to_js(&error))?;
    let events = room.events();
    Ok((room, events))
}

/// Tells the listeners what happens until the room ends, and keeps the room that long.
async fn tell(mut events: RoomEvents, listeners: Rc<Listeners>, room: Room) {
    TimeoutFuture::new(0).await; // the page adds its listeners first
    while let Some(event) = events.next().await {
        let (kind, detail) = event::to_js(&event);
        listeners.tell(kind, &detail);
    }
    listeners.clear();
    drop(room);
}

fn cast<T: JsCast>(promise: Promise) -> T {
    promise.unchecked_into()
}
