//! One network namespace: named for this run, removed when dropped.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io, panic, process, thread};

use anyhow::{Context as _, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::command::{run, run_with_input};

/// Where `ip netns` keeps its links to namespaces.
const LINKS: &str = "/run/netns";

/// `madang-PROCESS-NUMBER-NAME`: two runs at once do not collide, nor two labs in a run, and the
/// leftovers of a run are those whose process is gone.
const PREFIX: &str = "madang-";

/// A network of its own: interfaces, addresses, routes, firewall.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, with only a loopback interface.
    pub(crate) fn new(name: &str) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        remove_leftovers();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{name}", process::id());
        run("ip", &["netns", "add", &name])?;
        let namespace = Self { name };
        // An IPv6 address is usable at once: nobody else has it here.
        namespace.tool(
            "sysctl",
            &["-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0"],
            "",
        )?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What goes before a command line to run the program inside.
    pub fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Does something inside, on a thread of its own. A socket that is made there stays there.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        enter(&link(&self.name), work).with_context(|| format!("cannot enter the namespace {}", self.name))
    }

    /// Runs lines of `ip` commands, without the word `ip`.
    pub(crate) fn ip(&self, lines: &str) -> Result<()> {
        run_with_input("ip", &["-n", &self.name, "-batch", "-"], lines).map(drop)
    }

    /// Runs lines in nft's language, all of them or none.
    pub(crate) fn nft(&self, lines: &str) -> Result<()> {
        self.tool("nft", &["-f", "-"], lines)
    }

    /// Runs a network tool inside.
    pub(crate) fn tool(&self, program: &str, args: &[&str], input: &str) -> Result<()> {
        let args: Vec<&str> = ["netns", "exec", &self.name, program].iter().chain(args).copied().collect();
        run_with_input("ip", &args, input).map(drop)
    }
}

impl Namespace {
    /// Programs that are run by [`Namespace::prefix`] ask the name server at this address.
    pub(crate) fn resolver(&self, address: &str) -> Result<()> {
        // `ip netns exec` puts the files in this folder over those in /etc.
        let folder = etc(&self.name);
        let write = || fs::write(folder.join("resolv.conf"), format!("nameserver {address}\n"));
        fs::create_dir_all(&folder)
            .and_then(|()| write())
            .with_context(|| format!("cannot write to {}", folder.display()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(etc(&self.name));
        // Its interfaces go with it once the last program in it has ended.
        if let Err(error) = run("ip", &["netns", "del", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}

fn etc(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}

fn link(name: &str) -> PathBuf {
    Path::new(LINKS).join(name)
}

fn enter<T: Send>(link: &Path, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let link = File::open(link)?;
    let done = thread::scope(|scope| {
        let visit = || {
            move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        };
        scope.spawn(visit).join()
    });
    done.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

/// Removes the namespaces of runs that were killed.
fn remove_leftovers() {
    let names =
        fs::read_dir(LINKS).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| maker(name).is_some_and(|process| !is_alive(process))) {
        // Another run may be faster.
        let _ = fs::remove_dir_all(etc(&name));
        let _ = run("ip", &["netns", "del", &name]);
    }
}

/// The process that made the namespace of this name, if one of ours did.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namespaces_of_ours_have_a_maker() {
        assert_eq!(maker("madang-4711-0-public"), Some(4711));
        assert_eq!(maker("madang-public"), None);
        assert_eq!(maker("docker-4711-0"), None);
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        if !crate::possible() {
            return;
        }
        // No process has this number: it is above every limit.
        let left = format!("{PREFIX}4194305-0-left");
        run("ip", &["netns", "add", &left]).expect("root can");
        let mine = Namespace::new("mine").expect("root can");
        assert!(!link(&left).exists());
        let name = mine.name().to_owned();
        assert!(link(&name).exists());
        drop(mine);
        assert!(!link(&name).exists());
    }
}
