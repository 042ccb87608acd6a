//! The SDK as a JavaScript project meets it: its types, its package, its Socket.IO client.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::files::{self, Files};
use crate::kit::Kit;
use crate::process::{output, run};
use crate::ui;

const VENDORED: &str = "vendor/socket.io-client";
const PUBLISHED: &str = "socket.io-client/dist";
/// A program that imports the package `madang`.
const EXAMPLE: &str = "examples/bundler/call.ts";

/// The vendored Socket.IO client is npm's, byte for byte.
pub(crate) fn vendored_client(kit: &Kit) -> Result<()> {
    let npm = kit.npm()?;
    let vendored = files::read(&kit.workspace.root.join(VENDORED))?;
    let scripts: Files = vendored.into_iter().filter(|(name, _)| name.ends_with(".js")).collect();
    if scripts.is_empty() {
        bail!("{VENDORED} has no script");
    }
    for (name, ours) in &scripts {
        let theirs = npm.package(PUBLISHED).join(name);
        if &fs::read(&theirs).with_context(|| format!("cannot read {}", theirs.display()))? != ours {
            bail!("{VENDORED}/{name} is not npm's: copy it from {}", theirs.display());
        }
    }
    ui::note(format!("{} scripts are npm's", scripts.len()));
    Ok(())
}

/// `tsc --strict` over the SDK's types and every TypeScript file of the examples and tests.
pub(crate) fn typescript(kit: &Kit) -> Result<()> {
    let (npm, dist, root) = (kit.npm()?, kit.dist()?, &kit.workspace.root);
    let types = dist.join("sdk/madang.d.ts");
    let config = json!({
        "compilerOptions": {
            "strict": true,
            "noEmit": true,
            "target": "es2022",
            "module": "esnext",
            "moduleResolution": "bundler",
            // wasm-bindgen's classes can be disposed of by `using`.
            "lib": ["es2022", "esnext.disposable", "dom", "dom.iterable"],
            "types": [],
            "paths": { "madang": [types] },
        },
        "include": [types, root.join("examples/**/*.ts"), root.join("tests/**/*.ts")],
        "exclude": [root.join("**/node_modules")],
    });
    let folder = kit.workspace.work().join("typescript");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("tsconfig.json");
    fs::write(&file, serde_json::to_vec_pretty(&config)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    run(npm.program("tsc").arg("--project").arg(&file))
}

/// The SDK packs, installs and bundles as any npm package does.
pub(crate) fn bundle(kit: &Kit) -> Result<()> {
    let (npm, dist) = (kit.npm()?, kit.dist()?);
    let project = kit.workspace.work().join("bundle");
    if project.exists() {
        fs::remove_dir_all(&project).with_context(|| format!("cannot clear {}", project.display()))?;
    }
    fs::create_dir_all(&project).with_context(|| format!("cannot make {}", project.display()))?;
    fs::write(project.join("package.json"), r#"{"private": true, "type": "module"}"#)?;
    let example = kit.workspace.root.join(EXAMPLE);
    fs::copy(&example, project.join("call.ts")).with_context(|| format!("cannot copy {EXAMPLE}"))?;

    let in_project = |program: &str| {
        let mut command = kit.workspace.command(program);
        command.current_dir(&project);
        command
    };
    let packed = output(in_project("npm").args(["pack", "--silent"]).arg(dist.join("sdk")))?;
    let tarball = packed.lines().last().context("npm pack named no file")?;
    run(in_project("npm").args(["install", "--silent", "--offline", "--no-save"]).arg(format!("./{tarball}")))?;
    let mut esbuild = npm.program("esbuild");
    esbuild.current_dir(&project);
    run(esbuild.args(["call.ts", "--bundle", "--format=esm", "--log-level=warning", "--outfile=out.js"]))?;
    needs_nothing_else(&project.join("out.js"))
}

/// A bundle is complete: no import is left in it.
fn needs_nothing_else(bundle: &Path) -> Result<()> {
    let text = fs::read_to_string(bundle).with_context(|| format!("cannot read {}", bundle.display()))?;
    if let Some(import) = text.lines().find(|line| line.trim_start().starts_with("import ")) {
        bail!("the bundle still imports: {}", import.trim());
    }
    ui::note(format!("packed, installed and bundled: {} bytes of JavaScript", text.len()));
    Ok(())
}
