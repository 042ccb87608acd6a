//! Two people at the two ends, and the routes that their calls are to take.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Browser, Page, Route, Server, Setup, Stage, in_a_call};
use madang_lab::{Kind, Lab, Side};

use madang_e2e::lab::Networks;

fn has_udp(kind: Kind) -> bool {
    !matches!(kind, Kind::UdpBlocked | Kind::OnlyTcp443 | Kind::OnlyTls443)
}

/// Whether two can reach each other without a relay. Each sends to what our server saw of the other.
///
/// - A full cone lets everybody in, so whoever can send UDP reaches it, and is answered.
/// - An address-restricted cone lets in whom it has sent to from any port: a symmetric peer too,
///   whose address is known while its port is not.
/// - A cone wants the port as well. Of a symmetric peer nobody knows it.
fn can_be_direct(one: Kind, other: Kind) -> bool {
    let hidden = |one, other| one == Kind::Symmetric && matches!(other, Kind::Symmetric | Kind::Cone);
    has_udp(one) && has_udp(other) && !hidden(one, other) && !hidden(other, one)
}

/// The routes that somebody behind the first may have to somebody behind the other: the best there
/// are. Where the relay can be reached by TCP it can be by TLS, and Firefox takes now one, now the other.
///
/// Firefox also looks no further once the other has chosen a pair, and leaves the better ones `frozen`. Whoever
/// has to go by TCP may choose its TCP allocation before that by UDP was tried. And Chromium gathers no more once it
/// is connected: where the answer to a request for an allocation by UDP was lost, that by TCP may be there first.
fn best(own: Kind, other: Kind, browser: Browser, lossy: bool) -> &'static [&'static str] {
    match own {
        _ if can_be_direct(own, other) => &["direct"],
        _ if has_udp(own) && (lossy || (browser == Browser::Firefox && !has_udp(other))) => {
            &["relay-udp", "relay-tcp", "relay-tls"]
        }
        Kind::UdpBlocked | Kind::OnlyTcp443 => &["relay-tcp", "relay-tls"],
        Kind::OnlyTls443 => &["relay-tls"],
        _ => &["relay-udp"],
    }
}

/// Two browsers, one at each end.
pub(crate) struct Pair {
    pub(crate) a: Page,
    pub(crate) b: Page,
}

/// A call that was one.
pub(crate) struct Call {
    pub(crate) a: Route,
    pub(crate) b: Route,
    /// From the second's link to its first frame of the first.
    pub(crate) took: Duration,
}

impl Pair {
    pub(crate) async fn start(stage: &Stage, networks: &Networks, a: Setup, b: Setup) -> Result<Self> {
        let a = networks.page(stage, Side::A, "ada", a).await?;
        Ok(Self { a, b: networks.page(stage, Side::B, "ben", b).await? })
    }

    /// One call, after which both are gone.
    pub(crate) async fn call(&self, networks: &Networks, a: Kind, b: Kind) -> Result<Call> {
        self.call_with_losses(networks, a, b, 0).await
    }

    /// One call, and both routers lose this share of UDP packets from the start, in percent, each way.
    pub(crate) async fn call_with_losses(&self, networks: &Networks, a: Kind, b: Kind, percent: u8) -> Result<Call> {
        self.part().await?;
        networks.lab.between(a, b)?;
        for side in Side::BOTH {
            networks.lab.router(side).lose(percent)?;
        }
        let took = self.meet(&networks.server).await?;
        let ways = (best(a, b, self.a.browser(), percent > 0), best(b, a, self.b.browser(), percent > 0));
        let call = Call { a: route(&self.a, ways.0).await?, b: route(&self.b, ways.1).await?, took };
        hosts_are_of_the_lab(&networks.lab, Side::A, &call.a)?;
        hosts_are_of_the_lab(&networks.lab, Side::B, &call.b)?;
        Ok(call)
    }

    /// Both see and hear each other.
    async fn meet(&self, server: &Server) -> Result<Duration> {
        let room = server.room();
        self.a.join(&room).await?;
        self.a.wait_state("waiting").await?;
        let start = Instant::now();
        self.b.join(&room).await?;
        self.b.first_remote_frame().await?;
        let took = start.elapsed();
        in_a_call(&self.a, &self.b).await?;
        Ok(took)
    }

    /// Both hang up and close, so that nothing of a call is left when the networks change.
    pub(crate) async fn part(&self) -> Result<()> {
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
}

/// Waits until the route is one of these: media may go by another until a better one is found. The
/// page says the same as the browser.
async fn route(page: &Page, expected: &[&str]) -> Result<Route> {
    let mut seen = None;
    let waited = until(&format!("{}'s route to be {expected:?}", page.name()), SOON, async || {
        seen = page.route().await?;
        Ok(seen.clone().filter(|route| expected.contains(&route.name().as_str())))
    })
    .await;
    let route = waited.with_context(|| {
        seen.map_or("no route".to_owned(), |route| format!("last seen: {route}, of {}", route.gathered()))
    })?;
    page.wait_attribute("route", "data-route", &route.name()).await?;
    Ok(route)
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
