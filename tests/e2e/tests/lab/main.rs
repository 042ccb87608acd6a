//! Calls through networks that get in the way (`cargo xtask test lab`).
#![cfg(target_os = "linux")]

mod authority;
mod ipv6;
mod matrix;
mod networks;
mod pair;
mod renewal;
mod table;
mod trouble;
mod unreachable;
