//! What a browser asks a server: whether it is there, and, joining a room, for `iceServers`.

use std::time::Duration;

use axum::{
    body::{self, Body},
    http::{Method, Request, StatusCode, header},
};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use madang_protocol::{
    ConnectAuth, Generation, Join, JoinReply, Joined, Reply, RoomName, Secret, VERSION, message::event,
};
use serde::Deserialize;

use super::net::{Connection, WITHIN};

const ANSWER_BYTES: usize = 1 << 20;
const SEPARATOR: char = '\u{1e}';

/// A server, asked over one connection.
pub(super) struct Asked {
    sender: SendRequest<Body>,
    authority: String,
}

/// A room for nobody else, in which it was joined.
pub(super) struct Visit {
    asked: Asked,
    session: String,
    pub(super) joined: Joined,
}

#[derive(Deserialize)]
struct Open {
    sid: String,
}

impl Asked {
    pub(super) async fn over(connection: Box<dyn Connection>, authority: String) -> Result<Self, String> {
        let (sender, connection) = handshake(TokioIo::new(connection)).await.map_err(|error| error.to_string())?;
        // Ends with the sender; what goes wrong shows in the requests.
        tokio::spawn(connection);
        Ok(Self { sender, authority })
    }

    /// Whether a Madang server answers there.
    pub(super) async fn health(&mut self) -> Result<(), String> {
        match self.ask(Method::GET, "/healthz", String::new()).await? {
            (StatusCode::OK, text) if text == "ok\n" => Ok(()),
            (status, _) => Err(format!("/healthz answers {status}, not as a Madang server does")),
        }
    }

    /// Joins a room by long polling.
    pub(super) async fn join(mut self) -> Result<Visit, String> {
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        let number = u64::from_le_bytes(random[..8].try_into().unwrap_or_default());
        let generation = Generation::first(number as u32);
        let room: RoomName = format!("madang-check-{number:016x}").parse().map_err(|_| "no room".to_owned())?;
        let secret = Secret::from_bits(random[8..].try_into().unwrap_or_default());
        let join = Join { v: VERSION, room, secret, instance: generation, generation, name: None, token: None };
        let auth = serde_json::to_string(&ConnectAuth { join }).map_err(|error| error.to_string())?;

        let open = self.poll("").await?;
        let open = open.strip_prefix('0').unwrap_or_default();
        let Open { sid } = serde_json::from_str(open).map_err(|_| "it does not speak Socket.IO".to_owned())?;
        let session = format!("&sid={sid}");
        self.post(&session, format!("40{auth}")).await?;
        let answered = async {
            loop {
                for packet in self.poll(&session).await?.split(SEPARATOR) {
                    let told = packet.strip_prefix("42").map(serde_json::from_str::<(String, JoinReply)>);
                    match told {
                        Some(Ok((name, Reply::Ok(joined)))) if name == event::JOINED => return Ok(joined),
                        Some(Ok((name, Reply::Error(error)))) if name == event::JOINED => return Err(error.message),
                        _ => {}
                    }
                }
            }
        };
        let joined = tokio::time::timeout(WITHIN, answered).await.map_err(|_| "no answer to a join".to_owned())??;
        Ok(Visit { asked: self, session, joined })
    }

    async fn poll(&mut self, session: &str) -> Result<String, String> {
        match self.ask(Method::GET, &socket_io(session), String::new()).await? {
            (status, text) if status.is_success() => Ok(text),
            (StatusCode::PERMANENT_REDIRECT, _) => {
                Err(format!("this server speaks https: check https://{}", self.authority))
            }
            (status, _) => Err(format!("/socket.io/ answers {status}")),
        }
    }

    async fn post(&mut self, session: &str, packets: String) -> Result<(), String> {
        let (status, _) = self.ask(Method::POST, &socket_io(session), packets).await?;
        if status.is_success() { Ok(()) } else { Err(format!("/socket.io/ answers {status}")) }
    }

    async fn ask(&mut self, method: Method, path: &str, said: String) -> Result<(StatusCode, String), String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "text/plain;charset=UTF-8")
            .body(Body::from(said))
            .map_err(|error| error.to_string())?;
        let answered = async {
            self.sender.ready().await.map_err(|error| error.to_string())?;
            let response = self.sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = body::to_bytes(Body::new(response.into_body()), ANSWER_BYTES).await;
            let body = body.map_err(|error| error.to_string())?;
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        tokio::time::timeout(WITHIN + Duration::from_secs(1), answered).await.map_err(|_| "no answer".to_owned())?
    }
}

impl Visit {
    /// Leaves again.
    pub(super) async fn leave(mut self) {
        // Who cannot say goodbye loses the seat a little later.
        _ = self.asked.post(&self.session, format!("42[\"{}\"]{SEPARATOR}1", event::LEAVE)).await;
    }
}

fn socket_io(session: &str) -> String {
    format!("/socket.io/?EIO=4&transport=polling{session}")
}
