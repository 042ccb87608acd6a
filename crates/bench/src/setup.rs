//! How long it takes from opening the second page to the first frame of the first one in it:
//! Madang's page beside the tutorial's, both served by this server, in turns.
//!
//! Every call is a first visit: it comes to a port that the browser has not seen, so there is no
//! cache and no open connection. `--returning` keeps the port instead.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Page, Server, Setup, programs};
use serde_json::json;
use tempfile::TempDir;

use crate::delay::Far;
use crate::median::summary;

/// The mark that `observe.js` sets.
const FIRST_FRAME: &str = "first-frame";
/// What is marked on the way, and what to call it. Those with a colon Madang's page sets itself.
const MARKS: [(&str, &str); 9] = [
    ("load", "page"),
    ("madang:wasm", "wasm"),
    ("camera", "camera"),
    ("madang:socket", "socket"),
    ("madang:joined", "joined"),
    ("madang:offer", "negotiation"),
    ("ice", "ICE"),
    ("dtls", "DTLS"),
    (FIRST_FRAME, "first frame"),
];

/// How long the first has waited when the second comes, on both pages.
const WAITED: Duration = Duration::from_secs(2);

/// How long the second is left alone: a driver's script takes 10 to 20 ms of its main thread, which
/// are free in the tutorial's page, waiting for its camera, and not in one that sets up the call
/// meanwhile.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// How to measure set-up.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Calls of each page at each round trip.
    #[arg(long, default_value_t = 10)]
    calls: u32,
    /// Round trips to the server, in milliseconds.
    #[arg(long, value_name = "MS", value_delimiter = ',', default_value = "0,50")]
    round_trip: Vec<u64>,
    /// Measure people who were here before: with a cache, and a connection that is still open.
    #[arg(long)]
    returning: bool,
    /// Fail when Madang takes longer than this part of the tutorial's time.
    #[arg(long, value_name = "RATIO")]
    at_most: Option<f64>,
}

/// Milliseconds from the start of the navigation to each mark.
type Marks = BTreeMap<String, f64>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tutorial,
    Madang,
}

impl Kind {
    fn path(self, call: u32) -> String {
        match self {
            Self::Tutorial => "/tutorial.html".to_owned(),
            Self::Madang => format!("/r/call-{call}?join=now"),
        }
    }

    /// A script that tells whether the first page is in the room, ready for the second.
    fn waiting(self) -> &'static str {
        match self {
            Self::Tutorial => "return Boolean(camera) && socket.connected",
            Self::Madang => {
                "return document.querySelector('[data-testid=call-state]')?.dataset.state === 'waiting'
                    && Boolean(document.querySelector('[data-testid=local-video]')?.srcObject)"
            }
        }
    }
}

/// Measures, and prints what it found.
pub(crate) async fn measure(options: &Options) -> Result<()> {
    let folder = tutorial()?;
    let www = folder.path().to_str().context("the temporary folder's name is not text")?;
    let (madang, tutorial) = (Server::start(&[]).await?, Server::start(&["--www", www]).await?);
    let visitors = if options.returning { "people who were here before" } else { "first visits" };
    println!("Second page opened to first frame, medians of {}, {visitors}, in turns", options.calls);
    for &round_trip in &options.round_trip {
        let distance = Duration::from_millis(round_trip);
        let ports = [(Kind::Tutorial, tutorial.port()), (Kind::Madang, madang.port())];
        let [tutorial, madang] = calls(options, ports, distance).await?;
        let ratio = report(round_trip, &tutorial, &madang)?;
        if let Some(at_most) = options.at_most {
            ensure!(ratio <= at_most, "at {round_trip} ms the ratio is {ratio:.2}, more than {at_most}");
        }
    }
    Ok(())
}

/// A folder with the tutorial's page. It calls through the server it comes from.
fn tutorial() -> Result<TempDir> {
    const SERVER: &str = "http://localhost:3000";
    let page = std::fs::read_to_string(programs::checkout().join("tests/e2e/fixtures/tutorial/index.html"))?;
    ensure!(page.contains(SERVER), "the tutorial's page names no {SERVER}");
    let page = page.replace(&format!("io(\"{SERVER}\")"), "io()").replace(SERVER, "");
    let folder = TempDir::new()?;
    let write = |name: &str, text: &str| std::fs::write(Path::new(folder.path()).join(name), text);
    write("tutorial.html", &page)?;
    write("index.html", "<!doctype html><title>Nothing</title>")?;
    Ok(folder)
}

async fn calls(options: &Options, ports: [(Kind, u16); 2], distance: Duration) -> Result<[Vec<Marks>; 2]> {
    let first = Page::start("first", &Setup::chromium()).await?;
    let second = Page::start("second", &Setup::chromium()).await?;
    let source = include_str!("setup/observe.js");
    second.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await?;
    let kept = [Far::from(ports[0].1, distance).await?, Far::from(ports[1].1, distance).await?];
    let mut measured = [Vec::new(), Vec::new()];
    // One call of each is not counted: it starts the browsers' own machinery.
    for call in 0..=options.calls {
        for (index, (kind, port)) in ports.into_iter().enumerate() {
            let fresh = Far::from(port, distance).await?;
            let origin = if options.returning { kept[index].origin() } else { fresh.origin() };
            let marks = one_call(&first, &second, kind, &format!("{origin}{}", kind.path(call)))
                .await
                .with_context(|| format!("{kind:?}, call {call}"))?;
            if call > 0 {
                measured[index].push(marks);
            }
        }
    }
    first.quit().await?;
    second.quit().await?;
    Ok(measured)
}

async fn one_call(first: &Page, second: &Page, kind: Kind, link: &str) -> Result<Marks> {
    first.open(link).await?;
    until("the first page to wait in the room", SOON, async || {
        Ok((first.script(kind.waiting(), vec![]).await? == true).then_some(()))
    })
    .await?;
    // Nobody comes within the moment in which a page shows itself and makes its offer ready.
    tokio::time::sleep(WAITED).await;
    second.open(link).await?;
    tokio::time::sleep(LEFT_ALONE).await;
    // Asked once: to ask again and again would keep the page busy while it sets the call up.
    second.async_script(include_str!("setup/framed.js"), vec![FIRST_FRAME.into()]).await.context("the first frame")?;
    let marks: Marks = serde_json::from_value(second.script(include_str!("setup/marks.js"), vec![]).await?)?;
    for page in [first, second] {
        page.console_is_clean().await?;
        page.open("about:blank").await?;
    }
    Ok(marks)
}

/// Prints one round trip's figures and gives the ratio.
fn report(round_trip: u64, tutorial: &[Marks], madang: &[Marks]) -> Result<f64> {
    let of = |all: &[Marks], mark: &str| summary(all.iter().filter_map(|marks| marks.get(mark).copied()));
    let theirs = of(tutorial, FIRST_FRAME).context("no call of the tutorial")?;
    let ours = of(madang, FIRST_FRAME).context("no call of Madang")?;
    let ratio = ours.median / theirs.median;
    println!("\n{round_trip} ms round trip to the server");
    for (name, all) in [("tutorial", theirs), ("madang", ours)] {
        println!("  {name:8} {:5.0} ms ({:.0} to {:.0})", all.median, all.least, all.most);
    }
    println!("  ratio    {ratio:5.2}");
    for (name, all) in [("tutorial", tutorial), ("madang", madang)] {
        let mut way: Vec<(f64, &str)> =
            MARKS.iter().filter_map(|(mark, words)| Some((of(all, mark)?.median, *words))).collect();
        way.sort_by(|one, other| one.0.total_cmp(&other.0));
        let way: Vec<String> = way.iter().map(|(time, words)| format!("{words} {time:.0}")).collect();
        println!("  where the time goes ({name}, ms from the start): {}", way.join(", "));
    }
    Ok(ratio)
}
