//! Folders as sets of files in memory, written so that what has not changed keeps its time stamp.
//!
//! The server's build looks at time stamps: an untouched `dist` means no new server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Relative path with `/` → content.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Reads a folder and everything below it.
pub(crate) fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    read_into(folder, "", &mut files)?;
    Ok(files)
}

fn read_into(folder: &Path, prefix: &str, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            read_into(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name, fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(())
}

/// Makes the folder contain exactly these files; returns how many had to be written or removed.
pub(crate) fn sync(folder: &Path, files: &Files) -> Result<usize> {
    let present = if folder.is_dir() { read(folder)? } else { Files::new() };
    let mut changes = 0;
    for name in present.keys().filter(|name| !files.contains_key(*name)) {
        let path = folder.join(name);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        changes += 1;
    }
    for (name, content) in files.iter().filter(|(name, content)| present.get(*name) != Some(*content)) {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        changes += 1;
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_equal_with_as_few_writes_as_possible() {
        let folder = std::env::temp_dir().join(format!("madang-xtask-files-{}", std::process::id()));
        let mut files = Files::from([("a.txt".to_owned(), b"a".to_vec()), ("b/c.txt".to_owned(), b"c".to_vec())]);
        assert_eq!(sync(&folder, &files).unwrap(), 2);
        assert_eq!(sync(&folder, &files).unwrap(), 0);
        files.remove("a.txt");
        files.insert("b/c.txt".to_owned(), b"d".to_vec());
        assert_eq!(sync(&folder, &files).unwrap(), 2);
        assert_eq!(read(&folder).unwrap(), files);
        fs::remove_dir_all(&folder).unwrap();
    }
}
