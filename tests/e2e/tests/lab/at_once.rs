//! What both do at the same time, and what one person does twice.

use std::time::Duration;

use anyhow::{Context as _, Result};
use madang_e2e::recording::Moment;
use madang_e2e::until::{SOON, until};
use madang_e2e::{in_a_call, scenario};
use madang_lab::Kind;

use crate::renewal::{generation, tell_of_another_network};
use crate::watched::watched;

/// A reload loads the page again and sets the call up anew.
const RELOADED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn one_page_reloads_and_then_both_at_once() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-reload", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        for page in [&pair.a, &pair.b] {
            let reloaded = Moment::now();
            page.reload().await?;
            pair.back_within(stage, "one reloads", reloaded, RELOADED).await?;
        }
        let reloaded = Moment::now();
        tokio::try_join!(pair.a.reload(), pair.b.reload())?;
        pair.back_within(stage, "both reload", reloaded, RELOADED).await?;
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn both_restart_ice_at_once_and_media_goes_on() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-glare", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        let before = [generation(&pair.a).await?, generation(&pair.b).await?];
        let told = Moment::now();
        tokio::try_join!(tell_of_another_network(&pair.a), tell_of_another_network(&pair.b))?;
        for (page, before) in [&pair.a, &pair.b].into_iter().zip(&before) {
            until(&format!("{}'s media to go by the restarted ICE", page.name()), SOON, async || {
                Ok((generation(page).await? != *before).then_some(()))
            })
            .await?;
        }
        in_a_call(&pair.a, &pair.b).await?;
        pair.never_stopped(stage, "both restart ICE", told).await?;
        pair.a.click("mic").await?;
        pair.b.wait_attribute("remote-mic", "data-on", "false").await?;
        pair.part().await
    })
    .await
}

#[tokio::test]
async fn a_second_tab_of_the_same_person_takes_the_call_over() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-two-tabs", async |stage| {
        let (networks, pair) = watched(stage).await?;
        pair.call(&networks, Kind::Cone, Kind::Cone).await?;
        let client = pair.a.client();
        let first = client.window().await?;
        // A tab that a page opens begins with a copy of its `sessionStorage`, as a duplicated one does.
        pair.a.script("window.open(`${location.pathname}?join=now`)", vec![]).await?;
        let second = client.windows().await?.into_iter().find(|tab| *tab != first).context("no second tab")?;
        client.switch_to_window(first).await?;
        pair.a.wait_error("replaced").await?;
        client.close_window().await?;
        client.switch_to_window(second).await?;
        pair.a.wait_state("connected").await?;
        in_a_call(&pair.a, &pair.b).await?;
        pair.part().await
    })
    .await
}
