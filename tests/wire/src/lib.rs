//! A small Socket.IO client (protocol 5 over Engine.IO 4, default namespace, JSON), for tests of
//! servers and for measuring them.
//!
//! [`Socket::connect`] speaks websocket, [`Socket::connect_polling`] long polling. Messages are
//! kept as text and only parsed when asked, so that a load generator costs little. A client that
//! misbehaves is part of the job: [`Socket::send_text`] sends anything.
//!
//! ```no_run
//! # async fn example() -> Result<(), madang_wire::Error> {
//! let mut socket = madang_wire::Socket::connect(([127, 0, 0, 1], 3000)).await?;
//! socket.emit("join", &("room",)).await?;
//! let ready = socket.expect("ready").await?;
//! assert_eq!(ready.name(), "ready");
//! # Ok(())
//! # }
//! ```

mod polling;

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use polling::Polling;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// How long to wait for something that is bound to come.
const SOON: Duration = Duration::from_secs(20);
/// A connection of a load generator is mostly idle.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Why the socket has no more to say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server ended it, or it was never there.
    #[error("the socket is closed: {0}")]
    Closed(String),
    /// The server said what Socket.IO does not.
    #[error("not Socket.IO: {0}")]
    Protocol(String),
    /// What was waited for did not come.
    #[error("nothing came within {0:?}")]
    Timeout(Duration),
    /// Something else came.
    #[error("expected {expected}, got {got}")]
    Unexpected {
        /// The event that was waited for.
        expected: String,
        /// The message that came.
        got: String,
    },
}

impl From<tokio_tungstenite::tungstenite::Error> for Error {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        Self::Closed(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Closed(error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// A connected socket.
#[derive(Debug)]
pub struct Socket {
    transport: Transport,
    acks: u64,
}

#[derive(Debug)]
enum Transport {
    WebSocket(Box<WebSocketStream<TcpStream>>),
    Polling(Box<Polling>),
}

/// An event, as it came.
#[derive(Clone, Debug)]
pub struct Event {
    /// `["name", argument, …]`
    json: Utf8Bytes,
    /// Where `json` begins in the packet.
    start: usize,
}

impl Event {
    /// The whole array.
    pub fn json(&self) -> &str {
        &self.json[self.start..]
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.json().strip_prefix("[\"").and_then(|rest| rest.split('"').next()).unwrap_or_default()
    }

    /// Its arguments.
    ///
    /// # Errors
    /// When they are of another type.
    pub fn args(&self) -> Result<Vec<Box<RawValue>>, Error> {
        let mut args: Vec<Box<RawValue>> = serde_json::from_str(self.json())?;
        args.remove(0);
        Ok(args)
    }

    /// Its only argument.
    ///
    /// # Errors
    /// When there is none or several, or it is of another type.
    pub fn arg<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match &*self.args()? {
            [only] => Ok(serde_json::from_str(only.get())?),
            _ => Err(Error::Protocol(format!("expected one argument: {}", self.json()))),
        }
    }
}

/// What came over a socket.
#[derive(Clone, Debug)]
enum Packet {
    Event(Event),
    Ack(u64, Event),
}

impl Socket {
    /// Connects by websocket.
    ///
    /// # Errors
    /// When nobody listens there or it is not a Socket.IO server.
    pub async fn connect(address: impl Into<SocketAddr>) -> Result<Self, Error> {
        Self::connect_with(address, "").await
    }

    /// Connects by websocket with an `auth`, as JSON.
    ///
    /// # Errors
    /// When nobody listens there or it is not a Socket.IO server.
    pub async fn connect_with(address: impl Into<SocketAddr>, auth: &str) -> Result<Self, Error> {
        let address = address.into();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let (websocket, _) = client_async_with_config(url, stream, Some(config)).await?;
        let mut socket = Self { transport: Transport::WebSocket(Box::new(websocket)), acks: 0 };
        socket.open(auth).await?;
        Ok(socket)
    }

    /// Connects by long polling and stays with it.
    ///
    /// # Errors
    /// When nobody listens there or it is not a Socket.IO server.
    pub async fn connect_polling(address: impl Into<SocketAddr>) -> Result<Self, Error> {
        let transport = Transport::Polling(Box::new(Polling::connect(address.into()).await?));
        let mut socket = Self { transport, acks: 0 };
        socket.open("").await?;
        Ok(socket)
    }

    /// Upgrades from long polling to websocket, as browsers do.
    ///
    /// # Errors
    /// When the server does not take part.
    pub async fn upgrade(&mut self) -> Result<(), Error> {
        let Transport::Polling(polling) = &self.transport else { return Ok(()) };
        let address = polling.address();
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid());
        let stream = TcpStream::connect(address).await?;
        let (mut websocket, _) = client_async_with_config(url, stream, None).await?;
        websocket.send(Message::text("2probe")).await?;
        match websocket.next().await {
            Some(Ok(Message::Text(text))) if text == "3probe" => {}
            other => return Err(Error::Protocol(format!("{other:?} to a probe"))),
        }
        websocket.send(Message::text("5")).await?;
        self.transport = Transport::WebSocket(Box::new(websocket));
        Ok(())
    }

    async fn open(&mut self, auth: &str) -> Result<(), Error> {
        if matches!(self.transport, Transport::WebSocket(_)) {
            let open = self.receive().await?;
            if !open.starts_with('0') {
                return Err(Error::Protocol(open.to_string()));
            }
        }
        self.send_text(format!("40{auth}")).await?;
        let connected = self.receive().await?;
        if connected.starts_with("40") { Ok(()) } else { Err(Error::Protocol(connected.to_string())) }
    }

    /// Emits an event; `args` is a tuple.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn emit(&mut self, event: &str, args: &impl Serialize) -> Result<(), Error> {
        let text = packet("42", event, args)?;
        self.send_text(text).await
    }

    /// Emits an event and waits for its acknowledgement's only argument. Events that come before
    /// it are dropped.
    ///
    /// # Errors
    /// When the socket is closed or no answer comes.
    pub async fn call<T: DeserializeOwned>(&mut self, event: &str, args: &impl Serialize) -> Result<T, Error> {
        self.acks += 1;
        let id = self.acks;
        let text = packet(&format!("42{id}"), event, args)?;
        self.send_text(text).await?;
        loop {
            if let Packet::Ack(acked, answer) = soon(self.packet()).await?
                && acked == id
            {
                let [answer]: [T; 1] = parse_one(answer.json())?;
                return Ok(answer);
            }
        }
    }

    /// Sends a packet as it is, such as `42["event"]`.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn send_text(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Error> {
        match &mut self.transport {
            Transport::WebSocket(websocket) => Ok(websocket.send(Message::Text(text.into())).await?),
            Transport::Polling(polling) => polling.post(text.into().to_string()).await,
        }
    }

    /// Queues a packet without flushing; [`Self::flush`] or the next send does.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn feed_text(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Error> {
        match &mut self.transport {
            Transport::WebSocket(websocket) => Ok(websocket.feed(Message::Text(text.into())).await?),
            Transport::Polling(polling) => polling.post(text.into().to_string()).await,
        }
    }

    /// Sends what was queued.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn flush(&mut self) -> Result<(), Error> {
        match &mut self.transport {
            Transport::WebSocket(websocket) => Ok(websocket.flush().await?),
            Transport::Polling(_) => Ok(()),
        }
    }

    /// The next event, however long it takes. Answers pings meanwhile.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Packet::Event(event) = self.packet().await? {
                return Ok(event);
            }
        }
    }

    /// The next event, which must be of this name and come soon.
    ///
    /// # Errors
    /// When another comes, or none.
    pub async fn expect(&mut self, name: &str) -> Result<Event, Error> {
        let event = soon(self.next()).await?;
        if event.name() == name {
            Ok(event)
        } else {
            Err(Error::Unexpected { expected: name.to_owned(), got: event.json().to_owned() })
        }
    }

    /// Waits until the server has ended the socket, and returns the events that came before.
    ///
    /// # Errors
    /// When it does not end soon.
    pub async fn closed(&mut self) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        loop {
            match soon(self.next()).await {
                Ok(event) => events.push(event),
                Err(Error::Closed(_)) => return Ok(events),
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends as a browser ends the websocket of a page that is gone.
    pub async fn go_away(mut self) -> Result<(), Error> {
        if let Transport::WebSocket(stream) = &mut self.transport {
            WebSocketStream::close(stream, Some(CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::default() }))
                .await?;
        }
        Ok(())
    }

    /// Says goodbye to the transport.
    pub async fn close(mut self) {
        // The other side may be gone already, which is as good.
        let _ = match &mut self.transport {
            Transport::WebSocket(websocket) => WebSocketStream::close(websocket, None).await.map_err(Error::from),
            Transport::Polling(polling) => polling.post("1".to_owned()).await,
        };
    }

    async fn packet(&mut self) -> Result<Packet, Error> {
        loop {
            let text = self.receive().await?;
            match text.as_bytes() {
                [b'4', b'2', ..] => return Ok(Packet::Event(Event { json: text, start: 2 })),
                [b'4', b'3', rest @ ..] => {
                    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                    let id = text[2..2 + digits].parse().map_err(|_| Error::Protocol(text.to_string()))?;
                    return Ok(Packet::Ack(id, Event { json: text, start: 2 + digits }));
                }
                [b'4', b'1', ..] => return Err(Error::Closed("disconnected by the server".to_owned())),
                [b'1'] => return Err(Error::Closed("closed by the server".to_owned())),
                [b'6'] => {}
                _ => return Err(Error::Protocol(text.to_string())),
            }
        }
    }

    /// The next packet that is not a ping.
    async fn receive(&mut self) -> Result<Utf8Bytes, Error> {
        loop {
            let text = self.receive_any().await?;
            if text != "2" {
                return Ok(text);
            }
            self.send_text("3").await?;
        }
    }

    async fn receive_any(&mut self) -> Result<Utf8Bytes, Error> {
        match &mut self.transport {
            Transport::WebSocket(websocket) => loop {
                match websocket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text),
                    Some(Ok(Message::Close(_))) | None => return Err(Error::Closed("end of stream".to_owned())),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                }
            },
            Transport::Polling(polling) => polling.receive().await.map(Utf8Bytes::from),
        }
    }
}

/// What should not take long.
async fn soon<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(SOON, work).await.unwrap_or(Err(Error::Timeout(SOON)))
}

fn parse_one<T: DeserializeOwned>(json: &str) -> Result<[T; 1], Error> {
    Ok(serde_json::from_str(json)?)
}

/// The text of an event: `args` is a tuple, whose elements become the event's arguments.
///
/// # Errors
/// When `args` cannot be written as a JSON array.
pub fn packet(prefix: &str, event: &str, args: &impl Serialize) -> Result<String, Error> {
    let args = serde_json::to_string(args)?;
    let event = serde_json::to_string(event)?;
    Ok(match args.as_str() {
        "null" | "[]" => format!("{prefix}[{event}]"),
        args => match args.strip_prefix('[') {
            Some(rest) => format!("{prefix}[{event},{rest}"),
            None => return Err(Error::Protocol("arguments are a tuple".to_owned())),
        },
    })
}
