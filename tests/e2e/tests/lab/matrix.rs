//! Every pair of networks connects with our server alone, and directly where that can be.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Page, Route, Server, Setup, Stage, counts, in_a_call, programs, scenario};
use madang_lab::{Family, Kind, Lab, Side};

use crate::networks::Networks;
use crate::table::{Cell, Table};

/// Whether two can reach each other without a relay. Each sends to what the other's STUN server saw.
///
/// - A full cone lets everybody in, so whoever can send UDP reaches it, and is answered.
/// - An address-restricted cone lets in whom it has sent to from any port: a symmetric peer too,
///   whose address is known while its port is not.
/// - A cone wants the port as well. Of a symmetric peer nobody knows it.
fn can_be_direct(one: Kind, other: Kind) -> bool {
    let hidden = |one, other| one == Kind::Symmetric && matches!(other, Kind::Symmetric | Kind::Cone);
    has_udp(one) && has_udp(other) && !hidden(one, other) && !hidden(other, one)
}

fn has_udp(kind: Kind) -> bool {
    !matches!(kind, Kind::UdpBlocked | Kind::OnlyTcp443 | Kind::OnlyTls443)
}

/// Two browsers, one at each end.
struct Pair {
    a: Page,
    b: Page,
}

impl Pair {
    /// One call: the routes of both ends, and how long it took from the second's link to its first frame.
    async fn call(&self, server: &Server) -> Result<(Route, Route, Duration)> {
        let room = server.room();
        self.a.join(&room).await?;
        self.a.wait_state("waiting").await?;
        let start = Instant::now();
        self.b.join(&room).await?;
        self.b.first_remote_frame().await?;
        let took = start.elapsed();
        in_a_call(&self.a, &self.b).await?;
        let route = async |page: &Page| until("a route", SOON, async || page.route().await).await;
        Ok((route(&self.a).await?, route(&self.b).await?, took))
    }

    /// The routes of a call that runs, once both ends agree and it is direct, if it can be.
    async fn settled(&self, direct: bool) -> Result<(Route, Route)> {
        let mut seen = None;
        let waited = until("the route that is to be", SOON, async || {
            seen = self.a.route().await?.zip(self.b.route().await?);
            let fits = |(a, b): &(Route, Route)| a.is_direct() == direct && b.is_direct() == direct;
            Ok(seen.clone().filter(fits))
        })
        .await;
        waited.with_context(|| match &seen {
            Some((a, b)) => format!("{} on one side, {} on the other", a, b),
            None => "no route".to_owned(),
        })
    }

    /// Both leave for nowhere, so that nothing of a call is left when the networks change.
    async fn part(&self) -> Result<()> {
        for page in [&self.a, &self.b] {
            let state = page.attribute("call-state", "data-state").await?;
            if state.is_some_and(|state| state != "idle" && state != "ended") {
                page.leave().await?;
                page.wait_state("ended").await?;
            }
            page.open("about:blank").await?;
        }
        Ok(())
    }

    async fn cell(&self, networks: &Networks, kinds: (Kind, Kind)) -> Result<(Route, Route, Duration)> {
        self.part().await?;
        let Networks { lab, server, .. } = networks;
        lab.between(kinds.0, kinds.1)?;
        let (_, _, took) = self.call(server).await?;
        let (a, b) = self.settled(can_be_direct(kinds.0, kinds.1)).await?;
        hosts_are_of_the_lab(lab, Side::A, &a)?;
        hosts_are_of_the_lab(lab, Side::B, &b)?;
        Ok((a, b, took))
    }
}

/// A client has its one address and nothing for the test's sake that a call could go over.
fn hosts_are_of_the_lab(lab: &Lab, side: Side, route: &Route) -> Result<()> {
    for host in route.gathered.iter().filter(|candidate| candidate.candidate_type == "host") {
        // Firefox tells a name instead, which hides the address.
        let Some(Ok(address)) = host.address.as_deref().map(str::parse::<IpAddr>) else { continue };
        ensure!(address == lab.client_address(side), "{address} is a candidate on side {side:?}");
    }
    Ok(())
}

/// Unordered pairs; every other time the two change places.
fn pairs(time: u32) -> impl Iterator<Item = (Kind, Kind)> {
    let all = Kind::ALL.into_iter().enumerate();
    all.flat_map(|(first, one)| Kind::ALL.into_iter().skip(first).map(move |other| (one, other)))
        .map(move |(one, other)| if time % 2 == 0 { (one, other) } else { (other, one) })
}

async fn matrix(stage: &Stage, name: &str, a: Setup, b: Setup) -> Result<()> {
    let networks = Networks::new(stage, Family::V4).await?;
    let pair =
        Pair { a: networks.page(stage, Side::A, "ada", a).await?, b: networks.page(stage, Side::B, "ben", b).await? };
    let mut table = Table::new(name);
    for (time, kinds) in (0..counts::lab_times()).flat_map(|time| pairs(time).map(move |kinds| (time, kinds))) {
        let outcome = pair.cell(&networks, kinds).await;
        let cell = match outcome {
            Ok((a, b, took)) => Cell::Connected { a, b, took },
            Err(error) => {
                println!("{name}, time {}: {} - {}: {error:#}", time + 1, kinds.0.name(), kinds.1.name());
                Cell::Failed
            }
        };
        table.add(kinds, cell);
    }
    for page in [&pair.a, &pair.b] {
        // What a firewall drops, Chromium tells of.
        page.console_is_clean().await?;
    }
    let shown = table.to_string();
    println!("{shown}");
    std::fs::write(programs::results()?.join(format!("{name}.md")), &shown)?;
    if table.failures() > 0 {
        bail!("{} of {} calls failed", table.failures(), table.calls());
    }
    Ok(())
}

#[tokio::test]
async fn every_pair_of_networks_connects_two_chromiums() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    let name = "lab-chromium-chromium";
    scenario(name, async |stage| matrix(stage, name, Setup::chromium(), Setup::chromium()).await).await
}

#[tokio::test]
async fn every_pair_of_networks_connects_chromium_and_firefox() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    let name = "lab-chromium-firefox";
    scenario(name, async |stage| matrix(stage, name, Setup::chromium(), Setup::firefox()).await).await
}
