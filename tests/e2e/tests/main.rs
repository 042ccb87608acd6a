//! The scenarios, one file per subject. They run one after another.

mod away;
mod calls;
mod churn;
mod devices;
mod embed;
mod harness;
mod leaving;
mod people;
mod removed;
mod route;
mod server_away;
mod still;
mod tutorial;
