//! The tutorial's page, which knows nothing of us, against our server: with itself and with our page.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use madang_e2e::{Files, Page, Room, Server, Setup, Stage, counts, in_a_call, programs, scenario};
use tempfile::TempDir;

/// The room its page has in its source.
const ROOM: &str = "testRoom";

/// A place that serves the tutorial's page, and a server to call through.
struct Tutorial {
    files: Files,
    server: Server,
}

impl Tutorial {
    async fn start(stage: &Stage, folder: PathBuf) -> Result<Self> {
        let files = Files::serve(&folder).await?;
        let server = stage.server(&["--allow-origin", files.origin()]).await?;
        Ok(Self { files, server })
    }

    /// A browser in which `http://localhost:3000`, which the page has in its source, is our server.
    fn setup(&self) -> Setup {
        Setup::chromium().resolve("localhost:3000", &format!("127.0.0.1:{}", self.server.port()))
    }

    async fn person(&self, stage: &Stage, name: &str) -> Result<Page> {
        let page = stage.page(name, &self.setup()).await?;
        page.remote_is("#remoteVideo");
        Ok(page)
    }

    async fn open(&self, page: &Page) -> Result<()> {
        page.open(&format!("{}/index.html", self.files.origin())).await
    }

    async fn calls_itself(&self, stage: &Stage, calls: u32) -> Result<()> {
        let (ada, ben) = (self.person(stage, "ada").await?, self.person(stage, "ben").await?);
        for call in 1..=calls {
            let what = || format!("call {call} of {calls}");
            self.open(&ada).await?;
            let start = Instant::now();
            self.open(&ben).await?;
            ben.first_remote_frame().await.with_context(what)?;
            stage.took("set-up", start.elapsed());
            in_a_call(&ada, &ben).await.with_context(what)?;
            for page in [&ada, &ben] {
                page.console_is_clean().await.with_context(what)?;
                page.open("about:blank").await?;
            }
        }
        stage.note(format!("{calls} of {calls} calls"));
        Ok(())
    }
}

#[tokio::test]
async fn tutorial_pages_call_each_other() -> Result<()> {
    scenario("tutorial-with-tutorial", async |stage| {
        let folder = programs::checkout().join("tests/e2e/fixtures/tutorial");
        Tutorial::start(stage, folder).await?.calls_itself(stage, counts::tutorial_calls()).await
    })
    .await
}

/// The page that is taught, when it lies beside the checkout: only where it loads the Socket.IO
/// client from is changed, to the server, as the server of the tutorial also has it.
#[tokio::test]
async fn the_original_pages_call_each_other() -> Result<()> {
    scenario("tutorial-original", async |stage| {
        let original = programs::checkout().join("../shared/tutorial/index.html");
        let Ok(page) = std::fs::read_to_string(&original) else {
            stage.note(format!("skipped: there is no {}", original.display()));
            return Ok(());
        };
        let page = page.replace(
            "https://cdn.socket.io/4.0.1/socket.io.min.js",
            "http://localhost:3000/socket.io/socket.io.min.js",
        );
        let folder = TempDir::new()?;
        std::fs::write(folder.path().join("index.html"), page)?;
        let tutorial = Tutorial::start(stage, folder.path().to_owned()).await?;
        tutorial.calls_itself(stage, counts::tutorial_calls()).await
    })
    .await
}

#[tokio::test]
async fn a_tutorial_page_and_a_madang_page_call_each_other() -> Result<()> {
    scenario("tutorial-with-madang", async |stage| {
        let folder = programs::checkout().join("tests/e2e/fixtures/tutorial");
        let tutorial = Tutorial::start(stage, folder).await?;
        let old = tutorial.person(stage, "old").await?;
        let new = stage.page("new", &Setup::chromium()).await?;
        let room = Room { name: ROOM.to_owned(), link: format!("{}/r/{ROOM}", tutorial.server.origin()) };
        for call in 0..2 * counts::mixed_calls() {
            if call % 2 == 0 {
                tutorial.open(&old).await?;
                new.join(&room).await?;
            } else {
                new.join(&room).await?;
                new.wait_state("waiting").await?;
                tutorial.open(&old).await?;
            }
            let what = || format!("call {call}");
            new.wait_state("connected").await.with_context(what)?;
            in_a_call(&old, &new).await.with_context(what)?;
            for page in [&old, &new] {
                page.console_is_clean().await.with_context(what)?;
                page.open("about:blank").await?;
            }
        }
        stage.note(format!("{0} of {0} calls in either order", counts::mixed_calls()));
        Ok(())
    })
    .await
}
