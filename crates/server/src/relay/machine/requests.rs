//! Requests, and their answers (RFC 8489 section 9.2, RFC 8656 sections 7 to 12).

use std::{cmp::Reverse, net::SocketAddr, time::Duration};

use stun_types::{
    attribute::{
        AttributeType, ErrorCode, Fingerprint, MessageIntegrity, Nonce, Realm, UnknownAttributes, Username,
        XorMappedAddress,
    },
    message::{IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message},
    prelude::*,
};
use turn_types::{
    attribute::{
        ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress,
        XorRelayedAddress,
    },
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH},
};

use super::{Frame, Machine, Now, Sink};
use crate::{
    credentials::Holder,
    limits::Bucket,
    relay::{
        addresses::Family,
        allocation::{Allocation, Id, New, NotBound},
        flow::Flow,
        limits,
        metrics::Dropped,
        wire,
    },
};

/// The only transport that is relayed, by its number in IP headers.
const UDP: u8 = 17;
/// Channels that can be bound. RFC 8656 lets clients have those below 0x5000; of the others that
/// RFC 5766 let them have, some still make use.
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7ffe;

/// What every authenticated request may carry.
const COMMON: [AttributeType; 4] = [Username::TYPE, Realm::TYPE, Nonce::TYPE, MessageIntegrity::TYPE];

/// Why a request is refused.
enum Refusal {
    /// With this code.
    Error(u16),
    /// With this code, and with realm and nonce for the next try.
    Challenge(u16),
    /// Because it has to be understood whole.
    Unknown(UnknownAttributes),
}

/// Who sent a request.
struct Sender {
    username: Box<str>,
    key: IntegrityKey,
    /// Who may have an allocation. `None`: it has one.
    holder: Option<Holder>,
}

type Answer = Result<(), Refusal>;

impl Machine {
    pub(super) fn binding(&mut self, now: Duration, flow: &Flow, request: &Message<'_>, sink: &mut impl Sink) {
        if !self.strangers.may_be_answered(flow.subscriber(), now) {
            return self.counters.drop(Dropped::Stranger);
        }
        if let Some(unknown) = wire::unknown(request, &[Fingerprint::TYPE]) {
            return self.refuse(now, flow, request, Refusal::Unknown(unknown), None, sink);
        }
        self.counters.bindings += 1;
        let mapped = XorMappedAddress::new(flow.client(), request.transaction_id());
        succeed(flow, request, &[&mapped], None, sink);
    }

    pub(super) fn request(&mut self, now: Now, flow: &Flow, request: &Message<'_>, sink: &mut impl Sink) {
        let slot = self.live(flow, now.time);
        let sender = match self.authenticate(now, flow, request, slot) {
            Ok(sender) => sender,
            Err(refusal) if self.strangers.may_be_answered(flow.subscriber(), now.time) => {
                return self.refuse(now.time, flow, request, refusal, None, sink);
            }
            Err(_) => return self.counters.drop(Dropped::Stranger),
        };
        let key = sender.key.clone();
        let answer = match (request.method(), slot) {
            (_, Some(slot)) if self.allocations[slot].username != sender.username => {
                Err(Refusal::Error(ErrorCode::WRONG_CREDENTIALS))
            }
            (ALLOCATE, Some(slot)) => self.allocate_again(slot, request, sink),
            (ALLOCATE, None) => self.allocate(now.time, flow, request, sender, sink),
            (REFRESH, Some(slot)) => self.refresh(now.time, slot, request, sink),
            (CREATE_PERMISSION, Some(slot)) => self.create_permission(now.time, slot, request, sink),
            (CHANNEL_BIND, Some(slot)) => self.channel_bind(now.time, slot, request, sink),
            (_, None) => Err(Refusal::Error(ErrorCode::ALLOCATION_MISMATCH)),
            (_, Some(_)) => Err(Refusal::Error(ErrorCode::BAD_REQUEST)),
        };
        if let Err(refusal) = answer {
            self.refuse(now.time, flow, request, refusal, Some(&key), sink);
        }
    }

    /// Long-term credentials (RFC 8489 section 9.2.4). The nonce comes first: it is cheap to
    /// check, and who has none from here gets no further.
    fn authenticate(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Message<'_>,
        slot: Option<usize>,
    ) -> Result<Sender, Refusal> {
        if !request.has_attribute(MessageIntegrity::TYPE) {
            return Err(Refusal::Challenge(ErrorCode::UNAUTHORIZED));
        }
        let (Ok(username), Ok(realm), Ok(nonce)) =
            (request.attribute::<Username>(), request.attribute::<Realm>(), request.attribute::<Nonce>())
        else {
            return Err(Refusal::Error(ErrorCode::BAD_REQUEST));
        };
        if !self.nonces.is_good(nonce.nonce(), flow.client(), now.time) {
            return Err(Refusal::Challenge(ErrorCode::STALE_NONCE));
        }
        let unauthorized = || Refusal::Challenge(ErrorCode::UNAUTHORIZED);
        if realm.realm() != self.realm.realm() {
            return Err(unauthorized());
        }
        let username: Box<str> = username.username().into();
        // Whoever has an allocation keeps it alive after its credentials expired: they are for
        // getting one. When they are revoked, so is the allocation.
        let own = slot.map(|slot| &self.allocations[slot]).filter(|allocation| allocation.username == username);
        let (key, holder) = match own {
            Some(allocation) => (allocation.key.clone(), None),
            None => {
                let holder = self.credentials.holder_of(&username, now.unix).map_err(|_| unauthorized())?;
                let password = self.credentials.password(&username);
                let realm = self.realm.realm().to_owned();
                let credentials = LongTermKeyCredentials::new(username.clone().into(), password, realm);
                (credentials.make_key(IntegrityAlgorithm::Sha1), Some(holder))
            }
        };
        request.validate_integrity_with_key(&key).map_err(|_| unauthorized())?;
        Ok(Sender { username, key, holder })
    }

    /// A new allocation (RFC 8656 section 7.2).
    fn allocate(
        &mut self,
        now: Duration,
        flow: &Flow,
        request: &Message<'_>,
        sender: Sender,
        sink: &mut impl Sink,
    ) -> Answer {
        // What is over has to make room, and its flow, first.
        if let Some(&over) = self.by_flow.get(flow) {
            self.end(over, sink);
        }
        understood(request, &[RequestedTransport::TYPE, RequestedAddressFamily::TYPE, Lifetime::TYPE, EvenPort::TYPE])?;
        let transport: RequestedTransport = required(request)?;
        if transport.protocol() != UDP {
            return Err(Refusal::Error(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL));
        }
        let family = requested_family(request)?.unwrap_or(Family::V4);
        if !self.has_family(family) {
            return Err(Refusal::Error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED));
        }
        let lifetime = granted(optional::<Lifetime>(request)?);
        let even = optional::<EvenPort>(request)?;
        // A pair of ports was for RTP and RTCP apart; browsers have them in one.
        if even.as_ref().is_some_and(EvenPort::requested) {
            return Err(Refusal::Error(ErrorCode::INSUFFICIENT_CAPACITY));
        }
        let Sender { username, key, holder: Some(holder) } = sender else {
            return Err(Refusal::Error(ErrorCode::BAD_REQUEST));
        };
        if self.census.is_full(&holder, flow.subscriber(), &self.quotas) {
            return Err(Refusal::Error(ErrorCode::ALLOCATION_QUOTA_REACHED));
        }
        if self.allocations.len() >= self.quotas.in_all {
            return Err(Refusal::Error(ErrorCode::INSUFFICIENT_CAPACITY));
        }
        self.serial += 1;
        let id = Id { slot: self.allocations.vacant_key(), serial: self.serial };
        let Some(relayed) = self.place(family, even.is_some(), id, sink) else {
            return Err(Refusal::Error(ErrorCode::INSUFFICIENT_CAPACITY));
        };
        let room = self.census.add(&holder, flow.subscriber(), id.slot);
        let new = New {
            serial: id.serial,
            flow: *flow,
            relayed,
            holder,
            room,
            username,
            key,
            made_by: (request.transaction_id(), lifetime),
            bytes: Bucket::new(self.quotas.bytes, now),
        };
        let allocation = Allocation::new(new, now);
        self.timers.push(Reverse((allocation.looked_at, id)));
        allocated(request, &allocation, sink);
        self.allocations.insert(allocation);
        self.by_flow.insert(*flow, id.slot);
        self.by_relayed.insert(relayed, id.slot);
        self.counters.allocations += 1;
        Ok(())
    }

    /// An Allocate request whose answer was lost is answered again; any other is wrong.
    fn allocate_again(&mut self, slot: usize, request: &Message<'_>, sink: &mut impl Sink) -> Answer {
        let allocation = &self.allocations[slot];
        if allocation.made_by.0 != request.transaction_id() {
            return Err(Refusal::Error(ErrorCode::ALLOCATION_MISMATCH));
        }
        allocated(request, allocation, sink);
        Ok(())
    }

    /// RFC 8656 section 8.2.
    fn refresh(&mut self, now: Duration, slot: usize, request: &Message<'_>, sink: &mut impl Sink) -> Answer {
        understood(request, &[Lifetime::TYPE, RequestedAddressFamily::TYPE])?;
        let allocation = &mut self.allocations[slot];
        if requested_family(request)?.is_some_and(|family| family != Family::of(allocation.relayed.ip())) {
            return Err(Refusal::Error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
        }
        let wanted = optional::<Lifetime>(request)?;
        let ends = wanted.as_ref().is_some_and(|wanted| wanted.seconds() == 0);
        let lifetime = if ends { Duration::ZERO } else { granted(wanted) };
        succeed(&allocation.flow, request, &[&seconds(lifetime)], Some(&allocation.key), sink);
        if ends {
            self.end(slot, sink);
            return Ok(());
        }
        allocation.expires = now + lifetime;
        // When it lives for longer, the clock finds out when it looks.
        if allocation.expires < allocation.looked_at {
            allocation.looked_at = allocation.expires;
            self.timers.push(Reverse((allocation.expires, Id { slot, serial: allocation.serial })));
        }
        Ok(())
    }

    /// RFC 8656 section 10.2.
    fn create_permission(&mut self, now: Duration, slot: usize, request: &Message<'_>, sink: &mut impl Sink) -> Answer {
        understood(request, &[XorPeerAddress::TYPE])?;
        let mut ips = Vec::new();
        for (_, attribute) in
            request.iter_attributes().filter(|(_, attribute)| attribute.get_type() == XorPeerAddress::TYPE)
        {
            let peer = XorPeerAddress::from_raw_ref(&attribute).map_err(|_| Refusal::Error(ErrorCode::BAD_REQUEST))?;
            let peer = peer.addr(request.transaction_id());
            self.admit(now, slot, peer)?;
            ips.push(peer.ip());
        }
        if ips.is_empty() {
            return Err(Refusal::Error(ErrorCode::BAD_REQUEST));
        }
        let allocation = &mut self.allocations[slot];
        if !allocation.has_room_for(&ips, self.quotas.permissions, now) {
            return Err(Refusal::Error(ErrorCode::INSUFFICIENT_CAPACITY));
        }
        for ip in ips {
            allocation.permit(ip, now);
        }
        succeed(&allocation.flow, request, &[], Some(&allocation.key), sink);
        Ok(())
    }

    /// RFC 8656 section 12.2. A channel is a permission too.
    fn channel_bind(&mut self, now: Duration, slot: usize, request: &Message<'_>, sink: &mut impl Sink) -> Answer {
        understood(request, &[ChannelNumber::TYPE, XorPeerAddress::TYPE])?;
        let number = required::<ChannelNumber>(request)?.channel();
        let peer = required::<XorPeerAddress>(request)?.addr(request.transaction_id());
        if !CHANNELS.contains(&number) {
            return Err(Refusal::Error(ErrorCode::BAD_REQUEST));
        }
        self.admit(now, slot, peer)?;
        let (quotas, allocation) = (self.quotas, &mut self.allocations[slot]);
        if !allocation.has_room_for(&[peer.ip()], quotas.permissions, now) {
            return Err(Refusal::Error(ErrorCode::INSUFFICIENT_CAPACITY));
        }
        allocation.bind(number, peer, quotas.channels, now).map_err(|not| {
            Refusal::Error(match not {
                NotBound::Taken => ErrorCode::BAD_REQUEST,
                NotBound::TooMany => ErrorCode::INSUFFICIENT_CAPACITY,
            })
        })?;
        allocation.permit(peer.ip(), now);
        succeed(&allocation.flow, request, &[], Some(&allocation.key), sink);
        Ok(())
    }

    /// Whether an allocation may have this peer.
    fn admit(&self, now: Duration, slot: usize, peer: SocketAddr) -> Result<(), Refusal> {
        let allocation = &self.allocations[slot];
        if Family::of(peer.ip()) != Family::of(allocation.relayed.ip()) {
            return Err(Refusal::Error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
        }
        if self.is_forbidden(peer, &allocation.holder, allocation.room, now) {
            return Err(Refusal::Error(ErrorCode::FORBIDDEN));
        }
        Ok(())
    }

    fn refuse(
        &mut self,
        now: Duration,
        flow: &Flow,
        request: &Message<'_>,
        refusal: Refusal,
        key: Option<&IntegrityKey>,
        sink: &mut impl Sink,
    ) {
        let (code, challenge, unknown) = match refusal {
            Refusal::Error(code) => (code, false, None),
            Refusal::Challenge(code) => (code, true, None),
            Refusal::Unknown(unknown) => (ErrorCode::UNKNOWN_ATTRIBUTE, false, Some(unknown)),
        };
        self.counters.error(code);
        let nonce = challenge.then(|| Nonce::new(&self.nonces.make(flow.client(), now)).ok()).flatten();
        let challenge = nonce.as_ref().map(|nonce| (&self.realm, nonce));
        let mut buffer = [0; wire::ANSWER_BYTES];
        match wire::error(request, code, challenge, unknown.as_ref(), key, &mut buffer) {
            Ok(answer) => say(flow, answer, sink),
            Err(error) => tracing::debug!(%error, code, "an answer could not be written"),
        }
    }
}

fn allocated(request: &Message<'_>, allocation: &Allocation, sink: &mut impl Sink) {
    let transaction = request.transaction_id();
    let relayed = XorRelayedAddress::new(allocation.relayed, transaction);
    let mapped = XorMappedAddress::new(allocation.flow.client(), transaction);
    let lifetime = seconds(allocation.made_by.1);
    succeed(&allocation.flow, request, &[&relayed, &lifetime, &mapped], Some(&allocation.key), sink);
}

fn succeed(
    flow: &Flow,
    request: &Message<'_>,
    attributes: &[&dyn AttributeWrite],
    key: Option<&IntegrityKey>,
    sink: &mut impl Sink,
) {
    let mut buffer = [0; wire::ANSWER_BYTES];
    match wire::success(request, attributes, key, &mut buffer) {
        Ok(answer) => say(flow, answer, sink),
        Err(error) => tracing::debug!(%error, "an answer could not be written"),
    }
}

fn say(flow: &Flow, answer: &[u8], sink: &mut impl Sink) {
    sink.send(flow, Frame { head: answer, body: &[], padding: 0, is_data: false });
}

/// Nothing that would have to be understood is left.
fn understood(request: &Message<'_>, known: &[AttributeType]) -> Result<(), Refusal> {
    let known: Vec<AttributeType> = known.iter().chain(&COMMON).copied().collect();
    wire::unknown(request, &known).map_or(Ok(()), |unknown| Err(Refusal::Unknown(unknown)))
}

fn required<'a, A: AttributeFromRaw<'a> + AttributeStaticType>(request: &'a Message<'a>) -> Result<A, Refusal> {
    optional(request)?.ok_or(Refusal::Error(ErrorCode::BAD_REQUEST))
}

fn optional<'a, A: AttributeFromRaw<'a> + AttributeStaticType>(request: &'a Message<'a>) -> Result<Option<A>, Refusal> {
    let raw = request.raw_attribute(A::TYPE);
    raw.map(|raw| A::from_raw_ref(&raw)).transpose().map_err(|_| Refusal::Error(ErrorCode::BAD_REQUEST))
}

/// RFC 8656 section 7.2: an unknown family is not supported, rather than malformed.
fn requested_family(request: &Message<'_>) -> Result<Option<Family>, Refusal> {
    let Some(raw) = request.raw_attribute(RequestedAddressFamily::TYPE) else { return Ok(None) };
    match raw.value.first() {
        Some(1) if raw.value.len() == 4 => Ok(Some(Family::V4)),
        Some(2) if raw.value.len() == 4 => Ok(Some(Family::V6)),
        Some(_) if raw.value.len() == 4 => Err(Refusal::Error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)),
        _ => Err(Refusal::Error(ErrorCode::BAD_REQUEST)),
    }
}

/// The lifetime for one that is wanted: not less than the default (RFC 8656 section 7.2).
fn granted(wanted: Option<Lifetime>) -> Duration {
    let wanted = wanted.map_or(limits::LIFETIME, |wanted| Duration::from_secs(wanted.seconds().into()));
    wanted.clamp(limits::LIFETIME, limits::LONGEST_LIFETIME)
}

fn seconds(lifetime: Duration) -> Lifetime {
    Lifetime::new(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
}
