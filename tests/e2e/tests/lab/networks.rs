//! A lab with our server in the middle and browsers at its ends.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::Result;
use madang_e2e::{Page, Place, Server, Setup, Stage};
use madang_lab::{Lab, Side};

/// The port that the strictest firewall lets through.
pub(crate) const HTTPS: u16 = 443;

/// Whether a lab can be made. `cargo xtask test lab` has looked before, and says why not.
pub(crate) fn possible() -> bool {
    let obstacle = madang_lab::obstacle();
    if let Some(reason) = &obstacle {
        println!("skipped: {reason}");
    }
    obstacle.is_none()
}

/// Our server, and nothing else, in the public network.
pub(crate) async fn server(stage: &Stage, lab: &Arc<Lab>) -> Result<Server> {
    let there = lab.clone();
    let place = Place::new(lab.public().prefix(), move |address| {
        there.public().within(|| TcpStream::connect(address)).map_err(io::Error::other)?
    });
    stage.server_at(&place, &lab.address(1).to_string(), HTTPS, &["--tls-self-signed"]).await
}

/// A browser at one of the ends.
pub(crate) async fn page(stage: &Stage, lab: &Arc<Lab>, side: Side, name: &str, setup: Setup) -> Result<Page> {
    let there = lab.clone();
    let place = Place::new(lab.client(side).prefix(), move |address| {
        there.client(side).within(|| TcpStream::connect(address)).map_err(io::Error::other)?
    });
    stage.page(name, &setup.place(&place).any_certificate().routes()).await
}
