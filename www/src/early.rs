//! What `early.js` and `boot.js` have started before the program was there: the request for camera
//! and microphone, and the socket that joins.

use js_sys::{Promise, Reflect};
use madang::RoomOptions;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{MediaStream, MediaStreamTrack};

#[wasm_bindgen]
extern "C" {
    /// A Socket.IO socket.
    type Socket;
    #[wasm_bindgen(method)]
    fn emit(this: &Socket, event: &str);
    #[wasm_bindgen(method)]
    fn disconnect(this: &Socket);
}

/// A socket and a stream for the first room. What is not used is let go.
#[derive(Debug)]
pub(crate) struct Early {
    socket: Option<JsValue>,
    stream: Option<JsValue>,
}

impl Early {
    /// Takes what they have left.
    pub(crate) fn take() -> Self {
        let global = js_sys::global();
        let left = Reflect::get(&global, &"madangEarly".into()).unwrap_or_default();
        let part = |name: &str| Reflect::get(&left, &name.into()).ok().filter(JsValue::is_object);
        let early = Self { socket: part("socket"), stream: part("stream") };
        // Nobody else may come upon it; a property that cannot be deleted was never there.
        let _ = Reflect::delete_property(&global, &"madangEarly".into());
        early
    }

    /// Opens the room with it.
    pub(crate) fn give(&mut self, mut options: RoomOptions) -> RoomOptions {
        if let Some(socket) = self.socket.take() {
            options = options.socket(socket);
        }
        match self.stream.take() {
            Some(stream) => options.stream(&stream),
            None => options,
        }
    }

    /// Lets go of what no room has taken.
    pub(crate) fn release(&mut self) {
        if let Some(socket) = self.socket.take() {
            let socket: &Socket = socket.unchecked_ref();
            socket.emit("leave");
            socket.disconnect();
        }
        if let Some(stream) = self.stream.take() {
            spawn_local(async move {
                // A refusal leaves nothing to stop.
                let Ok(stream) = JsFuture::from(Promise::resolve(&stream)).await else { return };
                for track in stream.unchecked_into::<MediaStream>().get_tracks().iter() {
                    track.unchecked_into::<MediaStreamTrack>().stop();
                }
            });
        }
    }
}
