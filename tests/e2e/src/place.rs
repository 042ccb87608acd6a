//! Where programs run: on this machine, or in a network of their own.

use std::ffi::{OsStr, OsString};
use std::future::{Ready, ready};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, io};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

type Connect = dyn Fn(SocketAddr) -> io::Result<TcpStream> + Send + Sync;

/// How to run a program somewhere, and how to talk to it there. The default is this machine.
#[derive(Clone)]
pub struct Place {
    prefix: Vec<OsString>,
    connect: Arc<Connect>,
}

impl Place {
    /// Programs are run by what `prefix` says, as in `ip netns exec NAME`, and `connect` makes the
    /// connections of somebody who is there.
    pub fn new(
        prefix: impl IntoIterator<Item: Into<OsString>>,
        connect: impl Fn(SocketAddr) -> io::Result<TcpStream> + Send + Sync + 'static,
    ) -> Self {
        Self { prefix: prefix.into_iter().map(Into::into).collect(), connect: Arc::new(connect) }
    }

    /// Adds to a command what runs this program here.
    pub(crate) fn add_program(&self, command: &mut Command, program: &OsStr) {
        command.args(&self.prefix).arg(program);
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new(Vec::<OsString>::new(), TcpStream::connect::<SocketAddr>)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Place").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Connects as hyper wants it, to addresses on the way of `http://127.0.0.1:4444`.
impl Service<Uri> for Place {
    type Response = TokioIo<tokio::net::TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        ready(self.open(&uri))
    }
}

impl Place {
    fn open(&self, uri: &Uri) -> io::Result<TokioIo<tokio::net::TcpStream>> {
        let address = uri.authority().and_then(|authority| authority.as_str().parse().ok());
        let address = address.ok_or_else(|| io::Error::other(format!("{uri} has no numeric address")))?;
        // A program on the same machine takes a connection, or refuses it, at once.
        let stream = (self.connect)(address)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        tokio::net::TcpStream::from_std(stream).map(TokioIo::new)
    }
}
