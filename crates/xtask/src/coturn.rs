//! `cargo xtask test coturn`: coturn's own clients against the relay, where they can be had.

use std::path::Path;

use anyhow::Result;

use crate::apt;
use crate::kit::Kit;
use crate::process::{find, run};
use crate::stages::Outcome;

const CLIENTS: [&str; 3] = ["turnutils_uclient", "turnutils_peer", "turnutils_stunclient"];

/// What follows `--` names tests.
pub(crate) fn run_stage(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let missing = || CLIENTS.iter().find(|program| find(&[program], Path::new("")).is_none());
    if missing().is_some()
        && let Err(error) = apt::install(&kit.workspace, &["coturn"])
    {
        return Ok(Outcome::Skipped(format!("no coturn, whose clients this is about: {error:#}")));
    }
    let mut cargo = kit.workspace.cargo();
    // They send at a pace of their own, so one test at a time: what is measured is loss.
    cargo.args(["test", "--package", "madang-server", "--test", "coturn", "--"]);
    run(cargo.args(["--ignored", "--test-threads", "1"]).args(extra))?;
    Ok(Outcome::Passed)
}
