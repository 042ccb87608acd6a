//! Waiting for a condition, with a deadline. Nothing here waits for an amount of time to pass.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long to wait for what should take well under a second, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Between two looks at a condition. Bounds how exact a measured time is.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Looks until `look` finds something, and fails with `what` when it has not by the deadline.
pub async fn until<T>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await.with_context(|| format!("while waiting for {what}"))? {
            return Ok(found);
        }
        if start.elapsed() > deadline {
            bail!("waited {} s for {what}", deadline.as_secs_f32());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
