//! The two relays, as processes whose CPU time can be read.

use std::{
    ffi::OsStr,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::Result;
use madang_e2e::{process::Process, programs, until::until};
use stun_types::{
    message::{BINDING, Message, MessageWriteVec},
    prelude::*,
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::process;

/// What both sign credentials with.
pub(crate) const SECRET: &str = "of this measurement only";

const READY_WITHIN: Duration = Duration::from_secs(5);

/// Which relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Coturn,
    Madang,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Coturn => "coturn",
            Self::Madang => "Madang",
        }
    }
}

/// A running relay.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    pub(crate) address: SocketAddr,
    /// For what coturn leaves.
    _folder: TempDir,
}

impl Running {
    /// Starts one on a port of its own.
    pub(crate) async fn start(contestant: Contestant) -> Result<Self> {
        let mut tries = 0;
        loop {
            match Self::try_start(contestant).await {
                Err(error) if tries < 3 => eprintln!("{error:#}; once more, on another port"),
                result => return result,
            }
            tries += 1;
        }
    }

    async fn try_start(contestant: Contestant) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Free a moment ago, which is as good as it gets with a program that is told its port.
        let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let process = match contestant {
            Contestant::Coturn => {
                let port = address.port().to_string();
                // It does not say in time when it is ready, so both are asked.
                Process::start("coturn", OsStr::new("turnserver"), |command| {
                    command.args(["-n", "--listening-ip", "127.0.0.1", "--listening-port", &port]);
                    command.args(["--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "madang"]);
                    command.args(["--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-tcp", "--no-cli"]);
                    command.args(["--log-file", "stdout", "--pidfile"]).arg(folder.path().join("pid"));
                })?
            }
            Contestant::Madang => Process::start("madang-server", &programs::server()?, |command| {
                command.args(["--listen", &address.to_string()]).env("MADANG_TURN_SECRET", SECRET);
            })?,
        };
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
        socket.connect(address).await?;
        until(&format!("{} to answer", contestant.name()), READY_WITHIN, async || {
            let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
            // Refused as long as nobody listens.
            let asked = socket.send(&request).await;
            let answer = timeout(Duration::from_millis(50), socket.recv(&mut [0; 100])).await;
            Ok((asked.is_ok() && matches!(answer, Ok(Ok(_)))).then_some(()))
        })
        .await?;
        Ok(Self { process, address, _folder: folder })
    }

    /// Memory it keeps, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        process::resident_bytes(&self.process)
    }

    /// CPU time used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        process::cpu_seconds(&self.process)
    }
}
