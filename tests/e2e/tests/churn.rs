//! Joining and leaving over and over leaves nothing behind.

use anyhow::{Context as _, Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Files, Page, Setup, counts, programs, scenario};
use serde::Deserialize;
use serde_json::{Value, json};

/// Of so many joins one waits until the host is seen; the others leave in the midst of it.
const SEEING_EVERY: u32 = 10;
/// Wasm memory grows by pages of 64 KiB and never shrinks, and what a browser collects late makes
/// its high-water mark. A leak of 300 bytes a join is more than this.
const MEMORY_SLACK: u64 = 2 * 64 * 1024;

/// Closed connections that the collector may take its time with; a leak would keep every one.
const KEPT_SLACK: u64 = 20;

/// What a page holds after a garbage collection.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Held {
    /// Connections made so far.
    made: u64,
    /// Of these, closed at a moment after which Chromium never collects them.
    doomed: u64,
    /// Of the others, not yet collected.
    kept: u64,
    /// Connections not closed.
    open: u64,
    /// Bytes of wasm memory.
    memory: u64,
    #[serde(default)]
    listeners: u64,
}

impl Held {
    async fn by(page: &Page) -> Result<Self> {
        // What one collection frees lets the next free more.
        let mut kept = u64::MAX;
        let mut held: Self = until("the garbage to be collected", SOON, async || {
            page.devtools("HeapProfiler.collectGarbage", json!({})).await?;
            let held: Self = serde_json::from_value(page.script("return counts()", vec![]).await?)?;
            let same = held.kept == kept;
            kept = held.kept;
            Ok(same.then_some(held))
        })
        .await?;
        let metrics = page.devtools("Performance.getMetrics", json!({})).await?;
        let metric =
            |name: &str| metrics["metrics"].as_array()?.iter().find(|metric| metric["name"] == name)?["value"].as_f64();
        held.listeners = metric("JSEventListeners").context("no count of listeners")? as u64;
        Ok(held)
    }
}

/// The guest visits the host's room; a failure tells what both rooms told.
///
/// Chromium makes no more than 500 connections that are not collected, and at this pace it does
/// not get round to collecting by itself; so both pages collect after every batch.
async fn visit(guest: &Page, host: &Page, joins: u32) -> Result<()> {
    const BATCH: u32 = 2 * SEEING_EVERY;
    let mut left = joins;
    while left > 0 {
        let batch = left.min(BATCH);
        let seeing = batch.div_ceil(SEEING_EVERY);
        for (times, seeing) in [(batch - seeing, false), (seeing, true)] {
            let visited =
                guest.async_script("await visit(...arguments)", vec![json!("churn"), json!(times), json!(seeing)]);
            if let Err(error) = visited.await {
                let told = async |page: &Page| {
                    let lines = page.script("return told.join('\\n')", vec![]).await?;
                    anyhow::Ok(lines.as_str().unwrap_or_default().to_owned())
                };
                let (host, guest) = (told(host).await?, told(guest).await?);
                return Err(error.context(format!("the host's room told:\n{host}\nthe guest's rooms told:\n{guest}")));
            }
        }
        for page in [host, guest] {
            page.devtools("HeapProfiler.collectGarbage", json!({})).await?;
        }
        left -= batch;
    }
    Ok(())
}

#[tokio::test]
async fn joining_and_leaving_a_thousand_times_leaves_nothing_behind() -> Result<()> {
    scenario("churn", async |stage| {
        let files = Files::serve(&programs::checkout().join("tests/e2e/fixtures/churn")).await?;
        let server = stage.server(&["--allow-origin", files.origin()]).await?;
        let (host, guest) =
            (stage.page("host", &Setup::chromium()).await?, stage.page("guest", &Setup::chromium()).await?);
        for page in [&host, &guest] {
            page.devtools("Performance.enable", json!({})).await?;
            page.open(&format!("{}/?server={}", files.origin(), server.origin())).await?;
            page.wait_for("ready").await?;
        }
        host.async_script("await stay(...arguments)", vec![Value::from("churn")]).await?;

        // The first visits fill caches and pools.
        let joins = counts::joins();
        let warm = joins / 2;
        visit(&guest, &host, warm).await?;
        let before = (Held::by(&host).await?, Held::by(&guest).await?);
        visit(&guest, &host, joins - warm).await?;
        let after = (Held::by(&host).await?, Held::by(&guest).await?);

        for (who, before, after) in [("host", before.0, after.0), ("guest", before.1, after.1)] {
            stage.note(format!("{who} after {warm} joins: {before:?}"));
            stage.note(format!("{who} after {joins} joins: {after:?}"));
            let counted = |held: Held| held.made - held.doomed;
            ensure!(counted(after) > counted(before), "no connections were made");
            let grown = after.memory.saturating_sub(before.memory);
            ensure!(grown <= MEMORY_SLACK, "{who}: wasm memory grew by {grown} bytes");
            ensure!(after.listeners <= before.listeners + 5, "{who}: listeners grew");
            ensure!(after.open <= 1 && after.kept <= before.kept + KEPT_SLACK, "{who}: connections are kept");
        }
        Ok(())
    })
    .await
}
