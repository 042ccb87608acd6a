//! Every pair of networks connects with our server alone, and directly where that can be.

use anyhow::{Result, ensure};
use madang_e2e::{Setup, Stage, counts, programs, scenario};
use madang_lab::{Family, Kind};

use crate::pair::{Call, Pair};
use crate::table::Table;
use madang_e2e::lab::Networks;

/// Calls between these pairs of networks. All are tried, whatever becomes of the others.
async fn matrix(stage: &Stage, name: &str, browsers: [Setup; 2], pairs: &[(Kind, Kind)]) -> Result<()> {
    let networks = Networks::new(stage, Family::V4).await?;
    let [a, b] = browsers;
    let pair = Pair::start(stage, &networks, a, b).await?;
    let mut table = Table::new(name);
    for (a, b) in (0..counts::lab_times()).flat_map(|_| pairs.iter().copied()) {
        let between = format!("{} – {}", a.name(), b.name());
        let call = pair.call(&networks, a, b).await;
        match &call {
            Ok(call) => {
                stage.note(format!("{between}: {} and {}, {} ms", call.a, call.b, call.took.as_millis()));
                stage.took(if call.a.is_direct() { "direct" } else { "relayed" }, call.took);
            }
            Err(error) => {
                println!("{name}: {between}: {error:#}");
                stage.note(format!("{between}: {error:#}"));
            }
        }
        let way = |call: Call| match (call.a.name(), call.b.name()) {
            (a, b) if a == b => a,
            (a, b) => format!("{a} – {b}"),
        };
        table.add((a, b), call.ok().map(way));
    }
    pair.part().await?;
    let shown = table.to_string();
    println!("{shown}");
    std::fs::write(programs::results()?.join(format!("{name}.md")), &shown)?;
    let (connected, calls) = (table.connected(), table.calls());
    ensure!(connected == calls, "{connected} of {calls} calls connected as they should");
    Ok(())
}

#[tokio::test]
async fn every_pair_of_networks_connects_two_chromiums() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    // The two are alike, so each pair need not come in both orders.
    let from = |first| Kind::ALL.into_iter().skip(first);
    let pairs: Vec<_> = (0..).zip(Kind::ALL).flat_map(|(at, one)| from(at).map(move |other| (one, other))).collect();
    let name = "lab-chromium-chromium";
    scenario(name, async |stage| matrix(stage, name, [Setup::chromium(), Setup::chromium()], &pairs).await).await
}

#[tokio::test]
async fn every_pair_of_networks_connects_chromium_and_firefox() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    let pairs: Vec<_> = Kind::ALL.into_iter().flat_map(|one| Kind::ALL.map(|other| (one, other))).collect();
    let name = "lab-chromium-firefox";
    scenario(name, async |stage| matrix(stage, name, [Setup::chromium(), Setup::firefox()], &pairs).await).await
}
