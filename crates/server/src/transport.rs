//! TCP connections that count what they have written, so that the server knows how much waits
//! for a slow reader, and that can be cut from outside, which Socket.IO sockets cannot.
//!
//! A connection travels with its requests as an extension ([`Attach`] keeps it there for the
//! Socket.IO service), and so the socket that opens over it knows it.

use std::{
    io,
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header},
};
use hyper::upgrade::OnUpgrade;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tower::Service;

/// One TCP connection.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    written: AtomicU64,
}

impl Transport {
    pub(crate) fn new(stream: TcpStream) -> Arc<Self> {
        Arc::new(Self { stream, written: AtomicU64::new(0) })
    }

    /// Bytes the operating system has taken so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
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
pub(crate) struct Stream(pub(crate) Arc<Transport>);

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            match self.0.stream.try_read(buf.initialize_unfilled()) {
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

impl Stream {
    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match write(&self.0.stream) {
                Ok(count) => {
                    self.0.written.fetch_add(count as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(count));
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
        Poll::Ready(socket2::SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}

/// Gives the Socket.IO service requests it can keep.
///
/// The service keeps the parts of a socket's first request as long as the socket lives, and what
/// hyper has parsed are slices of the connection's read buffer: one kept header keeps all 16 KiB.
/// So only what the service needs goes on, copied.
#[derive(Clone, Debug)]
pub(crate) struct Attach<S>(S);

impl<S> Attach<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self(inner)
    }
}

const KEPT: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_TYPE,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
];

impl<S: Service<Request<Body>>> Service<Request<Body>> for Attach<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let mut slim = Request::new(body);
        *slim.method_mut() = parts.method;
        *slim.uri_mut() = copied(&parts.uri);
        let present = KEPT.iter().filter_map(|name| Some((name, parts.headers.get(name)?)));
        let mut headers = HeaderMap::with_capacity(KEPT.len());
        for (name, value) in present {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(name, value);
            }
        }
        *slim.headers_mut() = headers;
        if let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() {
            slim.extensions_mut().insert(upgrade);
        }
        if let Some(transport) = parts.extensions.remove::<Arc<Transport>>() {
            slim.extensions_mut().insert(transport);
        }
        self.0.call(slim)
    }
}

/// The same path and query in memory of their own.
fn copied(uri: &Uri) -> Uri {
    uri.path_and_query().and_then(|path| path.as_str().parse().ok()).unwrap_or_default()
}
