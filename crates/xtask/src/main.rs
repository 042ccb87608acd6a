//! Madang's developer commands: `cargo xtask help` lists them.
//!
//! `run` and `test` are the two that the README names; the others are their parts. A command sets up what it needs
//! and is missing, builds with cargo, and keeps what it makes in cargo's target folder.

mod apt;
mod bench;
mod bindgen;
mod browsers;
mod coturn;
mod dist;
mod files;
mod fuzz;
mod hash;
mod html;
mod imports;
mod javascript;
mod kit;
mod lab;
mod names;
mod npm;
mod page;
mod process;
mod run;
mod setup;
mod size;
mod stages;
mod tools;
mod ui;
mod wasm;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::kit::Kit;
use crate::workspace::Workspace;

/// Build, run, test and measure Madang. Every command sets up first what it needs and this machine lacks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything, start the server and print its link
    Run {
        /// The server's own flags, as in `cargo xtask run -- --listen 0.0.0.0:3000`; `-- --help` lists them
        #[arg(last = true)]
        server: Vec<String>,
    },
    /// Test everything, or only the stages named
    #[command(after_help = format!("Stages, with their group:\n{}", stages::table()))]
    Test {
        /// Stages or groups of stages; none means all
        stages: Vec<String>,
        /// What goes on to the program of a single stage, as in `cargo xtask test e2e -- reload`
        #[arg(last = true)]
        extra: Vec<String>,
    },
    /// Install now what the other commands would install when they need it
    Setup {
        /// Also what tests need: browsers, drivers, wasm-pack, cargo-deny
        #[arg(long)]
        test: bool,
    },
    /// Say whether a running server can be reached by UDP, TCP and TLS, and if not, what to open
    Doctor {
        /// The server's address, as in `https://call.example.org`; without it: the one of `cargo xtask run`
        url: Option<String>,
    },
    /// Build the page and the JavaScript SDK into target/dist
    Dist,
    /// Print what a visitor downloads, and fail when it is over budget
    Size,
    /// Fail when the wasm imports something that no browser has
    WasmImports,
    /// Let a fuzzer say to the relay what strangers might (fuzz/)
    Fuzz {
        /// What to fuzz; without it: everything, one after the other
        #[arg(value_enum)]
        target: Option<fuzz::Target>,
        /// How long each is fuzzed
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
        /// Put what reaches new code into fuzz/seeds, as few inputs as will do
        #[arg(long)]
        keep: bool,
    },
    /// Take a measurement (crates/bench)
    Bench {
        #[arg(value_enum)]
        measurement: bench::Measurement,
        /// The measurement's own flags
        #[arg(last = true)]
        flags: Vec<String>,
    },
}

/// An error that the terminal shows already.
#[derive(Debug)]
struct Reported;

impl std::fmt::Display for Reported {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("see above")
    }
}

impl std::error::Error for Reported {}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<Reported>() {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn execute(task: Task) -> Result<()> {
    let kit = Kit::new(Workspace::locate()?);
    match task {
        Task::Run { server } => run::run_server(&kit, &server),
        Task::Test { stages, extra } => {
            let stages = stages::select(&stages)?;
            if !extra.is_empty() && stages.len() != 1 {
                bail!(
                    "what follows `--` goes to one stage: name it, as in `cargo xtask test e2e -- {}`",
                    extra.join(" ")
                );
            }
            stages::run_all(&kit, &stages, &extra)
        }
        Task::Setup { test } => setup::set_up(&kit, test),
        Task::Doctor { url } => run::check_server(&kit, url.as_deref()),
        Task::Dist => kit.dist().map(drop),
        Task::Size => size::check(&kit.workspace.root, &kit.dist()?),
        Task::WasmImports => imports::check(&kit.dist()?),
        Task::Fuzz { target, minutes, keep } => fuzz::fuzz(&kit, target, minutes, keep),
        Task::Bench { measurement, flags } => bench::measure(&kit, measurement, &flags),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn server_flags_follow_two_dashes() {
        let arguments = Arguments::parse_from(["xtask", "run", "--", "--listen", "[::]:80"]);
        assert!(matches!(arguments.command, Task::Run { server } if server == ["--listen", "[::]:80"]));
        assert!(Arguments::try_parse_from(["xtask", "run", "--listen", "[::]:80"]).is_err());
    }
}
