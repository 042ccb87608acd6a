//! Calls through networks that get in the way (`cargo xtask test lab`).
#![cfg(target_os = "linux")]

mod authority;
mod matrix;
mod networks;
mod table;
