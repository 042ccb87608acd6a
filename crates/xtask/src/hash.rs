//! Content hashes: they name the page's files, and tell whether work can be skipped.

use sha2::{Digest, Sha256};

/// Hex digits in a file name: 64 bits, far beyond accident.
const DIGITS: usize = 16;

/// The start of the SHA-256 of all parts, in hex.
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(DIGITS);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_content_and_on_where_parts_end() {
        let of = |parts: &[&str]| hash(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ac"]));
        assert_eq!(of(&["ab"]).len(), DIGITS);
    }
}
