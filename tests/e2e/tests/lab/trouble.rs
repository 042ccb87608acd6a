//! Networks that get worse while a call goes on.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use madang_e2e::{Setup, counts, in_a_call, scenario};
use madang_lab::{Family, Kind, Side};

use crate::pair::Pair;
use madang_e2e::lab::Networks;

#[tokio::test]
async fn far_apart_and_with_losses_a_call_connects_and_goes_on() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-far", async |stage| {
        let networks = Networks::new(stage, Family::V4).await?;
        for side in Side::BOTH {
            networks.lab.delay(side, Duration::from_millis(50))?;
        }
        let pair = Pair::start(stage, &networks, Setup::chromium(), Setup::firefox()).await?;
        let pairs = [(Kind::Cone, Kind::Cone), (Kind::Symmetric, Kind::Symmetric), (Kind::Cone, Kind::OnlyTls443)];
        for (a, b) in (0..counts::lab_times()).flat_map(|_| pairs) {
            for percent in [0, 5] {
                let between = format!("{} – {}, {percent} % lost", a.name(), b.name());
                let call = pair.call_with_losses(&networks, a, b, percent).await.with_context(|| between.clone())?;
                stage.took(&between, call.took);
            }
        }
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn a_call_follows_somebody_to_another_network() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-roam", async |stage| {
        let networks = Networks::new(stage, Family::V4).await?;
        let pair = Pair::start(stage, &networks, Setup::chromium(), Setup::chromium()).await?;
        // Direct and relayed.
        for kind in (0..counts::lab_times()).flat_map(|_| [Kind::Cone, Kind::Symmetric]) {
            pair.call(&networks, kind, kind).await?;
            for page in [&pair.a, &pair.b] {
                page.expect_in_console("net::ERR_");
            }
            let left = Instant::now();
            networks.lab.roam()?;
            in_a_call(&pair.a, &pair.b).await?;
            stage.took(&format!("{}: from home to another network", kind.name()), left.elapsed());
            let left = Instant::now();
            networks.lab.come_home()?;
            in_a_call(&pair.a, &pair.b).await?;
            stage.took(&format!("{}: and home again", kind.name()), left.elapsed());
        }
        pair.part().await
    })
    .await
}
