//! The Socket.IO JavaScript client (socket.io-client 4.8.4), carried in `vendor/`.

use std::cell::Cell;

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen(module = "/vendor/socket.io-client/socket.io.esm.min.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn io(url: &str, options: &JsValue) -> Result<RawSocket, JsValue>;

    /// The `Socket` object of socket.io-client.
    #[derive(Clone, Debug)]
    pub(crate) type RawSocket;
    #[wasm_bindgen(method)]
    fn on(this: &RawSocket, event: &str, listener: &Function);
    #[wasm_bindgen(method)]
    fn off(this: &RawSocket, event: &str, listener: &Function);
    #[wasm_bindgen(method, variadic)]
    fn emit(this: &RawSocket, event: &str, arguments: &Array);
    #[wasm_bindgen(method)]
    fn connect(this: &RawSocket);
    #[wasm_bindgen(method)]
    fn disconnect(this: &RawSocket);
    #[wasm_bindgen(method, getter)]
    fn connected(this: &RawSocket) -> bool;
    #[wasm_bindgen(method, getter)]
    fn auth(this: &RawSocket) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_auth(this: &RawSocket, auth: &JsValue);
    /// The events that a page kept for the room: `[name, ...arguments]` each.
    #[wasm_bindgen(method, getter)]
    fn received(this: &RawSocket) -> JsValue;
    #[wasm_bindgen(method, js_name = offAny)]
    fn off_any(this: &RawSocket);
}

/// An event's name, and what is called.
type Listener = (&'static str, Closure<dyn FnMut(JsValue)>);

/// A socket and its listeners, which end together.
pub(crate) struct Socket {
    raw: RawSocket,
    listeners: Vec<Listener>,
    /// The page has begun to connect it, with an `auth` of its own.
    begun: Cell<bool>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("connected", &self.raw.connected()).finish_non_exhaustive()
    }
}

impl Socket {
    /// A socket to the server of this origin, not yet connecting. WebSocket first, HTTP polling
    /// where that fails. It never reconnects by itself.
    pub(crate) fn new(server: &str) -> Result<Self, JsValue> {
        let options = Object::new();
        for (name, value) in [
            ("autoConnect", JsValue::FALSE),
            ("forceNew", JsValue::TRUE),
            ("reconnection", JsValue::FALSE),
            ("transports", Array::of2(&"websocket".into(), &"polling".into()).into()),
            ("tryAllTransports", JsValue::TRUE),
        ] {
            Reflect::set(&options, &name.into(), &value)?;
        }
        Ok(Self::adopt(io(server, &options)?))
    }

    /// Takes over a socket that the page has made.
    pub(crate) fn adopt(raw: RawSocket) -> Self {
        let begun = Cell::new(raw.auth().is_object());
        Self { raw, listeners: Vec::new(), begun }
    }

    /// Listens to an event until the socket is dropped. The listener gets the first argument.
    pub(crate) fn listen(&mut self, event: &'static str, listener: impl FnMut(JsValue) + 'static) {
        let closure = Closure::<dyn FnMut(JsValue)>::new(listener);
        self.raw.on(event, closure.as_ref().unchecked_ref());
        self.listeners.push((event, closure));
    }

    /// Whether it is connected now.
    pub(crate) fn connected(&self) -> bool {
        self.raw.connected()
    }

    /// What is said to the server along with the connection.
    pub(crate) fn auth(&self) -> JsValue {
        self.raw.auth()
    }

    /// Connects, saying this along with it. What the page has begun is left as it is.
    pub(crate) fn connect(&self, auth: &JsValue) {
        let begun = self.begun.replace(false);
        if self.raw.connected() {
            return;
        }
        if !begun {
            self.raw.set_auth(auth);
        }
        self.raw.connect();
    }

    /// Hands the events that the page kept for us to our listeners, in order and once.
    pub(crate) fn replay(&self) {
        let Ok(kept) = self.raw.received().dyn_into::<Array>() else { return };
        let received = kept.slice(0, kept.length());
        kept.set_length(0);
        self.raw.off_any();
        for event in received.iter().map(|event| Array::from(&event)) {
            for (_, listener) in self.listeners.iter().filter(|(name, _)| event.get(0) == *name) {
                let listener: &Function = listener.as_ref().unchecked_ref();
                // It is ours, and throws nothing.
                let _ = listener.call1(&JsValue::NULL, &event.get(1));
            }
        }
    }

    /// Disconnects.
    pub(crate) fn disconnect(&self) {
        self.raw.disconnect();
    }

    /// Sends an event; dropped when the socket is not connected, since socket.io-client would
    /// keep it for a later connection, on which it would mean something else.
    pub(crate) fn emit(&self, event: &str, arguments: &[JsValue]) {
        if self.raw.connected() {
            self.raw.emit(event, &arguments.iter().collect());
        }
    }

    /// Sends an event that the server acknowledges; `answer` may never be called.
    pub(crate) fn emit_with_ack(&self, event: &str, payload: Option<JsValue>, answer: impl FnMut(JsValue) + 'static) {
        let answer = Closure::<dyn FnMut(JsValue)>::new(answer).into_js_value();
        self.raw.emit(event, &payload.into_iter().chain([answer]).collect());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        for (event, closure) in &self.listeners {
            self.raw.off(event, closure.as_ref().unchecked_ref());
        }
        self.raw.disconnect();
    }
}
