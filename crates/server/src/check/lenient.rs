//! A TLS client that takes every certificate, and can say what is wrong with it.
//!
//! The server's tests connect by it too, and include this file: it is in no API, for a client
//! that trusts everybody is good for looking only.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Takes every certificate, and remembers what is wrong with it.
#[derive(Debug)]
pub(super) struct Lenient {
    provider: Arc<CryptoProvider>,
    strict: Option<Arc<WebPkiServerVerifier>>,
    problem: Mutex<Option<String>>,
}

impl Lenient {
    /// `strict` has the roots that this machine trusts, if there are any.
    pub(super) fn new(strict: Option<Arc<WebPkiServerVerifier>>) -> Arc<Self> {
        Arc::new(Self { provider: Arc::new(ring::default_provider()), strict, problem: Mutex::new(None) })
    }

    /// A client that asks it, and offers these protocols by ALPN.
    pub(super) fn client(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// What was wrong with the last certificate, as `strict` sees it.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
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
