//! Engine.IO's long polling: packets in the bodies of GET and POST, separated by U+001E.

use std::{collections::VecDeque, net::SocketAddr};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::Error;

const SEPARATOR: char = '\u{1e}';

/// A session over two connections: one waits for packets while the other sends.
#[derive(Debug)]
pub(crate) struct Polling {
    address: SocketAddr,
    get: SendRequest<Full<Bytes>>,
    post: SendRequest<Full<Bytes>>,
    sid: String,
    received: VecDeque<String>,
}

#[derive(Deserialize)]
struct Open {
    sid: String,
}

impl Polling {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Error> {
        let (mut get, post) = (sender(address).await?, sender(address).await?);
        let open = request(&mut get, address, "", None).await?;
        let Open { sid } = serde_json::from_str(open.strip_prefix('0').unwrap_or(&open))?;
        Ok(Self { address, get, post, sid, received: VecDeque::new() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn sid(&self) -> &str {
        &self.sid
    }

    pub(crate) async fn post(&mut self, packets: String) -> Result<(), Error> {
        let query = format!("&sid={}", self.sid);
        request(&mut self.post, self.address, &query, Some(packets)).await.map(|_| ())
    }

    pub(crate) async fn receive(&mut self) -> Result<String, Error> {
        loop {
            if let Some(packet) = self.received.pop_front() {
                return Ok(packet);
            }
            let query = format!("&sid={}", self.sid);
            let body = request(&mut self.get, self.address, &query, None).await?;
            self.received.extend(body.split(SEPARATOR).filter(|packet| !packet.is_empty()).map(str::to_owned));
        }
    }
}

async fn sender(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(closed)?;
    // Ends with the sender; what goes wrong shows in the requests.
    tokio::spawn(connection);
    Ok(sender)
}

async fn request(
    sender: &mut SendRequest<Full<Bytes>>,
    address: SocketAddr,
    query: &str,
    body: Option<String>,
) -> Result<String, Error> {
    let request = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(format!("/socket.io/?EIO=4&transport=polling{query}"))
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "text/plain;charset=UTF-8")
        .body(Full::from(body.unwrap_or_default()))
        .map_err(|error| Error::Protocol(error.to_string()))?;
    sender.ready().await.map_err(closed)?;
    let response = sender.send_request(request).await.map_err(closed)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(closed)?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(text) } else { Err(Error::Closed(format!("{status}: {text}"))) }
}

fn closed(error: hyper::Error) -> Error {
    Error::Closed(error.to_string())
}
