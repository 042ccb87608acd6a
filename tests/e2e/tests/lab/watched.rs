//! Calls in which it is kept when media came, and bounds for how long it may be away.

use std::time::Duration;

use anyhow::{Result, bail};
use madang_e2e::lab::Networks;
use madang_e2e::recording::{Gaps, Moment, evidence, gaps, media_back};
use madang_e2e::{Setup, Stage};
use madang_lab::{Family, Fault, Ongoing};

use crate::pair::Pair;

/// After this nobody waits any more. Longer than any bound, so that a failure says by how much.
const PATIENCE: Duration = Duration::from_secs(30);
/// A picture that stands still for longer is one that a person notices.
const NOTICED: Duration = Duration::from_millis(1500);

/// Networks, and a browser of Chromium at each end. What Chromium itself says of a server that it does
/// not reach is part of the story.
pub(crate) async fn watched(stage: &Stage) -> Result<(Networks, Pair)> {
    watched_with(stage, &[]).await
}

/// The same, with these flags for the server.
pub(crate) async fn watched_with(stage: &Stage, flags: &[&str]) -> Result<(Networks, Pair)> {
    let networks = Networks::with(stage, Family::V4, flags).await?;
    let setup = || Setup::chromium().recorded();
    let pair = Pair::start(stage, &networks, setup(), setup()).await?;
    for page in [&pair.a, &pair.b] {
        page.expect_in_console("net::ERR_");
        page.expect_in_console("WebSocket connection to");
    }
    Ok((networks, pair))
}

impl Pair {
    /// Both see and hear each other, from no later than `bound` after `since` on.
    pub(crate) async fn back_within(&self, stage: &Stage, what: &str, since: Moment, bound: Duration) -> Result<()> {
        let pages = [&self.a, &self.b];
        let Some(back) = media_back(pages, since, PATIENCE).await? else {
            bail!("{what}: media did not come back within {PATIENCE:?}\n{}", evidence(pages, since).await);
        };
        stage.took(&format!("{what}: picture back"), back.video);
        stage.took(&format!("{what}: audio back"), back.audio);
        if back.all() > bound {
            bail!("{what}: {back:?} is later than {bound:?}\n{}", evidence(pages, since).await);
        }
        Ok(())
    }

    /// A fault that lasts so long. Media is back within `bound` of its end.
    pub(crate) async fn outlives(
        &self,
        stage: &Stage,
        networks: &Networks,
        (what, fault): (&str, Fault),
        lasts: Duration,
        bound: Duration,
    ) -> Result<()> {
        let ongoing = networks.begin(fault)?;
        // How long it lasts is the fault; nothing is waited for.
        tokio::time::sleep(lasts).await;
        let repaired = Moment::now();
        ongoing.end()?;
        self.back_within(stage, what, repaired, bound).await
    }

    /// One goes to another network and comes home again. Media is back within `bound` each time.
    pub(crate) async fn follows(&self, stage: &Stage, networks: &Networks, bound: Duration) -> Result<()> {
        let away = self.goes_elsewhere(stage, networks, "to another network", bound).await?;
        let left = Moment::now();
        away.end()?;
        self.back_within(stage, "and home again", left, bound).await
    }

    /// One goes to another network, and stays there until what is returned ends. Media is back within `bound`.
    pub(crate) async fn goes_elsewhere(
        &self,
        stage: &Stage,
        networks: &Networks,
        what: &str,
        bound: Duration,
    ) -> Result<Ongoing> {
        let left = Moment::now();
        let away = networks.begin(Fault::Away)?;
        self.back_within(stage, what, left, bound).await?;
        Ok(away)
    }

    /// Neither picture nor audio stopped for long enough to be noticed, on either side.
    pub(crate) async fn never_stopped(&self, stage: &Stage, what: &str, since: Moment) -> Result<()> {
        let pages = [&self.a, &self.b];
        let Gaps { video, audio } = gaps(pages, since).await?;
        stage.took(&format!("{what}: longest without a frame"), video);
        stage.took(&format!("{what}: longest without audio"), audio);
        if video.max(audio) > NOTICED {
            bail!("{what}: media stopped: {video:?}, {audio:?}\n{}", evidence(pages, since).await);
        }
        Ok(())
    }
}
