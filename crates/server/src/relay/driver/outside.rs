//! The sockets of an open relay: one for each allocation.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Weak},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::UdpSocket,
    runtime::{Builder, Runtime},
    task::AbortHandle,
};

use super::{Shared, outbox::Outbox};
use crate::relay::allocation::Id;

/// Datagrams that are taken under one lock.
const BATCH: usize = 16;
/// Longest datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// The sockets, and who reads them.
pub(crate) struct Outside {
    /// Where to bind.
    bind: Vec<IpAddr>,
    /// Not the server's: sockets are opened by whoever has the lock, some of them threads
    /// without a runtime. `None` while it ends.
    runtime: Option<Runtime>,
    shared: Weak<Shared>,
    sockets: HashMap<Id, (Arc<UdpSocket>, AbortHandle)>,
}

impl Outside {
    pub(super) fn new(bind: Vec<IpAddr>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("relay-outside").enable_io().build()?;
        Ok(Self { bind, runtime: Some(runtime), shared: Weak::new(), sockets: HashMap::new() })
    }

    pub(super) fn belongs_to(&mut self, shared: &Arc<Shared>) {
        self.shared = Arc::downgrade(shared);
    }

    pub(super) fn open(&mut self, id: Id, public: SocketAddr) -> bool {
        let Some(runtime) = &self.runtime else { return false };
        let any: IpAddr = if public.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let ip = self.bind.iter().copied().find(|ip| ip.is_ipv4() == public.is_ipv4()).unwrap_or(any);
        let socket = {
            let _guard = runtime.enter();
            match bind(SocketAddr::new(ip, public.port())) {
                Ok(socket) => Arc::new(socket),
                Err(error) => {
                    tracing::debug!(%error, port = public.port(), "this port cannot be had");
                    return false;
                }
            }
        };
        let task = runtime.spawn(read(self.shared.clone(), id, socket.clone())).abort_handle();
        self.sockets.insert(id, (socket, task));
        true
    }

    pub(super) fn get(&self, id: Id) -> Option<Arc<UdpSocket>> {
        self.sockets.get(&id).map(|(socket, _)| socket.clone())
    }

    pub(super) fn close(&mut self, id: Id) {
        if let Some((_, task)) = self.sockets.remove(&id) {
            task.abort();
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Whoever drops this may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // The same port of IPv4 may be another allocation's.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

async fn read(shared: Weak<Shared>, id: Id, socket: Arc<UdpSocket>) {
    let mut outbox = Outbox::default();
    // Each datagram is short, so many fit; the longest fits whole.
    let mut memory = vec![0; DATAGRAM_BYTES + 2_048 * BATCH];
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        let mut batch = Vec::with_capacity(BATCH);
        let mut filled = 0;
        while batch.len() < BATCH && memory.len() - filled >= DATAGRAM_BYTES {
            match socket.try_recv_from(&mut memory[filled..]) {
                Ok((length, peer)) => {
                    batch.push((peer, filled..filled + length));
                    filled += length;
                }
                Err(error) => {
                    // Nothing more; or an earlier datagram did not arrive, which ends nothing.
                    tracing::trace!(%error, "no datagram from outside");
                    break;
                }
            }
        }
        let Some(shared) = shared.upgrade() else { return };
        shared.work(&mut outbox, |machine, now, sink| {
            for (peer, range) in &batch {
                machine.receive_outside(now, id, *peer, &memory[range.clone()], sink);
            }
        });
    }
}
