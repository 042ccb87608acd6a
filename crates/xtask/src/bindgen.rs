//! From cargo's wasm to what a browser loads: wasm-bindgen (linked as a library), then, where npm brings them,
//! `wasm-opt` for the wasm and esbuild for its glue.
//!
//! The result is kept in the target folder under the hash of what it was made from, so an unchanged wasm costs
//! one read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::files::{self, Files};
use crate::hash::hash;
use crate::names;
use crate::npm::Npm;
use crate::process::run_logged;
use crate::ui;
use crate::workspace::Workspace;

/// For a module that is compiled while a call is being set up. `-Oz`, `--flatten` and `--rereloop` make the SDK 1 kB
/// smaller, of 70 (`cargo xtask size`), and kept Chromium's main thread for 19 ms instead of 15 (`wasm.CompileBaseline`
/// in its traces, the median of eight calls).
///
/// The lowest 1024 bytes are the far end of a stack of 1 MiB: whatever gets there is about to overflow it.
const WASM_OPT: &[&str] = &["-O3", "--low-memory-unused", "--strip-producers"];
/// What rustc's wasm32 target and wasm-bindgen use; `wasm-opt` rejects what it is not told of.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];
/// Has Chromium compile a script's functions along with it, off its main thread, and not each when it is first called:
/// most are, while a call is being set up, and on two busy cores that took a tenth of the whole time (in turns with and
/// without it, 16 calls each: 287 and 322 ms). To others it is a comment. It counts in the first line only.
const COMPILE_HINT: &[u8] = b"//# allFunctionsCalledOnLoad\n";
/// Change it when this file makes something else of the same input.
const RECIPE: &str = "2";

/// What to make of a wasm file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// The name of the files: `NAME.js`, `NAME_bg.wasm`.
    pub(crate) name: &'a str,
    /// For others to use: with types, and a start function that finds the wasm beside the glue by itself.
    pub(crate) library: bool,
    /// `None` leaves the wasm larger.
    pub(crate) optimizer: Option<&'a Npm>,
}

impl Recipe<'_> {
    /// The glue, the wasm, the snippets and the types for this wasm file.
    pub(crate) fn make(&self, workspace: &Workspace, wasm: &Path) -> Result<Files> {
        let input = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
        let kept = workspace.work().join(self.name);
        let stamp = workspace.work().join(format!("{}.stamp", self.name));
        let key = self.key(&input);
        if fs::read_to_string(&stamp).is_ok_and(|last| last == key) {
            return Ok(hinted(files::read(&kept)?));
        }
        // Without a stamp a half-made folder never counts.
        let _ = fs::remove_file(&stamp);
        self.bindgen(wasm, &kept)?;
        if let Some(npm) = self.optimizer {
            self.optimize(workspace, npm, &kept)?;
            self.minify(workspace, npm, &kept)?;
        }
        fs::write(&stamp, key).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(hinted(files::read(&kept)?))
    }

    fn key(&self, input: &[u8]) -> String {
        let optimized = if self.optimizer.is_some() { WASM_OPT.join(" ") } else { String::new() };
        let kind = if self.library { "library" } else { "program" };
        let version = crate::tools::WASM_BINDGEN_VERSION;
        let parts = [RECIPE, version, self.name, kind, &optimized].map(str::as_bytes);
        hash(parts.into_iter().chain([input]))
    }

    fn bindgen(&self, wasm: &Path, folder: &Path) -> Result<()> {
        ui::note(format!("wasm-bindgen {}", self.name));
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        let mut bindgen = Bindgen::new();
        bindgen.input_path(wasm).out_name(self.name).typescript(self.library);
        bindgen.omit_default_module_path(!self.library);
        bindgen.remove_producers_section(true);
        let mut output =
            bindgen.web(true)?.generate_output().with_context(|| format!("wasm-bindgen refuses {}", wasm.display()))?;
        let renames = names::shorten(&mut output)?;
        output.emit(folder).with_context(|| format!("cannot write {}", folder.display()))?;
        names::rename_in_file(&folder.join(format!("{}.js", self.name)), &renames)?;
        if self.library {
            names::rename_in_file(&folder.join(format!("{}.d.ts", self.name)), &renames)?;
        }
        Ok(())
    }

    fn optimize(&self, workspace: &Workspace, npm: &Npm, folder: &Path) -> Result<()> {
        ui::note(format!("wasm-opt {}", self.name));
        let wasm = folder.join(format!("{}_bg.wasm", self.name));
        let smaller = wasm.with_extension("opt.wasm");
        let mut wasm_opt = npm.program("wasm-opt");
        wasm_opt.args(WASM_OPT).args(WASM_FEATURES).arg(&wasm).arg("-o").arg(&smaller);
        run_logged(&mut wasm_opt, &workspace.log("wasm-opt"))?;
        fs::rename(&smaller, &wasm).with_context(|| format!("cannot replace {}", wasm.display()))
    }

    fn minify(&self, workspace: &Workspace, npm: &Npm, folder: &Path) -> Result<()> {
        let glue = folder.join(format!("{}.js", self.name));
        let smaller = glue.with_extension("min.js");
        let mut esbuild = npm.program("esbuild");
        esbuild.arg(&glue).args(["--minify", "--format=esm", "--log-level=warning"]);
        esbuild.arg(format!("--outfile={}", smaller.display()));
        run_logged(&mut esbuild, &workspace.log("esbuild"))?;
        fs::rename(&smaller, &glue).with_context(|| format!("cannot replace {}", glue.display()))
    }
}

/// The same files, each script with [`COMPILE_HINT`].
fn hinted(mut files: Files) -> Files {
    for (_, script) in files.iter_mut().filter(|(name, _)| name.ends_with(".js")) {
        script.splice(0..0, COMPILE_HINT.iter().copied());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_begin_with_the_hint_and_nothing_else_does() {
        let files = ["a.js", "snippets/b.js", "a_bg.wasm", "a.d.ts"].map(|name| (name.to_owned(), b"x".to_vec()));
        for (name, content) in hinted(Files::from(files)) {
            assert_eq!(content.starts_with(COMPILE_HINT), name.ends_with(".js"), "{name}");
            assert!(content.ends_with(b"x"));
        }
    }
}
