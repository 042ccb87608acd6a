//! People: their language, and those who use the keyboard only.

use anyhow::{Result, ensure};
use fantoccini::key::Key;
use madang_e2e::{Setup, scenario};

fn korean(text: &str) -> bool {
    text.chars().any(|letter| ('가'..='힣').contains(&letter))
}

#[tokio::test]
async fn the_page_speaks_the_language_of_the_browser() -> Result<()> {
    scenario("language", async |stage| {
        let server = stage.server(&[]).await?;
        for browser in [Setup::chromium, Setup::firefox] {
            for (language, expected) in [("ko-KR", "ko"), ("en-US", "en")] {
                let page = stage.page(expected, &browser().language(language)).await?;
                page.open(&server.room().link).await?;
                let words = page.text("join").await?;
                stage.note(format!("{language}: {words}"));
                ensure!(!words.is_empty() && korean(&words) == (expected == "ko"), "{language}: {words:?}");
                ensure!(page.script("return document.documentElement.lang", vec![]).await? == expected);
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_call_needs_no_mouse() -> Result<()> {
    scenario("keyboard", async |stage| {
        let server = stage.server(&[]).await?;
        let (ada, ben) = (stage.page("ada", &Setup::chromium()).await?, stage.page("ben", &Setup::chromium()).await?);
        let (enter, space) = (char::from(Key::Enter), ' ');

        ada.open(&server.origin()).await?;
        ada.wait_for("create-room").await?;
        ada.tab_to("create-room").await?;
        ada.press(enter).await?;
        ada.wait_for("copy-link").await?;
        ada.tab_to("join").await?;
        ada.press(enter).await?;
        ada.wait_state("waiting").await?;

        ben.open(&server.origin()).await?;
        ben.wait_for("room-input").await?;
        ben.tab_to("room-input").await?;
        ben.type_text(ada.client().current_url().await?.as_str()).await?;
        ben.press(enter).await?;
        ben.wait_for("copy-link").await?;
        ben.tab_to("join").await?;
        ben.press(enter).await?;
        ben.wait_state("connected").await?;
        ben.remote_frames_advance().await?;

        for device in ["mic", "camera"] {
            ben.tab_to(device).await?;
            ben.press(space).await?;
            ada.wait_attribute(&format!("remote-{device}"), "data-on", "false").await?;
        }
        ben.tab_to("leave").await?;
        ben.press(enter).await?;
        ada.wait_state("waiting").await
    })
    .await
}
