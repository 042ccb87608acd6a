//! TCP connections that tell a session what it has taken, and that can be cut from outside,
//! which Socket.IO sockets cannot.

use std::{
    io,
    net::Shutdown,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::session::Session;

/// One TCP connection.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    session: OnceLock<Arc<Session>>,
}

impl Transport {
    pub(crate) fn new(stream: TcpStream) -> Arc<Self> {
        Arc::new(Self { stream, session: OnceLock::new() })
    }

    /// From now on, what is written is for this session.
    pub(crate) fn carries(&self, session: Arc<Session>) {
        self.session.get_or_init(|| session);
    }

    /// Ends the connection now, whatever waits to be written.
    pub(crate) fn cut(&self) {
        if let Err(error) = socket2::SockRef::from(&self.stream).shutdown(Shutdown::Both) {
            tracing::debug!(%error, "the connection was gone before it was cut");
        }
    }
}

/// The stream of a [`Transport`], for whoever reads and writes it.
#[derive(Debug)]
pub(crate) struct Stream {
    transport: Arc<Transport>,
    /// What was read before and comes first.
    early: Bytes,
}

impl Stream {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport, early: Bytes::new() }
    }

    /// The stream with what an earlier reader has read too much.
    pub(crate) fn rewound(self, early: &[u8]) -> Self {
        // Copied: even an empty slice of a read buffer keeps all of it.
        Self { early: Bytes::copy_from_slice(early), ..self }
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.transport.stream.poll_write_ready(cx))?;
            match write(&self.transport.stream) {
                Ok(count) => {
                    if let Some(session) = self.transport.session.get() {
                        session.took(count as u64);
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let count = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early[..count]);
            self.early.advance(count);
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.transport.stream.poll_read_ready(cx))?;
            match self.transport.stream.try_read(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&self.transport.stream).shutdown(Shutdown::Write))
    }
}
