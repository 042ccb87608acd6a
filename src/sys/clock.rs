//! The page's monotonic clock and its performance timeline.

use std::time::Duration;

fn performance() -> Option<web_sys::Performance> {
    web_sys::window()?.performance()
}

/// Time since the page was opened (`performance.now()`).
pub(crate) fn now() -> Duration {
    let milliseconds = performance().map_or(0.0, |performance| performance.now());
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

/// Notes a moment of the set-up on the performance timeline (`performance.mark`).
pub(crate) fn mark(name: &str) {
    if let Some(performance) = performance() {
        // Only a name that the timeline reserves is refused.
        let _ = performance.mark(name);
    }
}
