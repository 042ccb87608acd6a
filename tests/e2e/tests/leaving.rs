//! Going and coming back: what the other page shows, and how soon.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use madang_e2e::{Setup, in_a_call, scenario};

/// A peer that goes is gone from the other page within this.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How often a page goes elsewhere: what depends on the moment does not show each time.
const VISITS: usize = 10;
/// The server's grace for a peer whose socket dropped.
const GRACE: Duration = Duration::from_secs(3);

/// Firefox may cancel a page's JavaScript in the middle when a person closes it or goes elsewhere. Nothing
/// can be right within the page after that, and sometimes it says so; what counts is what the other sees.
const CANCELLED: [&str; 2] = ["closure invoked recursively or after being dropped", "unreachable executed"];

/// Browsers whose page ends in mid-call, and what it may complain of.
fn leavers() -> [(Setup, &'static [&'static str]); 3] {
    [(Setup::chromium(), &[]), (Setup::firefox(), &CANCELLED), (Setup::firefox().uncancelled(), &[])]
}

#[tokio::test]
async fn a_peer_that_leaves_is_gone_at_once() -> Result<()> {
    scenario("leave", async |stage| {
        let server = stage.server(&[]).await?;
        for leaver in [Setup::chromium(), Setup::firefox()] {
            let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &leaver).await?;
            let left = Instant::now();
            ben.leave().await?;
            ada.remote_gone(AT_ONCE).await.with_context(|| format!("{leaver:?}"))?;
            stage.took("leave", left.elapsed());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_peer_whose_tab_is_closed_is_gone_at_once() -> Result<()> {
    scenario("tab-closed", async |stage| {
        let server = stage.server(&[]).await?;
        for (leaver, complaints) in leavers() {
            let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &leaver).await?;
            complaints.iter().for_each(|complaint| ben.expect_in_console(complaint));
            let closed = ben.close_tab().await?;
            ada.remote_gone(AT_ONCE).await.with_context(|| format!("{leaver:?}"))?;
            stage.took("tab closed", closed.elapsed());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_page_that_goes_elsewhere_in_mid_call_is_gone_at_once() -> Result<()> {
    scenario("elsewhere", async |stage| {
        let server = stage.server(&[]).await?;
        for (browser, complaints) in leavers() {
            let (ada, ben) = (stage.page("ada", &Setup::chromium()).await?, stage.page("ben", &browser).await?);
            complaints.iter().for_each(|complaint| ben.expect_in_console(complaint));
            for _ in 0..VISITS {
                let room = server.room();
                for page in [&ada, &ben] {
                    page.join(&room).await?;
                }
                in_a_call(&ada, &ben).await?;
                let left = Instant::now();
                ben.open("about:blank").await?;
                ada.remote_gone(AT_ONCE).await.with_context(|| format!("{browser:?}"))?;
                stage.took("elsewhere", left.elapsed());
                ben.console_is_clean().await?;
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_peer_that_crashed_is_gone_after_the_grace() -> Result<()> {
    scenario("crash", async |stage| {
        let server = stage.server(&["--grace", &GRACE.as_secs().to_string()]).await?;
        for victim in [Setup::chromium(), Setup::firefox()] {
            let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &victim).await?;
            let crashed = Instant::now();
            ben.crash()?;
            ada.remote_gone(GRACE + AT_ONCE).await.with_context(|| format!("{victim:?}"))?;
            stage.took("crash", crashed.elapsed());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_reload_of_either_page_returns_to_the_call() -> Result<()> {
    scenario("reload", async |stage| {
        let server = stage.server(&[]).await?;
        for browser in [Setup::chromium(), Setup::firefox()] {
            let (ada, ben) = (stage.page("ada", &Setup::chromium()).await?, stage.page("ben", &browser).await?);
            let room = server.room();
            for page in [&ada, &ben] {
                page.open(&room.link).await?;
                page.click("join").await?;
            }
            in_a_call(&ada, &ben).await?;
            for page in [&ada, &ben] {
                let start = Instant::now();
                page.reload().await?;
                page.first_remote_frame().await.with_context(|| format!("{} reloads", page.name()))?;
                stage.took("reload to picture", start.elapsed());
                in_a_call(&ada, &ben).await.with_context(|| format!("{} has reloaded", page.name()))?;
                for page in [&ada, &ben] {
                    page.wait_state("connected").await?;
                }
            }
        }
        Ok(())
    })
    .await
}
