//! One allocation: whose it is, whom it lets in, and by which channels.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use stun_types::message::{IntegrityKey, TransactionId};

use super::{flow::Flow, limits};
use crate::{credentials::Holder, limits::Bucket};

/// Names an allocation, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Where it is kept.
    pub(crate) slot: usize,
    /// Tells it from others that were kept there.
    pub(crate) serial: u64,
}

/// One allocation.
pub(crate) struct Allocation {
    pub(crate) serial: u64,
    pub(crate) flow: Flow,
    pub(crate) relayed: SocketAddr,
    pub(crate) holder: Holder,
    /// Number of the holder's room.
    pub(crate) room: u64,
    pub(crate) username: Box<str>,
    pub(crate) key: IntegrityKey,
    /// The request that made it, and what it was granted.
    pub(crate) made_by: (TransactionId, Duration),
    pub(crate) expires: Duration,
    /// When the machine's clock looks at it next: not after it expires.
    pub(crate) looked_at: Duration,
    pub(crate) bytes: Bucket,
    // Few each, and at most as many as the quotas say: looking through them is quicker than hashing.
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

struct Permission {
    ip: IpAddr,
    expires: Duration,
}

struct Channel {
    number: u16,
    peer: SocketAddr,
    expires: Duration,
}

/// Why a permission or a channel is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBound {
    /// The channel has another peer, or the peer another channel.
    Taken,
    /// There are as many as there may be.
    TooMany,
}

/// What a new allocation is made of.
pub(crate) struct New {
    pub(crate) serial: u64,
    pub(crate) flow: Flow,
    pub(crate) relayed: SocketAddr,
    pub(crate) holder: Holder,
    pub(crate) room: u64,
    pub(crate) username: Box<str>,
    pub(crate) key: IntegrityKey,
    pub(crate) made_by: (TransactionId, Duration),
    pub(crate) bytes: Bucket,
}

impl Allocation {
    pub(crate) fn new(new: New, now: Duration) -> Self {
        let New { serial, flow, relayed, holder, room, username, key, made_by, bytes } = new;
        let expires = now + made_by.1;
        Self {
            serial,
            flow,
            relayed,
            holder,
            room,
            username,
            key,
            made_by,
            expires,
            looked_at: expires,
            bytes,
            permissions: Vec::new(),
            channels: Vec::new(),
        }
    }

    pub(crate) fn permits(&self, ip: IpAddr, now: Duration) -> bool {
        self.permissions.iter().any(|permission| permission.ip == ip && now < permission.expires)
    }

    /// How many permissions and channels it keeps, those that are over among them.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.permissions.len(), self.channels.len())
    }

    /// Whether all of these can be permitted.
    pub(crate) fn has_room_for(&mut self, ips: &[IpAddr], most: usize, now: Duration) -> bool {
        self.permissions.retain(|permission| now < permission.expires);
        let known = |ip: &IpAddr| self.permissions.iter().any(|permission| permission.ip == *ip);
        let new = ips.iter().enumerate().filter(|(at, ip)| !known(ip) && !ips[..*at].contains(ip)).count();
        self.permissions.len() + new <= most
    }

    /// Permits it, or permits it for longer. Whether there is room is known.
    pub(crate) fn permit(&mut self, ip: IpAddr, now: Duration) {
        let expires = now + limits::PERMISSION;
        match self.permissions.iter_mut().find(|permission| permission.ip == ip) {
            Some(permission) => permission.expires = expires,
            None => self.permissions.push(Permission { ip, expires }),
        }
    }

    /// Where a channel leads.
    pub(crate) fn peer_of(&self, number: u16, now: Duration) -> Option<SocketAddr> {
        let channel = self.channels.iter().find(|channel| channel.number == number)?;
        (now < channel.expires).then_some(channel.peer)
    }

    /// The channel that leads to a peer.
    pub(crate) fn channel_to(&self, peer: &SocketAddr, now: Duration) -> Option<u16> {
        let channel = self.channels.iter().find(|channel| channel.peer == *peer)?;
        (now < channel.expires).then_some(channel.number)
    }

    /// Binds a channel, or binds it for longer.
    pub(crate) fn bind(&mut self, number: u16, peer: SocketAddr, most: usize, now: Duration) -> Result<(), NotBound> {
        self.channels.retain(|channel| now < channel.expires);
        let expires = now + limits::CHANNEL;
        let count = self.channels.len();
        let known = self.channels.iter_mut().find(|channel| channel.number == number || channel.peer == peer);
        match known {
            Some(channel) if channel.number == number && channel.peer == peer => channel.expires = expires,
            Some(_) => return Err(NotBound::Taken),
            None if count >= most => return Err(NotBound::TooMany),
            None => self.channels.push(Channel { number, peer, expires }),
        }
        Ok(())
    }
}

/// The key does not show.
impl fmt::Debug for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allocation").field("flow", &self.flow).field("relayed", &self.relayed).finish_non_exhaustive()
    }
}
