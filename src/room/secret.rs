//! The secret of this page in this room, and the random numbers of a session.

use madang_protocol::{RoomName, Secret};

use crate::sys::{random, storage};

/// The secret that this tab keeps for the room; a new one when there is none. `None` where the
/// page has no random numbers. `www/boot.js` keeps the same, under the same key, for a page that
/// joins before this program is there.
pub(crate) fn of(room: &RoomName) -> Option<Secret> {
    let key = format!("madang:secret:{room}");
    if let Some(kept) = storage::get(&key).and_then(|text| text.parse().ok()) {
        return Some(kept);
    }
    let secret = Secret::from_bits(random::bytes()?);
    storage::set(&key, &String::from(secret.clone()));
    Some(secret)
}

/// Random bits for a session.
pub(crate) fn seed() -> Option<u64> {
    random::bytes().map(u64::from_le_bytes)
}
