//! What the person at the terminal sees: numbered steps with the time they took.
//!
//! Progress goes to stderr, so that stdout stays for results (`size`, the server's link).

use std::time::{Duration, Instant};

use anyhow::Result;

/// A run of numbered steps: `[2/6] Build the page` … `[2/6] done in 8.1 s`.
#[derive(Debug)]
pub(crate) struct Steps {
    total: usize,
    current: usize,
    started: Instant,
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, current: 0, started: Instant::now() }
    }

    /// Announces the next step, does it, and says how long it took when that was noticeable.
    pub(crate) fn step<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.current += 1;
        let place = format!("[{}/{}]", self.current, self.total);
        eprintln!("{place} {what} ({} so far)", seconds(self.started.elapsed()));
        let started = Instant::now();
        let result = work();
        let verdict = if result.is_ok() { "done" } else { "failed" };
        if result.is_err() || started.elapsed() > Duration::from_secs(1) {
            eprintln!("{place} {verdict} in {}", seconds(started.elapsed()));
        }
        result
    }

    pub(crate) fn elapsed(&self) -> String {
        seconds(self.started.elapsed())
    }
}

/// A remark inside a step.
pub(crate) fn note(text: impl AsRef<str>) {
    eprintln!("      {}", text.as_ref());
}

/// `8.1 s`, or `3 min 20 s` when it took longer.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 { format!("{:.1} s", time.as_secs_f64()) } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_reads_naturally() {
        assert_eq!(seconds(Duration::from_millis(8_120)), "8.1 s");
        assert_eq!(seconds(Duration::from_secs(200)), "3 min 20 s");
    }
}
