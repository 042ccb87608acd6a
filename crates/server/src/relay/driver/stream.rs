//! A stream that a client came by: TCP, or what is inside TLS.

use std::{io, net::SocketAddr, sync::Arc, sync::atomic::Ordering};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::{Instant, timeout_at},
};

use super::{
    Shared,
    framing::{self, Next},
    outbox::Outbox,
    queue::Queue,
};
use crate::relay::{
    flow::{Flow, Local, StreamKind},
    limits,
};

/// Bytes read at first. Most streams never need more.
const BUFFER_BYTES: usize = 4 * 1024;

/// Serves this stream until it ends, or has to.
pub(crate) async fn serve<S>(shared: &Arc<Shared>, stream: S, remote: SocketAddr, kind: StreamKind)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let id = shared.streams.fetch_add(1, Ordering::Relaxed);
    let queue = Arc::new(Queue::default());
    shared.lock().streams.insert(id, queue.clone());
    let client = Client { shared, flow: Flow { remote, local: Local::Stream(id, kind) }, id };
    let (read, write) = tokio::io::split(stream);
    let end = tokio::select! {
        end = client.read(read) => end,
        end = queue.drain(write, kind) => end,
        () = queue.is_over() => Ok(()),
    };
    if let Err(error) = end {
        tracing::trace!(%error, ?kind, "a relay stream ended");
    }
}

/// Whoever came by a stream. What they have ends with it, even if it is not served to its end.
struct Client<'a> {
    shared: &'a Shared,
    flow: Flow,
    id: u64,
}

impl Client<'_> {
    async fn read(&self, mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut outbox = Outbox::default();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut filled = 0;
        let mut quiet_until = Instant::now() + limits::QUIET;
        let mut whole_until = quiet_until;
        loop {
            let until = if filled > 0 { whole_until } else { quiet_until };
            let Ok(count) = timeout_at(until, stream.read(&mut buffer[filled..])).await else {
                if filled > 0 || !self.has_allocation() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                quiet_until = Instant::now() + limits::QUIET;
                continue;
            };
            let count = count?;
            if count == 0 {
                return Ok(());
            }
            if filled == 0 {
                whole_until = Instant::now() + limits::FRAME_WITHIN;
            }
            filled += count;
            let (taken, next) = self.take(&buffer[..filled], &mut outbox);
            if taken > 0 {
                buffer.copy_within(taken..filled, 0);
                filled -= taken;
                whole_until = Instant::now() + limits::FRAME_WITHIN;
            }
            match next {
                Next::Broken => return Err(io::ErrorKind::InvalidData.into()),
                Next::Needs(bytes) if bytes > buffer.len() => buffer.resize(limits::FRAME_BYTES, 0),
                _ => {}
            }
        }
    }

    /// Gives the frames at the beginning of these bytes to the machine. Says how many bytes they
    /// had, and what comes next.
    fn take(&self, bytes: &[u8], outbox: &mut Outbox) -> (usize, Next) {
        // Bytes of half a frame are none of the machine's business.
        let first = framing::next(bytes);
        if !matches!(first, Next::Frame { .. }) {
            return (0, first);
        }
        self.shared.work(outbox, |machine, now, sink| {
            let mut taken = 0;
            loop {
                match framing::next(&bytes[taken..]) {
                    Next::Frame { length, with_padding } => {
                        machine.receive(now, &self.flow, &bytes[taken..taken + length], sink);
                        taken += with_padding;
                    }
                    next => {
                        machine.tick(now, sink);
                        return (taken, next);
                    }
                }
            }
        })
    }

    fn has_allocation(&self) -> bool {
        let now = self.shared.now();
        self.shared.lock().machine.has_allocation(now, &self.flow)
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        self.shared.lock().streams.remove(&self.id);
        let mut outbox = Outbox::default();
        self.shared.work(&mut outbox, |machine, _, sink| machine.closed(&self.flow, sink));
    }
}
