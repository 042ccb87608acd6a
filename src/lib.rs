//! The Madang client crate.
