//! A lab with our server in the middle and browsers at its ends.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use madang_lab::{Family, Fault, Lab, Namespace, Ongoing, Side};

use super::authority::Authority;
use crate::{Browser, Page, Place, Server, Setup, Stage};

/// The port that the strictest firewall lets through.
const HTTPS: u16 = 443;

/// Networks with a server. They are there until the last program in them has ended.
#[derive(Debug)]
pub struct Networks {
    /// The networks.
    pub lab: Arc<Lab>,
    /// Our server, on the public network's host 1.
    pub server: Server,
    authority: Authority,
}

impl Networks {
    /// Builds them. Our server is all that there is in the public network.
    pub async fn new(stage: &Stage, family: Family) -> Result<Self> {
        Self::with(stage, family, &[]).await
    }

    /// Builds them, and gives our server these flags.
    pub async fn with(stage: &Stage, family: Family, flags: &[&str]) -> Result<Self> {
        let networks = Self::start(family, flags).await?;
        stage.keep_server(&networks.server);
        Ok(networks)
    }

    /// Builds them for no scenario.
    pub async fn start(family: Family, flags: &[&str]) -> Result<Self> {
        let (lab, authority) = (Arc::new(Lab::with(family)?), Authority::sign(Lab::NAME)?);
        let server = serve(&lab, &authority, 1, Some(Lab::NAME), flags).await?;
        Ok(Self { lab, server, authority })
    }

    /// Starts another of our servers, on the public network's host of this number, known by its address.
    pub async fn another_server(&self, host: u8, flags: &[&str]) -> Result<Server> {
        serve(&self.lab, &self.authority, host, None, flags).await
    }

    /// Kills our server, and starts it on another of the public network's hosts, which has its name now.
    pub async fn move_server(&self, host: u8) -> Result<()> {
        self.server.kill();
        self.server.move_to(self.lab.address(host));
        self.lab.move_name(host);
        self.server.launch().await
    }

    /// Starts a browser at one of the ends.
    pub async fn page(&self, stage: &Stage, side: Side, name: &str, setup: Setup) -> Result<Page> {
        let page = self.start_page(side, name, setup).await?;
        stage.keep_page(&page);
        Ok(page)
    }

    /// Starts a browser at one of the ends for no scenario.
    pub async fn start_page(&self, side: Side, name: &str, setup: Setup) -> Result<Page> {
        let there = place(&self.lab, move |lab| lab.client(side));
        let page = Page::start(name, &setup.place(&there).any_certificate().routes()).await?;
        if page.browser() == Browser::Firefox {
            page.trust_authority(&self.authority.base64()).await?;
        }
        Ok(page)
    }

    /// Begins a fault, which goes on until what this gives is dropped.
    pub fn begin(&self, fault: Fault) -> Result<Ongoing> {
        Ongoing::begin(&self.lab, fault)
    }
}

/// Starts a server on one of the public network's hosts.
async fn serve(lab: &Arc<Lab>, authority: &Authority, host: u8, name: Option<&str>, flags: &[&str]) -> Result<Server> {
    let text = |path: &Path| path.to_str().map(str::to_owned).context("the folder's name is no text");
    let (certificate, key) = (text(&authority.certificate())?, text(&authority.key())?);
    let flags = [&["--tls-cert", &certificate, "--tls-key", &key], flags].concat();
    Server::start_at(&place(lab, Lab::public), SocketAddr::new(lab.address(host), HTTPS), name, &flags).await
}

/// One of the lab's namespaces as a place for programs.
fn place(lab: &Arc<Lab>, pick: impl Fn(&Lab) -> &Namespace + Send + Sync + 'static) -> Place {
    let kept = lab.clone();
    let prefix = pick(lab).prefix().map(str::to_owned);
    Place::new(prefix, move |address| pick(&kept).within(|| TcpStream::connect(address)).map_err(io::Error::other)?)
}
