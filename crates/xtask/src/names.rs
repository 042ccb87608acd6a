//! Short names between the wasm and its glue.
//!
//! wasm-bindgen joins the two by names that carry a hash (`__wbg_length_b03a0fabb109b1e9`). They stand in both files
//! and do not compress; nobody else sees them, so both sides get short ones.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Output;

/// What closures are called through; the only exports with a hash.
const HASHED_EXPORT: &str = "wasm_bindgen__convert__";

/// Old name → new name.
pub(crate) type Renames = HashMap<String, String>;

/// Renames in the wasm; [`rename_in_file`] follows in the glue.
pub(crate) fn shorten(output: &mut Output) -> Result<Renames> {
    let mut taken: Vec<String> = words(output.js()).filter_map(Result::ok).map(str::to_owned).collect();
    taken.sort_unstable();
    let mut fresh = (0..).map(short).filter(|name| taken.binary_search(name).is_err());
    let mut renames = Renames::new();
    let module = output.wasm_mut();
    let imports =
        module.imports.iter_mut().filter(|import| import.module.starts_with("./")).map(|import| &mut import.name);
    let exports =
        module.exports.iter_mut().map(|export| &mut export.name).filter(|name| name.starts_with(HASHED_EXPORT));
    for name in imports.chain(exports) {
        if taken.binary_search(name).is_err() {
            bail!("wasm-bindgen's glue does not know {name}, which the wasm uses");
        }
        let new = fresh.next().context("no name is left")?;
        renames.insert(std::mem::replace(name, new.clone()), new);
    }
    Ok(renames)
}

/// Renames in the glue or its types.
pub(crate) fn rename_in_file(file: &Path, renames: &Renames) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::write(file, rename(&text, renames)).with_context(|| format!("cannot write {}", file.display()))
}

fn rename(text: &str, renames: &Renames) -> String {
    words(text)
        .map(|part| match part {
            Ok(word) => renames.get(word).map_or(word, String::as_str),
            Err(between) => between,
        })
        .collect()
}

/// The text in order, identifiers as `Ok` and what stands between them as `Err`.
fn words(text: &str) -> impl Iterator<Item = Result<&str, &str>> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_word = in_word(rest.chars().next()?);
        let end = rest.find(|c| in_word(c) != is_word).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(if is_word { Ok(part) } else { Err(part) })
    })
}

/// `a`, `b`, … `z`, `aa`, `ab`, …
fn short(mut index: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'a' + u8::try_from(index % 26).unwrap_or_default()));
        index /= 26;
        if index == 0 {
            return letters.iter().rev().collect();
        }
        index -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_renamed() {
        let renames = Renames::from([("__wbg_a_1".to_owned(), "b".to_owned())]);
        let glue = "{ __wbg_a_1: f(__wbg_a_12, \"마당\", x.__wbg_a_1) }";
        assert_eq!(rename(glue, &renames), "{ b: f(__wbg_a_12, \"마당\", x.b) }");
    }

    #[test]
    fn short_names_do_not_repeat() {
        let names: Vec<String> = (0..1_000).map(short).collect();
        assert_eq!(names[..2], ["a", "b"]);
        assert_eq!(names[26..28], ["aa", "ab"]);
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }
}
