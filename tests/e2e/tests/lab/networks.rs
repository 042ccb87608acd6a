//! A lab with our server in the middle and browsers at its ends.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use madang_e2e::{Browser, Page, Place, Server, Setup, Stage};
use madang_lab::{Family, Lab, Namespace, Side};

use crate::authority::Authority;

/// The port that the strictest firewall lets through.
const HTTPS: u16 = 443;

/// Networks with a server. They are there until the last program in them has ended.
#[derive(Debug)]
pub(crate) struct Networks {
    pub(crate) lab: Arc<Lab>,
    pub(crate) server: Server,
    authority: Authority,
}

impl Networks {
    /// Builds them. Our server is all that there is in the public network.
    pub(crate) async fn new(stage: &Stage, family: Family) -> Result<Self> {
        Self::with(stage, family, &[]).await
    }

    /// Builds them, and gives our server these flags.
    pub(crate) async fn with(stage: &Stage, family: Family, flags: &[&str]) -> Result<Self> {
        let lab = Arc::new(Lab::with(family)?);
        let authority = Authority::sign(Lab::NAME)?;
        let (certificate, key) = (authority.certificate(), authority.key());
        let listen = SocketAddr::new(lab.address(1), HTTPS);
        let name = |path: &std::path::Path| path.to_str().map(str::to_owned).context("the folder's name is no text");
        let (certificate, key) = (name(&certificate)?, name(&key)?);
        let flags = [&["--tls-cert", &certificate, "--tls-key", &key], flags].concat();
        let server = stage.server_at(&place(&lab, Lab::public), listen, Lab::NAME, &flags).await?;
        Ok(Self { lab, server, authority })
    }

    /// Starts a browser at one of the ends.
    pub(crate) async fn page(&self, stage: &Stage, side: Side, name: &str, setup: Setup) -> Result<Page> {
        let there = place(&self.lab, move |lab| lab.client(side));
        let page = stage.page(name, &setup.place(&there).any_certificate().routes()).await?;
        if page.browser() == Browser::Firefox {
            page.trust_authority(&self.authority.base64()).await?;
        }
        Ok(page)
    }
}

/// One of the lab's namespaces as a place for programs.
fn place(lab: &Arc<Lab>, pick: impl Fn(&Lab) -> &Namespace + Send + Sync + 'static) -> Place {
    let kept = lab.clone();
    let prefix = pick(lab).prefix().map(str::to_owned);
    Place::new(prefix, move |address| pick(&kept).within(|| TcpStream::connect(address)).map_err(io::Error::other)?)
}
