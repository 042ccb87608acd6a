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
}

#[derive(Debug)]
enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<Rewound>>),
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { io: Io::Tcp(tcp), transport: Arc::default(), early: Bytes::new() }
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
        Ok(Self { io: Io::Tls(Box::new(tls)), transport: self.transport, early: Bytes::new() })
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

    fn wrote(&self, count: usize) {
        if let Some(session) = self.transport.session.get() {
            session.took(count as u64);
        }
    }
}

thread_local! {
    /// Where a read goes whose reader has less room. A websocket that waits for its next message
    /// has little, so that idle sockets stay small; a message is still read in one call.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::READ_BYTES].into_boxed_slice());
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { io, transport, early } = self.get_mut();
        if early.is_empty() {
            transport.check(&transport.reader, cx)?;
            // TLS has a buffer of its own.
            if buf.remaining() >= limits::READ_BYTES || matches!(io, Io::Tls(_)) {
                return io.poll_read(cx, buf);
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let mut scratch = ReadBuf::new(scratch);
                ready!(io.poll_read(cx, &mut scratch))?;
                let (now, later) = scratch.filled().split_at(scratch.filled().len().min(buf.remaining()));
                buf.put_slice(now);
                *early = Bytes::copy_from_slice(later);
                Poll::Ready(Ok(()))
            });
            return read;
        }
        take_early(early, buf);
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
