//! Devices that go and come back in mid-call. No program can unplug a browser's fake devices, so a
//! script does to the page what the browser would.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::browser::Browser;
use crate::command;
use crate::page::{Page, REMOTE_VIDEO};
use crate::until::{SOON, until};

/// One of a page's own devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Its microphone.
    Microphone,
    /// Its camera.
    Camera,
}

/// What a page has of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// It is not muted by the page.
    pub enabled: bool,
}

#[derive(Debug, Deserialize)]
struct Answer {
    track: Option<Track>,
    requests: u32,
}

impl Page {
    async fn device(&self, does: &str, device: Device, error: &str) -> Result<Answer> {
        let kind = if device == Device::Camera { "video" } else { "audio" };
        let script = include_str!("js/device.js");
        let answer = self.script(script, vec![json!(does), json!(kind), json!(error)]).await?;
        serde_json::from_value(answer.clone()).with_context(|| format!("{does} {device:?}: {answer}"))
    }

    /// A device in use is unplugged, and there is no other: requests for it fail with a
    /// DOMException of this name.
    pub async fn unplug(&self, device: Device, error: &str) -> Result<()> {
        self.device("hide", device, error).await?;
        self.swap(device).await?;
        self.device("change", device, "").await.map(drop)
    }

    /// A device in use is unplugged, and there may be another.
    pub async fn swap(&self, device: Device) -> Result<()> {
        match self.browser() {
            Browser::Chromium => self.device("end", device, "").await.map(drop),
            // A track of Firefox is deaf to what a script dispatches.
            Browser::Firefox => self.revoke_devices().await,
        }
    }

    /// Firefox: takes back what it gave this page, as a person can through the address bar. Tracks of
    /// both devices end.
    async fn revoke_devices(&self) -> Result<()> {
        const OWN: &str =
            "window.madangOwn = document.querySelector('[data-testid=local-video]').srcObject.getTracks()";
        const REVOKE: &str = "const page = gBrowser.selectedBrowser.browsingContext.currentWindowGlobal;
            page.getActor('WebRTC').sendAsyncMessage('webrtc:StopSharing', String(page.innerWindowId));";
        const ENDED: &str = "return window.madangOwn.every((track) => track.readyState === 'ended')";
        self.script(OWN, vec![]).await?;
        command::in_firefox(self.client(), REVOKE).await?;
        until(&format!("{}'s tracks to end", self.name()), SOON, async || {
            Ok((self.script(ENDED, vec![]).await? == true).then_some(()))
        })
        .await
    }

    /// It is plugged in again.
    pub async fn plug(&self, device: Device) -> Result<()> {
        self.device("plug", device, "").await.map(drop)
    }

    /// Chromium: the system takes the source of a device in use, as for a phone call, or gives it back.
    pub async fn hold(&self, device: Device, held: bool) -> Result<()> {
        self.device(if held { "mute" } else { "unmute" }, device, "").await.map(drop)
    }

    /// What the page has of a device now, once it has it.
    pub async fn own_track(&self, device: Device) -> Result<Option<Track>> {
        Ok(self.device("look", device, "").await?.track)
    }

    /// How often the page asked for devices since the first of these calls.
    pub async fn device_requests(&self) -> Result<u32> {
        Ok(self.device("look", Device::Camera, "").await?.requests)
    }

    /// Waits until the page complains of nothing.
    pub async fn no_error(&self) -> Result<()> {
        until(&format!("no error in {}'s page", self.name()), SOON, async || {
            Ok(self.attribute("error", "data-code").await?.is_none().then_some(()))
        })
        .await
    }

    /// Waits until sound of the other arrives, louder than what noise there may be.
    pub async fn remote_sounds(&self) -> Result<()> {
        const NOISE: f64 = 0.01;
        let script = include_str!("js/loudness.js");
        let mut anew = true;
        until(&format!("sound of the other in {}'s page", self.name()), SOON, async || {
            let loudness = self.script(script, vec![json!(REMOTE_VIDEO), json!(anew)]).await?;
            anew = false;
            let loudness = loudness.as_f64().context("a loudness")?;
            ensure!(loudness <= 1.5, "{loudness} is no loudness");
            Ok((loudness > NOISE).then_some(()))
        })
        .await
    }
}
