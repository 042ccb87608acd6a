//! Whether a lab can be made here, and if not, why.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::command::run;
use crate::namespace::Namespace;

/// What keeps this machine from making a lab, in words; `None` when nothing does.
pub fn obstacle() -> Option<String> {
    try_out().err().map(|error| format!("{error:#}"))
}

/// Whether a test can make a lab. If not it says so and the test is to pass, as one that is skipped.
///
/// # Panics
/// When no lab can be made and `MADANG_LAB=required` is in the environment.
pub fn possible() -> bool {
    let Some(reason) = obstacle() else { return true };
    let required = std::env::var_os("MADANG_LAB").is_some_and(|value| value == "required");
    assert!(!required, "MADANG_LAB=required, but no lab can be made here: {reason}");
    eprintln!("skipped: {reason}");
    false
}

/// Does each thing once that only some machines can do.
fn try_out() -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "network namespaces take root");
    ensure!(Path::new("/dev/net/tun").exists(), "there is no /dev/net/tun");
    run("conntrack", &["--version"]).context("the program conntrack is missing")?;
    let namespace = Namespace::new("try").context("network namespaces cannot be made")?;
    namespace.ip("link add try0 type veth peer name try1\nlink add try2 type bridge")?;
    namespace.nft("add table inet try; add chain inet try nat { type nat hook postrouting priority 100; }")
}
