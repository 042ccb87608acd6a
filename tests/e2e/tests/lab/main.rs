//! Calls through networks that get in the way (`cargo xtask test lab`).
#![cfg(target_os = "linux")]

mod ipv6;
mod matrix;
mod pair;
mod renewal;
mod table;
mod trouble;
mod unreachable;
