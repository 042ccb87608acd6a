//! The two servers, as processes whose CPU time and memory can be read.

use std::{ffi::OsStr, net::SocketAddr, path::Path};

use anyhow::{Context as _, Result};
use madang_e2e::{process::Process, programs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Node,
    Madang,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Madang => "Madang",
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts one on a port of its own, with what it comes with.
    pub(crate) async fn start(contestant: Contestant) -> Result<Self> {
        let (mut process, before_port) = match contestant {
            Contestant::Node => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterpart/server.cjs");
                let node = Process::start("node", OsStr::new("node"), |command| {
                    command.arg(script);
                })?;
                (node, "listening on ")
            }
            Contestant::Madang => {
                let server = Process::start("madang-server", &programs::server()?, |command| {
                    command.args(["--listen", "127.0.0.1:0"]);
                })?;
                (server, "Madang is listening on http://127.0.0.1:")
            }
        };
        let port: u16 = process.line(|line| line.strip_prefix(before_port)?.parse().ok()).await?;
        Ok(Self { process, address: ([127, 0, 0, 1], port).into() })
    }

    /// CPU time used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        process::cpu_seconds(&self.process)
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        process::resident_bytes(&self.process)
    }
}

/// Raises the limit on open files for this process and for the servers it starts.
pub(crate) fn allow_many_sockets(sockets: usize) -> Result<()> {
    let wanted = sockets as u64 + 1_000;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .with_context(|| format!("{wanted} files may not be open at once here; take fewer"))
}
