//! Finds or makes a Rust toolchain that builds for wasm32, and builds with it.
//!
//! The ordinary way is `rustup target add`. Where rustup's server is out of reach, Debian's own Rust is installed
//! beside rustup's and the standard library is built from its source: it becomes the rustup toolchain `debian`,
//! which only wasm builds use (`RUSTUP_TOOLCHAIN`); no override is set.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::apt;
use crate::process::{command, line, output, run_logged};
use crate::ui;
use crate::workspace::Workspace;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// The name of Debian's Rust among rustup's toolchains.
const DEBIAN: &str = "debian";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// The toolchain that wasm builds use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one in use for everything else.
    Default,
    /// Debian's, linked into rustup.
    Debian,
}

impl Toolchain {
    /// A command that builds with this toolchain.
    pub(crate) fn command(self, workspace: &Workspace, program: &str) -> Command {
        let mut command = workspace.command(program);
        if self == Self::Debian {
            command.env("RUSTUP_TOOLCHAIN", DEBIAN);
            // Its rustc asks for rust-lld, which Debian does not have under that name.
            if let Ok(llvm) = debian_llvm() {
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", format!("wasm-ld-{llvm}"));
            }
        }
        command
    }

    /// Builds one artifact for the browser and returns the wasm file.
    pub(crate) fn build(self, workspace: &Workspace, subcommand: &[&str]) -> Result<PathBuf> {
        let mut cargo = self.command(workspace, "cargo");
        cargo.args(subcommand).args(["--target", TARGET]);
        if let Some(flags) = anonymous_paths() {
            cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
        }
        cargo.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = cargo.spawn().context("cannot start cargo")?;
        let messages = child.stdout.take().context("cargo has no stdout")?;
        let mut wasm = None;
        for message in BufReader::new(messages).lines() {
            let message = message.context("cannot read what cargo says")?;
            wasm = wasm_file(&message).or(wasm);
        }
        let status = child.wait().context("cannot wait for cargo")?;
        if !status.success() {
            bail!("`{}` failed; its messages are above", line(&cargo));
        }
        wasm.with_context(|| format!("`{}` made no wasm file", line(&cargo)))
    }
}

/// Panic messages name source files. Without this they would tell every visitor this machine's home folder, and differ
/// from machine to machine. A person's own flags come first.
fn anonymous_paths() -> Option<String> {
    if env::var_os("RUSTFLAGS").is_some() || env::var_os("CARGO_ENCODED_RUSTFLAGS").is_some() {
        return None;
    }
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some(format!("--remap-path-prefix={}=", cargo_home.join("registry/src/").display()))
}

/// The wasm file that one of cargo's JSON messages names. The last one is the crate that was asked for.
fn wasm_file(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.filter(|file| file.ends_with(".wasm")).map(PathBuf::from).next()
}

/// The toolchain to use, set up when there is none yet.
pub(crate) fn toolchain(workspace: &Workspace) -> Result<Toolchain> {
    if let Some(ready) = ready(workspace) {
        return Ok(ready);
    }
    ui::note(format!("rustup target add {TARGET}"));
    let mut rustup = workspace.command("rustup");
    let Err(refused) = run_logged(rustup.args(["target", "add", TARGET]), &workspace.log("rustup-target")) else {
        return Ok(Toolchain::Default);
    };
    if !apt::is_usable() {
        bail!(
            "Rust cannot build for {TARGET} here, and rustup could not add it: {refused:#}\n\
             Install rustup (the Rust project's own installer), check the network, and run \
             `rustup target add {TARGET}`; then try again."
        );
    }
    ui::note("rustup cannot download it; using Debian's Rust for the browser's part (about two minutes)");
    install_debian(workspace)?;
    ready(workspace).context("Debian's Rust is installed but still does not build for wasm32; `rustup toolchain list`?")
}

fn ready(workspace: &Workspace) -> Option<Toolchain> {
    [Toolchain::Default, Toolchain::Debian].into_iter().find(|toolchain| {
        let mut rustc = toolchain.command(workspace, "rustc");
        let sysroot = output(rustc.args(["--print", "sysroot"])).ok();
        sysroot.is_some_and(|sysroot| has_target(Path::new(&sysroot)))
    })
}

fn target_libraries(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

fn has_target(sysroot: &Path) -> bool {
    let Ok(files) = fs::read_dir(target_libraries(sysroot)) else { return false };
    let mut names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    names.any(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
}

fn install_debian(workspace: &Workspace) -> Result<()> {
    apt::install(workspace, &["rustc-web", "cargo-web", "rust-web-src"])?;
    apt::install(workspace, &[&format!("lld-{}", debian_llvm()?)])?;
    if !has_target(Path::new("/usr")) {
        build_standard_library(workspace)?;
    }
    if output(command("rustup").args(["toolchain", "link", DEBIAN, "/usr"])).is_err() {
        ui::note("no rustup: Debian's Rust is used as it is");
    }
    Ok(())
}

/// The LLVM that Debian's rustc was built with; its lld is the linker for wasm.
fn debian_llvm() -> Result<String> {
    let version = output(command(DEBIAN_RUSTC).arg("-vV"))?;
    Ok(llvm_major(&version).context("Debian's rustc does not tell its LLVM version")?.to_owned())
}

fn llvm_major(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?.split('.').next()
}

/// Builds std for wasm32 from Debian's source package, by way of an empty crate, into Debian's sysroot.
fn build_standard_library(workspace: &Workspace) -> Result<()> {
    ui::note("building the standard library for wasm32");
    let home = workspace.work().join("wasm-std");
    let source = home.join("src");
    fs::create_dir_all(&source).with_context(|| format!("cannot make {}", source.display()))?;
    fs::write(source.join("lib.rs"), "")?;
    // A workspace of its own: it lies inside ours.
    fs::write(home.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n")?;
    let built = home.join("target");
    let mut cargo = command(DEBIAN_CARGO);
    cargo.current_dir(&home).env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &built);
    cargo.args(["build", "--release", "--target", TARGET, "-Z", "build-std=std,panic_abort,test"]);
    run_logged(&mut cargo, &workspace.log("wasm-std"))?;

    // In place at once: half of a library must not pass for a whole one.
    let libraries = target_libraries(Path::new("/usr"));
    let unfinished = libraries.with_extension("unfinished");
    fs::create_dir_all(&unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
    let made = built.join(TARGET).join("release/deps");
    for file in fs::read_dir(&made).with_context(|| format!("cannot read {}", made.display()))? {
        let file = file?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&file, unfinished.join(name)).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    fs::rename(&unfinished, &libraries).with_context(|| format!("cannot make {}", libraries.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_the_wasm_file() {
        let artifact = r#"{"reason":"compiler-artifact","filenames":["/t/web/madang.wasm","/t/web/madang.d"]}"#;
        assert_eq!(wasm_file(artifact), Some(PathBuf::from("/t/web/madang.wasm")));
        assert_eq!(wasm_file(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(wasm_file("not JSON"), None);
    }

    #[test]
    fn llvm_version_is_read() {
        assert_eq!(llvm_major("rustc 1.96.0\nhost: x\nLLVM version: 22.1.8"), Some("22"));
        assert_eq!(llvm_major("rustc 1.96.0"), None);
    }
}
