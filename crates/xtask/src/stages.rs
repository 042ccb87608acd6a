//! `cargo xtask test`: its stages, each of which can be run alone.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::apt;
use crate::browsers::{name_chrome, name_firefox};
use crate::kit::Kit;
use crate::process::{find, output, path_with, run, run_logged_within};
use crate::tools;
use crate::ui::{self, Steps};
use crate::wasm::{TARGET, Toolchain};
use crate::{coturn, imports, javascript, lab, size};

/// How a stage ended, when it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Skipped(String),
}

/// One part of the test run.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// Another name, for several stages at once.
    pub(crate) group: &'static str,
    pub(crate) what: &'static str,
    /// What follows `--` on the command line goes to the stage's own program.
    run: fn(&Kit, &[String]) -> Result<Outcome>,
}

/// In the order of `cargo xtask test`: what finds most in the least time first.
pub(crate) const STAGES: &[Stage] = &[
    Stage { name: "fmt", group: "lint", what: "rustfmt has nothing to change", run: fmt },
    Stage { name: "clippy", group: "lint", what: "clippy, all crates on this machine, no warning", run: clippy },
    Stage { name: "unit", group: "host", what: "tests that run on this machine", run: unit },
    Stage { name: "doc", group: "host", what: "examples in the documentation", run: doc_tests },
    Stage { name: "coturn", group: "host", what: "coturn's own clients against the relay", run: coturn::run_stage },
    Stage { name: "rustdoc", group: "lint", what: "the documentation builds, no warning", run: rustdoc },
    Stage { name: "clippy-wasm", group: "lint", what: "clippy for wasm32, no warning", run: clippy_wasm },
    Stage { name: "deny", group: "lint", what: "cargo-deny: licences, sources, advisories", run: deny },
    Stage { name: "imports", group: "wasm", what: "the wasm imports nothing from env", run: wasm_imports },
    Stage { name: "size", group: "wasm", what: "the download is within its budget", run: sizes },
    Stage { name: "vendor", group: "js", what: "the vendored Socket.IO client is npm's", run: vendor },
    Stage { name: "typescript", group: "js", what: "tsc --strict of the types and examples", run: typescript },
    Stage { name: "bundle", group: "js", what: "the SDK packs, installs and bundles with npm", run: bundle },
    Stage { name: "wasm-chrome", group: "wasm", what: "wasm-pack tests in Chrome", run: wasm_chrome },
    Stage { name: "wasm-firefox", group: "wasm", what: "wasm-pack tests in Firefox", run: wasm_firefox },
    Stage { name: "e2e", group: "e2e", what: "real calls: server, Chrome and Firefox", run: e2e },
    Stage { name: "lab", group: "lab", what: "real calls between all kinds of networks", run: lab::run_stage },
    Stage {
        name: "trunk",
        group: "trunk",
        what: "trunk builds the page (skipped in a whole run without trunk)",
        run: trunk,
    },
];

/// The stages that these names (of stages or groups) mean; all of them for no name.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Stage>> {
    for name in names {
        if !STAGES.iter().any(|stage| stage.name == name || stage.group == name) {
            bail!("there is no stage {name:?}; `cargo xtask help test` lists them");
        }
    }
    let wanted =
        |stage: &&Stage| names.is_empty() || names.iter().any(|name| stage.name == name || stage.group == name);
    Ok(STAGES.iter().filter(wanted).collect())
}

/// The table of stages: name, group, what it checks.
pub(crate) fn table() -> String {
    STAGES.iter().map(|stage| format!("  {:<13} {:<6} {}\n", stage.name, stage.group, stage.what)).collect()
}

/// Runs the stages one after another, all of them even when one fails; the last line counts.
pub(crate) fn run_all(kit: &Kit, stages: &[&Stage], extra: &[String]) -> Result<()> {
    let mut steps = Steps::new(stages.len());
    let mut passed = 0;
    let mut failed = Vec::new();
    let mut skipped = Vec::new();
    for stage in stages {
        let title = format!("{}: {}", stage.name, stage.what);
        match steps.step(&title, || (stage.run)(kit, extra)) {
            Ok(Outcome::Passed) => passed += 1,
            Ok(Outcome::Skipped(reason)) => {
                ui::note(format!("skipped: {reason}"));
                skipped.push(format!("skipped {}: {reason}", stage.name));
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                failed.push(stage.name);
            }
        }
    }
    eprintln!("all stages took {}", steps.elapsed());
    for line in &skipped {
        println!("{line}");
    }
    for name in &failed {
        println!("failed {name}: run it again with `cargo xtask test {name}`");
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(crate::Reported.into()) }
}

fn fmt(kit: &Kit, _: &[String]) -> Result<Outcome> {
    need_component(kit, "rustfmt", "fmt")?;
    run(kit.workspace.cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy(kit: &Kit, _: &[String]) -> Result<Outcome> {
    need_component(kit, "clippy", "clippy")?;
    run(kit.workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(Outcome::Passed)
}

fn clippy_wasm(kit: &Kit, _: &[String]) -> Result<Outcome> {
    let toolchain = kit.toolchain()?;
    match toolchain {
        Toolchain::Default => need_component(kit, "clippy", "clippy")?,
        Toolchain::Debian => apt::install(&kit.workspace, &["rust-web-clippy"])?,
    }
    let builds: [&[&str]; 3] = [
        &["--package", "madang", "--all-targets"],
        &["--package", "madang", "--all-targets", "--no-default-features"],
        &["--package", "madang-page", "--all-targets"],
    ];
    for build in builds {
        let mut cargo = toolchain.command(&kit.workspace, "cargo");
        run(cargo.args(["clippy", "--target", TARGET]).args(build).args(["--", "-D", "warnings"]))?;
    }
    Ok(Outcome::Passed)
}

fn rustdoc(kit: &Kit, _: &[String]) -> Result<Outcome> {
    let mut cargo = kit.workspace.cargo();
    run(cargo.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

/// With nextest where it is installed: it runs the tests of all crates side by side.
fn unit(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let nextest = find(&["cargo-nextest"], &kit.workspace.tools_bin()).is_some();
    let mut cargo = kit.workspace.cargo();
    if nextest {
        cargo.args(["nextest", "run", "--no-fail-fast"]);
    } else {
        cargo.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    }
    run(cargo.args(["--workspace", "--exclude", "madang-e2e", "--exclude", "madang-lab"]).args(extra))?;
    Ok(Outcome::Passed)
}

fn doc_tests(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let mut cargo = kit.workspace.cargo();
    cargo.args(["test", "--doc", "--workspace", "--exclude", "madang-e2e", "--exclude", "madang-lab"]);
    run(cargo.args(extra))?;
    Ok(Outcome::Passed)
}

/// How long the database of advisories, a git repository, may take.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);

fn deny(kit: &Kit, _: &[String]) -> Result<Outcome> {
    let program = kit.tool(tools::CARGO_DENY)?;
    let deny = || kit.workspace.command(&program.to_string_lossy());
    // The root is one crate; the server is another.
    run(deny().args(["--workspace", "check", "bans", "licenses", "sources"]))?;
    let fetched = run_logged_within(DATABASE_PATIENCE, deny().args(["fetch", "db"]), &kit.workspace.log("deny-fetch"));
    if fetched.is_ok() {
        run(deny().args(["--workspace", "check", "advisories"]))?;
    } else {
        ui::note("advisories not checked: their database cannot be fetched from here");
    }
    Ok(Outcome::Passed)
}

fn wasm_imports(kit: &Kit, _: &[String]) -> Result<Outcome> {
    imports::check(&kit.dist()?)?;
    Ok(Outcome::Passed)
}

fn sizes(kit: &Kit, _: &[String]) -> Result<Outcome> {
    let dist = kit.dist()?;
    if kit.optimizer().is_none() {
        return Ok(Outcome::Skipped("sizes mean little without wasm-opt; install npm".to_owned()));
    }
    size::check(&kit.workspace.root, &dist)?;
    Ok(Outcome::Passed)
}

fn vendor(kit: &Kit, _: &[String]) -> Result<Outcome> {
    javascript::vendored_client(kit)?;
    Ok(Outcome::Passed)
}

fn typescript(kit: &Kit, _: &[String]) -> Result<Outcome> {
    javascript::typescript(kit)?;
    Ok(Outcome::Passed)
}

fn bundle(kit: &Kit, _: &[String]) -> Result<Outcome> {
    javascript::bundle(kit)?;
    Ok(Outcome::Passed)
}

fn wasm_chrome(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let chrome = kit.chrome()?;
    wasm_pack(kit, &["--chrome".as_ref(), "--chromedriver".as_ref(), chrome.driver.as_os_str()], extra)
}

fn wasm_firefox(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let firefox = kit.firefox()?;
    wasm_pack(kit, &["--firefox".as_ref(), "--geckodriver".as_ref(), firefox.driver.as_os_str()], extra)
}

fn wasm_pack(kit: &Kit, browser: &[&std::ffi::OsStr], extra: &[String]) -> Result<Outcome> {
    let toolchain = kit.toolchain()?;
    let program = kit.tool(tools::WASM_PACK)?;
    let bindgen = kit.tool(tools::WASM_BINDGEN)?;
    let mut wasm_pack = toolchain.command(&kit.workspace, &program.to_string_lossy());
    if let Some(folder) = bindgen.parent() {
        wasm_pack.env("PATH", path_with(folder)?);
    }
    // For all tests together, in seconds. The 20 it allows by itself are too few on a busy machine.
    wasm_pack.env("WASM_BINDGEN_TEST_TIMEOUT", "180");
    // Nothing is downloaded behind our back.
    wasm_pack.args(["test", "--headless", "--mode", "no-install"]).args(browser);
    run(wasm_pack.arg(&kit.workspace.root).args(extra))?;
    Ok(Outcome::Passed)
}

fn e2e(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let mut cargo = e2e_tests(kit)?;
    cargo.args(["--lib", "--test", "scenarios"]);
    if !extra.is_empty() {
        cargo.arg("--").args(extra);
    }
    run(&mut cargo)?;
    Ok(Outcome::Passed)
}

/// `cargo test` of the tests with browsers, told where everything is that they start.
pub(crate) fn e2e_tests(kit: &Kit) -> Result<Command> {
    let (server, dist, chrome, firefox) = (kit.server()?, kit.dist()?, kit.chrome()?, kit.firefox()?);
    let mut cargo = kit.workspace.cargo();
    cargo.args(["test", "--package", "madang-e2e"]);
    cargo.env("MADANG_SERVER", server).env("MADANG_DIST", dist);
    // A scenario that fails says in words where and why; a hundred frames of an executor hide that.
    cargo.env("RUST_LIB_BACKTRACE", "0");
    name_chrome(&mut cargo, &chrome);
    name_firefox(&mut cargo, &firefox);
    Ok(cargo)
}

/// Trunk takes ten minutes to compile, so a whole run only uses one that is there.
fn trunk(kit: &Kit, _: &[String]) -> Result<Outcome> {
    let wanted = std::env::var_os("MADANG_TEST_TRUNK").is_some();
    if !wanted && tools::TRUNK.installed(&kit.workspace).is_none() {
        return Ok(Outcome::Skipped("no trunk in PATH; MADANG_TEST_TRUNK=1 lets this stage install it".to_owned()));
    }
    let trunk = kit.tool(tools::TRUNK)?;
    let mut build = kit.toolchain()?.command(&kit.workspace, &trunk.to_string_lossy());
    if let Some(folder) = kit.tool(tools::WASM_BINDGEN)?.parent() {
        build.env("PATH", path_with(folder)?);
    }
    run(build.args(["build", "--offline"]))?;
    Ok(Outcome::Passed)
}

/// rustup leaves clippy and rustfmt out of its minimal profile.
fn need_component(kit: &Kit, component: &str, subcommand: &str) -> Result<()> {
    if output(kit.workspace.cargo().args([subcommand, "--version"])).is_ok() {
        return Ok(());
    }
    ui::note(format!("rustup component add {component}"));
    run(kit.workspace.command("rustup").args(["component", "add", component]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str]) -> Vec<&'static str> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        select(&wanted).unwrap().iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn stages_are_chosen_by_name_or_group_in_their_order() {
        assert_eq!(names(&[]).len(), STAGES.len());
        assert_eq!(names(&["e2e", "fmt"]), ["fmt", "e2e"]);
        assert_eq!(names(&["js"]), ["vendor", "typescript", "bundle"]);
        assert!(select(&["e3e".to_owned()]).is_err());
    }

    #[test]
    fn each_stage_can_be_run_alone() {
        for stage in STAGES {
            assert_eq!(names(&[stage.name]), [stage.name]);
        }
    }
}
