//! Connections, plain or TLS, that tell a session what it has taken, that can be cut from outside
//! (Socket.IO sockets cannot), whose first bytes can be looked at, and that read much at once
//! without keeping a buffer for it.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{limits, session::Session};

/// One connection, for those who neither read nor write it.
#[derive(Debug, Default)]
pub(crate) struct Transport {
    session: OnceLock<Arc<Session>>,
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Transport {
    /// From now on, what is written is for this session.
    pub(crate) fn carries(&self, session: Arc<Session>) {
        self.session.get_or_init(|| session);
    }

    /// Ends the connection now, whatever waits to be written.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// An error once it is cut; until then the waker will learn of it.
    fn check(&self, waker: &AtomicWaker, cx: &Context<'_>) -> io::Result<()> {
        waker.register(cx.waker());
        if self.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// The connection itself.
#[derive(Debug)]
pub(crate) struct Stream {
    io: Io,
    transport: Arc<Transport>,
    /// What was read already and comes first.
    early: Bytes,
    last: Last,
}

#[derive(Debug)]
enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<Rewound>>),
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { io: Io::Tcp(tcp), transport: Arc::default(), early: Bytes::new(), last: Last::default() }
    }

    /// The stream with what an earlier reader has read too much.
    pub(crate) fn rewound(self, early: &[u8]) -> Self {
        // Copied: even an empty slice of a read buffer keeps all of it.
        Self { early: Bytes::copy_from_slice(early), ..self }
    }

    /// What is inside, for a stream that begins with a TLS handshake.
    pub(crate) async fn into_tls(self, tls: &TlsAcceptor) -> io::Result<Self> {
        let Io::Tcp(tcp) = self.io else { return Err(io::ErrorKind::Unsupported.into()) };
        let tls = tls.accept(Rewound { tcp, early: self.early }).await?;
        Ok(Self { io: Io::Tls(Box::new(tls)), transport: self.transport, early: Bytes::new(), last: Last::default() })
    }

    /// What was read early so far: all that came in by now. Nothing more comes when it does not
    /// grow.
    pub(crate) async fn read_early(&mut self) -> io::Result<&[u8]> {
        poll_fn(|cx| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut scratch = ReadBuf::new(scratch);
                ready!(self.io.poll_read(cx, &mut scratch))?;
                let known = std::mem::take(&mut self.early);
                self.early = if known.is_empty() {
                    Bytes::copy_from_slice(scratch.filled())
                } else {
                    [&known, scratch.filled()].concat().into()
                };
                Poll::Ready(Ok(()))
            })
        })
        .await
        .map(|()| &*self.early)
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    /// Tells the session whether its page went away, should nothing follow.
    fn heard(&mut self, bytes: &[u8]) {
        self.last.heard(bytes);
        if let Some(session) = self.transport.session.get() {
            session.goes_away(self.last.is_going_away());
        }
    }

    fn wrote(&self, count: usize) {
        if let Some(session) = self.transport.session.get() {
            session.took(count as u64);
        }
    }
}

/// The last eight bytes that came.
///
/// A browser that navigates away or closes a tab ends the page's websocket with the status 1001 (RFC
/// 6455 section 7.4.1), even when the page itself has no time left to say anything. The library
/// tells that a close frame has come, so that it is the last that came; not what is in it.
#[derive(Clone, Copy, Debug, Default)]
struct Last(u64);

impl Last {
    fn heard(&mut self, bytes: &[u8]) {
        let tail = &bytes[bytes.len().saturating_sub(size_of::<u64>())..];
        self.0 = tail.iter().fold(self.0, |last, byte| (last << 8) | u64::from(*byte));
    }

    fn is_going_away(self) -> bool {
        const CLOSE: [u8; 2] = [0x88, 0x80 | 2];
        const GOING_AWAY: u16 = 1001;
        let [fin_opcode, mask_length, m0, m1, _, _, s0, s1] = self.0.to_be_bytes();
        [fin_opcode, mask_length] == CLOSE && u16::from_be_bytes([s0 ^ m0, s1 ^ m1]) == GOING_AWAY
    }
}

thread_local! {
    /// Where a read goes whose reader has less room. A websocket that waits for its next message
    /// has little, so that idle sockets stay small; a message is still read in one call.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::READ_BYTES].into_boxed_slice());
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.early.is_empty() {
            this.transport.check(&this.transport.reader, cx)?;
            // TLS has a buffer of its own.
            if buf.remaining() >= limits::READ_BYTES || matches!(this.io, Io::Tls(_)) {
                let before = buf.filled().len();
                let read = this.io.poll_read(cx, buf);
                this.heard(&buf.filled()[before..]);
                return read;
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let mut scratch = ReadBuf::new(scratch);
                ready!(this.io.poll_read(cx, &mut scratch))?;
                this.heard(scratch.filled());
                let (now, later) = scratch.filled().split_at(scratch.filled().len().min(buf.remaining()));
                buf.put_slice(now);
                this.early = Bytes::copy_from_slice(later);
                Poll::Ready(Ok(()))
            });
            return read;
        }
        take_early(&mut this.early, buf);
        Poll::Ready(Ok(()))
    }
}

/// Fills `buf` with what came early, and lets go of that when nothing of it is left.
fn take_early(early: &mut Bytes, buf: &mut ReadBuf<'_>) {
    let count = early.len().min(buf.remaining());
    buf.put_slice(&early[..count]);
    early.advance(count);
    if early.is_empty() {
        *early = Bytes::new();
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.transport.check(&self.transport.writer, cx)?;
        let count = ready!(self.io.pinned().poll_write(cx, buf))?;
        self.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport.check(&self.transport.writer, cx)?;
        let count = ready!(self.io.pinned().poll_write_vectored(cx, bufs))?;
        self.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.pinned().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.pinned().poll_shutdown(cx)
    }
}

impl Io {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }

    /// For what both do alike.
    fn pinned(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Self::Tcp(tcp) => Pin::new(tcp),
            Self::Tls(tls) => Pin::new(&mut **tls),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }
}

/// TCP of which something was read already.
#[derive(Debug)]
struct Rewound {
    tcp: TcpStream,
    early: Bytes,
}

impl AsyncRead for Rewound {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, early } = self.get_mut();
        if early.is_empty() {
            return Pin::new(tcp).poll_read(cx, buf);
        }
        take_early(early, buf);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser sends last: a masked close frame.
    fn close(status: u16, mask: [u8; 4]) -> Vec<u8> {
        let [s0, s1] = status.to_be_bytes();
        [&[0x88, 0x82], &mask[..], &[s0 ^ mask[0], s1 ^ mask[1]]].concat()
    }

    #[test]
    fn a_page_that_goes_away_is_told_from_one_that_comes_back() {
        let heard = |pieces: &[&[u8]]| {
            let mut last = Last::default();
            pieces.iter().for_each(|piece| last.heard(piece));
            last.is_going_away()
        };
        let gone = close(1001, [7, 200, 0, 255]);
        assert!(heard(&[&gone]));
        assert!(heard(&[b"GET / HTTP/1.1", &gone[..3], &gone[3..]]));
        assert!(heard(&gone.chunks(1).collect::<Vec<_>>()));
        assert!(!heard(&[&close(1000, [7, 200, 0, 255])]));
        assert!(!heard(&[&[0x88, 0x80, 1, 2, 3, 4]]));
        assert!(!heard(&[&gone, b"more"]));
        assert!(!heard(&[]));
    }
}
