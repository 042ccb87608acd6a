//! TCP connections that tell a session what it has taken, that can be cut from outside (Socket.IO
//! sockets cannot), and that read much at once without keeping a buffer for it.

use std::{
    cell::RefCell,
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

use crate::{limits, session::Session};

/// One TCP connection, for those who neither read nor write it.
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
    tcp: TcpStream,
    transport: Arc<Transport>,
    /// What was read already and comes first.
    early: Bytes,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp, transport: Arc::default(), early: Bytes::new() }
    }

    /// The stream with what an earlier reader has read too much.
    pub(crate) fn rewound(self, early: &[u8]) -> Self {
        // Copied: even an empty slice of a read buffer keeps all of it.
        Self { early: Bytes::copy_from_slice(early), ..self }
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
        let Self { tcp, transport, early } = self.get_mut();
        if early.is_empty() {
            transport.check(&transport.reader, cx)?;
            if buf.remaining() >= limits::READ_BYTES {
                return Pin::new(tcp).poll_read(cx, buf);
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let mut scratch = ReadBuf::new(scratch);
                ready!(Pin::new(tcp).poll_read(cx, &mut scratch))?;
                let (now, later) = scratch.filled().split_at(scratch.filled().len().min(buf.remaining()));
                buf.put_slice(now);
                *early = Bytes::copy_from_slice(later);
                Poll::Ready(Ok(()))
            });
            return read;
        }
        let count = early.len().min(buf.remaining());
        buf.put_slice(&early[..count]);
        early.advance(count);
        if early.is_empty() {
            *early = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.transport.check(&self.transport.writer, cx)?;
        let count = ready!(Pin::new(&mut self.tcp).poll_write(cx, buf))?;
        self.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport.check(&self.transport.writer, cx)?;
        let count = ready!(Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs))?;
        self.wrote(count);
        Poll::Ready(Ok(count))
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
