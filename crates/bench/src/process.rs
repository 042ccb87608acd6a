//! What a server has used of the machine. Linux tells it in `/proc`.

use std::fs;

use anyhow::{Context as _, Result};
use madang_e2e::process::Process;

/// CPU time used so far, in seconds.
pub(crate) fn cpu_seconds(process: &Process) -> Result<f64> {
    let stat = read(process, "stat")?;
    // The second field, the name, may hold anything; `)` ends it (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit_once(')').context("no name in stat")?.1.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> { Ok(fields.get(index).context("stat is short")?.parse()?) };
    let (user, system) = (ticks(11)?, ticks(12)?);
    Ok((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident memory, in bytes.
pub(crate) fn resident_bytes(process: &Process) -> Result<f64> {
    let status = read(process, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in status")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0)
}

fn read(process: &Process, file: &str) -> Result<String> {
    let path = format!("/proc/{}/{file}", process.id());
    fs::read_to_string(&path).with_context(|| format!("this measurement reads {path}, which needs Linux"))
}
