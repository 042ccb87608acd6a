//! Child processes: a clean environment, errors that name the command, and long jobs that stay quiet.
//!
//! `cargo run` leaves its own variables (`CARGO_PKG_NAME`, library paths, …) in our environment. A child cargo
//! that saw them would take some crates for changed and build them again, so [`command`] removes them.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::ui;

/// How often a quiet job says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How soon the end of a quiet job is noticed.
const POLL: Duration = Duration::from_millis(50);
/// How much of a failed job's output is shown.
const TAIL_LINES: usize = 40;

/// A command that does not inherit what `cargo run` told this process.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_from_cargo_run) {
            command.env_remove(name);
        }
    }
    for name in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
        if let Some(paths) = env::var_os(name) {
            let kept: Vec<PathBuf> = env::split_paths(&paths).filter(|path| !is_cargo_library_path(path)).collect();
            match env::join_paths(kept) {
                Ok(kept) if !kept.is_empty() => command.env(name, kept),
                _ => command.env_remove(name),
            };
        }
    }
    command
}

fn is_from_cargo_run(name: &str) -> bool {
    ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The folders that `cargo run` and rustup's proxies put in front of the library path.
fn is_cargo_library_path(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains("/target/") || text.contains("rustlib") || text.contains("/.rustup/") || text.contains("/deps")
}

/// Runs with the terminal attached; a failure names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| cannot_start(command))?;
    check(command, status)
}

/// Runs and returns what it printed, without the end of line. Its stderr is part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Runs a chatty, long job with its output in a log file; every few seconds says where it is.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    logged(command, log, None)
}

/// [`run_logged`] that gives up when the job takes longer than `limit`.
pub(crate) fn run_logged_within(limit: Duration, command: &mut Command, log: &Path) -> Result<()> {
    logged(command, log, Some(limit))
}

fn logged(command: &mut Command, log: &Path, limit: Option<Duration>) -> Result<()> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone().context("cannot share the log file")?;
    let mut child =
        command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().with_context(|| cannot_start(command))?;
    let status = wait_with_heartbeat(&mut child, log, limit)?;
    check(command, status).with_context(|| format!("{}\n(all of it: {})", tail(log, TAIL_LINES), log.display()))
}

fn wait_with_heartbeat(child: &mut Child, log: &Path, limit: Option<Duration>) -> Result<ExitStatus> {
    let started = Instant::now();
    let mut next = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the command")? {
            return Ok(status);
        }
        if limit.is_some_and(|limit| started.elapsed() > limit) {
            child.kill().context("cannot stop the command")?;
            return child.wait().context("cannot wait for the command");
        }
        if started.elapsed() > next {
            let last = tail(log, 1);
            let doing = if last.is_empty() { "still at it" } else { last.trim() };
            ui::note(format!("{}: {doing}", ui::seconds(started.elapsed())));
            next += HEARTBEAT;
        }
        thread::sleep(POLL);
    }
}

fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`: is it installed and in PATH?", command.get_program().to_string_lossy())
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The first of these programs that PATH (with `extra` in front) has.
pub(crate) fn find(names: &[&str], extra: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::iter::once(extra.to_owned()).chain(env::split_paths(&path)).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// PATH with a folder put in front.
pub(crate) fn path_with(folder: &Path) -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).with_context(|| format!("{} cannot be part of PATH", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_cargo_run_are_told_from_the_users() {
        assert!(is_from_cargo_run("CARGO_PKG_NAME"));
        assert!(is_from_cargo_run("CARGO"));
        assert!(!is_from_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_from_cargo_run("CARGO_HOME"));
        assert!(!is_from_cargo_run("RUSTUP_TOOLCHAIN"));
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("cargo").arg("no-such-subcommand").stderr(Stdio::null())).unwrap_err();
        assert!(error.to_string().contains("`cargo no-such-subcommand` failed"), "{error}");
    }
}
