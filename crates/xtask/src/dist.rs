//! `target/dist`: all that the server embeds. The page's files at the top, the SDK below `sdk/`.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::bindgen::Recipe;
use crate::files::{self, Files};
use crate::npm::Npm;
use crate::page;
use crate::ui::{self, Steps};
use crate::wasm::{self, Toolchain};
use crate::workspace::Workspace;

/// How many steps [`build`] takes.
pub(crate) const STEPS: usize = 4;

/// The root crate as JavaScript sees it. As a cdylib alone, because link-time optimization does nothing for a crate
/// that is an rlib too.
const SDK: &[&str] = &["rustc", "--package", "madang", "--lib", "--crate-type", "cdylib"];
const SDK_NAME: &str = "madang";
/// The page: a Rust program that uses the crate without its JavaScript exports.
const PAGE: &[&str] = &["build", "--package", "madang-page"];
const PAGE_NAME: &str = "madang-page";

/// Builds SDK and page and brings `target/dist` up to date.
pub(crate) fn build(workspace: &Workspace, steps: &mut Steps) -> Result<PathBuf> {
    let toolchain = steps.step("Set up: the Rust target wasm32-unknown-unknown", || wasm::toolchain(workspace))?;
    let npm = steps.step("Set up: wasm-opt, from npm", || Ok(optimizer(workspace)))?;
    let sdk = steps.step("Build the SDK for JavaScript (sdk/)", || {
        make(workspace, toolchain, SDK, Recipe { name: SDK_NAME, typescript: true, optimizer: npm.as_ref() })
    })?;
    steps.step("Build the page (www/)", || {
        let recipe = Recipe { name: PAGE_NAME, typescript: false, optimizer: npm.as_ref() };
        let program = make(workspace, toolchain, PAGE, recipe)?;
        let mut all = page::assemble(&workspace.root.join("www"), &program, PAGE_NAME)?;
        all.extend(sdk_files(sdk)?);
        let dist = workspace.dist();
        let changes = files::sync(&dist, &all)?;
        if changes > 0 {
            ui::note(format!("{}: {} files, {changes} changed", dist.display(), all.len()));
        }
        Ok(dist)
    })
}

/// `wasm-opt` makes a smaller download and nothing else, so going without is a remark and not an error.
fn optimizer(workspace: &Workspace) -> Option<Npm> {
    let npm = Npm::set_up(workspace);
    if let Err(error) = &npm {
        ui::note(format!("going on without wasm-opt, the page will be a larger download: {error:#}"));
    }
    npm.ok()
}

fn make(workspace: &Workspace, toolchain: Toolchain, cargo: &[&str], recipe: Recipe<'_>) -> Result<Files> {
    let wasm = toolchain.build(workspace, cargo)?;
    recipe.make(workspace, &wasm)
}

/// The SDK's files in their folder, with the package.json that npm and bundlers want.
fn sdk_files(bundle: Files) -> Result<Files> {
    let package = json!({
        "name": SDK_NAME,
        "description": "Peer-to-peer video calls in the browser",
        "version": env!("CARGO_PKG_VERSION"),
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "main": "./madang.js",
        "types": "./madang.d.ts",
        "exports": {
            ".": { "types": "./madang.d.ts", "default": "./madang.js" },
            "./madang_bg.wasm": "./madang_bg.wasm",
            "./package.json": "./package.json",
        },
        "files": ["madang.js", "madang.d.ts", "madang_bg.wasm", "madang_bg.wasm.d.ts", "snippets"],
        "sideEffects": ["./snippets/*"],
    });
    let mut files: Files = bundle.into_iter().map(|(name, content)| (format!("sdk/{name}"), content)).collect();
    let mut text = serde_json::to_vec_pretty(&package)?;
    text.push(b'\n');
    files.insert("sdk/package.json".to_owned(), text);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_a_package_that_names_its_files() {
        let made = ["madang.js", "madang.d.ts", "madang_bg.wasm", "madang_bg.wasm.d.ts", "snippets/a/b.js"];
        let bundle: Files = made.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        let files = sdk_files(bundle).unwrap();
        let package: serde_json::Value = serde_json::from_slice(&files["sdk/package.json"]).unwrap();
        for name in made {
            assert!(files.contains_key(&format!("sdk/{name}")));
            let top = name.split('/').next().unwrap();
            assert!(package["files"].as_array().unwrap().contains(&json!(top)), "{top} would not be published");
        }
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    }
}
