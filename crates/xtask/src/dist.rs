//! `target/dist`: all that the server embeds. The page's files at the top, the SDK below `sdk/`.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::bindgen::Recipe;
use crate::files::{self, Files};
use crate::kit::Kit;
use crate::page;
use crate::ui;

/// The root crate as JavaScript sees it. As a cdylib alone, because link-time optimization does nothing for a crate
/// that is an rlib too.
const SDK: &[&str] =
    &["rustc", "--package", "madang", "--lib", "--crate-type", "cdylib", "--profile", "sdk", "--features", "allocator"];
const SDK_NAME: &str = "madang";
/// The page: a Rust program that uses the crate without its JavaScript exports.
const PAGE: &[&str] = &["build", "--package", "madang-page", "--profile", "web"];
const PAGE_NAME: &str = "madang-page";

/// Builds the SDK for JavaScript.
pub(crate) fn build_sdk(kit: &Kit) -> Result<Files> {
    make(kit, SDK, SDK_NAME, true)
}

/// Builds the page, and brings `target/dist` up to date with it and the SDK.
pub(crate) fn build(kit: &Kit) -> Result<PathBuf> {
    let sdk = kit.sdk()?;
    let program = make(kit, PAGE, PAGE_NAME, false)?;
    let mut all = page::assemble(&kit.workspace.root.join("www"), &program, PAGE_NAME)?;
    all.extend(sdk_files(sdk)?);
    let dist = kit.workspace.dist();
    let changes = files::sync(&dist, &all)?;
    if changes > 0 {
        ui::note(format!("{}: {} files, {changes} changed", dist.display(), all.len()));
    }
    Ok(dist)
}

fn make(kit: &Kit, cargo: &[&str], name: &str, library: bool) -> Result<Files> {
    let wasm = kit.toolchain()?.build(&kit.workspace, cargo)?;
    Recipe { name, library, optimizer: kit.optimizer().as_ref() }.make(&kit.workspace, &wasm)
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
        // TypeScript finds the types beside the script.
        "exports": {
            ".": "./madang.js",
            "./madang_bg.wasm": "./madang_bg.wasm",
            "./package.json": "./package.json",
        },
        "files": ["madang.js", "madang.d.ts", "madang_bg.wasm", "madang_bg.wasm.d.ts", "snippets"],
        "sideEffects": ["./snippets/**"],
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
