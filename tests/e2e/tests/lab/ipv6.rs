//! Networks that have IPv6 and nothing else.

use anyhow::{Context as _, Result};
use madang_e2e::{Setup, counts, scenario};
use madang_lab::{Family, Kind};

use crate::pair::Pair;
use madang_e2e::lab::Networks;

#[tokio::test]
async fn without_ipv4_calls_are_direct_where_they_can_be_and_relayed_where_not() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-ipv6", async |stage| {
        let networks = Networks::new(stage, Family::V6).await?;
        for other in [Setup::chromium(), Setup::firefox()] {
            let pair = Pair::start(stage, &networks, Setup::chromium(), other).await?;
            // Nothing is translated: a cone is a firewall that lets answers in.
            let pairs = [
                (Kind::Cone, Kind::Cone),
                (Kind::Cone, Kind::UdpBlocked),
                (Kind::OnlyTcp443, Kind::Cone),
                (Kind::OnlyTls443, Kind::OnlyTls443),
            ];
            for (a, b) in (0..counts::lab_times()).flat_map(|_| pairs) {
                let between = format!("{} – {}", a.name(), b.name());
                let call = pair.call(&networks, a, b).await.with_context(|| between.clone())?;
                stage.note(format!("{between}: {} and {}, {} ms", call.a, call.b, call.took.as_millis()));
                stage.took(&format!("{between}, {:?}", pair.b.browser()), call.took);
            }
            pair.part().await?;
        }
        Ok(())
    })
    .await
}
