//! Faults in Firefox, which takes no orders for key frames, stops media while it restarts ICE, and tells of no
//! other network. The bounds are those of Chromium. How long a call is away is measured by
//! `cargo xtask bench recovery -- --firefox`.

use std::time::Duration;

use anyhow::Result;
use madang_e2e::lab::Networks;
use madang_e2e::recording::Moment;
use madang_e2e::{Setup, Stage, scenario};
use madang_lab::{Family, Fault, Kind, Side};

use crate::{links::SOON, pair::Pair, roaming::BOUND};

/// How old the calls are whose times `bench recovery` publishes.
const SETTLED: Duration = Duration::from_secs(10);

/// Part of all that Firefox itself says in the console of a server that it does not reach.
pub(crate) const OF_SOCKETS: &str = "wss://";

/// Networks, and a call between two of Firefox.
async fn called(stage: &Stage) -> Result<(Networks, Pair)> {
    let networks = Networks::new(stage, Family::V4).await?;
    let setup = || Setup::firefox().recorded();
    let pair = Pair::start(stage, &networks, setup(), setup()).await?;
    for page in [&pair.a, &pair.b] {
        page.expect_in_console(OF_SOCKETS);
    }
    pair.call(&networks, Kind::Cone, Kind::Cone).await?;
    Ok((networks, pair))
}

/// One call goes through all of it.
#[tokio::test]
async fn a_call_in_firefox_outlives_cuts_other_networks_and_blocked_udp() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-firefox", async |stage| {
        let (networks, pair) = called(stage).await?;
        for fault in [("link down", Fault::LinkDown(Side::A)), ("silent cut", Fault::Cut(Side::A))] {
            pair.outlives(stage, &networks, fault, Duration::from_secs(10), SOON).await?;
        }
        pair.follows(stage, &networks, BOUND).await?;
        let blocked = Moment::now();
        let ongoing = networks.begin(Fault::NoUdp(Side::A))?;
        pair.back_within(stage, "UDP blocked", blocked, Duration::from_secs(8)).await?;
        ongoing.end()?;
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn a_call_in_firefox_is_on_another_network_within_four_seconds() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-firefox-roam", async |stage| {
        let (networks, pair) = called(stage).await?;
        // How old the call is belongs to the case; nothing is waited for.
        tokio::time::sleep(SETTLED).await;
        pair.goes_elsewhere(stage, &networks, "to another network", BOUND).await?.end()?;
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn a_young_call_in_firefox_is_on_another_network_within_four_seconds() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-firefox-roam-young", async |stage| {
        let (networks, pair) = called(stage).await?;
        pair.goes_elsewhere(stage, &networks, "a young call to another network", BOUND).await?.end()?;
        pair.part().await
    })
    .await
}
