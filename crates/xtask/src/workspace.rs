//! Where things are: the checkout, cargo's target folder, and what this tool keeps in it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{command, output};

/// The checkout and its target folder, as cargo sees them.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo, so that `CARGO_TARGET_DIR` and configuration files count.
    pub(crate) fn locate() -> Result<Self> {
        let text = output(command("cargo").args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed something else than JSON")?;
        let folder = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).with_context(|| format!("cargo metadata has no {key}"))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// A command that runs in the checkout and builds into our target folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// `cargo` for this machine.
    pub(crate) fn cargo(&self) -> Command {
        self.command("cargo")
    }

    /// What the server embeds: page and SDK, plain files.
    pub(crate) fn dist(&self) -> PathBuf {
        self.target.join("dist")
    }

    /// Intermediate results that are kept between runs.
    pub(crate) fn work(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// Output of quiet jobs.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.work().join("log").join(format!("{name}.log"))
    }

    /// Programs that set-up builds; nothing of the user's is touched.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    pub(crate) fn tools_bin(&self) -> PathBuf {
        self.tools().join("bin")
    }

    pub(crate) fn node_modules(&self) -> PathBuf {
        self.root.join("node_modules")
    }
}
