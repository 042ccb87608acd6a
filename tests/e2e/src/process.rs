//! A program in a process group of its own, whose output is read line by line.
//!
//! Nothing outlives the tests. Dropping a [`Process`] kills its whole group, so a panic cleans up
//! too; and a watcher inside the group waits on a pipe from us and kills the group when that pipe
//! closes, so an interrupted or killed test run cleans up as well.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::place::Place;
use crate::until::until;

/// Runs the program `"$@"` beside the watcher. The program takes the shell's own process id.
const WATCHED: &str = r#"exec 3<&0
(read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-"#;

/// A running program; killed with everything it started when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    pid: Pid,
    output: Output,
}

/// What a program has printed so far, standard output and standard error together.
#[derive(Clone, Debug, Default)]
pub struct Output(Arc<Mutex<Vec<String>>>);

impl Output {
    /// The lines from number `first` on.
    pub fn since(&self, first: usize) -> Vec<String> {
        self.lines().get(first..).unwrap_or_default().to_vec()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines().len()
    }

    /// Whether nothing was printed yet.
    pub fn is_empty(&self) -> bool {
        self.lines().is_empty()
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(&self, stream: impl Read + Send + 'static) {
        let output = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                output.lines().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
}

impl Process {
    /// Starts `program` on this machine. `name` is what messages call it.
    pub fn start(name: &str, program: &OsStr, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        Self::start_at(&Place::default(), name, program, configure)
    }

    /// Starts `program` in a place.
    pub fn start_at(place: &Place, name: &str, program: &OsStr, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCHED, name]);
        place.add_program(&mut command, program);
        configure(&mut command);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{name} ({}) does not start", program.display()))?;
        let pid = Pid::from_child(&child);
        let output = Output::default();
        output.collect(child.stdout.take().context("no standard output")?);
        output.collect(child.stderr.take().context("no standard error")?);
        Ok(Self { name: name.to_owned(), child, pid, output })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Waits for a line from which `pick` takes a value.
    pub async fn line<T>(&mut self, pick: impl Fn(&str) -> Option<T>) -> Result<T> {
        let what = format!("{} to say that it is ready", self.name);
        until(&what, Duration::from_secs(30), async || {
            if let Some(found) = self.output.lines().iter().find_map(|line| pick(line)) {
                return Ok(Some(found));
            }
            match self.child.try_wait()? {
                Some(status) => Err(anyhow!("{} ended ({status}): {}", self.name, self.output.since(0).join("\n"))),
                None => Ok(None),
            }
        })
        .await
    }

    /// Stops it and everything it started, as a laptop that sleeps does, until what this gives is dropped.
    pub fn suspend(&self) -> Result<Suspended> {
        kill_process_group(self.pid, Signal::STOP)?;
        Ok(Suspended(self.pid))
    }

    /// Asks it to end, and waits until it has.
    pub async fn ask_to_end(&mut self, signal: Signal) -> Result<ExitStatus> {
        kill_process(self.pid, signal)?;
        until(&format!("{} to end after {signal:?}", self.name), Duration::from_secs(10), async || {
            Ok(self.child.try_wait()?)
        })
        .await
    }
}

/// A program that does not run; it goes on when this is dropped.
#[derive(Debug)]
#[must_use = "the program goes on when this is dropped"]
pub struct Suspended(Pid);

impl Drop for Suspended {
    fn drop(&mut self) {
        // Fails only when there is nothing left that could go on.
        let _ = kill_process_group(self.0, Signal::CONT);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when there is nothing left to kill.
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Kills one process, by its id, as a crash does.
pub fn crash(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("not a process id")?;
    Ok(kill_process(pid, Signal::KILL)?)
}
