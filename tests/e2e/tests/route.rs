//! The route of a call, in words, and the switch that hides one's address.

use anyhow::{Result, ensure};
use madang_e2e::{Setup, Stage, in_a_call, programs, scenario};

/// Every candidate that the page has told its peers, by its type.
const TOLD: &str = r#"
    const Own = window.RTCPeerConnection;
    window.told = [];
    window.RTCPeerConnection = class extends Own {
      constructor(...configuration) {
        super(...configuration);
        this.addEventListener("icecandidate", ({ candidate }) => candidate?.type && told.push(candidate.type));
      }
    };
"#;

#[tokio::test]
async fn a_call_on_one_network_is_direct_and_says_so() -> Result<()> {
    scenario("route-direct", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::firefox()).await?;
        for page in [&ada, &ben] {
            page.wait_attribute("route", "data-route", "direct").await?;
        }
        stage.note(format!("words: {:?}", ada.text("route").await?));
        Ok(())
    })
    .await
}

/// Ada ticks the switch at the door; Ben goes by whatever way there is. Both are Chromium, for
/// Firefox reaches no relay on the loopback address.
async fn hidden(stage: &Stage) -> Result<()> {
    let server = stage.server(&[]).await?;
    let room = server.room();
    let (ada, ben) = (stage.page("ada", &Setup::chromium()).await?, stage.page("ben", &Setup::chromium()).await?);
    ada.open(&room.link).await?;
    ada.click("relay-only").await?;
    ada.script(TOLD, vec![]).await?;
    ada.click("join").await?;
    ada.wait_state("waiting").await?;
    ben.join(&room).await?;
    in_a_call(&ada, &ben).await?;
    for page in [&ada, &ben] {
        page.wait_attribute("route", "data-route", "relay-udp").await?;
    }
    stage.note(format!("words: {:?}", ada.text("route").await?));
    let told = ada.script("return told", vec![]).await?;
    let told = told.as_array().cloned().unwrap_or_default();
    ensure!(!told.is_empty() && told.iter().all(|kind| kind == "relay"), "Ada told candidates {told:?}");
    ada.screenshot(&programs::results()?.join("route-hidden.png")).await?;
    Ok(())
}

#[tokio::test]
async fn who_hides_the_address_tells_only_the_relays() -> Result<()> {
    scenario("route-hidden", hidden).await
}

/// The relay that the server names is none, and Ada wants to go by no other way.
async fn hidden_in_vain(stage: &Stage) -> Result<()> {
    let server = stage.server(&["--turn-url", "turn:127.0.0.1:9?transport=udp", "--turn-secret", "none"]).await?;
    let room = server.room();
    let (ada, ben) = (stage.page("ada", &Setup::chromium()).await?, stage.page("ben", &Setup::chromium()).await?);
    ben.join(&room).await?;
    ben.wait_state("waiting").await?;
    ada.open(&room.link).await?;
    ada.click("relay-only").await?;
    ada.click("join").await?;
    let words = ada.wait_error("unreachable").await?;
    ensure!(words.contains("hidden") && words.contains("without hiding"), "Ada's page says {words:?}");
    stage.note(format!("words: {words:?}"));
    ada.screenshot(&programs::results()?.join("route-unreachable.png")).await?;

    // As the page says.
    ada.leave().await?;
    ada.click("relay-only").await?;
    ada.click("join").await?;
    in_a_call(&ada, &ben).await?;
    ada.wait_attribute("error", "hidden", "").await
}

#[tokio::test]
async fn who_hides_the_address_where_no_relay_is_reads_what_to_do() -> Result<()> {
    scenario("route-unreachable", hidden_in_vain).await
}
