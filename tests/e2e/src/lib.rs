//! Real browsers against the real server: what the scenarios under `tests/` are written with.
//!
//! A [`scenario`] gets a [`Stage`], on which it puts a [`Server`] and a [`Page`] for each person.
//! Verbs are what a person does or sees (`join`, `leave`, `remote_frames_advance`), so a scenario
//! reads without knowing WebDriver. A call counts only when frames are *presented*: a state, or a
//! video's `currentTime`, also moves on when the picture is frozen.
//!
//! Nothing waits for time to pass, every wait has a deadline, and every program started here ends
//! with the scenario, also when it panics.

pub mod browser;
mod command;
mod console;
pub mod counts;
pub mod device;
pub mod files;
#[cfg(target_os = "linux")]
pub mod lab;
pub mod page;
mod place;
pub mod process;
pub mod programs;
pub mod recording;
pub mod route;
pub mod server;
mod stage;
pub mod until;

pub use browser::{Browser, Devices, Setup};
pub use files::Files;
pub use page::{Page, Picture, in_a_call};
pub use place::Place;
pub use route::Route;
pub use server::{Room, Server};
pub use stage::{Stage, scenario};
