//! One call that goes on while its networks and its server fail again and again, by chance.
//!
//! The same seed gives the same faults in the same order. It ends well when both see and hear each
//! other at the end, after whatever came.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use madang_e2e::Setup;
use madang_e2e::recording::{Moment, gaps};
use madang_lab::{Fault, Kind, Side};

use super::call::{Contestant, Stand};

/// How to make chaos.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Which chaos; without it another one each time.
    #[arg(long)]
    seed: Option<u64>,
}

/// A fault begins this often.
const EVERY: Duration = Duration::from_secs(20);
const MIB: f64 = 1024.0 * 1024.0;

/// Something that happens to the call.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A fault of so many seconds; media is to be back after its end.
    For(Fault, u64),
    /// A fault of so many seconds beside which there is another way; media is to be back while it lasts.
    Beside(Fault, u64),
    /// The server is killed, and started again so many seconds later.
    Killed(u64),
    /// Both pages are told that their network is another one.
    Online,
}

const EVENTS: [Event; 9] = [
    Event::For(Fault::LinkDown(Side::A), 3),
    Event::For(Fault::LinkDown(Side::B), 2),
    Event::For(Fault::Cut(Side::A), 3),
    Event::For(Fault::Cut(Side::B), 5),
    Event::For(Fault::Loss(Side::B, 20), 5),
    Event::Beside(Fault::NoUdp(Side::A), 10),
    Event::Beside(Fault::Away, 5),
    Event::Killed(1),
    Event::Online,
];

/// Makes chaos, and prints each fault and how long the call took to come back.
pub(crate) async fn chaos(options: &Options) -> Result<()> {
    if let Some(obstacle) = madang_lab::obstacle() {
        bail!("no networks can be made here: {obstacle}");
    }
    let seed = options.seed.unwrap_or_else(|| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_secs() % 1_000_000)
    });
    println!("{} minutes; again with --seed {seed}", options.minutes);
    let stand = Stand::start(&Setup::chromium()).await?;
    stand.behind(Kind::Cone)?;
    stand.meet(Contestant::Madang).await?.context("no call to begin with")?;
    println!("wasm memory at the start: {}", memory(&stand).await?);
    let (start, mut random, mut never) = (Instant::now(), seed, 0);
    while start.elapsed() < Duration::from_secs(60 * options.minutes) {
        let next = Instant::now() + EVERY;
        // Knuth's multiplier; the upper bits are the good ones.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let event = EVENTS[(random >> 33) as usize % EVENTS.len()];
        let at = start.elapsed().as_secs();
        let begun = Moment::now();
        match happen(&stand, event).await? {
            Some(back) => println!("{at:4} s  {event:?}: media back after {:.2} s", back.as_secs_f64()),
            None => {
                never += 1;
                println!("{at:4} s  {event:?}: media did not come back\n{}", stand.evidence_since(begun).await);
            }
        }
        tokio::time::sleep_until(next.into()).await;
    }
    println!("wasm memory at the end:   {}", memory(&stand).await?);
    let connected = stand.back(Contestant::Madang, Moment::now()).await?.is_some();
    let signaling = stand.signaling(Contestant::Madang).await?;
    println!("connected at the end: {connected}; signaling: {signaling:?}; not back in time: {never}");
    stand.part().await?;
    stand.quit().await?;
    if !connected || signaling.is_none() {
        bail!("the call did not outlive chaos of seed {seed}");
    }
    Ok(())
}

/// Lets it happen, and says how long after it media was back.
async fn happen(stand: &Stand, event: Event) -> Result<Option<Duration>> {
    let back =
        async |since| Ok::<_, anyhow::Error>(stand.back(Contestant::Madang, since).await?.map(|back| back.all()));
    match event {
        Event::For(fault, seconds) => {
            let ongoing = stand.networks.begin(fault)?;
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let since = Moment::now();
            ongoing.end()?;
            back(since).await
        }
        Event::Beside(fault, seconds) => {
            let (since, start) = (Moment::now(), Instant::now());
            let ongoing = stand.networks.begin(fault)?;
            let first = back(since).await?;
            tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(start.elapsed())).await;
            let since = Moment::now();
            ongoing.end()?;
            Ok(first.max(back(since).await?).filter(|_| first.is_some()))
        }
        Event::Killed(seconds) => {
            let since = Moment::now();
            let server = stand.server(Contestant::Madang);
            server.kill();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            server.launch().await?;
            back(since).await?;
            let gaps = gaps(stand.pages(), since).await?;
            Ok(Some(gaps.video.max(gaps.audio)))
        }
        Event::Online => {
            let since = Moment::now();
            for page in stand.pages() {
                page.script("window.dispatchEvent(new Event('online'))", vec![]).await?;
            }
            back(since).await
        }
    }
}

/// What the program in each page has of memory.
async fn memory(stand: &Stand) -> Result<String> {
    let mut words = Vec::new();
    for page in stand.pages() {
        let bytes = page.script("return window.madangRecord.memory?.buffer.byteLength ?? null", vec![]).await?;
        words.push(bytes.as_f64().map_or("unknown".to_owned(), |bytes| format!("{:.2} MiB", bytes / MIB)));
    }
    Ok(words.join(" and "))
}
