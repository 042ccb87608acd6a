//! What strangers send, for a fuzzer: bytes in, through the entry points that sockets and streams have.
//!
//! No part of the API. `fuzz/` calls these, and a test that replays the inputs kept there. Bytes
//! alone would never be signed, so the inputs are read as steps of clients that can sign: what is
//! behind the credentials is reached too. Each function panics when something does not hold.

mod client;
mod datagrams;
mod input;
mod stream;

pub use self::{datagrams::datagrams, stream::stream};
