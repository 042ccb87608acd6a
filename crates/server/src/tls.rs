//! The certificate: read, looked at again, or made up.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use crate::{
    config::{Authority, Config},
    limits,
};

/// A made-up certificate is good for this long, and was for an hour: clocks differ.
const MADE_UP_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const CLOCKS_DIFFER: Duration = Duration::from_secs(60 * 60);

/// What connections are told who we are with. Connections keep what they began with.
#[derive(Debug)]
pub(crate) struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
    /// `None` when it is made up.
    files: Option<Files>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
    /// As they were when they were last looked at.
    seen: RwLock<Option<Content>>,
}

/// The PEM of chain and key.
type Content = (Vec<u8>, Vec<u8>);

impl Certificate {
    /// As the flags say; `None` is without TLS.
    pub(crate) fn new(config: &Config) -> io::Result<Option<Arc<Self>>> {
        let provider = Arc::new(ring::default_provider());
        let (current, files) = match (&config.tls.cert, &config.tls.key) {
            (Some(chain), Some(key)) => {
                let files = Files { chain: chain.clone(), key: key.clone(), seen: RwLock::default() };
                let content = files.read()?;
                let current = certified(&content, &provider).map_err(|problem| files.wrong(&problem))?;
                *write(&files.seen) = Some(content);
                (current, Some(files))
            }
            _ if config.tls.self_signed => (made_up(config, &provider)?, None),
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Self { current: RwLock::new(Arc::new(current)), files, provider })))
    }

    /// Takes connections up.
    pub(crate) fn acceptor(self: &Arc<Self>) -> io::Result<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }

    /// Takes up changed files as they come. Ends at once when there are none.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        while self.files.is_some() {
            tokio::time::sleep(limits::CERTIFICATE_EVERY).await;
            let own = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || own.look_again()).await {
                tracing::error!(%error, "could not look at the certificate");
            }
        }
    }

    fn look_again(&self) {
        let Some(files) = &self.files else { return };
        let content = files.read().inspect_err(|error| tracing::debug!(%error, "the certificate cannot be read")).ok();
        if *read(&files.seen) == content {
            return;
        }
        // A chain and a key that do not belong together may be halfway through a change, and are
        // looked at again with the next.
        match content.as_ref().map(|content| certified(content, &self.provider)) {
            Some(Ok(certified)) => {
                *write(&self.current) = Arc::new(certified);
                tracing::info!(file = %files.chain.display(), "took up a new certificate");
            }
            Some(Err(problem)) => tracing::warn!("{}; the one before stays", files.wrong(&problem)),
            None => tracing::warn!(file = %files.chain.display(), "the certificate is gone; the one before stays"),
        }
        *write(&files.seen) = content;
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(read(&self.current).clone())
    }
}

impl Files {
    fn read(&self) -> io::Result<Content> {
        let read = |flag: &str, path: &PathBuf| {
            std::fs::read(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{flag} {}: {error}", path.display())))
        };
        Ok((read("--tls-cert", &self.chain)?, read("--tls-key", &self.key)?))
    }

    fn wrong(&self, problem: &str) -> io::Error {
        let (chain, key) = (self.chain.display(), self.key.display());
        io::Error::new(io::ErrorKind::InvalidInput, format!("--tls-cert {chain} with --tls-key {key}: {problem}"))
    }
}

fn certified((chain, key): &Content, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| format!("the certificate is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err("there is no certificate in the file".to_owned());
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("there is no private key in the file: {error}"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| format!("certificate and key cannot be used: {error}"))
}

/// A certificate that nobody vouches for, with the names under which this server may be called.
fn made_up(config: &Config, provider: &CryptoProvider) -> io::Result<CertifiedKey> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(config.ice.public_name.as_ref().map(|name| name.name().to_owned()));
    let listen = config.listen.ip();
    let addresses = [listen].into_iter().filter(|ip| !ip.is_unspecified()).chain(config.ice.public_ip.iter().copied());
    names.extend(addresses.map(|address| Authority::of(address).name().to_owned()));
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    let now = std::time::SystemTime::now();
    (params.not_before, params.not_after) = ((now - CLOCKS_DIFFER).into(), (now + MADE_UP_FOR).into());
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    CertifiedKey::from_der(vec![certificate.der().clone()], key, provider).map_err(io::Error::other)
}

/// A panic elsewhere leaves what is in here whole.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    fn pem(what: &str, der: &[u8]) -> String {
        format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", BASE64_STANDARD.encode(der))
    }

    /// PEM of a certificate and of its key.
    fn pair() -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
    }

    #[test]
    fn a_broken_change_keeps_what_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::local();
        let (chain, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        (config.tls.cert, config.tls.key) = (Some(chain.clone()), Some(key.clone()));
        let put = |path, text: &str| std::fs::write(path, text).expect("written");
        assert!(Certificate::new(&config).is_err(), "no files");
        let ((first, first_key), (second, second_key)) = (pair(), pair());
        put(&chain, &first);
        put(&key, &second_key);
        let mismatch = Certificate::new(&config).expect_err("of another key").to_string();
        assert!(mismatch.contains("cert.pem") && mismatch.contains("key.pem"), "{mismatch}");
        put(&key, &first_key);
        let certificate = Certificate::new(&config).expect("both fit").expect("TLS");
        let shown = |certificate: &Certificate| read(&certificate.current).cert[0].to_vec();
        let before = shown(&certificate);
        for broken in ["", "nonsense", &second] {
            put(&chain, broken);
            certificate.look_again();
            assert_eq!(shown(&certificate), before);
        }
        std::fs::remove_file(&chain).expect("removed");
        certificate.look_again();
        assert_eq!(shown(&certificate), before);
        // The second half of a change that was looked at in between.
        put(&chain, &second);
        put(&key, &second_key);
        certificate.look_again();
        assert_ne!(shown(&certificate), before);
    }

    #[test]
    fn a_made_up_one_has_the_names_of_the_flags() {
        let mut config = Config::local();
        assert!(Certificate::new(&config).expect("no flags").is_none());
        config.tls.self_signed = true;
        config.listen = "[2001:db8::1]:443".parse().expect("an address");
        config.ice.public_name = "call.example.org:443".parse().ok();
        let certificate = Certificate::new(&config).expect("made").expect("TLS");
        let der = read(&certificate.current).cert[0].to_vec();
        let has = |bytes: &[u8]| der.windows(bytes.len()).any(|window| window == bytes);
        assert!(has(b"call.example.org") && has(b"localhost"));
        assert!(has(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    }
}
