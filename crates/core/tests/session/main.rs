//! A session told what happens, step by step: what it must do, and what it must not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod peer;
mod server;
mod stage;
mod tutorial;
