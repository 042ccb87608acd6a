//! This server beside the tutorial's Node server, under the same load in one run: messages per
//! CPU-second, latency, connect cycles, memory per idle socket.
//!
//! Both speak the tutorial's dialect here, the only one they share. The server's CPU time is the
//! figure to trust: the load generator runs on the same machine and slows both down alike. The
//! two take turns, each measurement on a fresh process, and the medians are compared.

mod contestant;
mod load;

pub(crate) use self::contestant::allow_many_sockets;

use anyhow::{Result, ensure};

use self::{
    contestant::{Contestant, Running},
    load::Relayed,
};
use crate::median::summary;

/// How to measure signaling.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Turns of each server.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of load per measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Pairs that exchange messages, one load after the other.
    #[arg(long, value_delimiter = ',', default_value = "50,500")]
    pairs: Vec<usize>,
    /// Bytes of a description.
    #[arg(long, default_value_t = 3000)]
    bytes: usize,
    /// Sockets that only sit there.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Fail when messages per CPU-second are below this multiple of Node's.
    #[arg(long, value_name = "RATIO", default_value_t = 3.0)]
    at_least: f64,
    /// Fail when an idle socket takes more than this part of Node's memory.
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    memory_at_most: f64,
}

/// A measured quantity.
struct Quantity {
    name: String,
    unit: &'static str,
    more_is_better: bool,
    node: Vec<f64>,
    madang: Vec<f64>,
}

/// All of them, in the order in which they were first measured.
#[derive(Default)]
struct Results(Vec<Quantity>);

impl Results {
    fn add(&mut self, contestant: Contestant, name: String, unit: &'static str, more_is_better: bool, value: f64) {
        let known = self.0.iter().position(|quantity| quantity.name == name);
        let index = known.unwrap_or_else(|| {
            self.0.push(Quantity { name, unit, more_is_better, node: Vec::new(), madang: Vec::new() });
            self.0.len() - 1
        });
        match contestant {
            Contestant::Node => self.0[index].node.push(value),
            Contestant::Madang => self.0[index].madang.push(value),
        }
    }
}

impl Quantity {
    /// Medians of Node and of Madang.
    fn medians(&self) -> Option<(f64, f64)> {
        Some((summary(self.node.iter().copied())?.median, summary(self.madang.iter().copied())?.median))
    }
}

/// Measures and prints; an error when a limit is missed.
pub(crate) async fn measure(options: &Options) -> Result<()> {
    contestant::allow_many_sockets(options.idle)?;
    let mut results = Results::default();
    for round in 0..options.rounds {
        // Whoever goes second finds another machine, so they take turns at that too.
        let mut order = [Contestant::Node, Contestant::Madang];
        if round % 2 == 1 {
            order.reverse();
        }
        for contestant in order {
            eprintln!("round {} of {}: {}", round + 1, options.rounds, contestant.name());
            for &pairs in &options.pairs {
                ping_pong(contestant, pairs, options, &mut results).await?;
            }
            cycles(contestant, options, &mut results).await?;
            idle(contestant, options, &mut results).await?;
        }
    }
    print(&results);
    check(&results, options)
}

async fn ping_pong(contestant: Contestant, pairs: usize, options: &Options, results: &mut Results) -> Result<()> {
    let server = Running::start(contestant).await?;
    let Relayed { messages, seconds, cpu_seconds, p50_ms, p99_ms } =
        load::ping_pong(&server, pairs, options.bytes, options.seconds).await?;
    let label = |what: &str| format!("{pairs} pairs: {what}");
    results.add(contestant, label("messages per CPU-second"), "", true, messages / cpu_seconds);
    results.add(contestant, label("messages per second"), "", true, messages / seconds);
    results.add(contestant, label("round trip, median"), "ms", false, p50_ms);
    results.add(contestant, label("round trip, p99"), "ms", false, p99_ms);
    Ok(())
}

async fn cycles(contestant: Contestant, options: &Options, results: &mut Results) -> Result<()> {
    let server = Running::start(contestant).await?;
    let (per_second, per_cpu_second) = load::cycles(&server, options.bytes, options.seconds).await?;
    let name = "connect, join, relay, leave: pairs per";
    results.add(contestant, format!("{name} CPU-second"), "", true, per_cpu_second);
    results.add(contestant, format!("{name} second"), "", true, per_second);
    Ok(())
}

async fn idle(contestant: Contestant, options: &Options, results: &mut Results) -> Result<()> {
    let server = Running::start(contestant).await?;
    let bytes = load::idle(&server, options.idle).await?;
    results.add(contestant, IDLE.to_owned(), "KiB", false, bytes / 1024.0);
    Ok(())
}

const IDLE: &str = "memory per idle socket";

fn print(results: &Results) {
    println!("{:<48} {:>12} {:>12} {:>8}", "median", "Node", "Madang", "ratio");
    for quantity in &results.0 {
        if let Some((node, madang)) = quantity.medians() {
            let unit = quantity.unit;
            let better = if (madang > node) == quantity.more_is_better { "" } else { "  (worse)" };
            println!(
                "{:<48} {:>12} {:>12} {:>8.2}{better}",
                quantity.name,
                format!("{node:.1} {unit}"),
                format!("{madang:.1} {unit}"),
                madang / node
            );
        }
    }
}

fn check(results: &Results, options: &Options) -> Result<()> {
    for quantity in &results.0 {
        let Some((node, madang)) = quantity.medians() else { continue };
        let ratio = madang / node;
        if quantity.name.ends_with("messages per CPU-second") {
            ensure!(ratio >= options.at_least, "{}: {ratio:.2} times Node's, not {}", quantity.name, options.at_least);
        }
        if quantity.name == IDLE {
            let most = options.memory_at_most;
            ensure!(ratio <= most, "{IDLE}: {ratio:.2} times Node's, not at most {most}");
        }
    }
    Ok(())
}
