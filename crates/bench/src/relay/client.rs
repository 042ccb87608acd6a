//! A TURN client, as far as a load needs one.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use stun_types::{
    attribute::{ErrorCode, Nonce, RawAttribute, Realm, Username},
    message::{
        IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec,
        Method, TransactionId,
    },
    prelude::*,
};
use tokio::{net::UdpSocket, time::timeout};
use turn_types::{
    attribute::{ChannelNumber, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress},
    message::{ALLOCATE, CHANNEL_BIND, REFRESH},
};

use super::contestant::SECRET;

/// The channel that every client binds to its partner.
pub(crate) const CHANNEL: u16 = 0x4000;

const REALM: &str = "madang";
/// How long to wait for an answer until the request is sent again.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
const TRIES: u32 = 20;

/// A client with an allocation.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: UdpSocket,
    pub(crate) relayed: SocketAddr,
    username: String,
    key: IntegrityKey,
    nonce: String,
}

impl Client {
    /// Allocates. Each number has an address of its own, as each client on the Internet has.
    pub(crate) async fn allocate(relay: SocketAddr, number: u16, room: &str) -> Result<Self> {
        let [high, low] = number.to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 1 + high, low, 1), 0)).await?;
        socket.connect(relay).await?;
        let expires = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3_600);
        let username = format!("{}:{room}.{number}", expires.as_secs());
        let mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes())?.chain_update(&username).finalize();
        let password = BASE64.encode(mac.into_bytes());
        let credentials = LongTermKeyCredentials::new(username.clone(), password, REALM.to_owned());
        let key = credentials.make_key(IntegrityAlgorithm::Sha1);
        let relayed = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut client = Self { socket, relayed, username, key, nonce: String::new() };
        let answer = client.ask(ALLOCATE, |_| vec![RequestedTransport::new(17).to_raw().into_owned()]).await?;
        let answer = Message::from_bytes(&answer)?;
        client.relayed = answer.attribute::<XorRelayedAddress>()?.addr(answer.transaction_id());
        Ok(client)
    }

    /// Binds the channel to a partner.
    pub(crate) async fn bind(&mut self, partner: SocketAddr) -> Result<()> {
        let [a, b] = CHANNEL.to_be_bytes();
        let attributes = |transaction| {
            let number = RawAttribute::new(ChannelNumber::TYPE, &[a, b, 0, 0]).into_owned();
            let peer = XorPeerAddress::new(partner, transaction);
            vec![number, peer.to_raw().into_owned()]
        };
        self.ask(CHANNEL_BIND, attributes).await.map(drop)
    }

    /// Gives the allocation back.
    pub(crate) async fn give_back(&mut self) -> Result<()> {
        self.ask(REFRESH, |_| vec![Lifetime::new(0).to_raw().into_owned()]).await.map(drop)
    }

    /// Asks until there is an answer, and again with the nonce that it brings.
    async fn ask(
        &mut self,
        method: Method,
        attributes: impl Fn(TransactionId) -> Vec<RawAttribute<'static>>,
    ) -> Result<Vec<u8>> {
        let mut buffer = vec![0; 2_048];
        let mut transaction = TransactionId::generate();
        for _ in 0..TRIES {
            let kind = MessageType::from_class_method(MessageClass::Request, method);
            let mut request = Message::builder(kind, transaction, MessageWriteVec::new());
            for attribute in attributes(transaction) {
                request.add_attribute(&attribute)?;
            }
            if !self.nonce.is_empty() {
                request.add_attribute(&Username::new(&self.username)?)?;
                request.add_attribute(&Realm::new(REALM)?)?;
                request.add_attribute(&Nonce::new(&self.nonce)?)?;
                request.add_message_integrity_with_key(&self.key, IntegrityAlgorithm::Sha1)?;
            }
            self.socket.send(&request.finish()).await?;
            let Ok(length) = timeout(ANSWER_WITHIN, self.socket.recv(&mut buffer)).await else { continue };
            let bytes = &buffer[..length?];
            let answer = Message::from_bytes(bytes)?;
            if answer.transaction_id() != transaction {
                continue;
            }
            match answer.attribute::<ErrorCode>() {
                Ok(error) if matches!(error.code(), 401 | 438) && answer.has_attribute(Nonce::TYPE) => {
                    let nonce = answer.attribute::<Nonce>()?.nonce().to_owned();
                    ensure!(error.code() == 438 || self.nonce.is_empty(), "the credentials are refused");
                    self.nonce = nonce;
                    transaction = TransactionId::generate();
                }
                Ok(error) => bail!("{method}: {error}"),
                Err(_) => return Ok(bytes.to_vec()),
            }
        }
        None.context("the relay does not answer")
    }
}
