//! The faults that calls go through, and what is measured of each.

use std::time::Duration;

use anyhow::{Context as _, Result};
use madang_e2e::recording::{Moment, gaps};
use madang_e2e::until::{SOON, until};
use madang_lab::{Fault, Kind, Side};

use super::call::{Contestant, Stand};

/// A fault that is gone through.
#[derive(Debug)]
pub(super) struct Trial {
    /// For `--only`.
    pub(super) name: &'static str,
    /// For people.
    pub(super) what: &'static str,
    story: Story,
    /// Only with `--long`.
    pub(super) long: bool,
}

#[derive(Clone, Copy, Debug)]
enum Story {
    /// It lasts so many seconds; from its end.
    For(Fault, u64),
    /// There is another way at once; from its begin.
    From(Fault),
    /// From the moment the first connection looks for its way.
    RoamInSetUp,
    /// The server is killed, and started again so many seconds later.
    Killed(u64),
    /// The server is killed and started again at once, under a call that goes through its relay.
    RelayRestart,
    /// The network loses this share, in percent, and is far and uneven from the start.
    Poor(u8),
}

const A: Side = Side::A;

/// All of them.
pub(super) const TRIALS: &[Trial] = &[
    trial("link-down", "link of one side down for 10 s", Story::For(Fault::LinkDown(A), 10)),
    trial("cut-4", "silent cut of 4 s", Story::For(Fault::Cut(A), 4)),
    trial("cut-10", "silent cut of 10 s", Story::For(Fault::Cut(A), 10)),
    trial("cut-40", "silent cut of 40 s", Story::For(Fault::Cut(A), 40)),
    long("cut-300", "silent cut of 300 s", Story::For(Fault::Cut(A), 300)),
    trial("roam", "to another network in mid-call", Story::From(Fault::Away)),
    trial("roam-setup", "to another network during set-up", Story::RoamInSetUp),
    trial("server-1", "server killed for 1 s", Story::Killed(1)),
    trial("server-30", "server killed for 30 s", Story::Killed(30)),
    long("server-120", "server killed for 120 s", Story::Killed(120)),
    trial("relay", "relay restarted under a relayed call", Story::RelayRestart),
    trial("udp", "UDP blocked in mid-call", Story::From(Fault::NoUdp(A))),
    trial("loss-5", "5 % loss, 200 ms, jitter 50 ms", Story::Poor(5)),
    trial("loss-10", "10 % loss, 200 ms, jitter 50 ms", Story::Poor(10)),
    trial("loss-20", "20 % loss, 200 ms, jitter 50 ms", Story::Poor(20)),
];

const fn trial(name: &'static str, what: &'static str, story: Story) -> Trial {
    Trial { name, what, story, long: false }
}

const fn long(name: &'static str, what: &'static str, story: Story) -> Trial {
    Trial { name, what, story, long: true }
}

/// How long a poor network is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// How old a call is when something fails in it. Of one that is younger by much, Chromium holds the picture
/// back after a gap: it has yet to learn the rate of the sender's clock.
const AGE: Duration = Duration::from_secs(10);

/// A time that was measured, or that something never was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// What it is, after the words for the fault.
    pub(super) what: &'static str,
    pub(super) took: Option<Duration>,
}

impl Measured {
    pub(super) fn is_never(&self) -> bool {
        self.took.is_none()
    }
}

fn media(took: Option<Duration>) -> Vec<Measured> {
    vec![Measured { what: "", took }]
}

impl Trial {
    /// A call goes through it.
    pub(super) async fn run(&self, stand: &Stand, contestant: Contestant) -> Result<Vec<Measured>> {
        let kind = if matches!(self.story, Story::RelayRestart) { Kind::Symmetric } else { Kind::Cone };
        stand.behind(kind)?;
        match self.story {
            Story::RoamInSetUp => return roam_in_set_up(stand, contestant).await,
            Story::Poor(percent) => return poor(stand, contestant, percent).await,
            _ => {}
        }
        let met = stand.meet(contestant).await?;
        if met.is_none() && contestant == Contestant::Tutorial {
            return Ok(media(None));
        }
        met.context("no call to begin with")?;
        tokio::time::sleep(AGE).await;
        let server = stand.server(contestant);
        let back = async |since| Ok(media(stand.back(contestant, since).await?.map(|back| back.all())));
        match self.story {
            Story::For(fault, seconds) => {
                let ongoing = stand.networks.begin(fault)?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                let since = Moment::now();
                ongoing.end()?;
                back(since).await
            }
            Story::From(fault) => {
                let since = Moment::now();
                let _ongoing = stand.networks.begin(fault)?;
                back(since).await
            }
            Story::RelayRestart => {
                let since = Moment::now();
                server.kill();
                server.launch().await?;
                back(since).await
            }
            Story::Killed(seconds) => {
                let since = Moment::now();
                server.kill();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                server.launch().await?;
                let signaling = stand.signaling(contestant).await?;
                let gaps = gaps(stand.pages(), since).await?;
                Ok(vec![
                    Measured { what: ": longest gap of media", took: Some(gaps.video.max(gaps.audio)) },
                    Measured { what: ": signaling back", took: signaling },
                ])
            }
            Story::RoamInSetUp | Story::Poor(_) => unreachable!("told above"),
        }
    }
}

async fn roam_in_set_up(stand: &Stand, contestant: Contestant) -> Result<Vec<Measured>> {
    let opened = stand.open(contestant).await?;
    until("the set-up to begin", SOON, async || {
        Ok(stand.b.recording(opened).await?.said("iceConnection checking", opened))
    })
    .await?;
    let since = Moment::now();
    let _away = stand.networks.begin(Fault::Away)?;
    Ok(media(stand.back(contestant, since).await?.map(|back| back.all())))
}

/// 100 ms at each router, each way: 200 ms between the two, and to the server and back.
async fn poor(stand: &Stand, contestant: Contestant, percent: u8) -> Result<Vec<Measured>> {
    let (each_way, jitter) = (Duration::from_millis(100), Duration::from_millis(25));
    let _far = [
        stand.networks.begin(Fault::Far(Side::A, each_way, jitter))?,
        stand.networks.begin(Fault::Far(Side::B, each_way, jitter))?,
    ];
    let _loss = stand.networks.begin(Fault::Loss(A, percent))?;
    let up = stand.meet(contestant).await?;
    let mut measured = vec![Measured { what: ": set-up", took: up.map(|back| back.all()) }];
    if up.is_some() {
        let since = Moment::now();
        tokio::time::sleep(WATCHED).await;
        let gaps = gaps(stand.pages(), since).await?;
        measured.push(Measured { what: ": longest silence in 20 s", took: Some(gaps.audio) });
        measured.push(Measured { what: ": longest still picture in 20 s", took: Some(gaps.video) });
    }
    Ok(measured)
}
