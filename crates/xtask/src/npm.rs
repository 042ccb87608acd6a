//! What npm brings (`package.json`): `wasm-opt`, and the tools that the tests of the JavaScript side need.
//!
//! Running needs none of it: without npm the page works and is a larger download.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{find, run_logged};
use crate::workspace::Workspace;

/// Our node_modules, after `npm ci` when the lock file asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Npm {
    workspace: Workspace,
}

impl Npm {
    pub(crate) fn set_up(workspace: &Workspace) -> Result<Self> {
        if find(&["npm"], &workspace.tools_bin()).is_none() {
            bail!("npm is not in PATH: install Node.js 20 or newer, which brings it");
        }
        let wanted = fs::read(workspace.root.join("package-lock.json")).context("cannot read package-lock.json")?;
        let stamp = workspace.node_modules().join(".madang-lock");
        if fs::read(&stamp).ok() != Some(wanted.clone()) {
            let log = workspace.log("npm-ci");
            // A registry that is out of reach should cost seconds: running works without it.
            let patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"];
            run_logged(workspace.command("npm").arg("ci").args(patience), &log)
                .context("npm could not install the packages of package-lock.json; is its registry reachable?")?;
            fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        }
        Ok(Self { workspace: workspace.clone() })
    }

    /// A program that one of the packages brings.
    pub(crate) fn program(&self, name: &str) -> Command {
        self.workspace.command(&self.workspace.node_modules().join(".bin").join(name).to_string_lossy())
    }

    /// A folder inside a package.
    pub(crate) fn package(&self, path: &str) -> PathBuf {
        self.workspace.node_modules().join(path)
    }
}
