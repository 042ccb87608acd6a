//! Faults that last for minutes, and so are not part of every run: `cargo xtask test lab -- --ignored`.

use std::time::Duration;

use anyhow::Result;
use madang_e2e::recording::Moment;
use madang_e2e::scenario;
use madang_lab::{Fault, Kind, Side};

use crate::links::{SOON, outlives};
use crate::server_gone::back_again;
use crate::watched::watched;

#[tokio::test]
#[ignore = "takes a minute"]
async fn a_call_outlives_a_silent_cut_of_forty_seconds() -> Result<()> {
    outlives("lab-cut-40", "silent cut of 40 s", Fault::Cut(Side::A), Duration::from_secs(40), SOON).await
}

#[tokio::test]
#[ignore = "takes five minutes"]
async fn a_call_outlives_a_silent_cut_of_five_minutes() -> Result<()> {
    outlives("lab-cut-300", "silent cut of 300 s", Fault::Cut(Side::A), Duration::from_secs(300), SOON).await
}

#[tokio::test]
#[ignore = "takes three minutes"]
async fn a_call_does_not_notice_that_the_server_is_away_for_long() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-server-away", async |stage| {
        for seconds in [30, 120] {
            let (networks, pair) = watched(stage).await?;
            pair.call(&networks, Kind::Cone, Kind::Cone).await?;
            let killed = Moment::now();
            networks.server.kill();
            let what = format!("server killed for {seconds} s");
            back_again(stage, &networks, &pair, &what, killed, Duration::from_secs(seconds)).await?;
            pair.part().await?;
        }
        Ok(())
    })
    .await
}
