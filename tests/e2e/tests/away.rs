//! Devices that go in mid-call, and come back without a click.

use anyhow::{Result, ensure};
use madang_e2e::device::Device;
use madang_e2e::until::{SOON, until};
use madang_e2e::{Browser, Devices, Page, Setup, in_a_call, scenario};

/// Waits until a device is in use in place of the one that went, and says whether it is open.
async fn is_open(page: &Page, device: Device) -> Result<bool> {
    let what = format!("{device:?} in use by {}", page.name());
    Ok(until(&what, SOON, async || page.own_track(device).await).await?.enabled)
}

async fn an_unplugged_camera_comes_back_and_the_call_stays(name: &str, setup: Setup) -> Result<()> {
    scenario(name, async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &setup, &Setup::chromium()).await?;
        ada.unplug(Device::Camera, "NotFoundError").await?;
        let words = ada.wait_error("device-lost").await?;
        ensure!(words.contains("camera"), "{words}");
        ben.wait_attribute("remote-camera", "data-on", "false").await?;
        ben.wait_attribute("remote-mic", "data-on", "true").await?;
        ensure!(ada.attribute("camera", "aria-pressed").await?.as_deref() == Some("false"), "still wanted");
        ada.wait_attribute("camera", "data-lost", "").await?;
        for page in [&ada, &ben] {
            page.wait_state("connected").await?;
        }
        ada.remote_frames_advance().await?;
        ben.remote_sounds().await?;

        ada.plug(Device::Camera).await?;
        ada.no_error().await?;
        ben.wait_attribute("remote-camera", "data-on", "true").await?;
        in_a_call(&ada, &ben).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_unplugged_camera_comes_back_and_the_call_stays_in_chromium() -> Result<()> {
    an_unplugged_camera_comes_back_and_the_call_stays("away-camera-chromium", Setup::chromium()).await
}

#[tokio::test]
async fn an_unplugged_camera_comes_back_and_the_call_stays_in_firefox() -> Result<()> {
    an_unplugged_camera_comes_back_and_the_call_stays("away-camera-firefox", Setup::firefox()).await
}

async fn another_device_is_taken_at_once(name: &str, setup: Setup) -> Result<()> {
    scenario(name, async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &setup, &Setup::chromium()).await?;
        ada.swap(Device::Camera).await?;
        if ada.browser() == Browser::Chromium {
            ada.swap(Device::Microphone).await?; // in Firefox it went with the camera
        }
        for device in [Device::Camera, Device::Microphone] {
            ensure!(is_open(&ada, device).await?);
        }
        in_a_call(&ada, &ben).await?;
        ben.remote_sounds().await?;
        ensure!(ada.attribute("error", "data-code").await?.is_none());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn another_device_is_taken_at_once_in_chromium() -> Result<()> {
    another_device_is_taken_at_once("away-other-chromium", Setup::chromium()).await
}

#[tokio::test]
async fn another_device_is_taken_at_once_in_firefox() -> Result<()> {
    another_device_is_taken_at_once("away-other-firefox", Setup::firefox()).await
}

#[tokio::test]
async fn many_events_make_few_requests() -> Result<()> {
    scenario("away-events", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;
        ensure!(ada.device_requests().await? == 0);
        ada.unplug(Device::Camera, "NotFoundError").await?;
        ada.wait_error("device-lost").await?;
        ada.plug(Device::Camera).await?;
        ada.no_error().await?;
        // One when it went, one after what was told of its going, and one of its coming.
        let requests = ada.device_requests().await?;
        ensure!((2..=3).contains(&requests), "{requests} requests");
        in_a_call(&ada, &ben).await
    })
    .await
}

async fn a_microphone_comes_back_heard_or_muted_as_it_was(name: &str, setup: Setup) -> Result<()> {
    scenario(name, async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &setup, &Setup::chromium()).await?;
        ben.remote_sounds().await?;
        ada.unplug(Device::Microphone, "NotFoundError").await?;
        ada.wait_error("device-lost").await?;
        ben.wait_attribute("remote-mic", "data-on", "false").await?;
        ada.plug(Device::Microphone).await?;
        ben.wait_attribute("remote-mic", "data-on", "true").await?;
        ada.no_error().await?;
        ensure!(is_open(&ada, Device::Microphone).await?, "it is open");
        ben.remote_sounds().await?;

        ada.click("mic").await?;
        ben.wait_attribute("remote-mic", "data-on", "false").await?;
        ada.unplug(Device::Microphone, "NotReadableError").await?;
        ada.wait_error("busy").await?;
        ada.plug(Device::Microphone).await?;
        ada.no_error().await?;
        ensure!(!is_open(&ada, Device::Microphone).await?, "it is muted");
        ensure!(ada.attribute("mic", "aria-pressed").await?.as_deref() == Some("true"), "and says so");
        ensure!(ben.attribute("remote-mic", "data-on").await?.as_deref() == Some("false"), "to both");
        ada.click("mic").await?;
        ben.wait_attribute("remote-mic", "data-on", "true").await?;
        ben.remote_sounds().await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_microphone_comes_back_heard_or_muted_as_it_was_in_chromium() -> Result<()> {
    a_microphone_comes_back_heard_or_muted_as_it_was("away-microphone-chromium", Setup::chromium()).await
}

#[tokio::test]
async fn a_microphone_comes_back_heard_or_muted_as_it_was_in_firefox() -> Result<()> {
    a_microphone_comes_back_heard_or_muted_as_it_was("away-microphone-firefox", Setup::firefox()).await
}

#[tokio::test]
async fn trying_again_helps_where_no_event_tells() -> Result<()> {
    scenario("away-retry", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;
        ada.unplug(Device::Camera, "NotAllowedError").await?;
        ada.wait_error("denied").await?;
        // Nothing that comes or goes asks a person again who said no.
        let requests = ada.device_requests().await?;
        ada.plug(Device::Camera).await?;
        ada.wait_error("denied").await?;
        ensure!(ada.device_requests().await? == requests);
        ada.click("error-retry").await?;
        ada.no_error().await?;
        in_a_call(&ada, &ben).await
    })
    .await
}

#[tokio::test]
async fn what_the_system_takes_it_gives_back() -> Result<()> {
    scenario("away-held", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;
        for (device, remote) in [(Device::Microphone, "remote-mic"), (Device::Camera, "remote-camera")] {
            ada.hold(device, true).await?;
            ada.wait_error("interrupted").await?;
            ben.wait_attribute(remote, "data-on", "false").await?;
            ada.hold(device, false).await?;
            ada.no_error().await?;
            ben.wait_attribute(remote, "data-on", "true").await?;
        }
        // A phone call takes both, and one who is muted stays so.
        ada.click("mic").await?;
        for held in [true, false] {
            ada.hold(Device::Microphone, held).await?;
            ada.hold(Device::Camera, held).await?;
            if held {
                let words = ada.wait_error("interrupted").await?;
                ensure!(words.contains("camera and microphone"), "{words}");
            }
        }
        ada.no_error().await?;
        ben.wait_attribute("remote-camera", "data-on", "true").await?;
        ensure!(ben.attribute("remote-mic", "data-on").await?.as_deref() == Some("false"));
        in_a_call(&ada, &ben).await
    })
    .await
}

/// Without a click a browser may refuse to play sound: the picture is there all the same, and a
/// button brings the sound, also from the keyboard. Chromium lets a page that uses a microphone play
/// sound, so Ada has none.
#[tokio::test]
async fn refused_sound_comes_with_a_key() -> Result<()> {
    scenario("autoplay-refused", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben) = (
            stage.page("ada", &Setup::chromium().devices(Devices::Denied).refuse_autoplay()).await?,
            stage.page("ben", &Setup::chromium()).await?,
        );
        let room = server.room();
        ada.join(&room).await?;
        ben.join(&room).await?;
        ada.wait_for("hear").await?;
        const PLAYS: &str = "const video = document.querySelector('[data-testid=remote-video]');
            return [video.paused, video.muted]";
        ensure!(ada.script(PLAYS, vec![]).await? == serde_json::json!([false, true]), "silent, and playing");
        ada.remote_frames_advance().await?;
        ada.tab_to("hear").await?;
        ada.press('\u{e007}').await?; // Enter
        until("the sound", SOON, async || {
            let plays = ada.script(PLAYS, vec![]).await?;
            Ok((plays == serde_json::json!([false, false])).then_some(()))
        })
        .await?;
        until("the button to go", SOON, async || Ok(ada.attribute("hear", "hidden").await?.is_some().then_some(())))
            .await?;
        ada.remote_sounds().await
    })
    .await
}
