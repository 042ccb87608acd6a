//! Where the programs are: browsers, their drivers, the server, and the folder for what tests leave.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The path in the variable, or the first of the names that is in `PATH`.
fn find(variable: &str, names: &[&str]) -> Option<OsString> {
    env::var_os(variable).or_else(|| {
        let path = env::var_os("PATH")?;
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let found =
            names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()));
        found.map(PathBuf::into_os_string)
    })
}

pub(crate) fn chromedriver() -> Result<OsString> {
    find("MADANG_CHROMEDRIVER", &["chromedriver"])
        .context("no chromedriver: install it, or name it in MADANG_CHROMEDRIVER; `cargo xtask test` does it for you")
}

pub(crate) fn geckodriver() -> Result<OsString> {
    find("MADANG_GECKODRIVER", &["geckodriver"])
        .context("no geckodriver: install it, or name it in MADANG_GECKODRIVER; `cargo xtask test` does it for you")
}

/// `None` leaves the choice to the driver, which knows the usual places.
pub(crate) fn chromium() -> Option<OsString> {
    find("MADANG_CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])
}

/// `None` leaves the choice to the driver, which knows the usual places.
pub(crate) fn firefox() -> Option<OsString> {
    find("MADANG_FIREFOX", &["firefox", "firefox-esr"])
}

/// The checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from)
}

/// Where reports and screenshots go.
pub fn results() -> Result<PathBuf> {
    let folder = target().join("e2e");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The server binary: the one named in `MADANG_SERVER`, or the newest that was built.
pub fn server() -> Result<OsString> {
    if let Some(named) = env::var_os("MADANG_SERVER") {
        return Ok(named);
    }
    let built = ["release", "debug"].map(|profile| target().join(profile).join("madang-server"));
    let newest = built.into_iter().filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file))).max();
    let (_, file) = newest.context("no server: `cargo build -p madang-server`, or name one in MADANG_SERVER")?;
    Ok(file.into_os_string())
}
