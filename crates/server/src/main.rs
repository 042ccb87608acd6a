//! The Madang server.
fn main() {}
