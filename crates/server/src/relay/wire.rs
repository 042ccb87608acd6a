//! Reading and writing messages, on top of `stun-types` and `turn-types`.

use std::net::SocketAddr;

use stun_types::{
    attribute::{ErrorCode, Nonce, Realm, UnknownAttributes},
    message::{
        IntegrityAlgorithm, IntegrityKey, Message, MessageClass, MessageType, MessageWriteMutSlice, StunWriteError,
        TransactionId,
    },
    prelude::*,
};
use turn_types::{
    attribute::{Data, XorPeerAddress},
    message::DATA,
};

/// Longest answer. What it holds is ours, except for the attributes that it says are unknown.
pub(crate) const ANSWER_BYTES: usize = 512;
/// Attributes named as unknown, at most.
const UNKNOWN: usize = 8;
/// Longest head of a Data indication: header, XOR-PEER-ADDRESS of IPv6, header of DATA.
pub(crate) const DATA_HEAD_BYTES: usize = 20 + 24 + 4;

const HEADER_BYTES: usize = 20;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A message, if this is one from beginning to end.
///
/// What is plainly malformed does not get as far as the library, which would say so in the log
/// each time.
pub(crate) fn read(bytes: &[u8]) -> Option<Message<'_>> {
    let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[4..8] != MAGIC || rest.len() != length {
        return None;
    }
    while !rest.is_empty() {
        let (header, value) = rest.split_at_checked(4)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        rest = value.get(length.next_multiple_of(4)..)?;
    }
    Message::from_bytes(bytes).ok()
}

/// Attributes of this message that have to be understood, and are not.
pub(crate) fn unknown(
    message: &Message<'_>,
    known: &[stun_types::attribute::AttributeType],
) -> Option<UnknownAttributes> {
    let mut unknown: Option<UnknownAttributes> = None;
    let types = message.iter_attributes().map(|(_, attribute)| attribute.get_type());
    for kind in types.filter(|kind| kind.comprehension_required() && !known.contains(kind)).take(UNKNOWN) {
        unknown.get_or_insert_with(|| UnknownAttributes::new(&[])).add_attribute(kind);
    }
    unknown
}

/// Writes an answer: success.
pub(crate) fn success<'b>(
    request: &Message<'_>,
    attributes: &[&dyn AttributeWrite],
    key: Option<&IntegrityKey>,
    buffer: &'b mut [u8; ANSWER_BYTES],
) -> Result<&'b [u8], StunWriteError> {
    answer(MessageClass::Success, request, attributes, key, buffer)
}

/// Writes an answer: an error, with what else it says.
pub(crate) fn error<'b>(
    request: &Message<'_>,
    code: u16,
    challenge: Option<(&Realm, &Nonce)>,
    unknown: Option<&UnknownAttributes>,
    key: Option<&IntegrityKey>,
    buffer: &'b mut [u8; ANSWER_BYTES],
) -> Result<&'b [u8], StunWriteError> {
    let code = ErrorCode::builder(code).build()?;
    let mut attributes: Vec<&dyn AttributeWrite> = vec![&code];
    if let Some((realm, nonce)) = challenge {
        attributes.extend([realm as &dyn AttributeWrite, nonce]);
    }
    attributes.extend(unknown.map(|unknown| unknown as &dyn AttributeWrite));
    answer(MessageClass::Error, request, &attributes, key, buffer)
}

fn answer<'b>(
    class: MessageClass,
    request: &Message<'_>,
    attributes: &[&dyn AttributeWrite],
    key: Option<&IntegrityKey>,
    buffer: &'b mut [u8; ANSWER_BYTES],
) -> Result<&'b [u8], StunWriteError> {
    let kind = MessageType::from_class_method(class, request.method());
    let mut write = Message::builder(kind, request.transaction_id(), MessageWriteMutSlice::new(buffer));
    for attribute in attributes {
        write.add_attribute(*attribute)?;
    }
    if let Some(key) = key {
        write.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)?;
    }
    write.add_fingerprint()?;
    let length = write.finish();
    Ok(&buffer[..length])
}

/// Writes what stands before the data in a Data indication (RFC 8656 section 11.5). Not by the
/// library, which would copy the data. `None` if there is more of it than fits.
pub(crate) fn data_head(
    peer: SocketAddr,
    data: usize,
    transaction: TransactionId,
    buffer: &mut [u8; DATA_HEAD_BYTES],
) -> Option<&[u8]> {
    let kind = MessageType::from_class_method(MessageClass::Indication, DATA);
    let mut write = Message::builder(kind, transaction, MessageWriteMutSlice::new(buffer));
    write.add_attribute(&XorPeerAddress::new(peer, transaction)).ok()?;
    let head = write.finish();
    let length = u16::try_from(head - HEADER_BYTES + 4 + data.next_multiple_of(4)).ok()?;
    buffer[2..4].copy_from_slice(&length.to_be_bytes());
    buffer[head..head + 2].copy_from_slice(&Data::TYPE.value().to_be_bytes());
    buffer[head + 2..head + 4].copy_from_slice(&u16::try_from(data).ok()?.to_be_bytes());
    Some(&buffer[..head + 4])
}
