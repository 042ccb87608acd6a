//! STUN and TURN: the relay that a call goes through when its two ends find no way to each other.
//!
//! [`machine`] decides; it is pure, and says at its beginning what must always hold. `driver` has
//! the sockets, the streams and the clock. The relay is *closed* unless told otherwise: it
//! forwards only between its own allocations of one room, needs no port but the one that clients
//! come to, and reaches nobody outside. Who may use it, [`crate::credentials`] say.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use madang_protocol::{PeerId, RoomName};
use stun_types::attribute::Realm;
use tokio::io::{AsyncRead, AsyncWrite};

use self::{
    addresses::{Family, Virtual},
    driver::Shared,
    machine::{Machine, Reach},
    policy::Policy,
};
use crate::credentials::{self, Credentials, Issued};

pub mod addresses;
pub mod allocation;
mod census;
mod driver;
pub mod flow;
pub mod limits;
pub mod machine;
pub mod metrics;
mod nonce;
pub(crate) mod policy;
mod strangers;
mod wire;

pub use driver::Serving;
pub(crate) use driver::{Next, next_frame};
pub use flow::StreamKind;
pub use limits::Quotas;

/// What clients are told that their credentials are for, unless told otherwise.
pub const REALM: &str = "madang";

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
        /// Other addresses of this machine, which are denied as peers.
        own: Vec<IpAddr>,
        /// Peers that are allowed although they would be denied.
        allow: Vec<IpNet>,
    },
}

/// The relay. Clones are the same relay.
#[derive(Clone)]
pub struct Relay(Arc<Shared>);

impl Options {
    /// A closed relay with the usual limits.
    pub fn closed(secret: impl Into<Vec<u8>>) -> Self {
        Self {
            secret: secret.into(),
            realm: REALM.to_owned(),
            mode: Mode::Closed,
            quotas: Quotas::default(),
            credential_lifetime: credentials::LIFETIME,
        }
    }
}

impl Relay {
    /// A relay that serves nobody yet.
    ///
    /// # Errors
    /// When the options make no sense, or there is no randomness.
    pub fn new(options: Options) -> io::Result<Self> {
        let Options { secret, realm, mode, quotas, credential_lifetime } = options;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
        if realm.len() > limits::REALM_BYTES {
            return Err(wrong("the relay's realm is too long"));
        }
        let realm = Realm::new(&realm).map_err(|error| wrong(&error.to_string()))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let mut first = [0; 8];
        getrandom::fill(&mut first).map_err(io::Error::other)?;
        let (reach, bind) = match mode {
            Mode::Closed => (Reach::Closed(Virtual::new(u64::from_be_bytes(first))), None),
            Mode::Open { ports, public, bind, own, allow } => {
                if ports.is_empty() || *ports.start() == 0 {
                    return Err(wrong("the relay has no ports"));
                }
                let count = |family| public.iter().filter(|ip| Family::of(**ip) == family).count();
                if public.is_empty() || count(Family::V4) > 1 || count(Family::V6) > 1 {
                    return Err(wrong("the relay needs one public address of IPv4, one of IPv6, or both"));
                }
                let policy = Policy::new(public.iter().chain(&bind).chain(&own).copied(), allow);
                (Reach::Open { public, ports, policy }, Some(bind))
            }
        };
        let machine = Machine::new(Credentials::new(&secret, credential_lifetime), realm, quotas, reach, seed);
        Ok(Self(Shared::new(machine, bind)?))
    }

    /// Credentials for this peer in this room; it is admitted again if it was revoked.
    pub fn credentials(&self, room: &RoomName, peer: &PeerId) -> Issued {
        let now = self.0.now();
        self.0.lock().machine.issue(now, room, peer)
    }

    /// Ends what this peer has in this room at once, and refuses its credentials.
    pub fn revoke(&self, room: &RoomName, peer: &PeerId) {
        self.0.work(&mut driver::Outbox::default(), |machine, now, sink| machine.revoke(now, room, peer, sink));
    }

    /// Serves STUN and TURN on this bound UDP socket, on a thread of its own, until the returned
    /// handle is dropped. Then the port is free.
    ///
    /// # Errors
    /// When the socket cannot be set up.
    pub fn serve_udp(&self, socket: UdpSocket) -> io::Result<Serving> {
        driver::serve_udp(&self.0, socket)
    }

    /// Serves STUN and TURN over this stream until it ends. When this future is dropped, what
    /// the client has ends too.
    pub async fn serve_stream<S>(&self, stream: S, local: SocketAddr, remote: SocketAddr, kind: StreamKind)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        tracing::trace!(%local, %remote, ?kind, "a relay stream");
        driver::serve_stream(&self.0, stream, remote, kind).await;
    }

    /// Whether nobody who came is there any more. For tests.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.0.is_at_rest()
    }

    /// Appends the metrics in Prometheus' text format.
    pub fn metrics(&self, out: &mut String) {
        self.0.metrics(out);
    }
}

/// The secret does not show.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("mode", &self.mode).field("quotas", &self.quotas).finish_non_exhaustive()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}
