//! Debian's package manager, used only as root: an ordinary user is told what to install instead.

use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result, bail};

use crate::process::{command, output, run_logged};
use crate::ui;
use crate::workspace::Workspace;

static LISTS_ARE_FRESH: Once = Once::new();

/// Whether packages can be installed without asking anybody.
pub(crate) fn is_usable() -> bool {
    let root = output(command("id").arg("-u")).is_ok_and(|id| id == "0");
    root && Path::new("/usr/bin/apt-get").is_file()
}

/// Installs what is missing of these packages.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = || format!("try `apt-get install --no-install-recommends {}` by hand", missing.join(" "));
    if !is_usable() {
        bail!("{} not installed, and only root on Debian can do it here: {}", missing.join(" "), by_hand());
    }
    refresh_lists(workspace);
    ui::note(format!("installing {}", missing.join(" ")));
    let mut install = command("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "-q", "--no-install-recommends"]).args(&missing);
    run_logged(&mut install, &workspace.log("apt-install")).with_context(by_hand)
}

fn refresh_lists(workspace: &Workspace) {
    LISTS_ARE_FRESH.call_once(|| {
        ui::note("refreshing the package lists");
        let update = run_logged(command("apt-get").args(["update", "-q"]), &workspace.log("apt-update"));
        if let Err(error) = update {
            ui::note(format!("the package lists may be old: {error:#}"));
        }
    });
}

fn is_installed(package: &str) -> bool {
    let query = ["-W", "-f", "${db:Status-Status}", package];
    output(command("dpkg-query").args(query)).is_ok_and(|status| status == "installed")
}
