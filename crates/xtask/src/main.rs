//! Madang's developer commands: `cargo xtask help` lists them.
//!
//! `run` and `test` are the two that the README names; the others are their parts. A command sets up what it needs
//! and is missing, builds with cargo, and keeps what it makes in cargo's target folder.

mod apt;
mod bindgen;
mod dist;
mod files;
mod hash;
mod html;
mod npm;
mod page;
mod process;
mod run;
mod tools;
mod ui;
mod wasm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::ui::Steps;
use crate::workspace::Workspace;

/// Build, run, test and measure Madang.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything, start the server and print its link.
    ///
    /// Installs what is missing first (the wasm32 target, wasm-opt). Flags after `--` go to the server:
    /// `cargo xtask run -- --listen 0.0.0.0:3000`.
    Run {
        /// The server's own flags; `cargo xtask run -- --help` lists them.
        #[arg(last = true)]
        server: Vec<String>,
    },
    /// Build page and SDK into target/dist.
    Dist,
}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(task: Task) -> Result<()> {
    let workspace = Workspace::locate()?;
    match task {
        Task::Run { server } => run::run_server(&workspace, &server),
        Task::Dist => dist::build(&workspace, &mut Steps::new(dist::STEPS)).map(drop),
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
