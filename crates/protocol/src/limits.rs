//! Every number that bounds what a stranger can send, in one place.
//!
//! Lengths of names are in characters, all others in bytes unless their name says otherwise.

use std::time::Duration;

/// Longest room name, in characters.
pub const ROOM_NAME_CHARS: usize = 64;
/// Longest display name, in characters.
pub const DISPLAY_NAME_CHARS: usize = 40;
/// Longest access token.
pub const TOKEN_BYTES: usize = 1024;
/// Largest Socket.IO message the server reads. A description with every candidate of a
/// machine with many interfaces stays under 20 kB.
pub const MESSAGE_BYTES: usize = 64 * 1024;
/// Deepest nesting of a JSON payload the server passes on.
pub const NESTING: usize = 32;
/// Peers in one room, unless the server is told otherwise.
pub const ROOM_CAPACITY: usize = 2;
/// Candidates kept for a peer whose description has not arrived yet.
pub const QUEUED_CANDIDATES: usize = 512;
/// How long a peer whose socket dropped keeps its seat, unless the server is told otherwise.
pub const GRACE: Duration = Duration::from_secs(30);
