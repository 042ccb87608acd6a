//! The harness itself: what it must notice, it notices, in both browsers.

use std::time::Duration;

use anyhow::{Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Devices, Files, Page, Setup, Stage, programs, scenario};

const BROWSERS: [fn() -> Setup; 2] = [Setup::chromium, Setup::firefox];

async fn page(stage: &Stage, setup: &Setup) -> Result<(Files, Page)> {
    let files = Files::serve(&programs::checkout().join("tests/e2e/fixtures/harness")).await?;
    let page = stage.page("ada", setup).await?;
    page.open(files.origin()).await?;
    Ok((files, page))
}

#[tokio::test]
async fn errors_of_a_page_are_noticed() -> Result<()> {
    scenario("harness-console", async |stage| {
        for browser in BROWSERS {
            let (_files, page) = page(stage, &browser()).await?;
            page.script("console.log('chatter'); console.warn('chatter')", vec![]).await?;
            page.console_is_clean().await?;
            for complaint in [
                "setTimeout(() => { throw new Error('a test of the console') })",
                "Promise.reject(new Error('a test of the console'))",
                "console.error('a test of the console')",
                "new Image().src = '/refused-by-the-policy.png'",
            ] {
                page.script(complaint, vec![]).await?;
                until(&format!("the console to tell of: {complaint}"), SOON, async || {
                    Ok(page.console_is_clean().await.is_err().then_some(()))
                })
                .await?;
            }
            page.expect_in_console("a test of the console");
            page.script("console.error('a test of the console')", vec![]).await?;
            page.console_is_clean().await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_frozen_picture_does_not_count_as_one() -> Result<()> {
    scenario("harness-frames", async |stage| {
        for browser in BROWSERS {
            let (_files, page) = page(stage, &browser()).await?;
            ensure!(!page.picture().await?.present);
            page.async_script("await play()", vec![]).await?;
            page.remote_frames_advance().await?;
            ensure!(page.picture().await?.longest_gap < 1000.0);
            page.script("freeze()", vec![]).await?;
            until("the frames to stop", SOON, async || Ok((page.picture().await?.longest_gap > 1000.0).then_some(())))
                .await?;
            let picture = page.picture().await?;
            ensure!(picture.present && !picture.audible, "{picture:?}");
            page.script("end()", vec![]).await?;
            page.remote_gone(Duration::from_secs(2)).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn devices_and_language_are_what_was_asked_for() -> Result<()> {
    const ASK: &str = "const want = { [arguments[0]]: true };
        try { await navigator.mediaDevices.getUserMedia(want); return 'given'; } catch (error) { return error.name; }";
    let ask = async |page: &Page, device: &str| page.async_script(ASK, vec![device.into()]).await;
    scenario("harness-devices", async |stage| {
        for browser in BROWSERS {
            let (_files, denied) = page(stage, &browser().language("ko-KR").devices(Devices::Denied)).await?;
            ensure!(denied.text("language").await?.starts_with("ko"));
            ensure!(ask(&denied, "video").await? == "NotAllowedError");
            ensure!(ask(&denied, "audio").await? == "NotAllowedError");
        }
        let (_files, deaf) = page(stage, &Setup::chromium().devices(Devices::NoCamera)).await?;
        ensure!(deaf.text("language").await?.starts_with("en"));
        ensure!(ask(&deaf, "video").await? == "NotFoundError");
        ensure!(ask(&deaf, "audio").await? == "given");
        Ok(())
    })
    .await
}
