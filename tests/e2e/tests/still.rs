//! A picture that stands still although video arrives.

use anyhow::{Result, ensure};
use madang_e2e::{Setup, scenario};

/// So often statistics are read without a change of the sender's parameters first: a young call makes one by itself.
const QUIET: u64 = 5;

/// What comes and is not decoded twice in a row stands still; once more, for there may be a time at which nothing comes.
const MOST: u64 = 3;

#[tokio::test]
async fn firefox_does_not_wait_for_a_frame_that_nobody_has() -> Result<()> {
    scenario("still", async |stage| {
        let server = stage.server(&[]).await?;
        let (_, ben, _) = stage.call(&server, &Setup::chromium(), &Setup::firefox()).await?;
        let script = include_str!("../src/js/still.js");
        let read = ben.async_script(script, vec![QUIET.into(), MOST.into()]).await?.as_u64().unwrap_or(u64::MAX);
        stage.note(format!("the sender was begun anew when statistics had been read {read} times"));
        ensure!(read <= MOST, "the sender was not begun anew, though nothing was decoded");
        ben.remote_frames_advance().await
    })
    .await
}
