//! The Madang server.
