//! What the machine said, until the lock is released.
//!
//! Datagrams lie behind each other in one buffer that is used again and again. Those that go the
//! same way and are of one length, as a picture's packets are, are given to the system at once
//! (GSO), which is what makes sending cheap.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    ops::Range,
    sync::Arc,
};

use tokio::net::UdpSocket;

use super::{outside::Outside, queue::Queue, udp::Udp};
use crate::relay::{
    allocation::Id,
    flow::{Flow, Local},
    machine::{Frame, Sink},
};

/// Bytes that are given to the system at once, at most: what fits in a datagram.
const BYTES_AT_ONCE: usize = 65_000;
/// Room that is kept for what comes next.
const KEPT_BYTES: usize = 256 * 1024;

/// Things to send.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<Datagrams>,
    outside: Vec<(Arc<UdpSocket>, SocketAddr, Range<usize>)>,
}

/// Datagrams that go the same way. All have the length of the first but the last, which may be shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagrams {
    socket: u16,
    pub(super) from: Option<IpAddr>,
    pub(super) to: SocketAddr,
    start: usize,
    end: usize,
    pub(super) segment: usize,
    count: usize,
}

impl Datagrams {
    fn takes(&self, other: &Self) -> bool {
        let is_whole = (self.end - self.start).is_multiple_of(self.segment);
        (self.socket, self.from, self.to) == (other.socket, other.from, other.to)
            && is_whole
            && other.segment <= self.segment
            && other.end - self.start <= BYTES_AT_ONCE
            && self.count < quinn_udp::BATCH_SIZE
    }
}

impl Outbox {
    /// A sink that fills it.
    pub(super) fn fill<'a>(
        &'a mut self,
        streams: &'a HashMap<u64, Arc<Queue>>,
        outside: Option<&'a mut Outside>,
    ) -> Filling<'a> {
        Filling { outbox: self, streams, sockets: outside, slow_readers: 0 }
    }

    /// Sends everything. Gives how many the system did not take: as any network, it may lose some.
    pub(super) fn send(&mut self, sockets: &[Option<Arc<Udp>>]) -> u64 {
        let mut not_sent = 0;
        for datagrams in &self.datagrams {
            let bytes = &self.bytes[datagrams.start..datagrams.end];
            not_sent += match sockets.get(usize::from(datagrams.socket)) {
                Some(Some(socket)) => socket.send(datagrams, bytes),
                _ => datagrams.count as u64,
            };
        }
        for (socket, peer, range) in self.outside.drain(..) {
            if socket.try_send_to(&self.bytes[range], peer).is_err() {
                not_sent += 1;
            }
        }
        self.datagrams.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        not_sent
    }
}

/// An outbox while the machine works.
pub(crate) struct Filling<'a> {
    outbox: &'a mut Outbox,
    streams: &'a HashMap<u64, Arc<Queue>>,
    sockets: Option<&'a mut Outside>,
    pub(super) slow_readers: u64,
}

impl Sink for Filling<'_> {
    fn send(&mut self, to: &Flow, frame: Frame<'_>) {
        match to.local {
            Local::Udp(socket, from) => {
                let Outbox { bytes, datagrams, .. } = &mut *self.outbox;
                let start = bytes.len();
                bytes.extend_from_slice(frame.head);
                bytes.extend_from_slice(frame.body);
                bytes.resize(bytes.len() + frame.padding, 0);
                let end = bytes.len();
                let new = Datagrams { socket, from, to: to.remote, start, end, segment: end - start, count: 1 };
                match datagrams.last_mut() {
                    Some(last) if last.end == start && last.takes(&new) => {
                        last.end = end;
                        last.count += 1;
                    }
                    _ => datagrams.push(new),
                }
            }
            Local::Stream(id, _) => {
                if !self.streams.get(&id).is_some_and(|queue| queue.push(frame)) {
                    self.slow_readers += 1;
                }
            }
        }
    }

    fn open(&mut self, id: Id, port: SocketAddr) -> bool {
        self.sockets.as_mut().is_some_and(|sockets| sockets.open(id, port))
    }

    fn send_outside(&mut self, id: Id, peer: SocketAddr, data: &[u8]) {
        let Some(socket) = self.sockets.as_ref().and_then(|sockets| sockets.get(id)) else { return };
        let start = self.outbox.bytes.len();
        self.outbox.bytes.extend_from_slice(data);
        self.outbox.outside.push((socket, peer, start..self.outbox.bytes.len()));
    }

    fn close(&mut self, id: Id) {
        if let Some(sockets) = &mut self.sockets {
            sockets.close(id);
        }
    }

    fn hang_up(&mut self, stream: &Flow) {
        if let Local::Stream(id, _) = stream.local
            && let Some(queue) = self.streams.get(&id)
        {
            queue.hang_up();
        }
    }
}
