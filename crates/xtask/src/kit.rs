//! What commands need, made once and on demand: toolchain, npm packages, SDK, page, server, browsers.
//!
//! Asking for a thing sets up or builds what it rests on. A thing that could not be made is not tried again: each
//! stage that needs it fails with the same reason.

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::{Result, anyhow};

use crate::browsers::{self, Browser};
use crate::dist;
use crate::files::Files;
use crate::npm::Npm;
use crate::process::run;
use crate::tools::Tool;
use crate::ui;
use crate::wasm::{self, Toolchain};
use crate::workspace::Workspace;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) workspace: Workspace,
    toolchain: Once<Toolchain>,
    npm: Once<Npm>,
    optimizer: OnceCell<Option<Npm>>,
    sdk: Once<Files>,
    dist: Once<PathBuf>,
    server: Once<PathBuf>,
    chrome: Once<Browser>,
    firefox: Once<Browser>,
}

impl Kit {
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self {
            workspace,
            toolchain: Once::default(),
            npm: Once::default(),
            optimizer: OnceCell::new(),
            sdk: Once::default(),
            dist: Once::default(),
            server: Once::default(),
            chrome: Once::default(),
            firefox: Once::default(),
        }
    }

    /// The toolchain that builds for wasm32.
    pub(crate) fn toolchain(&self) -> Result<Toolchain> {
        self.toolchain.get(|| wasm::toolchain(&self.workspace))
    }

    /// The packages of package.json.
    pub(crate) fn npm(&self) -> Result<Npm> {
        self.npm.get(|| Npm::set_up(&self.workspace))
    }

    /// npm's `wasm-opt`. It makes the program smaller and faster and nothing else, so going without is a remark and no
    /// error.
    pub(crate) fn optimizer(&self) -> Option<Npm> {
        let told = || self.npm().inspect_err(|error| ui::note(format!("no wasm-opt, so a larger program: {error:#}")));
        self.optimizer.get_or_init(|| told().ok()).clone()
    }

    /// The SDK's files, as the browser loads them.
    pub(crate) fn sdk(&self) -> Result<Files> {
        self.sdk.get(|| dist::build_sdk(self))
    }

    /// The folder with page and SDK.
    pub(crate) fn dist(&self) -> Result<PathBuf> {
        self.dist.get(|| dist::build(self))
    }

    /// The server's program, with page and SDK inside.
    pub(crate) fn server(&self) -> Result<PathBuf> {
        self.server.get(|| {
            // Its build embeds target/dist by itself; saying so in MADANG_DIST would only make a plain
            // `cargo build` believe that something changed.
            self.dist()?;
            run(self.workspace.cargo().args(["build", "--release", "--package", "madang-server"]))?;
            let program = format!("madang-server{}", std::env::consts::EXE_SUFFIX);
            Ok(self.workspace.target.join("release").join(program))
        })
    }

    pub(crate) fn chrome(&self) -> Result<Browser> {
        self.chrome.get(|| browsers::chrome(&self.workspace))
    }

    pub(crate) fn firefox(&self) -> Result<Browser> {
        self.firefox.get(|| browsers::firefox(&self.workspace))
    }

    pub(crate) fn tool(&self, tool: Tool) -> Result<PathBuf> {
        tool.set_up(&self.workspace)
    }
}

/// A result that is computed once; its error can be told again.
#[derive(Debug)]
struct Once<T>(OnceCell<Result<T, String>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T: Clone> Once<T> {
    fn get(&self, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = self.0.get_or_init(|| make().map_err(|error| format!("{error:#}")));
        result.clone().map_err(|reason| anyhow!(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_made_once_even_when_it_fails() {
        let once = Once::<u8>::default();
        let error = once.get(|| Err(anyhow!("no disk").context("cannot build"))).unwrap_err();
        assert_eq!(error.to_string(), "cannot build: no disk");
        let again = once.get(|| unreachable!("made twice")).unwrap_err();
        assert_eq!(again.to_string(), "cannot build: no disk");
    }
}
