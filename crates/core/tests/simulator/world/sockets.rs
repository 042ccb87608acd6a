//! Sockets between pages and server: ordered, with latency, until they are cut.

use madang_core::{Input, SocketInput};
use madang_protocol::{Body, ErrorCode, Generation, IceServers, Join};

use super::{Event, Millis, Reason, World};
use crate::server::{Down, Socket, Up};

#[derive(Debug)]
pub(super) struct Wire {
    pub(super) page: usize,
    /// Carries messages.
    pub(super) up: bool,
    pub(super) server_knows: bool,
    pub(super) page_knows: bool,
    /// When the last message of each direction arrives: order is kept.
    pub(super) last_up: Millis,
    pub(super) last_down: Millis,
    pub(super) held: Option<Down>,
    /// The join that went along with the connection.
    pub(super) carried: Option<Generation>,
}

impl World {
    pub(super) fn connect(&mut self, page: usize, join: Join) {
        if self.pages[page].socket.is_some() {
            return self.violate("connects twice");
        }
        let peer = self.pages[page].peer;
        self.pages[page].attempts += 1;
        let attempt = self.pages[page].attempts;
        if !self.serves(peer) {
            self.soon(1, 300, Event::ConnectFailed(page, attempt));
            return;
        }
        let carries = self.random.once_in(2);
        // The server gets to know of it, the page does not.
        let half = carries && self.random.once_in(20);
        let socket = self.sockets.len();
        let latency = self.latency[peer];
        let connected = self.now + self.random.range(2 * latency, 3 * latency + 10);
        self.sockets.push(Wire {
            page,
            up: true,
            server_knows: false,
            page_knows: half,
            last_up: 0,
            last_down: connected,
            held: None,
            carried: carries.then_some(join.generation),
        });
        if half {
            self.disturbed = true;
            self.at(connected, Event::ConnectFailed(page, attempt));
            self.soon(latency, 3000, Event::ServerNotices(socket));
        } else {
            self.pages[page].socket = Some(socket);
            self.at(connected, Event::Connected(page, socket));
        }
        if carries {
            self.at(self.now + latency, Event::ToServer(socket, Up::Join(join)));
        }
    }

    /// This peer reaches the server.
    pub(super) fn serves(&self, peer: usize) -> bool {
        self.server_down == 0 && self.outages[peer] == 0 && self.unserved[peer] == 0
    }

    /// The page ends its socket, or an attempt to connect.
    pub(super) fn disconnect(&mut self, page: usize) {
        self.pages[page].attempts += 1;
        if let Some(socket) = self.pages[page].socket.take() {
            self.sockets[socket].page_knows = true;
            // What was sent before still arrives, and then the server sees the end.
            let arrived = self.sockets[socket].last_up.max(self.now) + self.latency[self.pages[page].peer];
            self.at(arrived, Event::ServerNotices(socket));
        }
    }

    /// The socket carries nothing any more; both sides find out in their time.
    pub(super) fn cut(&mut self, socket: Socket) {
        self.sockets[socket].up = false;
        self.soon(0, 3000, Event::PageNotices(socket));
        self.soon(0, 3000, Event::ServerNotices(socket));
    }

    pub(super) fn page_notices(&mut self, socket: Socket) {
        let page = self.sockets[socket].page;
        if !std::mem::replace(&mut self.sockets[socket].page_knows, true) && self.pages[page].socket == Some(socket) {
            self.pages[page].socket = None;
            if self.pages[page].obsolete {
                return self.crash(page); // or the two would take turns
            }
            self.drive(page, Input::Socket(SocketInput::Disconnected));
        }
    }

    pub(super) fn server_notices(&mut self, socket: Socket) {
        self.sockets[socket].up = false;
        if !std::mem::replace(&mut self.sockets[socket].server_knows, true)
            && let Some((peer, losses)) = self.server.socket_lost(socket)
        {
            let grace = self.server.grace_ms();
            self.at(self.now + grace, Event::Grace(peer, losses));
        }
    }

    pub(super) fn send(&mut self, page: usize, message: Up) {
        let Some(socket) = self.pages[page].socket else { return self.violate("sends without a socket") };
        let latency = self.latency[self.pages[page].peer];
        let delay = self.random.range(latency, 2 * latency + 3);
        let wire = &mut self.sockets[socket];
        if wire.up {
            wire.last_up = wire.last_up.max(self.now + delay);
            let at = wire.last_up;
            self.at(at, Event::ToServer(socket, message));
        }
    }

    pub(super) fn deliver(&mut self, sent: Vec<(Socket, Down)>) {
        for (socket, message) in sent {
            let peer = self.pages[self.sockets[socket].page].peer;
            let signal = matches!(message, Down::Signal(_));
            if signal && std::mem::take(&mut self.repeat[peer]) {
                self.down(socket, message.clone());
            }
            if signal && self.sockets[socket].held.is_none() && std::mem::take(&mut self.reorder[peer]) {
                self.sockets[socket].held = Some(message);
                self.soon(500, 3000, Event::Release(socket));
                continue;
            }
            self.down(socket, message);
            if signal && let Some(held) = self.sockets[socket].held.take() {
                self.down(socket, held);
            }
        }
    }

    pub(super) fn down(&mut self, socket: Socket, message: Down) {
        let latency = self.latency[self.pages[self.sockets[socket].page].peer];
        let delay = self.random.range(latency, 2 * latency + 3);
        let wire = &mut self.sockets[socket];
        if wire.up && self.late_answers && matches!(message, Down::Reply(_)) {
            // The answer takes another way through the server than the events do.
            let late = self.random.range(0, 4 * latency + 50);
            let at = wire.last_down.max(self.now + delay + late);
            self.at(at, Event::ToPage(socket, message));
        } else if wire.up {
            wire.last_down = wire.last_down.max(self.now + delay);
            let at = wire.last_down;
            self.at(at, Event::ToPage(socket, message));
        }
    }

    pub(super) fn arrive(&mut self, socket: Socket, message: Down) {
        let wire = &self.sockets[socket];
        let page = wire.page;
        // A socket that was cut loses what was under way.
        if !wire.up || wire.page_knows || self.pages[page].socket != Some(socket) {
            return;
        }
        let input = match message {
            Down::Reply(reply) => {
                if std::mem::take(&mut self.pages[page].left_early) {
                    self.pages[page].reason = Reason::PeerLeft;
                }
                SocketInput::JoinReply(reply)
            }
            Down::PeerJoined(peer) => SocketInput::PeerJoined(peer),
            Down::PeerLeft(left) => {
                self.pages[page].reason = Reason::PeerLeft;
                self.pages[page].left_early = true;
                SocketInput::PeerLeft(left)
            }
            Down::Signal(signal) => {
                if let Body::Description { .. } = signal.body {
                    self.last_activity = self.now;
                }
                SocketInput::Signal(signal)
            }
            Down::IceServers => SocketInput::IceServers(IceServers::default()),
            Down::Error(error) => {
                if error.code == ErrorCode::Replaced {
                    self.pages[page].reason = Reason::TheEnd;
                }
                SocketInput::Error(error)
            }
            Down::Close => {
                self.server_notices(socket);
                return self.page_notices(socket);
            }
        };
        self.drive(page, Input::Socket(input));
        self.pages[page].reason = Reason::None;
    }
}
