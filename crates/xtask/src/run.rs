//! `cargo xtask run`: everything built and up to date, then the server in this process's place.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::dist;
use crate::process::run;
use crate::ui::Steps;
use crate::workspace::Workspace;

/// Builds the server with the page and the SDK inside, and returns the program.
pub(crate) fn build_server(workspace: &Workspace, steps: &mut Steps) -> Result<PathBuf> {
    steps.step("Build the server (crates/server)", || {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--release", "--package", "madang-server"]).env("MADANG_DIST", workspace.dist());
        run(&mut cargo)?;
        Ok(workspace.target.join("release").join(format!("madang-server{}", std::env::consts::EXE_SUFFIX)))
    })
}

/// Sets up, builds and starts; returns when the server ends.
pub(crate) fn run_server(workspace: &Workspace, flags: &[String]) -> Result<()> {
    let mut steps = Steps::new(dist::STEPS + 2);
    dist::build(workspace, &mut steps)?;
    let server = build_server(workspace, &mut steps)?;
    let ready = steps.elapsed();
    steps.step("Start the server; open the link below in two pages, Ctrl-C ends it", || {
        crate::ui::note(format!("built and ready after {ready}"));
        become_the(crate::process::command(&server).args(flags))
            .with_context(|| format!("cannot start {}", server.display()))
    })
}

/// On Unix the server takes this process over, so that Ctrl-C and signals reach it as if it had been started by hand.
#[cfg(unix)]
fn become_the(server: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(server.exec().into())
}

#[cfg(not(unix))]
fn become_the(server: &mut Command) -> Result<()> {
    run(server)
}
