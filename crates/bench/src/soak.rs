//! The memory of this relay beside coturn's, while allocations come, talk and go for many rounds.
//!
//! Both are real programs under the same rounds, and what they keep resident is read after each.
//! A relay may keep room for what comes next; it may not keep more and more. So the last rounds
//! are compared with the first ones after it has warmed up.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::timeout;

use crate::{
    median::summary,
    relay::{CHANNEL, Client, Contestant, Running, pair},
    signaling::allow_many_sockets,
};

/// How to watch the memory.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds.
    #[arg(long, default_value_t = 80)]
    rounds: usize,
    /// Pairs of allocations that come, talk and go in each.
    #[arg(long, default_value_t = 100)]
    pairs: u16,
    /// Packets that each side of a pair sends.
    #[arg(long, default_value_t = 20)]
    packets: u16,
    /// Fail when this relay keeps so many KiB more in the last quarter than in the second.
    #[arg(long, value_name = "KIB", default_value_t = 512.0)]
    at_most: f64,
}

const MIB: f64 = 1024.0 * 1024.0;
/// Pairs that come at the same time.
const AT_ONCE: usize = 8;
const HEARD_WITHIN: Duration = Duration::from_millis(500);

/// Watches and prints; an error when this relay keeps more and more.
pub(crate) async fn measure(options: &Options) -> Result<()> {
    ensure!(options.rounds >= 8, "fewer than 8 rounds have no quarters");
    let numbers = options.rounds.saturating_mul(2 * usize::from(options.pairs));
    ensure!(numbers <= usize::from(u16::MAX), "so many clients have no addresses of their own: fewer rounds or pairs");
    allow_many_sockets(4 * usize::from(options.pairs))?;
    println!(
        "{:<10} {:>12} {:>14} {:>14} {:>12} {:>10}",
        "MiB", "first round", "2nd quarter", "last quarter", "KiB more", "lost"
    );
    for contestant in [Contestant::Coturn, Contestant::Madang] {
        let relay = Running::start(contestant).await?;
        let (mut kept, mut lost) = (Vec::new(), 0);
        for number in 0..options.rounds {
            lost += round(&relay, number, options)
                .await
                .with_context(|| format!("{}, round {number}", contestant.name()))?;
            kept.push(relay.resident_bytes()?);
        }
        let quarter = options.rounds / 4;
        let median =
            |rounds: &[f64]| Ok::<_, anyhow::Error>(summary(rounds.iter().copied()).context("no rounds")?.median);
        let (second, last) = (median(&kept[quarter..2 * quarter])?, median(&kept[options.rounds - quarter..])?);
        let more = (last - second) / 1024.0;
        let name = contestant.name();
        println!(
            "{name:<10} {:>12.2} {:>14.2} {:>14.2} {more:>12.0} {lost:>10}",
            kept[0] / MIB,
            second / MIB,
            last / MIB
        );
        if contestant == Contestant::Madang {
            ensure!(more <= options.at_most, "{more:.0} KiB more are kept, after as many have gone as came");
        }
    }
    Ok(())
}

/// All pairs come, talk and go. Says how many packets were lost.
async fn round(relay: &Running, number: usize, options: &Options) -> Result<u64> {
    // coturn remembers for a while whom an address belonged to, so each client has another.
    let first = u16::try_from(number)? * options.pairs;
    let all = stream::iter(first..first + options.pairs).map(|number| async move {
        let [mut one, mut two] = pair(relay, number).await?;
        let lost = talk(&one, &two, options.packets).await? + talk(&two, &one, options.packets).await?;
        one.give_back().await?;
        two.give_back().await?;
        Ok::<_, anyhow::Error>(lost)
    });
    all.buffer_unordered(AT_ONCE).try_fold(0, async |sum, lost| Ok(sum + lost)).await
}

async fn talk(from: &Client, to: &Client, packets: u16) -> Result<u64> {
    let mut packet = vec![7; 4 + 200];
    packet[..2].copy_from_slice(&CHANNEL.to_be_bytes());
    packet[2..4].copy_from_slice(&200u16.to_be_bytes());
    let mut lost = 0;
    for _ in 0..packets {
        from.socket.send(&packet).await?;
        match timeout(HEARD_WITHIN, to.socket.recv(&mut [0; 2_048])).await {
            Ok(length) => ensure!(length? == packet.len(), "something else came"),
            Err(_) => lost += 1,
        }
    }
    Ok(lost)
}
