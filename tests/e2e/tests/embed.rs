//! The client in a page that is not ours.

use anyhow::Result;
use madang_e2e::{Files, Setup, in_a_call, programs, scenario};

#[tokio::test]
async fn a_plain_page_of_another_origin_completes_a_call() -> Result<()> {
    scenario("plain-page", async |stage| {
        let files = Files::serve(&programs::checkout().join("examples/plain-page")).await?;
        let server = stage.server(&["--allow-origin", files.origin()]).await?;
        let (ada, ben) = (stage.page("ada", &Setup::chromium()).await?, stage.page("ben", &Setup::firefox()).await?);
        for page in [&ada, &ben] {
            page.open(&format!("{}/?server={}", files.origin(), server.origin())).await?;
            page.click("join").await?;
        }
        for page in [&ada, &ben] {
            page.wait_state("connected").await?;
        }
        in_a_call(&ada, &ben).await?;
        ben.leave().await?;
        ada.wait_state("waiting").await
    })
    .await
}
