//! The server goes in mid-call, killed or told to, and is started again on the same address.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use madang_e2e::lab::Networks;
use madang_e2e::recording::Moment;
use madang_e2e::until::{SOON, until};
use madang_e2e::{Setup, Stage, in_a_call, scenario};
use madang_lab::{Family, Kind, Side};

use crate::firefox::OF_SOCKETS;
use crate::pair::Pair;
use crate::renewal::{generation, restart_ice};
use crate::watched::watched;

/// How soon after the server is there again what one page says reaches the other.
const SIGNALING: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_call_does_not_notice_that_the_server_was_killed() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-server-killed", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        let killed = Moment::now();
        networks.server.kill();
        back_again(stage, &networks, &pair, "server killed", killed, A_SECOND).await?;
        others_meet(stage, &networks, &pair).await
    })
    .await
}

#[tokio::test]
async fn a_call_does_not_notice_that_the_server_was_told_to_end() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-server-terminated", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        let told = Moment::now();
        networks.server.terminate().await?;
        back_again(stage, &networks, &pair, "server told to end", told, A_SECOND).await?;
        pair.part().await
    })
    .await
}

const A_SECOND: Duration = Duration::from_secs(1);

/// The server comes back after so long: media went on, and the two hear of each other again.
pub(crate) async fn back_again(
    stage: &Stage,
    networks: &Networks,
    pair: &Pair,
    what: &str,
    gone: Moment,
    away: Duration,
) -> Result<()> {
    // How long it is away is the fault; nothing is waited for.
    tokio::time::sleep(away).await;
    networks.server.launch().await?;
    let back = Instant::now();
    pair.a.click("mic").await?;
    pair.b.wait_attribute("remote-mic", "data-on", "false").await?;
    let took = back.elapsed();
    stage.took(&format!("{what}: signaling back"), took);
    ensure!(took <= SIGNALING, "{what}: one is heard by the other after {took:?}");
    for page in [&pair.a, &pair.b] {
        page.wait_state("connected").await?;
    }
    pair.never_stopped(stage, what, gone).await?;

    // The connection can be negotiated again: new credentials of ICE on either side.
    let before = [generation(&pair.a).await?, generation(&pair.b).await?];
    restart_ice(&pair.a).await?;
    for (page, before) in [&pair.a, &pair.b].into_iter().zip(&before) {
        until(&format!("{}'s media to go by the restarted ICE", page.name()), SOON, async || {
            Ok((generation(page).await? != *before).then_some(()))
        })
        .await?;
    }
    in_a_call(&pair.a, &pair.b).await
}

/// One leaves, and somebody new has the seat.
async fn others_meet(stage: &Stage, networks: &Networks, pair: &Pair) -> Result<()> {
    let link = pair.a.client().current_url().await?;
    pair.b.leave().await?;
    pair.a.wait_state("waiting").await?;
    let third = networks.page(stage, Side::B, "cyd", Setup::chromium()).await?;
    third.open(&format!("{}?join=now", link.as_str().split('?').next().unwrap_or_default())).await?;
    pair.a.click("mic").await?;
    in_a_call(&pair.a, &third).await?;
    third.leave().await?;
    third.wait_state("ended").await?;
    pair.part().await
}

#[tokio::test]
async fn a_relayed_call_outlives_a_restart_of_its_relay() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-relay-restart", async |stage| {
        let (networks, pair) = watched(stage).await?;
        // Between two symmetric NATs there is no other way than the relay.
        pair.call(&networks, Kind::Symmetric, Kind::Symmetric).await?;
        let killed = Moment::now();
        networks.server.kill();
        networks.server.launch().await?;
        pair.back_within(stage, "relay restarted", killed, Duration::from_secs(6)).await?;
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn a_call_outlives_that_its_server_moves_to_another_address() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-server-moved", async |stage| {
        let networks = Networks::new(stage, Family::V4).await?;
        let setup = || Setup::firefox().forget_names();
        let pair = Pair::start(stage, &networks, setup(), setup()).await?;
        for page in [&pair.a, &pair.b] {
            // A page may try before the server listens at its new address.
            page.expect_in_console(OF_SOCKETS);
        }
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        networks.move_server(2).await?;
        let moved = Instant::now();
        pair.a.click("mic").await?;
        pair.b.wait_attribute("remote-mic", "data-on", "false").await?;
        let took = moved.elapsed();
        stage.took("server moved: signaling back", took);
        ensure!(took <= SIGNALING, "one is heard by the other after {took:?}");
        pair.a.click("mic").await?;
        in_a_call(&pair.a, &pair.b).await?;
        for page in [&pair.a, &pair.b] {
            page.remote_never_froze().await?;
        }
        pair.part().await
    })
    .await
}
