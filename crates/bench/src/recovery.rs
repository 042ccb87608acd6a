//! How long a call is away when its network or its server fails: Madang's page beside the tutorial's,
//! in the same networks, in turns.
//!
//! Two browsers of Chromium, each behind a router of its own, in network namespaces. What is measured
//! is media that arrives, on both sides and of both kinds, whatever a page says of itself.

mod call;
pub(crate) mod chaos;
mod table;
mod trial;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use madang_e2e::Setup;

use self::call::{Contestant, Stand};
use self::table::{Row, Table};
use self::trial::{Measured, TRIALS, Trial};

/// How to measure recovery.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each page goes through each fault.
    #[arg(long, default_value_t = 10)]
    times: u32,
    /// How often the tutorial's page does, if less often: it seldom comes back, and is waited for each time.
    #[arg(long, value_name = "TIMES")]
    tutorial_times: Option<u32>,
    /// Only these faults: names, or parts of names.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Also the faults that take minutes.
    #[arg(long)]
    long: bool,
    /// Leave the tutorial's page out.
    #[arg(long)]
    alone: bool,
    /// In Firefox at both ends, without the tutorial's page. Set-up begins with a button there, and is longer for it.
    #[arg(long)]
    firefox: bool,
    /// Print what pages and connections said of every fault, not only where media did not come back.
    #[arg(long)]
    evidence: bool,
}

impl Options {
    fn wants(&self, trial: &Trial) -> bool {
        let is_a_name = |part: &str| TRIALS.iter().any(|trial| trial.name == part);
        let named = |part: &String| trial.name == part || (!is_a_name(part) && trial.name.contains(part.as_str()));
        (self.long || !trial.long) && (self.only.is_empty() || self.only.iter().any(named))
    }
}

/// Measures, and prints what it found: a line for each fault as it goes, and a table at the end.
pub(crate) async fn measure(options: &Options) -> Result<()> {
    if let Some(obstacle) = madang_lab::obstacle() {
        bail!("no networks can be made here: {obstacle}");
    }
    let trials: Vec<&Trial> = TRIALS.iter().filter(|trial| options.wants(trial)).collect();
    let names = || TRIALS.iter().map(|trial| trial.name).collect::<Vec<_>>().join(", ");
    ensure!(!trials.is_empty(), "no fault is named so; there are: {}", names());
    let contestants = if options.alone || options.firefox { &Contestant::BOTH[..1] } else { &Contestant::BOTH };
    let browser = if options.firefox { Setup::firefox() } else { Setup::chromium() };
    let stand = Stand::start(&browser).await?;
    let mut table = Table::default();
    for trial in trials {
        for time in 1..=options.times {
            for &contestant in contestants {
                if contestant == Contestant::Tutorial && options.tutorial_times.is_some_and(|most| time > most) {
                    continue;
                }
                let start = Instant::now();
                let measured = once(&stand, trial, contestant, options)
                    .await
                    .with_context(|| format!("{}, {}, time {time}", trial.name, contestant.name()))?;
                println!(
                    "{}, {}, {time} of {}: {} ({:.0} s)",
                    trial.name,
                    contestant.name(),
                    options.times,
                    in_words(&measured),
                    start.elapsed().as_secs_f32()
                );
                for Measured { what, took } in measured {
                    table.add(&format!("{}{what}", trial.what), contestant, took);
                }
            }
        }
        for row in table.rows_of(trial.what) {
            println!("  {row}");
        }
    }
    stand.quit().await?;
    println!("\n{}{table}", Row::HEAD);
    Ok(())
}

/// One call that goes through the fault, and an end of it.
async fn once(stand: &Stand, trial: &Trial, contestant: Contestant, options: &Options) -> Result<Vec<Measured>> {
    let outcome = trial.run(stand, contestant).await;
    let lost = outcome.as_ref().is_ok_and(|all| contestant == Contestant::Madang && all.iter().any(Measured::is_never));
    if lost || options.evidence || outcome.is_err() {
        println!("{}", stand.evidence().await);
    }
    stand.part().await?;
    outcome
}

fn in_words(measured: &[Measured]) -> String {
    let words = |Measured { what, took }: &Measured| match took {
        Some(took) => format!("{}{:.2} s", label(what), took.as_secs_f64()),
        None => format!("{}never", label(what)),
    };
    measured.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// `: longest silence` as `longest silence `.
fn label(what: &str) -> String {
    what.strip_prefix(": ").map(|what| format!("{what} ")).unwrap_or_default()
}

/// What may not take longer is taken for never.
const MADANG_PATIENCE: Duration = Duration::from_secs(30);
/// The same for the tutorial's page.
const TUTORIAL_PATIENCE: Duration = Duration::from_secs(20);
