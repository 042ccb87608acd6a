//! The real server binary, on a port of its own.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::place::Place;
use crate::process::Process;
use crate::programs;

/// A running Madang server. Clones are the same server; it ends with the last one.
#[derive(Clone, Debug)]
pub struct Server(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    process: RefCell<Option<Process>>,
    place: Place,
    listen: Cell<SocketAddr>,
    name: Option<String>,
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
        let address = host.parse().with_context(|| format!("{host} is no address"))?;
        Self::start_at(&Place::default(), SocketAddr::new(address, 0), None, flags).await
    }

    /// Starts a server in a place, on an address and port of it. Browsers know it by its `name`, or
    /// by its address.
    pub async fn start_at(place: &Place, listen: SocketAddr, name: Option<&str>, flags: &[&str]) -> Result<Self> {
        let server = Self(Rc::new(Inner {
            process: RefCell::default(),
            place: place.clone(),
            listen: Cell::new(listen),
            name: name.map(str::to_owned),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            rooms: Cell::new(0),
        }));
        server.launch().await?;
        Ok(server)
    }

    /// Where it is started the next time.
    pub fn move_to(&self, host: IpAddr) {
        self.0.listen.set(SocketAddr::new(host, self.port()));
    }

    /// Starts it again, on the same address and with the same flags, after it has ended.
    pub async fn launch(&self) -> Result<()> {
        let mut listen = self.0.listen.get();
        let mut process = Process::start_at(&self.0.place, "madang-server", &programs::server()?, |command| {
            command.args(["--listen", &listen.to_string()]).args(&self.0.flags);
        })?;
        let port = |line: &str| {
            let (_, address) = line.strip_prefix("Madang is listening on ")?.split_once("://")?;
            address.rsplit_once(':')?.1.parse().ok()
        };
        listen.set_port(process.line(port).await?);
        self.0.listen.set(listen);
        self.0.process.replace(Some(process));
        Ok(())
    }

    /// Kills it, as `kill -9` or a power cut does: nobody is told, nothing is put in order.
    pub fn kill(&self) {
        drop(self.0.process.take());
    }

    /// Stops it as Ctrl-C does. It must end by itself and without an error.
    pub async fn stop(&self) -> Result<()> {
        self.end(Signal::INT).await
    }

    /// Stops it as a supervisor does (SIGTERM): it drains, and must end by itself and without an error.
    pub async fn terminate(&self) -> Result<()> {
        self.end(Signal::TERM).await
    }

    async fn end(&self, signal: Signal) -> Result<()> {
        let Some(mut process) = self.0.process.take() else { return Ok(()) };
        let status = process.ask_to_end(signal).await?;
        ensure!(status.success(), "the server ended with {status}: {}", process.output().since(0).join("\n"));
        Ok(())
    }

    /// Its origin, as a browser names it.
    pub fn origin(&self) -> String {
        let scheme = if self.0.flags.iter().any(|flag| flag.starts_with("--tls-")) { "https" } else { "http" };
        match &self.0.name {
            Some(name) => format!("{scheme}://{name}:{}", self.port()),
            None => format!("{scheme}://{}", self.0.listen.get()),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.listen.get().port()
    }

    /// A room nobody was in yet.
    pub fn room(&self) -> Room {
        self.0.rooms.set(self.0.rooms.get() + 1);
        let name = format!("e2e-{}", self.0.rooms.get());
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
