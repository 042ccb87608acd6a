//! A UDP socket that clients come to, served by a thread of its own.
//!
//! Datagrams are taken in batches, and answers leave from the address that was asked, so that a
//! socket for all addresses works on a machine that has several. The thread waits with `poll`,
//! which says what is there as long as it is there: half of the system calls of a runtime, which
//! is told once and has to read until nothing is left.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Shared,
    outbox::{Datagrams, Outbox},
};
use crate::relay::flow::{Flow, Local};

/// How long the thread waits at most until it looks whether it is to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the thread waits when the system has a problem.
const AFTER_ERROR: Duration = Duration::from_millis(5);
/// Bytes that the system may keep for a socket until they are read, and until they are sent. A
/// burst of a few thousand packets; the system may allow less.
const SYSTEM_BUFFER: usize = 4 << 20;
/// Longest datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// The socket.
pub(crate) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    /// Whether it has several addresses, so that one has to be named.
    is_wildcard: bool,
}

/// A UDP socket that is being served. Dropping it ends that.
#[must_use = "the socket is served until this is dropped"]
pub struct Serving {
    shared: Arc<Shared>,
    number: u16,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Udp {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        for result in [
            state.set_recv_buffer_size(UdpSockRef::from(&socket), SYSTEM_BUFFER),
            state.set_send_buffer_size(UdpSockRef::from(&socket), SYSTEM_BUFFER),
        ] {
            if let Err(error) = result {
                tracing::debug!(%error, "the socket's buffers stay as they are");
            }
        }
        let is_wildcard = socket.local_addr()?.ip().is_unspecified();
        Ok(Self { socket, state, is_wildcard })
    }

    /// Sends these. Gives how many the system did not take.
    pub(super) fn send(&self, datagrams: &Datagrams, bytes: &[u8]) -> u64 {
        let count = bytes.len().div_ceil(datagrams.segment.max(1)).max(1);
        let send = |contents: &[u8], segment_size| {
            let transmit =
                Transmit { destination: datagrams.to, ecn: None, contents, segment_size, src_ip: datagrams.from };
            self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
        };
        if count == 1 {
            return u64::from(send(bytes, None).is_err());
        }
        if count <= self.state.max_gso_segments() && send(bytes, Some(datagrams.segment)).is_ok() {
            return 0;
        }
        bytes.chunks(datagrams.segment).map(|one| u64::from(send(one, None).is_err())).sum()
    }

    fn wait(&self, longest: Duration) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        let timeout = Timespec::try_from(longest).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Serves this socket until the returned handle is dropped.
pub(crate) fn serve(shared: &Arc<Shared>, socket: UdpSocket) -> io::Result<Serving> {
    let address = socket.local_addr()?;
    let udp = Arc::new(Udp::new(socket)?);
    let number = {
        let mut sockets = shared.sockets.write().unwrap_or_else(PoisonError::into_inner);
        let number = u16::try_from(sockets.len()).map_err(|_| io::Error::other("too many sockets"))?;
        sockets.push(Some(udp.clone()));
        number
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut serving = Serving { shared: shared.clone(), number, address, stop: stop.clone(), thread: None };
    let shared = shared.clone();
    let thread = std::thread::Builder::new().name("relay".to_owned());
    serving.thread = Some(thread.spawn(move || run(&shared, &udp, number, &stop))?);
    Ok(serving)
}

fn run(shared: &Shared, udp: &Udp, number: u16, stop: &AtomicBool) {
    let mut outbox = Outbox::default();
    // With GRO one buffer takes many datagrams of one sender.
    let each = (udp.state.gro_segments() * 1_500).max(DATAGRAM_BYTES);
    let mut memory = vec![0; each * BATCH_SIZE];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut wait = LOOK_AGAIN;
    while !stop.load(Ordering::Relaxed) {
        if let Err(error) = udp.wait(wait) {
            tracing::error!(%error, "cannot wait for datagrams; the relay no longer serves UDP");
            return;
        }
        let mut buffers = memory.chunks_exact_mut(each).map(IoSliceMut::new);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| buffers.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let count = match udp.state.recv(UdpSockRef::from(&udp.socket), &mut buffers, &mut metas) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                // Something about an earlier datagram, or about the machine. It may last.
                tracing::debug!(%error, "no datagram");
                std::thread::sleep(AFTER_ERROR);
                0
            }
        };
        let next = shared.work(&mut outbox, |machine, now, sink| {
            for (meta, buffer) in metas.iter().zip(&buffers).take(count) {
                let asked = meta.dst_ip.filter(|_| udp.is_wildcard);
                let flow = Flow { remote: meta.addr, local: Local::Udp(number, asked) };
                // An empty datagram has no stride to speak of.
                for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    machine.receive(now, &flow, datagram, sink);
                }
            }
            machine.tick(now, sink);
            machine.next_tick().map(|next| next.saturating_sub(now.time))
        });
        wait = next.map_or(LOOK_AGAIN, |next| next.clamp(Duration::from_millis(10), LOOK_AGAIN));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(socket) =
            self.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).get_mut(usize::from(self.number))
        {
            *socket = None;
        }
        // Wakes the thread, so that the port is free when this returns.
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let bind: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let woken = UdpSocket::bind((bind, 0)).and_then(|socket| socket.send_to(&[], (ip, self.address.port())));
        if let Err(error) = woken {
            tracing::trace!(%error, "the relay's thread will wake by itself");
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the relay's thread had ended before");
        }
    }
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("address", &self.address).finish_non_exhaustive()
    }
}
