//! One scenario: its pages, what it measured, and what is looked at when it is over.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use futures_util::FutureExt as _;
use tokio::sync::Mutex;

use crate::browser::Setup;
use crate::page::{Page, in_a_call};
use crate::programs;
use crate::server::{Room, Server};

/// Scenarios take turns: two at once would measure each other on a small machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// Where a scenario happens.
#[derive(Debug)]
pub struct Stage {
    name: String,
    pages: RefCell<Vec<Page>>,
    /// Kept until the pages have gone: a page whose server goes first has errors to tell of.
    servers: RefCell<Vec<Server>>,
    times: RefCell<Vec<(String, Vec<Duration>)>>,
    notes: RefCell<Vec<String>>,
}

/// Runs a scenario, with no other beside it.
///
/// It fails when its story fails, and when any page had an error on its console. A failure leaves
/// a screenshot of every page in `target/e2e`, beside the report every scenario leaves there.
pub async fn scenario(name: &str, story: impl AsyncFnOnce(&Stage) -> Result<()>) -> Result<()> {
    let _turn = TURN.lock().await;
    let start = Instant::now();
    let stage = Stage {
        name: name.to_owned(),
        pages: RefCell::default(),
        servers: RefCell::default(),
        times: RefCell::default(),
        notes: RefCell::default(),
    };
    let mut outcome = AssertUnwindSafe(story(&stage)).catch_unwind().await.unwrap_or_else(|panic| Err(said(&*panic)));
    let pages = stage.pages.take();
    for page in &pages {
        // A broken story explains the console, and the console often explains a broken story.
        outcome = match (outcome, page.console_is_clean().await) {
            (Ok(()), clean) => clean,
            (Err(error), Ok(())) => Err(error),
            (Err(error), Err(console)) => Err(error.context(format!("{console:#}"))),
        };
    }
    if outcome.is_err() {
        for page in &pages {
            stage.note(match page.call_state().await {
                Ok(state) => format!("{}: {state}", page.name()),
                Err(error) => format!("{}: {error:#}", page.name()),
            });
            stage.screenshot(page).await;
        }
    }
    for page in &pages {
        page.quit().await?;
    }
    stage.report(start.elapsed(), outcome.is_ok())?;
    outcome.with_context(|| format!("scenario {name}"))
}

impl Stage {
    /// Starts a browser with one empty page for the person of this name.
    pub async fn page(&self, name: &str, setup: &Setup) -> Result<Page> {
        let page = Page::start(name, setup).await?;
        self.keep_page(&page);
        Ok(page)
    }

    /// Looks at this page's console, too, when the scenario is over.
    pub(crate) fn keep_page(&self, page: &Page) {
        self.pages.borrow_mut().push(page.clone());
    }

    /// Starts a server on the loopback address with these flags.
    pub async fn server(&self, flags: &[&str]) -> Result<Server> {
        self.server_on("127.0.0.1", flags).await
    }

    /// Starts a server on an address of this machine.
    pub async fn server_on(&self, host: &str, flags: &[&str]) -> Result<Server> {
        let server = Server::start_on(host, flags).await?;
        self.keep_server(&server);
        Ok(server)
    }

    /// Keeps a server until the pages have gone.
    pub(crate) fn keep_server(&self, server: &Server) {
        self.servers.borrow_mut().push(server.clone());
    }

    /// Ada and Ben, each in a browser set up so, in a call in which both see and hear the other.
    pub async fn call(&self, server: &Server, ada: &Setup, ben: &Setup) -> Result<(Page, Page, Room)> {
        let (ada, ben) = (self.page("ada", ada).await?, self.page("ben", ben).await?);
        let room = server.room();
        ada.join(&room).await?;
        ben.join(&room).await?;
        for page in [&ada, &ben] {
            page.wait_state("connected").await?;
        }
        in_a_call(&ada, &ben).await?;
        Ok((ada, ben, room))
    }

    /// Keeps a measured time. The report has the median of those with the same words.
    pub fn took(&self, what: &str, time: Duration) {
        let mut times = self.times.borrow_mut();
        match times.iter_mut().find(|(known, _)| known == what) {
            Some((_, all)) => all.push(time),
            None => times.push((what.to_owned(), vec![time])),
        }
    }

    /// Keeps a line for the report.
    pub fn note(&self, line: impl Into<String>) {
        self.notes.borrow_mut().push(line.into());
    }

    async fn screenshot(&self, page: &Page) {
        let saved = async {
            let path = programs::results()?.join(format!("{}-{}.png", self.name, page.name()));
            page.screenshot(&path).await?;
            anyhow::Ok(path)
        };
        match saved.await {
            Ok(path) => self.note(format!("screenshot: {}", path.display())),
            Err(error) => self.note(format!("no screenshot of {}: {error:#}", page.name())),
        }
    }

    fn report(&self, elapsed: Duration, passed: bool) -> Result<()> {
        let verdict = if passed { "passed" } else { "FAILED" };
        let mut report = format!("{}: {verdict} in {:.1} s\n", self.name, elapsed.as_secs_f32());
        for (what, times) in self.times.borrow_mut().iter_mut() {
            times.sort();
            let millis = |index: usize| times.get(index).map_or(0, Duration::as_millis);
            let (median, most, count) = (millis(times.len() / 2), millis(times.len() - 1), times.len());
            writeln!(report, "  {what}: median {median} ms, at most {most} ms, {count} times")?;
        }
        for note in self.notes.borrow().iter() {
            writeln!(report, "  {note}")?;
        }
        std::fs::write(programs::results()?.join(format!("{}.txt", self.name)), &report)?;
        print!("{report}");
        Ok(())
    }
}

fn said(panic: &(dyn Any + Send)) -> anyhow::Error {
    let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    anyhow!("panicked: {}", words.unwrap_or("without words"))
}
