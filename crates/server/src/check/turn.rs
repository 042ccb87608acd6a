//! A STUN and TURN client that asks once: a binding, or an allocation that it gives back.

use std::{io, net::SocketAddr, time::Duration};

use madang_protocol::IceServer;
use stun_types::{
    attribute::{ErrorCode, Nonce, Realm, Username, XorMappedAddress},
    message::{
        BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageIntegrityCredentials,
        MessageWrite, MessageWriteExt, MessageWriteVec, Method, StunParseError, StunWriteError,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
};
use turn_types::{
    attribute::{Lifetime, RequestedTransport, XorRelayedAddress},
    message::{ALLOCATE, REFRESH},
};

use super::net::{Connection, WITHIN};

/// When an unanswered datagram is sent again (RFC 8489 section 6.2.1 begins so).
const AGAIN: Duration = Duration::from_millis(500);
const HEADER_BYTES: usize = 20;
const DATAGRAM_BYTES: usize = 1_500;

/// Why there was no answer, or not the right one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Nothing came.
    #[error("no answer")]
    NoAnswer,
    /// The way broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// It was no STUN.
    #[error("the answer is not STUN")]
    NotStun,
    /// It was an error.
    #[error("{0} ({1})")]
    Refused(u16, String),
}

impl From<StunParseError> for Error {
    fn from(_: StunParseError) -> Self {
        Self::NotStun
    }
}

impl From<StunWriteError> for Error {
    fn from(error: StunWriteError) -> Self {
        Self::Broken(io::Error::other(error))
    }
}

/// A way to a server.
pub(super) enum Way {
    Udp(UdpSocket),
    Stream(Box<dyn Connection>),
}

impl Way {
    /// A socket that hears of this server only.
    pub(super) async fn udp(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(Self::Udp(socket))
    }

    /// Under which address the server sees this machine.
    pub(super) async fn binding(&mut self) -> Result<SocketAddr, Error> {
        let answer = self.ask(BINDING, |_| Ok(())).await?;
        let message = success(&answer)?;
        let mapped = message.attribute::<XorMappedAddress>()?;
        Ok(mapped.addr(message.transaction_id()))
    }

    /// An allocation with these credentials, given back at once. Returns the relay's address.
    pub(super) async fn allocation(&mut self, server: &IceServer) -> Result<SocketAddr, Error> {
        let transport = RequestedTransport::new(RequestedTransport::UDP);
        let challenge = self.ask(ALLOCATE, |request| Ok(request.add_attribute(&transport)?)).await?;
        let challenge = Message::from_bytes(&challenge)?;
        match challenge.attribute::<ErrorCode>() {
            Ok(error) if error.code() == 401 => {}
            _ => return Err(Error::NotStun),
        }
        let (realm, nonce) = (challenge.attribute::<Realm>()?, challenge.attribute::<Nonce>()?);
        let (username, credential) = (server.username.clone(), server.credential.clone());
        let (username, credential) = (username.unwrap_or_default(), credential.unwrap_or_default());
        let user = Username::new(&username)?;
        let key = LongTermKeyCredentials::new(username, credential, realm.realm().to_owned());
        let key = MessageIntegrityCredentials::from(key);
        let sign = |request: &mut MessageWriteVec| -> Result<(), Error> {
            request.add_attribute(&user)?;
            request.add_attribute(&realm)?;
            request.add_attribute(&nonce)?;
            Ok(request.add_message_integrity(&key, IntegrityAlgorithm::Sha1)?)
        };
        let allocated = self
            .ask(ALLOCATE, |request| {
                request.add_attribute(&transport)?;
                sign(request)
            })
            .await?;
        let allocated = success(&allocated)?;
        let relayed = allocated.attribute::<XorRelayedAddress>()?.addr(allocated.transaction_id());
        let given_back = self
            .ask(REFRESH, |request| {
                request.add_attribute(&Lifetime::new(0))?;
                sign(request)
            })
            .await?;
        success(&given_back)?;
        Ok(relayed)
    }

    /// Sends a request until it is answered.
    async fn ask(
        &mut self,
        method: Method,
        fill: impl FnOnce(&mut MessageWriteVec) -> Result<(), Error>,
    ) -> Result<Vec<u8>, Error> {
        let mut request = Message::builder_request(method, MessageWriteVec::new());
        fill(&mut request)?;
        let request = request.finish();
        let answered = async {
            match self {
                Self::Udp(socket) => datagram(socket, &request).await,
                Self::Stream(stream) => {
                    stream.write_all(&request).await?;
                    stream.flush().await?;
                    message(stream).await
                }
            }
        };
        let answer = tokio::time::timeout(WITHIN, answered).await.map_err(|_| Error::NoAnswer)??;
        let (sent, got) = (Message::from_bytes(&request)?, Message::from_bytes(&answer)?);
        if got.transaction_id() == sent.transaction_id() && got.method() == method {
            Ok(answer)
        } else {
            Err(Error::NotStun)
        }
    }
}

async fn datagram(socket: &UdpSocket, request: &[u8]) -> Result<Vec<u8>, Error> {
    loop {
        socket.send(request).await?;
        let mut answer = vec![0; DATAGRAM_BYTES];
        if let Ok(received) = tokio::time::timeout(AGAIN, socket.recv(&mut answer)).await {
            answer.truncate(received?);
            return Ok(answer);
        }
    }
}

async fn message(stream: &mut Box<dyn Connection>) -> Result<Vec<u8>, Error> {
    let mut answer = vec![0; HEADER_BYTES];
    stream.read_exact(&mut answer).await?;
    let length = usize::from(u16::from_be_bytes([answer[2], answer[3]]));
    answer.resize(HEADER_BYTES + length.min(DATAGRAM_BYTES), 0);
    stream.read_exact(&mut answer[HEADER_BYTES..]).await?;
    Ok(answer)
}

fn success(answer: &[u8]) -> Result<Message<'_>, Error> {
    let message = Message::from_bytes(answer)?;
    if message.has_class(MessageClass::Success) {
        return Ok(message);
    }
    let error = message.attribute::<ErrorCode>()?;
    Err(Error::Refused(error.code(), error.reason().to_owned()))
}
