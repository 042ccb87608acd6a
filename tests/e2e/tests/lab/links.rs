//! The network of one side stops for a while, or a part of it for good; then the call is there again soon.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use madang_e2e::recording::Moment;
use madang_e2e::scenario;
use madang_lab::{Fault, Kind, Side};

use crate::watched::watched;

/// A call outlives a fault that lasts so long. Media is back within `bound` of its end.
pub(crate) async fn outlives(name: &str, what: &str, fault: Fault, lasts: Duration, bound: Duration) -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario(name, async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        pair.outlives(stage, &networks, (what, fault), lasts, bound).await?;
        pair.part().await
    })
    .await
}

/// After a repair.
pub(crate) const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_call_outlives_a_link_that_is_down_for_ten_seconds() -> Result<()> {
    let ten = Duration::from_secs(10);
    outlives("lab-link-down", "link down for 10 s", Fault::LinkDown(Side::A), ten, SOON).await
}

#[tokio::test]
async fn a_call_outlives_a_silent_cut_of_four_seconds() -> Result<()> {
    outlives("lab-cut-4", "silent cut of 4 s", Fault::Cut(Side::A), Duration::from_secs(4), SOON).await
}

#[tokio::test]
async fn a_call_outlives_a_silent_cut_of_ten_seconds() -> Result<()> {
    outlives("lab-cut-10", "silent cut of 10 s", Fault::Cut(Side::A), Duration::from_secs(10), SOON).await
}

#[tokio::test]
async fn a_call_goes_on_by_tcp_when_udp_is_blocked_and_returns_to_udp_by_itself() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-udp-blocked", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        let blocked = Moment::now();
        let ongoing = networks.begin(Fault::NoUdp(Side::A))?;
        pair.back_within(stage, "UDP blocked", blocked, Duration::from_secs(8)).await?;
        let route = pair.a.route().await?.context("no route")?;
        stage.note(format!("without UDP by {route}"));
        ensure!(matches!(route.name().as_str(), "relay-tcp" | "relay-tls"), "without UDP by {route}");
        ongoing.end()?;
        let free = Moment::now();
        for page in [&pair.a, &pair.b] {
            page.wait_attribute("route", "data-route", "direct").await?;
        }
        pair.never_stopped(stage, "UDP again", free).await?;
        pair.part().await
    })
    .await
}
