//! A certificate for our server, and an authority that has signed it.
//!
//! Chromium can be told to take any certificate. Firefox can for pages only: a TURN server over TLS
//! must have one that an authority it knows has signed, as a real server has.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// The files of a certificate; they go when it is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    authority: String,
}

impl Authority {
    /// Makes an authority, which signs a certificate for this name.
    pub fn sign(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Madang's tests");
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([name.to_owned()])?.signed_by(&key, &issuer)?;
        let made = Self { folder: tempfile::Builder::new().prefix("madang-e2e-").tempdir()?, authority };
        std::fs::write(made.certificate(), certificate.pem()).context("the certificate")?;
        std::fs::write(made.key(), key.serialize_pem()).context("the key")?;
        Ok(made)
    }

    /// The server's certificate, as a file.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The key to it, as a file.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// The authority's own certificate, DER in base64.
    pub fn base64(&self) -> String {
        self.authority.lines().filter(|line| !line.starts_with("-----")).collect()
    }
}
