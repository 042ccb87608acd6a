//! STUN and TURN.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use ipnet::IpNet;
use madang_protocol::{PeerId, RoomName};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::credentials::{Credentials, Issued};

mod quota;

pub use quota::Quotas;

/// How the relay is to be.
#[derive(Clone)]
pub struct Options {
    /// Signs credentials. Nodes and tools that are to share them share this.
    pub secret: Vec<u8>,
    /// What clients are told that their credentials are for.
    pub realm: String,
    /// Whom it forwards to.
    pub mode: Mode,
    /// How much of it one may take.
    pub quotas: Quotas,
    /// How long credentials are good for.
    pub credential_lifetime: Duration,
}

/// Whom the relay forwards to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Only between its own allocations of one room, without a socket for each.
    #[default]
    Closed,
    /// To anyone who is not denied, from a port of its own for each allocation.
    Open {
        /// The ports.
        ports: RangeInclusive<u16>,
        /// Under which addresses others reach these ports: one of IPv4, one of IPv6, or both.
        public: Vec<IpAddr>,
        /// Where to bind them, if not to every address: one of IPv4, one of IPv6, or both.
        bind: Vec<IpAddr>,
        /// Peers that are allowed although they would be denied.
        allow: Vec<IpNet>,
    },
}

/// The relay. Clones are the same relay.
#[derive(Clone, Debug)]
pub struct Relay(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    credentials: Mutex<Credentials>,
}

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// TCP.
    Tcp,
    /// What is inside TLS.
    Tls,
}

/// A UDP socket that is being served. Dropping it ends that.
#[must_use = "the socket is served until this is dropped"]
#[derive(Debug)]
pub struct Serving {}

impl Relay {
    /// A relay that serves nobody yet.
    ///
    /// # Errors
    /// When the options contradict each other, or there is no randomness.
    pub fn new(options: Options) -> io::Result<Self> {
        let credentials = Credentials::new(&options.secret, options.credential_lifetime);
        Ok(Self(Arc::new(Shared { credentials: Mutex::new(credentials) })))
    }

    /// Credentials for this peer in this room; it is admitted again if it was revoked.
    pub fn credentials(&self, room: &RoomName, peer: &PeerId) -> Issued {
        let mut credentials = self.0.credentials.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        credentials.issue(room, peer, unix_time())
    }

    /// Ends what this peer has in this room at once, and refuses its credentials.
    pub fn revoke(&self, room: &RoomName, peer: &PeerId) {
        let mut credentials = self.0.credentials.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        credentials.revoke(room, peer, unix_time());
    }

    /// Serves STUN and TURN on this bound UDP socket, on a thread of its own, until the returned
    /// handle is dropped.
    ///
    /// # Errors
    /// When the socket cannot be set up.
    pub fn serve_udp(&self, socket: UdpSocket) -> io::Result<Serving> {
        drop(socket);
        Ok(Serving {})
    }

    /// Serves STUN and TURN over this stream until it ends.
    pub async fn serve_stream<S>(&self, stream: S, local: SocketAddr, remote: SocketAddr, kind: StreamKind)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        _ = (stream, local, remote, kind);
    }

    /// Appends the metrics in Prometheus' text format.
    pub fn metrics(&self, out: &mut String) {
        _ = out;
    }
}

fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("mode", &self.mode).field("quotas", &self.quotas).finish_non_exhaustive()
    }
}
