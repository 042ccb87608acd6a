//! The wasm files import nothing from `env`: such an import means that a crate fell back to C or to a system that
//! no browser has, and the page would not even load.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload};

use crate::files;

const FORBIDDEN: &str = "env";

/// Checks each wasm file in the folder.
pub(crate) fn check(dist: &Path) -> Result<()> {
    let files = files::read(dist)?;
    let mut checked = 0;
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with(".wasm")) {
        let imports = forbidden_imports(content).with_context(|| format!("{name} is not valid wasm"))?;
        if !imports.is_empty() {
            bail!(
                "{name} imports {} from `{FORBIDDEN}`: find the crate that wants it with \
                 `cargo tree --package madang --target wasm32-unknown-unknown`",
                imports.join(", ")
            );
        }
        checked += 1;
    }
    if checked == 0 {
        bail!("{} has no wasm file", dist.display());
    }
    println!("{checked} wasm files import nothing from `{FORBIDDEN}`");
    Ok(())
}

fn forbidden_imports(wasm: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                let import = import?;
                if import.module == FORBIDDEN {
                    found.push(import.name.to_owned());
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that imports one function.
    fn importing(module: &str) -> Vec<u8> {
        let mut import = vec![1, module.len() as u8];
        import.extend(module.as_bytes());
        import.extend([3, b'n', b'o', b'w', 0, 0]);
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([1, 4, 1, 0x60, 0, 0]);
        wasm.extend([2, import.len() as u8]);
        wasm.extend(import);
        wasm
    }

    #[test]
    fn imports_from_env_are_found() {
        assert_eq!(forbidden_imports(&importing("env")).unwrap(), ["now"]);
        assert!(forbidden_imports(&importing("./madang_bg.js")).unwrap().is_empty());
        assert!(forbidden_imports(b"no wasm").is_err());
    }
}
