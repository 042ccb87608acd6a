//! Camera and microphone: refused, missing, muted. The call takes place with what there is.

use std::time::Instant;

use anyhow::{Result, ensure};
use madang_e2e::server::outside_address;
use madang_e2e::until::{SOON, until};
use madang_e2e::{Devices, Page, Server, Setup, Stage, scenario};

/// Ada, whose devices do not work, reads why in words, and still sees and hears Ben.
async fn still_receives(stage: &Stage, server: &Server, ada: &Setup, ben: &Setup, code: &str) -> Result<Page> {
    let (ada, ben) = (stage.page("ada", ada).await?, stage.page("ben", ben).await?);
    let room = server.room();
    ada.join(&room).await?;
    let words = ada.wait_error(code).await?;
    stage.note(format!("{code}: {words:?}"));
    let start = Instant::now();
    ben.join(&room).await?;
    ada.first_remote_frame().await?;
    stage.took("set-up", start.elapsed());
    for page in [&ada, &ben] {
        page.wait_state("connected").await?;
    }
    ada.remote_frames_advance().await?;
    Ok(ada)
}

#[tokio::test]
async fn without_permission_a_call_still_receives() -> Result<()> {
    scenario("devices-denied", async |stage| {
        let server = stage.server(&[]).await?;
        for browser in [Setup::chromium(), Setup::firefox()] {
            let denied = browser.devices(Devices::Denied);
            still_receives(stage, &server, &denied, &Setup::chromium(), "denied").await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_a_camera_the_microphone_is_used() -> Result<()> {
    scenario("devices-no-camera", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben) = (
            stage.page("ada", &Setup::chromium().devices(Devices::NoCamera)).await?,
            stage.page("ben", &Setup::chromium()).await?,
        );
        let room = server.room();
        ada.join(&room).await?;
        ada.wait_error("no-device").await?;
        ben.join(&room).await?;
        ada.remote_frames_advance().await?;
        ben.remote_audible().await
    })
    .await
}

#[tokio::test]
async fn without_any_device_a_call_still_receives() -> Result<()> {
    scenario("devices-none", async |stage| {
        let server = stage.server(&[]).await?;
        for browser in [Setup::chromium(), Setup::firefox()] {
            let bare = browser.devices(Devices::Real);
            let probe = stage.page("probe", &bare).await?;
            probe.open(&server.origin()).await?;
            let start = Instant::now();
            let devices = probe
                .async_script("return (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind.endsWith('input')).length", vec![])
                .await?;
            stage.took("list of devices", start.elapsed());
            if devices == 0 {
                still_receives(stage, &server, &bare, &Setup::chromium(), "no-device").await?;
            } else {
                stage.note(format!("skipped: this machine has {devices} devices"));
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn on_an_insecure_origin_the_page_says_so_and_still_receives() -> Result<()> {
    scenario("insecure-origin", async |stage| {
        let Some(address) = outside_address() else {
            stage.note("skipped: this machine has only loopback addresses");
            return Ok(());
        };
        let server = stage.server_on(&address, &[]).await?;
        let trusting = Setup::chromium().trust(&server.origin());
        still_receives(stage, &server, &Setup::chromium(), &trusting, "insecure").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn muting_is_seen_by_the_other_and_switches_the_camera_off() -> Result<()> {
    scenario("mute", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;

        for device in ["mic", "camera"] {
            ada.wait_attribute(device, "aria-pressed", "false").await?;
            ben.wait_attribute(&format!("remote-{device}"), "data-on", "true").await?;
        }
        ada.click("mic").await?;
        ada.wait_attribute("mic", "aria-pressed", "true").await?;
        ben.wait_attribute("remote-mic", "data-on", "false").await?;
        ada.click("mic").await?;
        ben.wait_attribute("remote-mic", "data-on", "true").await?;
        ben.remote_frames_advance().await?;

        const CAMERA: &str =
            "window.camera = document.querySelector('[data-testid=local-video]').srcObject.getVideoTracks()[0];
            return window.camera.readyState";
        ensure!(ada.script(CAMERA, vec![]).await? == "live");
        ada.click("camera").await?;
        ada.wait_attribute("camera", "aria-pressed", "true").await?;
        ben.wait_attribute("remote-camera", "data-on", "false").await?;
        until("the camera to be released", SOON, async || {
            Ok((ada.script("return window.camera.readyState", vec![]).await? == "ended").then_some(()))
        })
        .await?;
        ada.remote_frames_advance().await?;
        ada.click("camera").await?;
        ben.wait_attribute("remote-camera", "data-on", "true").await?;
        ben.remote_frames_advance().await
    })
    .await
}
