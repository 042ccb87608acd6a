//! Whether a lab can be made here, and if not, why.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::command::run;
use crate::namespace::Namespace;

/// What keeps this machine from making a lab, in words; `None` when nothing does.
///
/// With `MADANG_LAB=required` in the environment, missing ability is an error of the tests: they
/// are to fail where they would skip.
pub fn obstacle() -> Option<String> {
    let reason = try_out().err().map(|error| format!("{error:#}"))?;
    let required = std::env::var_os("MADANG_LAB").is_some_and(|value| value == "required");
    assert!(!required, "MADANG_LAB=required, but no lab can be made here: {reason}");
    Some(reason)
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
