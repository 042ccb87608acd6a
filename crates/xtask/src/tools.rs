//! The programs that set-up installs, and their versions.

/// Must be the version of the crates `wasm-bindgen` and `wasm-bindgen-cli-support`.
pub(crate) const WASM_BINDGEN_VERSION: &str = "0.2.130";
