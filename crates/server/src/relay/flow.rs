//! What carries a client's messages: a UDP 5-tuple or a stream.

use std::net::{IpAddr, SocketAddr};

/// A client's way to the relay and back (the 5-tuple of RFC 8656 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The client's address, as the socket has it.
    pub remote: SocketAddr,
    /// The relay's end.
    pub local: Local,
}

/// The relay's end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// A UDP socket, by number, and the address that was asked unless the socket has only one:
    /// answers leave from there.
    Udp(u16, Option<IpAddr>),
    /// A stream, by number.
    Stream(u64, StreamKind),
}

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// TCP.
    Tcp,
    /// What is inside TLS.
    Tls,
}

/// How a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// As metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl Flow {
    /// How the client comes.
    pub fn transport(&self) -> Transport {
        match self.local {
            Local::Udp(..) => Transport::Udp,
            Local::Stream(_, StreamKind::Tcp) => Transport::Tcp,
            Local::Stream(_, StreamKind::Tls) => Transport::Tls,
        }
    }

    /// Whether frames follow each other without a gap, so that they are padded.
    pub fn is_stream(&self) -> bool {
        matches!(self.local, Local::Stream(..))
    }

    /// The client's address as it is to be told: a socket for both families shows IPv4 as IPv6.
    pub fn client(&self) -> SocketAddr {
        SocketAddr::new(self.remote.ip().to_canonical(), self.remote.port())
    }

    /// Whom quotas are for: an address, or of IPv6 the /64, which is what one subscriber has.
    pub fn subscriber(&self) -> u64 {
        match self.remote.ip().to_canonical() {
            IpAddr::V4(ip) => u64::from(u32::from(ip)),
            // No IPv6 address in use begins with 32 zero bits, so the two don't mix.
            IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
        }
    }
}
