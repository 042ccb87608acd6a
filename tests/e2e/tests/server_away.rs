//! The server goes and comes back; the call does not notice.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Setup, scenario};

#[tokio::test]
async fn a_call_outlives_a_restart_of_the_server() -> Result<()> {
    scenario("server-restart", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;
        ada.click("mic").await?;
        ben.wait_attribute("remote-mic", "data-on", "false").await?;

        for page in [&ada, &ben] {
            // While there is no server, Chromium itself tells of every attempt to reach it.
            page.expect_in_console("net::ERR_CONNECTION_REFUSED");
        }
        server.stop().await?;
        for page in [&ada, &ben] {
            page.wait_state("server-away").await?;
        }
        ada.remote_frames_advance().await?;

        let back = Instant::now();
        server.launch().await?;
        for page in [&ada, &ben] {
            page.wait_state("connected").await?;
        }
        stage.took("server back to both pages back", back.elapsed());
        ada.remote_frames_advance().await?;
        for page in [&ada, &ben] {
            page.remote_never_froze().await?;
        }
        ben.wait_attribute("remote-mic", "data-on", "false").await?;

        // The server knows the two again: what it has to tell arrives.
        let left = Instant::now();
        ben.leave().await?;
        ada.wait_state("waiting").await?;
        stage.took("leave after the restart", left.elapsed());
        Ok(())
    })
    .await
}

/// Long before a socket is tried again where no knock is answered: that is 70 s after the last refusal.
const KNOCKED: Duration = Duration::from_secs(8);

#[tokio::test]
async fn pages_whose_requests_hang_find_the_server_by_turn() -> Result<()> {
    scenario("server-by-turn", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;
        for page in [&ada, &ben] {
            page.expect_in_console("net::ERR_CONNECTION_REFUSED");
            let hang = "window.asked = 0; window.fetch = () => { window.asked += 1; return new Promise(() => {}); }";
            page.script(hang, vec![]).await?;
        }
        server.stop().await?;
        for page in [&ada, &ben] {
            until("a try to come back to be refused, and a knock", SOON, async || {
                Ok((page.script("return window.asked > 0", vec![]).await? == true).then_some(()))
            })
            .await?;
        }
        let back = Instant::now();
        server.launch().await?;
        for page in [&ada, &ben] {
            page.wait_state("connected").await?;
        }
        let took = back.elapsed();
        stage.took("server back to both pages back", took);
        ensure!(took < KNOCKED, "the pages were back after {took:?}");
        Ok(())
    })
    .await
}
