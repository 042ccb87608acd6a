//! `sessionStorage`: what a tab remembers through a reload. Pages that may not store anything
//! (sandboxed frames, blocked site data) get `None` and silence.

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

/// What was stored under this key.
pub(crate) fn get(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Stores a value, where that is possible.
pub(crate) fn set(key: &str, value: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(key, value); // full or forbidden: the tab just forgets
    }
}
