//! A STUN and TURN client that asks one thing at a time.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::{net::SocketAddr, time::Duration};

use madang_protocol::IceServer;
use stun_types::{
    attribute::{AttributeStaticType, ErrorCode, Nonce, RawAttribute, Realm, Username},
    message::{
        IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageIntegrityCredentials, MessageWrite,
        MessageWriteExt, MessageWriteVec, Method,
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UdpSocket,
};
use turn_types::{
    attribute::{ChannelNumber, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress},
    message::{ALLOCATE, CHANNEL_BIND, REFRESH},
};

/// A binding request.
pub(crate) const BINDING: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xa4\x42madang-tests";

/// Asks a stream for a binding.
pub(crate) async fn binding(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    stream.write_all(&BINDING).await?;
    stream.flush().await?;
    let mut header = [0; 20];
    stream.read_exact(&mut header).await?;
    assert_eq!((&header[..2], &header[4..]), (&b"\x01\x01"[..], &BINDING[4..]));
    let mut rest = vec![0; u16::from_be_bytes([header[2], header[3]]).into()];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

/// A client with credentials, over UDP.
pub(crate) struct Client {
    socket: UdpSocket,
    server: IceServer,
    challenge: Option<(Realm, Nonce)>,
    /// Where its allocation is reached.
    pub(crate) relayed: Option<SocketAddr>,
}

impl Client {
    /// With the credentials of the TURN server among these.
    pub(crate) async fn new(address: SocketAddr, servers: &[IceServer]) -> Self {
        let socket = UdpSocket::bind((address.ip(), 0)).await.unwrap();
        socket.connect(address).await.unwrap();
        let server = servers.iter().find(|server| server.username.is_some()).unwrap().clone();
        Self { socket, server, challenge: None, relayed: None }
    }

    /// Allocates; the code of the error if it may not.
    pub(crate) async fn allocate(&mut self) -> Result<(), u16> {
        let transport = RequestedTransport::new(RequestedTransport::UDP);
        self.challenge = None;
        assert_eq!(self.ask(ALLOCATE, |request| request.add_attribute(&transport).unwrap()).await, Err(401));
        self.ask(ALLOCATE, |request| request.add_attribute(&transport).unwrap()).await
    }

    /// Refreshes the allocation.
    pub(crate) async fn refresh(&mut self) -> Result<(), u16> {
        self.ask(REFRESH, |request| request.add_attribute(&Lifetime::new(600)).unwrap()).await
    }

    /// Binds a channel to a peer.
    pub(crate) async fn bind(&mut self, number: u16, peer: SocketAddr) -> Result<(), u16> {
        let [a, b] = number.to_be_bytes();
        self.ask(CHANNEL_BIND, |request| {
            let peer = XorPeerAddress::new(peer, request.transaction_id());
            request.add_attribute(&RawAttribute::new(ChannelNumber::TYPE, &[a, b, 0, 0])).unwrap();
            request.add_attribute(&peer).unwrap();
        })
        .await
    }

    /// Sends data by channel.
    pub(crate) async fn send(&self, number: u16, data: &[u8]) {
        let frame = [&number.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat();
        self.socket.send(&frame).await.unwrap();
    }

    /// The data that comes by a channel; `None` when none came within this time.
    pub(crate) async fn heard(&self, number: u16, within: Duration) -> Option<Vec<u8>> {
        let mut frame = [0; 1_500];
        let length = tokio::time::timeout(within, self.socket.recv(&mut frame)).await.ok()?.unwrap();
        assert_eq!(frame[..2], number.to_be_bytes());
        Some(frame[4..length].to_vec())
    }

    async fn ask(&mut self, method: Method, fill: impl FnOnce(&mut MessageWriteVec)) -> Result<(), u16> {
        let mut request = Message::builder_request(method, MessageWriteVec::new());
        fill(&mut request);
        if let Some((realm, nonce)) = &self.challenge {
            let (user, password) = (self.server.username.clone().unwrap(), self.server.credential.clone().unwrap());
            request.add_attribute(&Username::new(&user).unwrap()).unwrap();
            request.add_attribute(realm).unwrap();
            request.add_attribute(nonce).unwrap();
            let key = LongTermKeyCredentials::new(user, password, realm.realm().to_owned());
            request.add_message_integrity(&MessageIntegrityCredentials::from(key), IntegrityAlgorithm::Sha1).unwrap();
        }
        self.socket.send(&request.finish()).await.unwrap();
        let mut answer = [0; 1_500];
        let received = tokio::time::timeout(Duration::from_secs(10), self.socket.recv(&mut answer)).await;
        let answer = Message::from_bytes(&answer[..received.unwrap().unwrap()]).unwrap();
        match answer.attribute::<ErrorCode>() {
            Ok(error) => {
                if let (Ok(realm), Ok(nonce)) = (answer.attribute::<Realm>(), answer.attribute::<Nonce>()) {
                    self.challenge = Some((realm, nonce));
                }
                Err(error.code())
            }
            Err(_) => {
                if let Ok(relayed) = answer.attribute::<XorRelayedAddress>() {
                    self.relayed = Some(relayed.addr(answer.transaction_id()));
                }
                Ok(())
            }
        }
    }
}
