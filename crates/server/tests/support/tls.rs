//! A TLS client that takes every certificate and shows it, and certificates to show.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use self::lenient::Lenient;

/// The one that checks a server: see there.
#[path = "../../src/check/lenient.rs"]
mod lenient;

/// Connects by TLS, whoever it is.
pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let config = Lenient::new(None).client(&[b"h2", b"http/1.1"]).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}

/// The certificate the other side has shown, as DER.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// Makes a certificate and writes it, with its key, as PEM. Returns it as DER.
pub(crate) fn write_certificate(folder: &Path) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    certificate.der().to_vec()
}

fn pem(what: &str, der: &[u8]) -> String {
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", BASE64_STANDARD.encode(der))
}
