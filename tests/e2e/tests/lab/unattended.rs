//! Pages that nobody looks at: in the background, and in a browser that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use madang_e2e::recording::Moment;
use madang_e2e::until::{SOON, until};
use madang_e2e::{in_a_call, scenario};
use madang_lab::Kind;

use crate::renewal::{generation, restart_ice};
use crate::watched::{watched, watched_with};

#[tokio::test]
async fn a_page_in_the_background_goes_on_with_its_call() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-background", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        pair.a.hide().await?;
        let killed = Instant::now();
        networks.server.kill();
        networks.server.launch().await?;
        // A click that no person makes: the button is not to be seen.
        pair.a.script("document.querySelector('[data-testid=mic]').click()", vec![]).await?;
        pair.b.wait_attribute("remote-mic", "data-on", "false").await?;
        stage.took("hidden: signaling back", killed.elapsed());
        let before = generation(&pair.b).await?;
        restart_ice(&pair.a).await?;
        until("media to go by the restarted ICE", SOON, async || {
            Ok((generation(&pair.b).await? != before).then_some(()))
        })
        .await?;
        pair.a.remote_audible().await?;
        pair.b.remote_frames_advance().await?;
        pair.b.remote_never_froze().await?;
        pair.a.show().await?;
        pair.a.click("mic").await?;
        in_a_call(&pair.a, &pair.b).await?;
        pair.part().await
    })
    .await
}

/// Longer than ICE puts up with, some fifteen seconds, and than a seat is kept.
const ASLEEP: Duration = Duration::from_secs(20);
const GRACE: &str = "5";

#[tokio::test]
async fn a_browser_that_slept_is_back_in_its_call_though_the_others_have_given_it_up() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-asleep", async |stage| {
        let (networks, pair) = watched_with(stage, &["--grace", GRACE]).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        let asleep = pair.a.sleep()?;
        let slept = Instant::now();
        pair.b.wait_state("reconnecting").await?;
        let noticed = slept.elapsed();
        stage.took("asleep: the other is told", noticed);
        ensure!(noticed < Duration::from_secs(4), "a frozen picture for {noticed:?}");
        // Or the server would not notice before Socket.IO does, most of a minute later.
        networks.server.kill();
        networks.server.launch().await?;
        pair.b.wait_state("waiting").await?;
        stage.took("asleep: the other waits", slept.elapsed());
        // How long it sleeps is the fault; nothing is waited for.
        tokio::time::sleep(ASLEEP.saturating_sub(slept.elapsed())).await;
        let awake = Moment::now();
        drop(asleep);
        pair.back_within(stage, "awake again", awake, Duration::from_secs(4)).await?;
        for page in [&pair.a, &pair.b] {
            page.wait_state("connected").await?;
        }
        pair.part().await
    })
    .await
}
