//! The way to the server: what the Socket.IO socket says becomes the session's inputs, what the
//! session wants said becomes events on the socket. A server that only knows the tutorial's
//! dialect is met through [`madang_core::tutorial`], which plays a native one.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use js_sys::{Object, Reflect};
use madang_core::{
    Output, SocketInput,
    tutorial::{Heard, Say, Tutorial},
};
use madang_protocol::{
    DescriptionType, Generation, HEALTH_PATH, IceServers, Join, LEAVE_PATH, Reply, RoomName, Secret, message::event,
    tutorial,
};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::JsValue;

use crate::sys::{clock, log, page, request, socket::Socket, turn, value};

type Report = Rc<dyn Fn(SocketInput)>;

/// The socket of one room.
pub(crate) struct Signaling {
    socket: Socket,
    /// The server's origin.
    server: String,
    report: Report,
    /// For knocks by TURN, while away.
    question: RefCell<Option<turn::Question>>,
    dialect: Dialect,
}

/// What is spoken on the socket.
enum Dialect {
    Native {
        /// Counts the `join`s, so that a late answer to an earlier one is not taken for the latest's.
        joins: Rc<Cell<u32>>,
        /// Of the join that goes along with the connection. No two joins have the same.
        carried: Cell<Option<Generation>>,
    },
    Tutorial {
        machine: Rc<RefCell<Tutorial>>,
        room: RoomName,
    },
}

impl std::fmt::Debug for Signaling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signaling").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Signaling {
    /// Speaks the native protocol on this socket and reports to `report`.
    pub(crate) fn native(mut socket: Socket, server: String, report: impl Fn(SocketInput) + 'static) -> Self {
        let report = listen_to_socket(&mut socket, report);
        receive(&mut socket, event::JOINED, &report, SocketInput::JoinReply);
        receive(&mut socket, event::PEER_JOINED, &report, SocketInput::PeerJoined);
        receive(&mut socket, event::PEER_LEFT, &report, SocketInput::PeerLeft);
        receive(&mut socket, event::SIGNAL, &report, SocketInput::Signal);
        receive(&mut socket, event::ERROR, &report, SocketInput::Error);
        let dialect = Dialect::Native { joins: Rc::default(), carried: Cell::default() };
        Self { socket, server, report, question: RefCell::default(), dialect }
    }

    /// Speaks the tutorial's dialect on this socket and reports to `report`.
    pub(crate) fn tutorial(
        mut socket: Socket,
        server: String,
        machine: Tutorial,
        room: RoomName,
        report: impl Fn(SocketInput) + 'static,
    ) -> Self {
        let report = listen_to_socket(&mut socket, report);
        let machine = Rc::new(RefCell::new(machine));
        let hear = {
            let (machine, report) = (machine.clone(), report.clone());
            Rc::new(move |heard| {
                machine.borrow_mut().hear(heard);
                report_all(&machine, &report);
            })
        };
        let ready = hear.clone();
        socket.listen(tutorial::READY, move |_| ready(Heard::Ready));
        let hear: Rc<dyn Fn(Heard)> = hear;
        receive(&mut socket, tutorial::OFFER, &hear, Heard::Description);
        receive(&mut socket, tutorial::ANSWER, &hear, Heard::Description);
        receive(&mut socket, tutorial::ICE_CANDIDATE, &hear, Heard::Candidate);
        let dialect = Dialect::Tutorial { machine, room };
        Self { socket, server, report, question: RefCell::default(), dialect }
    }

    /// Connects, and joins with it; says at once that it is, if the page has done that already.
    pub(crate) fn connect(&self, join: &Join) {
        let auth = Object::new();
        if let (Dialect::Native { .. }, Some(join)) = (&self.dialect, encode(join)) {
            // A fresh object takes every property.
            let _ = Reflect::set(&auth, &"join".into(), &join);
        }
        self.socket.connect(&auth);
        if let Dialect::Native { carried, .. } = &self.dialect {
            carried.set(carried_by(&self.socket).map(|(.., generation)| generation));
        }
        if self.socket.connected() {
            clock::mark("madang:socket");
            (self.report)(SocketInput::Connected);
        }
        self.socket.replay();
    }

    /// Disconnects.
    pub(crate) fn disconnect(&self) {
        self.socket.disconnect();
    }

    /// Reports when the server answers a request, by HTTP or by TURN.
    pub(crate) fn knock(&self, turn: Option<&str>) {
        let report = self.report.clone();
        let answered = move || report(SocketInput::Reachable);
        let mut knocked = request::knock(&format!("{}{HEALTH_PATH}", self.server), answered.clone());
        if let Some(url) = turn {
            let question = match self.question.take() {
                Some(question) => Ok(question.ask_again()),
                None => turn::Question::ask(url, answered),
            };
            match question {
                Ok(question) => drop(self.question.replace(Some(question))),
                Err(error) => knocked = Err(error),
            }
        }
        if let Err(error) = knocked {
            log::debug("madang: this browser does not knock:", &error);
        }
    }

    /// Says to the server what the session wants said: a join, a signal or goodbye.
    pub(crate) fn say(&self, output: &Output) {
        if let Output::Join(_) = output {
            self.question.take();
        }
        match (&self.dialect, output) {
            (Dialect::Native { joins, carried, .. }, Output::Join(join)) => {
                self.join(join, joins, carried.take());
            }
            (Dialect::Native { .. }, Output::AskForIceServers) => {
                let report = self.report.clone();
                self.socket.emit_with_ack(event::ICE_SERVERS, None, move |answer| {
                    if let Some(Reply::Ok(servers)) = decode::<Reply<IceServers>>(event::ICE_SERVERS, answer) {
                        report(SocketInput::IceServers(servers));
                    }
                });
            }
            (Dialect::Native { .. }, Output::Signal(signal)) => self.emit(event::SIGNAL, signal, None),
            (Dialect::Native { .. }, Output::Leave) => self.socket.emit(event::LEAVE, &[]),
            (Dialect::Native { .. }, Output::SayGoodbye(goodbye)) => {
                if let Some(goodbye) = encode(goodbye) {
                    page::send_beacon(&format!("{}{LEAVE_PATH}", self.server), &goodbye);
                }
            }
            (Dialect::Tutorial { machine, room }, _) => {
                machine.borrow_mut().say(output);
                loop {
                    let said = machine.borrow_mut().poll_say();
                    match said {
                        Some(Say::Join(room)) => self.emit(tutorial::JOIN, &room, None),
                        Some(Say::Description(description)) => {
                            let event = match description.kind {
                                DescriptionType::Offer => tutorial::OFFER,
                                DescriptionType::Answer => tutorial::ANSWER,
                            };
                            self.emit(event, &description, Some(room));
                        }
                        Some(Say::Candidate(candidate)) => self.emit(tutorial::ICE_CANDIDATE, &candidate, Some(room)),
                        None => break,
                    }
                }
                report_all(machine, &self.report);
            }
            _ => {}
        }
    }

    /// Joins, unless this is the join that the connection carried.
    fn join(&self, join: &Join, joins: &Rc<Cell<u32>>, carried: Option<Generation>) {
        if carried == Some(join.generation) {
            return;
        }
        let number = joins.get().wrapping_add(1);
        joins.set(number);
        let (joins, report) = (joins.clone(), self.report.clone());
        if let Some(payload) = encode(join) {
            self.socket.emit_with_ack(event::JOIN, Some(payload), move |answer| {
                if joins.get() == number
                    && let Some(reply) = decode(event::JOIN, answer)
                {
                    report(SocketInput::JoinReply(reply));
                }
            });
        }
    }

    fn emit(&self, event: &str, payload: &impl Serialize, room: Option<&RoomName>) {
        let room = room.map(|room| JsValue::from_str(room.as_str()));
        if let Some(payload) = encode(payload) {
            let arguments: Vec<JsValue> = [Some(payload), room].into_iter().flatten().collect();
            self.socket.emit(event, &arguments);
        }
    }
}

/// The room, the secret and the generation of the join in the socket's `auth`.
pub(crate) fn carried_by(socket: &Socket) -> Option<(String, Secret, Generation)> {
    let join = Reflect::get(&socket.auth(), &"join".into()).ok()?;
    let field = |name: &str| Reflect::get(&join, &name.into()).ok();
    let generation = Generation(field("generation")?.as_f64()? as u64);
    Some((field("room")?.as_string()?, field("secret")?.as_string()?.parse().ok()?, generation))
}

/// Reports what happens to the socket itself.
fn listen_to_socket(socket: &mut Socket, report: impl Fn(SocketInput) + 'static) -> Report {
    let report: Report = Rc::new(report);
    let tell = |what: fn() -> SocketInput| {
        let report = report.clone();
        move |_| report(what())
    };
    let connected = tell(|| SocketInput::Connected);
    socket.listen("connect", move |argument| {
        clock::mark("madang:socket");
        connected(argument);
    });
    socket.listen("disconnect", tell(|| SocketInput::Disconnected));
    socket.listen("connect_error", tell(|| SocketInput::ConnectFailed));
    report
}

/// Reports what the tutorial machine has for the session.
fn report_all(machine: &RefCell<Tutorial>, report: &Report) {
    loop {
        let input = machine.borrow_mut().poll_input();
        let Some(input) = input else { break };
        report(input);
    }
}

/// Hears an event whose first argument is a `T`.
fn receive<I: 'static, T: DeserializeOwned + 'static>(
    socket: &mut Socket,
    event: &'static str,
    hear: &Rc<dyn Fn(I)>,
    wrap: fn(T) -> I,
) {
    let hear = hear.clone();
    socket.listen(event, move |payload| {
        if let Some(payload) = decode(event, payload) {
            hear(wrap(payload));
        }
    });
}

fn decode<T: DeserializeOwned>(event: &str, payload: JsValue) -> Option<T> {
    let decoded = value::decode(payload).ok();
    if decoded.is_none() {
        // Only the name: there may be credentials in it.
        log::warn("madang: an event was not understood:", &event.into());
    }
    decoded
}

fn encode(payload: &impl Serialize) -> Option<JsValue> {
    value::encode(payload).inspect_err(|error| log::warn("madang: a message was not encoded:", error)).ok()
}
