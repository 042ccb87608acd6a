//! Connections by which a server is checked. A certificate that browsers would refuse is told and
//! then looked past, so that the rest can be checked too.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{RootCertStore, client::WebPkiServerVerifier, crypto::ring, pki_types::ServerName},
};

use super::lenient::Lenient;

/// How long each step may take.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// What can be read and written.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects by TCP.
pub(super) async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(WITHIN, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects by TLS. Also returns why browsers would refuse the certificate, if they would.
pub(super) async fn tls(address: SocketAddr, name: &str) -> io::Result<(Box<dyn Connection>, Option<String>)> {
    let server = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let strict = WebPkiServerVerifier::builder_with_provider(roots.into(), ring::default_provider().into()).build();
    let lenient = Lenient::new(strict.ok());
    let config = lenient.client(&[]).map_err(io::Error::other)?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(server, tcp(address).await?);
    let stream = tokio::time::timeout(WITHIN, connecting).await??;
    Ok((Box::new(stream), lenient.problem()))
}
