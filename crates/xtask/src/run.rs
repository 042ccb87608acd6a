//! `cargo xtask run`: everything built and up to date, then the server in this process's place; and
//! `cargo xtask doctor`: the server's own check of one that runs.

use std::process::Command;

use anyhow::{Context, Result};

use crate::kit::Kit;
use crate::process::command;
use crate::ui::{self, Steps};

/// Sets up, builds and starts; returns when the server ends.
pub(crate) fn run_server(kit: &Kit, flags: &[String]) -> Result<()> {
    let mut steps = Steps::new(6);
    set_up(kit, &mut steps)?;
    steps.step("Build the SDK for JavaScript", || kit.sdk())?;
    steps.step("Build the page (www/)", || kit.dist())?;
    let server = steps.step("Build the server (crates/server)", || kit.server())?;
    let ready = steps.elapsed();
    steps.step("Start the server: open its link in two pages; Ctrl-C ends it", || {
        ui::note(format!("ready after {ready}"));
        become_the(command(&server).args(flags)).with_context(|| format!("cannot start {}", server.display()))
    })
}

/// Needs the server's program and nothing of the page.
pub(crate) fn check_server(kit: &Kit, url: Option<&str>) -> Result<()> {
    let mut steps = Steps::new(2);
    steps.step("Build the server (crates/server)", || {
        crate::process::run(kit.workspace.cargo().args(["build", "--release", "--package", "madang-server"]))
    })?;
    steps.step("Check the server that runs", || {
        let program = format!("madang-server{}", std::env::consts::EXE_SUFFIX);
        let program = kit.workspace.target.join("release").join(program);
        let checked = crate::process::run(command(program).arg("check").args(url));
        checked.context("what is marked FAIL keeps people from calling")
    })
}

/// Two steps: what building for the browser needs.
pub(crate) fn set_up(kit: &Kit, steps: &mut Steps) -> Result<()> {
    steps.step("Set up: Rust's target wasm32-unknown-unknown", || kit.toolchain())?;
    steps.step("Set up: wasm-opt, from npm", || Ok(kit.optimizer()))?;
    Ok(())
}

/// On Unix the server takes this process over, so that Ctrl-C and signals reach it as if it had been started by hand.
#[cfg(unix)]
fn become_the(server: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(server.exec().into())
}

#[cfg(not(unix))]
fn become_the(server: &mut Command) -> Result<()> {
    crate::process::run(server)
}
