//! Calls through networks that get in the way (`cargo xtask test lab`).
#![cfg(target_os = "linux")]

mod at_once;
mod firefox;
mod ipv6;
mod links;
mod long;
mod matrix;
mod pair;
mod poor;
mod renewal;
mod roaming;
mod server_gone;
mod table;
mod trouble;
mod unattended;
mod unreachable;
mod watched;
