//! The programs that set-up builds with `cargo install`, and their versions: the one table to look at.
//!
//! They go into the target folder, unless PATH has a fitting one already; the user's own `~/.cargo/bin` stays as it is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{command, find, output, run_logged};
use crate::ui;
use crate::workspace::Workspace;

/// Must be the version of the crates `wasm-bindgen` and `wasm-bindgen-cli-support`.
pub(crate) const WASM_BINDGEN_VERSION: &str = "0.2.130";

/// A program from crates.io.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The crate.
    name: &'static str,
    program: &'static str,
    version: &'static str,
    fits: Fits,
    /// With the versions its authors locked, where the registry has all of them.
    locked: bool,
    /// How long two cores take to compile it.
    minutes: u8,
}

/// Which other version in PATH will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fits {
    Exactly,
    AtLeast,
}

/// wasm-pack wants its test runner.
pub(crate) const WASM_BINDGEN: Tool = Tool {
    name: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: WASM_BINDGEN_VERSION,
    fits: Fits::Exactly,
    locked: false,
    minutes: 3,
};
pub(crate) const WASM_PACK: Tool =
    Tool { name: "wasm-pack", program: "wasm-pack", version: "0.15.1", fits: Fits::AtLeast, locked: true, minutes: 2 };
/// Drives Firefox.
pub(crate) const GECKODRIVER: Tool = Tool {
    name: "geckodriver",
    program: "geckodriver",
    version: "0.37.1",
    fits: Fits::AtLeast,
    locked: true,
    minutes: 2,
};
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    program: "cargo-deny",
    version: "0.20.2",
    fits: Fits::AtLeast,
    locked: true,
    minutes: 3,
};
pub(crate) const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    program: "cargo-fuzz",
    version: "0.13.2",
    fits: Fits::AtLeast,
    locked: true,
    minutes: 1,
};
/// Optional: `cargo xtask test trunk` builds it, the whole test run only uses it when it is there.
pub(crate) const TRUNK: Tool =
    Tool { name: "trunk", program: "trunk", version: "0.21.14", fits: Fits::AtLeast, locked: true, minutes: 10 };

impl Tool {
    /// The program, when a fitting one is installed.
    pub(crate) fn installed(&self, workspace: &Workspace) -> Option<PathBuf> {
        let ours = workspace.tools_bin().join(self.program);
        [Some(ours), find(&[self.program], Path::new(""))].into_iter().flatten().find(|program| self.accepts(program))
    }

    /// The program, compiled if need be.
    pub(crate) fn set_up(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(program) = self.installed(workspace) {
            return Ok(program);
        }
        ui::note(format!("cargo install {} {} (about {} min)", self.name, self.version, self.minutes));
        let root = workspace.tools();
        let mut install = command("cargo");
        // Its own temporary target folder: ours is for the workspace.
        install.current_dir(&workspace.root).env_remove("CARGO_TARGET_DIR");
        install.args(["install", self.name, "--version", self.version, "--force", "--root"]).arg(root);
        if self.locked {
            install.arg("--locked");
        }
        run_logged(&mut install, &workspace.log(self.name))
            .with_context(|| format!("cannot install {} {}; is crates.io reachable?", self.name, self.version))?;
        match self.installed(workspace) {
            Some(program) => Ok(program),
            None => bail!("{} {} was installed but does not run", self.name, self.version),
        }
    }

    fn accepts(&self, program: &Path) -> bool {
        let Ok(text) = output(command(program).arg("--version")) else { return false };
        let (Some(found), Some(wanted)) = (version_in(&text), version_in(self.version)) else { return false };
        match self.fits {
            Fits::Exactly => found == wanted,
            Fits::AtLeast => found >= wanted,
        }
    }
}

/// The first `a.b.c` in what a program says about itself.
pub(crate) fn version_in(text: &str) -> Option<[u32; 3]> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.').map(|part| part.parse().ok());
        let version = [numbers.next()??, numbers.next()??, numbers.next()??];
        numbers.next().is_none().then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(version_in("geckodriver 0.37.1 (abc 2026-01-01)"), Some([0, 37, 1]));
        assert_eq!(version_in("trunk v0.21.14"), Some([0, 21, 14]));
        assert_eq!(version_in("Mozilla Firefox"), None);
    }

    #[test]
    fn the_tools_match_the_crates_in_cargo_lock() {
        let lock = include_str!("../../../Cargo.lock");
        for name in ["wasm-bindgen", "wasm-bindgen-cli-support"] {
            let entry = format!("name = \"{name}\"\nversion = \"{WASM_BINDGEN_VERSION}\"\n");
            assert!(lock.contains(&entry), "Cargo.lock has another version of {name} than {WASM_BINDGEN_VERSION}");
        }
    }
}
