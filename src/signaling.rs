//! The way to the server: what the Socket.IO socket says becomes the session's inputs, what the
//! session wants said becomes events on the socket.

use std::{cell::Cell, rc::Rc};

use madang_core::SocketInput;
use madang_protocol::{Body, Join, SignalTo, message::event};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::JsValue;

use crate::sys::{
    clock, log,
    socket::{RawSocket, Socket},
};

/// The socket of one room.
pub(crate) struct Signaling {
    socket: Socket,
    /// Counts `join`s, so that a late answer to an earlier one is not taken for the latest's.
    joins: Rc<Cell<u32>>,
    input: Rc<dyn Fn(SocketInput)>,
}

impl std::fmt::Debug for Signaling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signaling").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Signaling {
    /// A socket to this server that reports to `input`.
    pub(crate) fn new(server: &str, input: impl Fn(SocketInput) + 'static) -> Result<Self, JsValue> {
        Ok(Self::wire(Socket::new(server)?, Rc::new(input)))
    }

    /// Takes over a socket that the page made earlier.
    pub(crate) fn adopt(socket: RawSocket, input: impl Fn(SocketInput) + 'static) -> Self {
        Self::wire(Socket::adopt(socket), Rc::new(input))
    }

    fn wire(mut socket: Socket, input: Rc<dyn Fn(SocketInput)>) -> Self {
        let tell = |what: fn() -> SocketInput| {
            let input = input.clone();
            move |_| input(what())
        };
        let connected = tell(|| SocketInput::Connected);
        socket.listen("connect", move |argument| {
            clock::mark("madang:socket");
            connected(argument);
        });
        socket.listen("disconnect", tell(|| SocketInput::Disconnected));
        socket.listen("connect_error", tell(|| SocketInput::ConnectFailed));
        receive(&mut socket, event::PEER_JOINED, &input, SocketInput::PeerJoined);
        receive(&mut socket, event::PEER_LEFT, &input, SocketInput::PeerLeft);
        receive(&mut socket, event::SIGNAL, &input, SocketInput::Signal);
        receive(&mut socket, event::ERROR, &input, SocketInput::Error);
        Self { socket, joins: Rc::default(), input }
    }

    /// Connects; says at once that it is, if the page has done that already.
    pub(crate) fn connect(&self) {
        if self.socket.connected() {
            clock::mark("madang:socket");
            (self.input)(SocketInput::Connected);
        } else {
            self.socket.connect();
        }
    }

    /// Disconnects.
    pub(crate) fn disconnect(&self) {
        self.socket.disconnect();
    }

    /// Says `join` and reports the answer.
    pub(crate) fn join(&self, join: &Join) {
        let number = self.joins.get().wrapping_add(1);
        self.joins.set(number);
        let (joins, input) = (self.joins.clone(), self.input.clone());
        if let Some(payload) = encode(join) {
            self.socket.emit_with_ack(event::JOIN, &payload, move |answer| {
                if joins.get() == number
                    && let Some(reply) = decode(event::JOIN, answer)
                {
                    input(SocketInput::JoinReply(reply));
                }
            });
        }
    }

    /// Says `signal`.
    pub(crate) fn signal(&self, signal: &SignalTo<Body>) {
        if let Some(payload) = encode(signal) {
            self.socket.emit(event::SIGNAL, &payload);
        }
    }

    /// Says `leave`.
    pub(crate) fn leave(&self) {
        self.socket.emit_bare(event::LEAVE);
    }
}

fn receive<T: DeserializeOwned + 'static>(
    socket: &mut Socket,
    event: &'static str,
    input: &Rc<dyn Fn(SocketInput)>,
    wrap: fn(T) -> SocketInput,
) {
    let input = input.clone();
    socket.listen(event, move |payload| {
        if let Some(payload) = decode(event, payload) {
            input(wrap(payload));
        }
    });
}

fn decode<T: DeserializeOwned>(event: &str, payload: JsValue) -> Option<T> {
    match serde_wasm_bindgen::from_value(payload) {
        Ok(payload) => Some(payload),
        Err(error) => {
            log::warn(&format!("madang: the server's {event:?} is not understood:"), &error.into());
            None
        }
    }
}

fn encode(payload: &impl Serialize) -> Option<JsValue> {
    match payload.serialize(&serde_wasm_bindgen::Serializer::json_compatible()) {
        Ok(payload) => Some(payload),
        Err(error) => {
            log::warn("madang: a message could not be encoded:", &error.into());
            None
        }
    }
}
