//! Networks that are far, uneven and lose packets from the start.

use std::time::Duration;

use anyhow::{Result, ensure};
use madang_e2e::recording::{Moment, gaps};
use madang_e2e::scenario;
use madang_lab::{Fault, Kind, Side};

use crate::watched::watched;

/// 100 ms at each router, each way: 200 ms between the two, and to the server and back.
const EACH_WAY: Duration = Duration::from_millis(100);
const JITTER: Duration = Duration::from_millis(25);
/// By when a call is there. Of what a picture begins with, every packet has to come.
const UP: Duration = Duration::from_secs(25);
const WATCHED: Duration = Duration::from_secs(10);
/// What a listener takes for a hole. Where there is a longer one, because the whole machine halts, the
/// picture stands still for as long: audio does not go first.
const HOLE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_call_comes_about_in_a_poor_network_and_its_audio_never_goes() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-poor", async |stage| {
        let (networks, pair) = watched(stage).await?;
        networks.lab.between(Kind::Cone, Kind::Cone)?;
        let _far = [
            networks.begin(Fault::Far(Side::A, EACH_WAY, JITTER))?,
            networks.begin(Fault::Far(Side::B, EACH_WAY, JITTER))?,
        ];
        for percent in [5, 10, 20] {
            let what = format!("{percent} % lost");
            let _loss = networks.begin(Fault::Loss(Side::A, percent))?;
            let room = networks.server.room();
            pair.a.join(&room).await?;
            pair.a.wait_state("waiting").await?;
            let opened = Moment::now();
            pair.b.join(&room).await?;
            pair.back_within(stage, &what, opened, UP).await?;
            let up = Moment::now();
            // How long it is looked at; nothing is waited for.
            tokio::time::sleep(WATCHED).await;
            let gaps = gaps([&pair.a, &pair.b], up).await?;
            stage.took(&format!("{what}: longest without audio"), gaps.audio);
            stage.took(&format!("{what}: longest without a frame"), gaps.video);
            ensure!(gaps.audio <= HOLE.max(gaps.video), "{what}: audio goes before the picture: {gaps:?}");
            pair.part().await?;
        }
        Ok(())
    })
    .await
}
