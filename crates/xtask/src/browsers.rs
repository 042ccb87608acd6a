//! The browsers and drivers that tests use: those in PATH, or Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt;
use crate::process::find;
use crate::tools;
use crate::workspace::Workspace;

const CHROME: &[&str] = &["chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome"];
const CHROMEDRIVER: &[&str] = &["chromedriver"];
const FIREFOX: &[&str] = &["firefox", "firefox-esr"];
/// Where macOS keeps them.
const CHROME_APP: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
const FIREFOX_APP: &str = "/Applications/Firefox.app/Contents/MacOS/firefox";

/// A browser and the program that drives it.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) program: PathBuf,
    pub(crate) driver: PathBuf,
}

pub(crate) fn chrome(workspace: &Workspace) -> Result<Browser> {
    let search = || Some(Browser { program: program(CHROME, CHROME_APP)?, driver: program(CHROMEDRIVER, "")? });
    if let Some(found) = search() {
        return Ok(found);
    }
    apt::install(workspace, &["chromium", "chromium-driver"])
        .context("tests need Chrome or Chromium and a chromedriver of the same version in PATH")?;
    search().context("Chromium is installed, but PATH has no chromium or no chromedriver")
}

pub(crate) fn firefox(workspace: &Workspace) -> Result<Browser> {
    let search = || program(FIREFOX, FIREFOX_APP);
    if search().is_none() {
        apt::install(workspace, &["firefox-esr"]).context("tests need Firefox in PATH")?;
    }
    let program = search().context("Firefox is installed, but PATH has no firefox")?;
    Ok(Browser { program, driver: tools::GECKODRIVER.set_up(workspace)? })
}

fn program(names: &[&str], app: &str) -> Option<PathBuf> {
    let app = Path::new(app);
    find(names, Path::new("")).or_else(|| app.is_file().then(|| app.to_owned()))
}

/// Tells a test program where Chrome and its driver are.
pub(crate) fn name_chrome(command: &mut Command, chrome: &Browser) {
    command.env("MADANG_CHROMIUM", &chrome.program).env("MADANG_CHROMEDRIVER", &chrome.driver);
}

/// Tells a test program where Firefox and its driver are.
pub(crate) fn name_firefox(command: &mut Command, firefox: &Browser) {
    command.env("MADANG_FIREFOX", &firefox.program).env("MADANG_GECKODRIVER", &firefox.driver);
}
