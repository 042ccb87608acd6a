//! Somebody goes to another network: in mid-call, and while a call is being set up.

use std::time::Duration;

use anyhow::Result;
use madang_e2e::recording::Moment;
use madang_e2e::scenario;
use madang_e2e::until::{SOON, until};
use madang_lab::Kind;

use crate::watched::watched;

pub(crate) const BOUND: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_call_is_on_another_network_within_four_seconds() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-roam-bound", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        pair.follows(stage, &networks, BOUND).await?;
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn a_call_comes_about_though_somebody_roams_during_its_set_up() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-roam-setup", async |stage| {
        let (networks, pair) = watched(stage).await?;
        networks.lab.between(Kind::Cone, Kind::Cone)?;
        let room = networks.server.room();
        pair.a.join(&room).await?;
        pair.a.wait_state("waiting").await?;
        let opened = Moment::now();
        pair.b.join(&room).await?;
        until("the set-up to begin", SOON, async || {
            Ok(pair.b.recording(opened).await?.said("iceConnection checking", opened))
        })
        .await?;
        pair.goes_elsewhere(stage, &networks, "to another network during set-up", BOUND).await?.end()?;
        pair.part().await
    })
    .await
}
