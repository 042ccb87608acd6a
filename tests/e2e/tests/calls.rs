//! Two people open a room's link in real browsers and see and hear each other.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Setup, Stage, counts, in_a_call, scenario};
use serde_json::json;

/// `calls` calls in `calls` rooms. Ada is there first; Ben's way from the link to the first frame
/// is measured.
async fn calls(stage: &Stage, ada: &Setup, ben: &Setup, calls: u32) -> Result<()> {
    let server = stage.server(&[]).await?;
    let (ada, ben) = (stage.page("ada", ada).await?, stage.page("ben", ben).await?);
    for call in 1..=calls {
        let what = || format!("call {call} of {calls}");
        let room = server.room();
        ada.join(&room).await?;
        ada.wait_state("waiting").await.with_context(what)?;
        let start = Instant::now();
        ben.join(&room).await?;
        ben.first_remote_frame().await.with_context(what)?;
        stage.took("set-up", start.elapsed());
        in_a_call(&ada, &ben).await.with_context(what)?;
        for page in [&ada, &ben] {
            page.wait_state("connected").await.with_context(what)?;
            page.console_is_clean().await.with_context(what)?;
        }
    }
    stage.note(format!("{calls} of {calls} calls"));
    Ok(())
}

#[tokio::test]
async fn chromium_calls_chromium() -> Result<()> {
    let story = async |stage: &Stage| calls(stage, &Setup::chromium(), &Setup::chromium(), counts::calls()).await;
    scenario("chromium-chromium", story).await
}

#[tokio::test]
async fn chromium_calls_firefox() -> Result<()> {
    let story = async |stage: &Stage| calls(stage, &Setup::firefox(), &Setup::chromium(), counts::mixed_calls()).await;
    scenario("chromium-firefox", story).await
}

#[tokio::test]
async fn firefox_calls_chromium() -> Result<()> {
    let story = async |stage: &Stage| calls(stage, &Setup::chromium(), &Setup::firefox(), counts::mixed_calls()).await;
    scenario("firefox-chromium", story).await
}

/// Every size that a video of this page has, as soon as it has it.
const KEEP_SIZES: &str = "
    window.sizes = [];
    const keep = ({ target }) => sizes.push([target.dataset.testid, target.videoWidth, target.videoHeight]);
    document.addEventListener('resize', keep, true);";

/// Ben's pictures of Ada, who offers: first in half size, and soon as her camera takes them.
async fn pictures_grow(stage: &Stage, ada: &Setup, ben: &Setup) -> Result<()> {
    let server = stage.server(&[]).await?;
    let (ada, ben) = (stage.page("ada", ada).await?, stage.page("ben", ben).await?);
    ben.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": KEEP_SIZES})).await?;
    let room = server.room();
    ada.join(&room).await?;
    ada.wait_state("waiting").await?;
    let own = "const own = document.querySelector('[data-testid=local-video]');
        return own?.videoWidth ? [own.videoWidth, own.videoHeight] : null";
    let own = until("ada's own picture", SOON, async || {
        Ok(serde_json::from_value::<Option<(u32, u32)>>(ada.script(own, vec![]).await?)?)
    })
    .await?;
    ben.join(&room).await?;
    until("ada's picture in ben's page, as large as her own", SOON, async || {
        let sizes: Vec<(String, u32, u32)> = serde_json::from_value(ben.script("return sizes", vec![]).await?)?;
        let sizes: Vec<_> = sizes.iter().filter(|(id, ..)| id == "remote-video").map(|(_, w, h)| (*w, *h)).collect();
        ensure!(sizes.first().is_none_or(|first| *first == (own.0 / 2, own.1 / 2)), "{own:?} began as {sizes:?}");
        Ok((sizes.last() == Some(&own)).then_some(()))
    })
    .await?;
    stage.note(format!("half of {own:?}, then all of it"));
    in_a_call(&ada, &ben).await?;
    ben.remote_never_froze().await
}

#[tokio::test]
async fn pictures_are_half_size_first_and_full_size_soon() -> Result<()> {
    let story = async |stage: &Stage| pictures_grow(stage, &Setup::chromium(), &Setup::chromium()).await;
    scenario("pictures-grow", story).await
}

#[tokio::test]
async fn pictures_of_firefox_grow_too() -> Result<()> {
    let story = async |stage: &Stage| pictures_grow(stage, &Setup::firefox(), &Setup::chromium()).await;
    scenario("pictures-grow-firefox", story).await
}

#[tokio::test]
async fn a_third_peer_is_refused_and_disturbs_nothing() -> Result<()> {
    scenario("third-peer", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, room) = stage.call(&server, &Setup::chromium(), &Setup::chromium()).await?;
        let third = stage.page("third", &Setup::chromium()).await?;
        third.join(&room).await?;
        let words = third.wait_error("room-full").await?;
        stage.note(format!("words: {words:?}"));
        ensure!(!third.picture().await?.present, "the third peer sees somebody");
        in_a_call(&ada, &ben).await?;
        for page in [&ada, &ben] {
            page.remote_never_froze().await?;
            page.wait_state("connected").await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nobody_but_the_server_is_asked_for_anything() -> Result<()> {
    scenario("first-party-only", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, _, _) = stage.call(&server, &Setup::chromium().network_log(), &Setup::chromium()).await?;
        let requests = ada.requests().await?;
        let (http, ws) = (server.origin(), server.origin().replacen("http", "ws", 1));
        let ours = |address: &str| {
            [http.as_str(), ws.as_str(), "data:", "blob:"].iter().any(|start| address.starts_with(start))
        };
        ensure!(requests.iter().any(|address| address.starts_with(&ws)), "no socket among {requests:#?}");
        let others: Vec<&String> = requests.iter().filter(|address| !ours(address)).collect();
        ensure!(others.is_empty(), "asked others for {others:#?}");
        stage.note(format!("{} requests, all to the server", requests.len()));
        Ok(())
    })
    .await
}
