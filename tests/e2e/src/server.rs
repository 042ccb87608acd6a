//! The real server binary, on a port of its own.

use std::cell::Cell;
use std::net::UdpSocket;

use anyhow::{Result, ensure};

use crate::process::Process;
use crate::programs;

/// A running Madang server.
#[derive(Debug)]
pub struct Server {
    process: Option<Process>,
    host: String,
    port: u16,
    flags: Vec<String>,
    rooms: Cell<u32>,
}

/// A room nobody else uses.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Its link, which shows a button to join.
    pub link: String,
}

impl Room {
    /// The link that joins without a further click.
    pub fn join_link(&self) -> String {
        format!("{}?join=now", self.link)
    }
}

impl Server {
    /// Starts a server on the loopback address with these flags.
    pub async fn start(flags: &[&str]) -> Result<Self> {
        Self::start_on("127.0.0.1", flags).await
    }

    /// Starts a server on an address of this machine.
    pub async fn start_on(host: &str, flags: &[&str]) -> Result<Self> {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut server = Self { process: None, host: host.to_owned(), port: 0, flags, rooms: Cell::new(0) };
        server.launch().await?;
        Ok(server)
    }

    /// Starts it again, on the same address, after [`Server::stop`].
    pub async fn launch(&mut self) -> Result<()> {
        let listen = format!("{}:{}", self.host, self.port);
        let mut process = Process::start("madang-server", &programs::server()?, |command| {
            command.args(["--listen", &listen]).args(&self.flags);
        })?;
        self.port = process
            .line(|line| line.strip_prefix("Madang is listening on http://")?.rsplit_once(':')?.1.parse().ok())
            .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it as Ctrl-C does. It must end by itself and without an error.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let status = process.interrupt().await?;
        ensure!(status.success(), "the server ended with {status}: {}", process.output().since(0).join("\n"));
        Ok(())
    }

    /// Its origin, as a browser names it.
    pub fn origin(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A room nobody was in yet.
    pub fn room(&self) -> Room {
        self.rooms.set(self.rooms.get() + 1);
        let name = format!("e2e-{}", self.rooms.get());
        Room { link: format!("{}/r/{name}", self.origin()), name }
    }
}

/// An address of this machine that is not loopback, if it has one.
pub fn outside_address() -> Option<String> {
    // Connecting a UDP socket sends nothing; it only picks the route, and with it the address.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}
