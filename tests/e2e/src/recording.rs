//! When frames and audio of the other came, and what page and connections said: to tell afterwards how
//! long media was away, of any page, Madang's or another's.
//!
//! The browser keeps it itself (`js/record.js`), so that looking at it now and then misses nothing.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use crate::page::Page;

/// Media flows when it goes on for this long …
const STEADY: f64 = 2000.0;
/// … without a gap of this. Milliseconds: less is a picture that stutters, not a call that is away.
const GAP: f64 = 700.0;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A moment, as the browsers' clocks have it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Moment(f64);

impl Moment {
    /// This one.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs_f64() * 1000.0)
    }
}

/// What came since a moment.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Recording {
    frames: Vec<f64>,
    audio: Vec<f64>,
    said: Vec<(f64, String)>,
    /// The clock when it was read.
    now: f64,
}

/// How long after a moment media was there again, to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// The picture.
    pub video: Duration,
    /// Audio packets.
    pub audio: Duration,
}

impl Back {
    /// All of it.
    pub fn all(self) -> Duration {
        self.video.max(self.audio)
    }

    /// When the later of two had it.
    fn later(self, other: Self) -> Self {
        Self { video: self.video.max(other.video), audio: self.audio.max(other.audio) }
    }
}

/// The longest times without a frame and without an audio packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gaps {
    /// Without a frame.
    pub video: Duration,
    /// Without an audio packet. They are looked for every 50 ms.
    pub audio: Duration,
}

impl Gaps {
    /// The longest of both pages.
    pub fn longer(self, other: Self) -> Self {
        Self { video: self.video.max(other.video), audio: self.audio.max(other.audio) }
    }
}

const RECORD: &str = include_str!("js/record.js");

/// To be called before the page is opened, in Chromium.
pub(crate) async fn prepare(page: &Page) -> Result<()> {
    page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": RECORD})).await.map(drop)
}

/// To be called in a page that has no connection yet.
pub(crate) async fn begin(page: &Page) -> Result<()> {
    page.script(RECORD, vec![]).await.map(drop)
}

impl Page {
    /// What came since then. For pages that were set up with [`Setup::recorded`](crate::Setup::recorded).
    pub async fn recording(&self, since: Moment) -> Result<Recording> {
        let script = "const [since] = arguments;
            const { frames, audio, said } = window.madangRecord;
            const later = (list) => list.filter((time) => time >= since);
            return { frames: later(frames), audio: later(audio), said: said.filter(([time]) => time >= since),
                now: Date.now() };";
        let recording = self.script(script, vec![json!(since.0)]).await?;
        serde_json::from_value(recording).with_context(|| format!("what {}'s browser kept", self.name()))
    }
}

/// Waits until both pages see and hear the other again and for good, and tells how long after `since` it
/// began. `None` when it has not begun by the deadline.
pub async fn media_back(pages: [&Page; 2], since: Moment, within: Duration) -> Result<Option<Back>> {
    let deadline = Instant::now() + within + Duration::from_millis(STEADY as u64);
    loop {
        let [one, other] = [pages[0].recording(since).await?.back(since), pages[1].recording(since).await?.back(since)];
        if let (Some(one), Some(other)) = (one, other) {
            let back = one.later(other);
            return Ok((back.all() <= within).then_some(back));
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The longest gaps of both pages since then, the ones that go on included.
pub async fn gaps(pages: [&Page; 2], since: Moment) -> Result<Gaps> {
    let [one, other] = [pages[0].recording(since).await?.gaps(since), pages[1].recording(since).await?.gaps(since)];
    Ok(one.longer(other))
}

/// What both pages and their connections said since then, and the ways they have: for whoever has to
/// find out why.
pub async fn evidence(pages: [&Page; 2], since: Moment) -> String {
    let mut words = String::new();
    for page in pages {
        let state = page.call_state().await.unwrap_or_else(|error| format!("{error:#}"));
        let route = match page.route().await {
            Ok(Some(route)) => format!("{route}, gathered {}", route.gathered()),
            Ok(None) => "no connected connection".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let _ = writeln!(words, "  {}: {state}; {route}", page.name());
        match page.async_script(include_str!("js/flows.js"), vec![]).await {
            Ok(flows) => drop(writeln!(words, "    {}", flows.as_str().unwrap_or_default())),
            Err(error) => drop(writeln!(words, "    {error:#}")),
        }
        match page.recording(since).await {
            Ok(recording) => words.push_str(&recording.timeline(since)),
            Err(error) => drop(writeln!(words, "    {error:#}")),
        }
    }
    words
}

impl Recording {
    /// When media was there again, to stay: after `since`, for both kinds.
    fn back(&self, since: Moment) -> Option<Back> {
        let after = |times: &[f64]| steady(times).map(|time| millis(time - since.0));
        Some(Back { video: after(&self.frames)?, audio: after(&self.audio)? })
    }

    fn gaps(&self, since: Moment) -> Gaps {
        let longest = |times: &[f64]| {
            let ends = times.iter().copied().chain([self.now]);
            let starts = [since.0].into_iter().chain(times.iter().copied());
            millis(starts.zip(ends).map(|(start, end)| end - start).fold(0.0, f64::max))
        };
        Gaps { video: longest(&self.frames), audio: longest(&self.audio) }
    }

    /// When the page first said this of itself, after `since`.
    pub fn said(&self, words: &str, since: Moment) -> Option<Duration> {
        self.said.iter().find(|(at, said)| *at >= since.0 && said.contains(words)).map(|(at, _)| millis(at - since.0))
    }

    /// What was said, and when media paused.
    fn timeline(&self, since: Moment) -> String {
        let mut lines: Vec<(f64, String)> = self.said.clone();
        for (kind, times) in [("video", &self.frames), ("audio", &self.audio)] {
            let Some((first, last)) = times.first().zip(times.last()) else {
                lines.push((self.now, format!("no {kind} came")));
                continue;
            };
            lines.push((*first, format!("{kind} comes")));
            for pause in times.windows(2).filter(|pair| pair[1] - pair[0] > GAP) {
                lines.push((pause[0], format!("{kind} stops")));
                lines.push((pause[1], format!("{kind} comes")));
            }
            if self.now - last > GAP {
                lines.push((*last, format!("{kind} stops")));
            }
        }
        lines.sort_by(|one, other| one.0.total_cmp(&other.0));
        lines.iter().fold(String::new(), |mut all, (at, words)| {
            let _ = writeln!(all, "    {:7.0} ms  {words}", at - since.0);
            all
        })
    }
}

/// The first of these moments from which on they follow each other closely for long enough.
fn steady(times: &[f64]) -> Option<f64> {
    let (mut first, mut last) = (*times.first()?, *times.first()?);
    for &time in times {
        if time - last > GAP {
            first = time;
        }
        if time - first >= STEADY {
            return Some(first);
        }
        last = time;
    }
    None
}

fn millis(time: f64) -> Duration {
    Duration::from_secs_f64(time.max(0.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(step: u32, from: u32, to: u32) -> impl Iterator<Item = f64> {
        (from..to).step_by(step as usize).map(f64::from)
    }

    #[test]
    fn media_is_back_where_it_begins_to_stay() {
        assert_eq!(steady(&[]), None);
        assert_eq!(steady(&every(33, 5000, 6900).collect::<Vec<_>>()), None, "not for long enough");
        assert_eq!(steady(&every(33, 5000, 8000).collect::<Vec<_>>()), Some(5000.0));
        // What was on its way still arrives, then nothing, then a moment of media, then media.
        let times: Vec<f64> = every(33, 0, 300).chain(every(33, 3000, 4000)).chain(every(33, 6000, 9000)).collect();
        assert_eq!(steady(&times), Some(6000.0));
        // A picture that stutters is one.
        assert_eq!(steady(&every(600, 100, 9000).collect::<Vec<_>>()), Some(100.0));
    }

    #[test]
    fn gaps_reach_from_the_start_and_to_the_end() {
        let of = |frames: &[f64]| {
            let recording = Recording { frames: frames.to_vec(), now: 10_000.0, ..Recording::default() };
            recording.gaps(Moment(1000.0)).video.as_millis()
        };
        assert_eq!(of(&[]), 9000);
        assert_eq!(of(&[5000.0, 6000.0, 9000.0]), 4000);
        assert_eq!(of(&[1500.0, 6000.0, 9000.0]), 4500);
        assert_eq!(of(&[1500.0, 2000.0, 3000.0]), 7000);
    }
}
