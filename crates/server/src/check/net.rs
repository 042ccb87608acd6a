//! Connections by which a server is checked. A certificate that browsers would refuse is told and
//! then looked past, so that the rest can be checked too.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

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
    let verifier = Arc::new(Lenient::new(ring::default_provider().into()));
    let config = ClientConfig::builder_with_provider(verifier.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let connecting = TlsConnector::from(Arc::new(config)).connect(server, tcp(address).await?);
    let stream = tokio::time::timeout(WITHIN, connecting).await??;
    let problem = verifier.problem.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok((Box::new(stream), problem))
}

/// Takes every certificate, and remembers what is wrong with it.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// With the roots that this machine trusts, if there are any.
    strict: Option<Arc<WebPkiServerVerifier>>,
    problem: Mutex<Option<String>>,
}

impl Lenient {
    fn new(provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let strict = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build().ok();
        Self { provider, strict, problem: Mutex::new(None) }
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let problem = match &self.strict {
            None => {
                Some("this machine has no list of authorities to trust, so its certificate was not checked".to_owned())
            }
            Some(strict) => strict
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .err()
                .map(|error| words(&error, &server_name.to_str())),
        };
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn words(error: &Error, name: &str) -> String {
    let Error::InvalidCertificate(problem) = error else { return format!("its certificate: {error}") };
    match problem {
        CertificateError::UnknownIssuer => {
            "nobody whom this machine trusts has signed its certificate (is the chain whole?)".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("its certificate is not for the name {name}")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: look at this machine's clock".to_owned()
        }
        other => format!("its certificate: {other}"),
    }
}
