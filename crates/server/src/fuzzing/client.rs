//! A TURN client that signs what a fuzzer wants to say.

use std::net::SocketAddr;

use stun_types::{
    attribute::{Fingerprint, MessageIntegrity, MessageIntegritySha256, Nonce, RawAttribute, Realm, Username},
    message::{
        IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec, Method,
        TransactionId,
    },
    prelude::*,
};
use turn_types::attribute::{Data, XorPeerAddress, XorRelayedAddress};

use crate::{credentials::Issued, relay::REALM};

/// Attributes as they stand on the wire.
pub(super) type Attributes = Vec<(u16, Vec<u8>)>;

pub(super) const UDP_TRANSPORT: (u16, [u8; 4]) = (0x0019, [17, 0, 0, 0]);
pub(super) const CHANNEL_NUMBER: u16 = 0x000c;

pub(super) struct Client {
    pub(super) issued: Issued,
    pub(super) relayed: Option<SocketAddr>,
    nonce: Option<String>,
    transaction: u128,
}

impl Client {
    pub(super) fn new(issued: Issued) -> Self {
        Self { issued, relayed: None, nonce: None, transaction: 0 }
    }

    /// Whether it was told what to sign with.
    pub(super) fn can_sign(&self) -> bool {
        self.nonce.is_some()
    }

    /// A request, signed if it was told what to sign with. What cannot be written is left out.
    pub(super) fn request(&mut self, method: Method, attributes: &Attributes) -> Vec<u8> {
        self.transaction += 1;
        let kind = MessageType::from_class_method(MessageClass::Request, method);
        let mut write = Message::builder(kind, self.transaction.into(), MessageWriteVec::new());
        // These are for the library to write.
        let ours = |kind: &u16| {
            [MessageIntegrity::TYPE, MessageIntegritySha256::TYPE, Fingerprint::TYPE].contains(&(*kind).into())
        };
        for (kind, value) in attributes.iter().filter(|(kind, _)| !ours(kind)) {
            _ = write.add_attribute(&RawAttribute::new((*kind).into(), value));
        }
        if let Some(nonce) = &self.nonce
            && let (Ok(username), Ok(realm), Ok(nonce)) =
                (Username::new(&self.issued.username), Realm::new(REALM), Nonce::new(nonce))
        {
            _ = write.add_attribute(&username);
            _ = write.add_attribute(&realm);
            _ = write.add_attribute(&nonce);
            let Issued { username, credential, .. } = self.issued.clone();
            let key = LongTermKeyCredentials::new(username, credential, REALM.to_owned());
            let key = key.make_key(IntegrityAlgorithm::Sha1);
            _ = write.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1);
        }
        write.finish()
    }

    /// Data for a peer.
    pub(super) fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        self.transaction += 1;
        let transaction = TransactionId::from(self.transaction);
        let kind = MessageType::from_class_method(MessageClass::Indication, turn_types::message::SEND);
        let mut write = Message::builder(kind, transaction, MessageWriteVec::new());
        _ = write.add_attribute(&XorPeerAddress::new(peer, transaction));
        _ = write.add_attribute(&Data::new(data));
        write.finish()
    }

    /// A peer, as the next request is to name it.
    pub(super) fn peer(&self, peer: SocketAddr) -> (u16, Vec<u8>) {
        let peer = XorPeerAddress::new(peer, TransactionId::from(self.transaction + 1));
        (XorPeerAddress::TYPE.value(), peer.to_raw().value.to_vec())
    }

    /// Takes what an answer says: a nonce, a relayed address.
    pub(super) fn hears(&mut self, answer: &[u8]) {
        let Ok(answer) = Message::from_bytes(answer) else { return };
        if let Ok(nonce) = answer.attribute::<Nonce>() {
            self.nonce = Some(nonce.nonce().to_owned());
        }
        if let Ok(relayed) = answer.attribute::<XorRelayedAddress>() {
            self.relayed = Some(relayed.addr(answer.transaction_id()));
        }
    }
}

pub(super) fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(u16::MAX.into())];
    [&number.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat()
}
