//! Networks that let a call through neither straight nor by way of a relay, while the page still loads.

use std::time::Duration;

use anyhow::{Result, ensure};
use madang_e2e::until::until;
use madang_e2e::{Page, Setup, in_a_call, programs, scenario};
use madang_lab::{Family, Kind};

use crate::pair::Pair;
use madang_e2e::lab::Networks;

/// A relay where none is: the public network has this host, and nothing listens there.
const NOWHERE: [&str; 4] = ["--turn-url", "turn:[2001:db8::3]:3478?transport=udp", "--turn-secret", "not a secret"];

/// It is said after the ten seconds that a path has to work, and taken back when the next one does, which
/// is sought up to sixteen seconds later.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until this is what the page says is wrong.
async fn complains(page: &Page, of: Option<&str>) -> Result<()> {
    until(&format!("{} to complain of {of:?}", page.name()), PATIENCE, async || {
        Ok((page.attribute("error", "data-code").await?.as_deref() == of).then_some(()))
    })
    .await
}

#[tokio::test]
async fn no_way_to_the_other_is_said_in_words_until_there_is_one() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-unreachable", async |stage| {
        let networks = Networks::with(stage, Family::V6, &NOWHERE).await?;
        let pair = Pair::start(stage, &networks, Setup::chromium(), Setup::firefox().language("ko-KR")).await?;
        networks.lab.between(Kind::UdpBlocked, Kind::UdpBlocked)?;
        let room = networks.server.room();
        pair.a.join(&room).await?;
        pair.a.wait_state("waiting").await?;
        pair.b.join(&room).await?;
        for (page, word) in [(&pair.a, "network"), (&pair.b, "네트워크")] {
            complains(page, Some("unreachable")).await?;
            let words = page.wait_error("unreachable").await?;
            ensure!(words.contains(word), "{}'s page says {words:?}", page.name());
            stage.note(format!("{}: {words:?}", page.name()));
            page.screenshot(&programs::results()?.join(format!("unreachable-{}.png", page.name()))).await?;
        }
        // Now there is a way without a relay. Open to everybody, for nobody told Firefox its address.
        networks.lab.between(Kind::FullCone, Kind::FullCone)?;
        for page in [&pair.a, &pair.b] {
            complains(page, None).await?;
        }
        in_a_call(&pair.a, &pair.b).await?;
        pair.part().await
    })
    .await
}
