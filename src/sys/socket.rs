//! The Socket.IO JavaScript client (socket.io-client 4.8.4), carried in `vendor/`.

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
}

/// An event's name, and what is called.
type Listener = (&'static str, Closure<dyn FnMut(JsValue)>);

/// A socket and its listeners, which end together.
pub(crate) struct Socket {
    raw: RawSocket,
    listeners: Vec<Listener>,
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
        Self { raw, listeners: Vec::new() }
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

    /// Connects.
    pub(crate) fn connect(&self) {
        self.raw.connect();
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
    pub(crate) fn emit_with_ack(&self, event: &str, payload: &JsValue, answer: impl FnMut(JsValue) + 'static) {
        let answer = Closure::<dyn FnMut(JsValue)>::new(answer).into_js_value();
        self.raw.emit(event, &Array::of2(payload, &answer));
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
