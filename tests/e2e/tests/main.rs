//! The scenarios, one file per subject. They run one after another.

mod harness;
mod tutorial;
