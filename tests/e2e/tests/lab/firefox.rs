//! Faults in Firefox, which takes no orders for key frames and stops media while it restarts ICE. How long
//! a call is away there is measured by `cargo xtask bench recovery -- --firefox`; here it has to come back.

use std::time::Duration;

use anyhow::Result;
use madang_e2e::lab::Networks;
use madang_e2e::recording::Moment;
use madang_e2e::{Setup, scenario};
use madang_lab::{Family, Fault, Kind, Side};

use crate::pair::Pair;

const BOUND: Duration = Duration::from_secs(15);

/// One call goes through all of it.
#[tokio::test]
async fn a_call_in_firefox_outlives_cuts_other_networks_and_blocked_udp() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-firefox", async |stage| {
        let networks = Networks::new(stage, Family::V4).await?;
        let setup = || Setup::firefox().recorded();
        let pair = Pair::start(stage, &networks, setup(), setup()).await?;
        for page in [&pair.a, &pair.b] {
            // What Firefox itself says of a server that it does not reach.
            page.expect_in_console("wss://");
        }
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        for fault in [("link down", Fault::LinkDown(Side::A)), ("silent cut", Fault::Cut(Side::A))] {
            pair.outlives(stage, &networks, fault, Duration::from_secs(10), BOUND).await?;
        }
        pair.follows(stage, &networks, BOUND).await?;
        let blocked = Moment::now();
        let ongoing = networks.begin(Fault::NoUdp(Side::A))?;
        pair.back_within(stage, "UDP blocked", blocked, BOUND).await?;
        ongoing.end()?;
        pair.part().await
    })
    .await
}
