//! `cargo xtask fuzz`: strangers' bytes by libFuzzer, with a sanitizer, on the toolchain that is here.
//!
//! The inputs worth keeping are in `fuzz/seeds`, and a host test replays them. What a run finds
//! beside them stays in the target folder, until `--keep` puts the part of it that reaches new
//! code there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::kit::Kit;
use crate::process::run;
use crate::tools;
use crate::ui::Steps;

/// Whose bytes. Each has a file of this name in `fuzz/targets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// What comes to the relay by UDP, with clients that can sign.
    Datagrams,
    /// What comes by a stream: what it speaks, where its frames end.
    Stream,
}

/// Whatever grows until here is a leak: one input is small, and nothing is kept between two.
const MEMORY_MIB: u32 = 512;
/// Longest input. A datagram and what leads to it fit.
const INPUT_BYTES: u32 = 4_096;

impl Target {
    const ALL: [Self; 2] = [Self::Datagrams, Self::Stream];

    fn name(self) -> &'static str {
        match self {
            Self::Datagrams => "datagrams",
            Self::Stream => "stream",
        }
    }
}

/// Where the inputs of a target are: those that are kept, and those that were found.
struct Inputs {
    seeds: PathBuf,
    found: PathBuf,
}

impl Inputs {
    fn of(kit: &Kit, target: Target) -> Result<Self> {
        let seeds = kit.workspace.root.join("fuzz/seeds").join(target.name());
        let found = kit.workspace.target.join("fuzz/found").join(target.name());
        for folder in [&seeds, &found] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Self { seeds, found })
    }
}

/// Fuzzes each target (or the one that is named) for so many minutes.
pub(crate) fn fuzz(kit: &Kit, target: Option<Target>, minutes: u64, keep: bool) -> Result<()> {
    let targets: Vec<Target> = target.map_or_else(|| Target::ALL.to_vec(), |target| vec![target]);
    let mut steps = Steps::new(targets.len() * if keep { 2 } else { 1 });
    for target in targets {
        let inputs = Inputs::of(kit, target)?;
        steps.step(&format!("Fuzz {} for {minutes} min", target.name()), || {
            let mut fuzzer = cargo_fuzz(kit, target)?;
            fuzzer.args([&inputs.found, &inputs.seeds]).args(["--", "-print_final_stats=1"]);
            fuzzer.arg(format!("-max_total_time={}", 60 * minutes));
            run(limited(&mut fuzzer))
        })?;
        if keep {
            steps.step(&format!("Keep what reaches more of {}", target.name()), || minimize(kit, target, &inputs))?;
        }
    }
    Ok(())
}

/// Replaces the seeds by as few inputs as reach all that seeds and findings do.
fn minimize(kit: &Kit, target: Target, inputs: &Inputs) -> Result<()> {
    let fresh = inputs.seeds.with_extension("fresh");
    fs::create_dir_all(&fresh)?;
    let mut merge = cargo_fuzz(kit, target)?;
    // By the branches taken, however often: few inputs, for a test that everybody runs.
    merge.args([&fresh, &inputs.seeds, &inputs.found]).args(["--", "-merge=1", "-use_counters=0"]);
    run(limited(&mut merge))?;
    fs::remove_dir_all(&inputs.seeds)?;
    fs::rename(&fresh, &inputs.seeds).context("the new seeds are beside the old ones' place")
}

fn limited(fuzzer: &mut Command) -> &mut Command {
    fuzzer.args([format!("-rss_limit_mb={MEMORY_MIB}"), format!("-max_len={INPUT_BYTES}")])
}

fn cargo_fuzz(kit: &Kit, target: Target) -> Result<Command> {
    let program = kit.tool(tools::CARGO_FUZZ)?;
    let mut command = kit.workspace.command(&program.to_string_lossy());
    // The sanitizer's flags are for nightly only, and so is nothing else here.
    command.env("RUSTC_BOOTSTRAP", "1").arg("run");
    command.arg("--target-dir").arg(target_folder(&kit.workspace.target));
    command.arg(target.name());
    Ok(command)
}

fn target_folder(target: &Path) -> PathBuf {
    target.join("fuzz")
}
