//! This relay beside coturn, under the same load in one run: packets per CPU-second and per
//! second, for one allocation and for many.
//!
//! Pairs of clients with an allocation each send each other ChannelData over UDP. The relay's CPU
//! time is the figure to trust: the load generator runs on the same machine and slows both down
//! alike. The two take turns, each measurement on a fresh process, and the medians are compared.
//! What coturn forwards goes through two of its relayed sockets; a closed relay has none, which
//! is a part of what is measured here.

mod client;
mod contestant;
mod load;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::load::{Load, Relayed};
pub(crate) use self::{
    client::{CHANNEL, Client},
    contestant::{Contestant, Running},
    load::pair,
};
use crate::{median::summary, signaling::allow_many_sockets};

/// How to measure the relay.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Turns of each relay.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of load per measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Pairs of allocations, one load after the other.
    #[arg(long, value_delimiter = ',', default_value = "1,50,500")]
    pairs: Vec<u16>,
    /// Bytes of a packet. With many more, this relay's quota for one pair is what is measured.
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    /// Packets on the way at a time, of all pairs together; of each client at least one.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Fail when packets per CPU-second are below this multiple of coturn's.
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    at_least: f64,
    /// Fail when one load has fewer packets per CPU-second than this part of what it has when all
    /// other allocations are there too, and say nothing.
    #[arg(long, value_name = "RATIO", default_value_t = 0.85)]
    flat: f64,
}

/// What was measured under one load.
#[derive(Debug)]
struct Measured {
    load: Load,
    coturn: Vec<Relayed>,
    madang: Vec<Relayed>,
}

impl Measured {
    fn under(load: Load) -> Self {
        Self { load, coturn: Vec::new(), madang: Vec::new() }
    }

    fn of(&self, contestant: Contestant) -> &[Relayed] {
        match contestant {
            Contestant::Coturn => &self.coturn,
            Contestant::Madang => &self.madang,
        }
    }

    fn median(&self, contestant: Contestant, of: impl Fn(&Relayed) -> f64) -> Result<f64> {
        Ok(summary(self.of(contestant).iter().map(of)).context("nothing was measured")?.median)
    }
}

fn per_cpu_second(relayed: &Relayed) -> f64 {
    relayed.packets / relayed.cpu_seconds
}

/// Measures and prints; an error when a limit is missed.
pub(crate) async fn measure(options: &Options) -> Result<()> {
    let most = options.pairs.iter().max().copied().unwrap_or_default();
    allow_many_sockets(4 * usize::from(most))?;
    let (bytes, in_flight) = (options.bytes, options.in_flight);
    let mut all: Vec<Measured> = Vec::new();
    for &pairs in &options.pairs {
        all.push(Measured::under(Load { pairs, sending: pairs, bytes, in_flight }));
    }
    // The last but one again, among as many allocations as the last had: what differs is only
    // how many there are.
    if let [.., sending, pairs] = options.pairs[..] {
        all.push(Measured::under(Load { pairs, sending, bytes, in_flight }));
    }
    for round in 0..options.rounds {
        // Whoever goes second finds another machine, so they take turns at that too.
        let mut order = [Contestant::Coturn, Contestant::Madang];
        if round % 2 == 1 {
            order.reverse();
        }
        for measured in &mut all {
            for contestant in order {
                eprintln!("round {} of {}: {}, {}", round + 1, options.rounds, contestant.name(), measured.load);
                let relay = Running::start(contestant).await?;
                let seconds = Duration::from_secs(options.seconds);
                let relayed = load::run(&relay, measured.load, seconds).await?;
                match contestant {
                    Contestant::Coturn => measured.coturn.push(relayed),
                    Contestant::Madang => measured.madang.push(relayed),
                }
            }
        }
    }
    print(&all)?;
    check(&all, options)
}

fn print(all: &[Measured]) -> Result<()> {
    println!("{:<48} {:>12} {:>12} {:>8}", "median", "coturn", "Madang", "ratio");
    for measured in all {
        let line = |what: &str, more_is_better: bool, of: fn(&Relayed) -> f64| -> Result<()> {
            let coturn = measured.median(Contestant::Coturn, of)?;
            let madang = measured.median(Contestant::Madang, of)?;
            let better = if (madang > coturn) == more_is_better { "" } else { "  (worse)" };
            let name = format!("{}: {what}", measured.load);
            println!("{name:<48} {coturn:>12.2} {madang:>12.2} {:>8.2}{better}", madang / coturn);
            Ok(())
        };
        line("CPU per packet, µs", false, |relayed| 1e6 / per_cpu_second(relayed))?;
        line("packets per CPU-second", true, per_cpu_second)?;
        line("packets per second", true, |relayed| relayed.packets / relayed.seconds)?;
    }
    Ok(())
}

fn check(all: &[Measured], options: &Options) -> Result<()> {
    for measured in all {
        let madang = measured.median(Contestant::Madang, per_cpu_second)?;
        let ratio = madang / measured.median(Contestant::Coturn, per_cpu_second)?;
        let (load, least) = (measured.load, options.at_least);
        ensure!(ratio >= least, "{load}: {ratio:.2} times coturn's packets per CPU-second, not {least}");
    }
    if let [.., alone, _, among] = all {
        let madang = |measured: &Measured| measured.median(Contestant::Madang, per_cpu_second);
        let (ratio, flat) = (madang(among)? / madang(alone)?, options.flat);
        let (alone, among) = (alone.load, among.load);
        println!("{among}, beside {alone}: {ratio:.2} of the packets per CPU-second");
        ensure!(ratio >= flat, "the number of allocations costs: {ratio:.2} is less than {flat}");
    }
    Ok(())
}
