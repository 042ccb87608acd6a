//! Flags about the certificate.

use std::path::PathBuf;

use clap::{Args, builder::BoolishValueParser};

/// The certificate with which the server shows itself, if any.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "TLS")]
pub struct Tls {
    /// Serve https, and TURN over TLS, with this certificate chain (PEM). A changed file is taken
    /// up by itself.
    #[arg(long = "tls-cert", env = "MADANG_TLS_CERT", value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The certificate's private key (PEM).
    #[arg(long = "tls-key", env = "MADANG_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// For tries: serve https with a certificate made up at every start. Browsers warn of it, and
    /// do not take it for TURN over TLS.
    #[arg(long = "tls-self-signed", env = "MADANG_TLS_SELF_SIGNED", value_parser = BoolishValueParser::new())]
    pub self_signed: bool,
}

impl Tls {
    /// Whether the server serves TLS.
    pub fn is_on(&self) -> bool {
        self.self_signed || self.cert.is_some() || self.key.is_some()
    }

    /// What does not go together, in a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        match (&self.cert, &self.key, self.self_signed) {
            (Some(_), None, _) => Err("--tls-cert needs its private key: add --tls-key FILE".to_owned()),
            (None, Some(_), _) => Err("--tls-key needs its certificate: add --tls-cert FILE".to_owned()),
            (Some(_), Some(_), true) => {
                Err("--tls-self-signed makes up a certificate and --tls-cert gives one: choose one of the two"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }
}
