//! Two browsers, two servers, and a call between either's pages.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use madang_e2e::lab::Networks;
use madang_e2e::recording::{Back, Moment, evidence, media_back};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Page, Server, Setup, programs};
use madang_lab::{Family, Kind, Side};
use serde_json::json;
use tempfile::TempDir;

use super::{MADANG_PATIENCE, TUTORIAL_PATIENCE};

/// Whose page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contestant {
    Madang,
    Tutorial,
}

impl Contestant {
    pub(super) const BOTH: [Self; 2] = [Self::Madang, Self::Tutorial];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Madang => "madang",
            Self::Tutorial => "tutorial",
        }
    }

    /// What takes longer is never.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Madang => MADANG_PATIENCE,
            Self::Tutorial => TUTORIAL_PATIENCE,
        }
    }

    /// A script that tells whether the first page is in the room, ready for the second.
    fn waiting(self) -> &'static str {
        match self {
            Self::Madang => {
                "return document.querySelector('[data-testid=call-state]')?.dataset.state === 'waiting'
                    && Boolean(document.querySelector('[data-testid=local-video]')?.srcObject)"
            }
            Self::Tutorial => "return Boolean(camera) && socket.connected",
        }
    }
}

/// Everything that calls are made with.
pub(super) struct Stand {
    pub(super) a: Page,
    pub(super) b: Page,
    tutorial: Server,
    pub(super) networks: Networks,
    _folder: TempDir,
    /// Since when the call of now is under way.
    begun: Cell<Moment>,
    calls: Cell<u32>,
}

impl Stand {
    pub(super) async fn start(browser: &Setup) -> Result<Self> {
        let networks = Networks::start(Family::V4, &[]).await?;
        let host = 2;
        let folder = tutorial(&format!("stun:{}:443", networks.lab.address(host)))?;
        let www = folder.path().to_str().context("the temporary folder's name is not text")?;
        let tutorial = networks.another_server(host, &["--www", www]).await?;
        let page = async |side, name| networks.start_page(side, name, browser.clone().recorded().unhurried()).await;
        let (a, b) = (page(Side::A, "a").await?, page(Side::B, "b").await?);
        let (begun, calls) = (Cell::new(Moment::now()), Cell::default());
        Ok(Self { a, b, tutorial, networks, _folder: folder, begun, calls })
    }

    pub(super) fn pages(&self) -> [&Page; 2] {
        [&self.a, &self.b]
    }

    pub(super) fn server(&self, contestant: Contestant) -> &Server {
        match contestant {
            Contestant::Madang => &self.networks.server,
            Contestant::Tutorial => &self.tutorial,
        }
    }

    /// Routers become of this kind, and heal.
    pub(super) fn behind(&self, kind: Kind) -> Result<()> {
        self.networks.lab.between(kind, kind)
    }

    /// The second page opens a link that the first one waits behind.
    pub(super) async fn open(&self, contestant: Contestant) -> Result<Moment> {
        self.calls.set(self.calls.get() + 1);
        self.begun.set(Moment::now());
        let room = self.networks.server.room();
        let tutorial = format!("{}/tutorial.html#call-{}", self.tutorial.origin(), self.calls.get());
        let visit = async |page: &Page| match contestant {
            Contestant::Madang => page.join(&room).await,
            Contestant::Tutorial => page.open(&tutorial).await,
        };
        visit(&self.a).await?;
        until("the first page to wait in the room", SOON, async || {
            Ok((self.a.script(contestant.waiting(), vec![]).await? == true).then_some(()))
        })
        .await?;
        let opened = Moment::now();
        visit(&self.b).await?;
        Ok(opened)
    }

    /// A call that both see and hear, and how long that took from the second's link. `None` for none.
    pub(super) async fn meet(&self, contestant: Contestant) -> Result<Option<Back>> {
        let opened = self.open(contestant).await?;
        self.back(contestant, opened).await
    }

    /// How long after `since` media is there both ways, to stay.
    pub(super) async fn back(&self, contestant: Contestant, since: Moment) -> Result<Option<Back>> {
        media_back(self.pages(), since, contestant.patience()).await
    }

    /// How long it takes from now until what one page has to say through the server is heard by the other.
    pub(super) async fn signaling(&self, contestant: Contestant) -> Result<Option<Duration>> {
        let start = std::time::Instant::now();
        let heard = match contestant {
            Contestant::Madang => {
                self.a.click("mic").await?;
                until("b to see that a is muted", contestant.patience(), async || {
                    let shown = self.b.attribute("remote-mic", "data-on").await?;
                    Ok((shown.as_deref() == Some("false")).then_some(()))
                })
                .await
            }
            Contestant::Tutorial => {
                // It has nothing to say in mid-call but a candidate, here one that leads nowhere.
                let listen = "window.heard = false; socket.on('ice-candidate', () => { window.heard = true; })";
                let say = "socket.emit('ice-candidate', { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host',
                    sdpMid: '0', sdpMLineIndex: 0 }, room)";
                self.b.script(listen, vec![]).await?;
                until("b to hear a", contestant.patience(), async || {
                    self.a.script(say, vec![]).await?;
                    Ok((self.b.script("return window.heard", vec![]).await? == true).then_some(()))
                })
                .await
            }
        };
        // Only patience can end here: whatever else is wrong with a page shows when it is opened next.
        Ok(heard.ok().map(|()| start.elapsed()))
    }

    /// What pages and connections said during the call.
    pub(super) async fn evidence(&self) -> String {
        self.evidence_since(self.begun.get()).await
    }

    pub(super) async fn evidence_since(&self, since: Moment) -> String {
        evidence(self.pages(), since).await
    }

    /// Nothing is left of the call.
    pub(super) async fn part(&self) -> Result<()> {
        self.networks.lab.router(Side::A).heal()?;
        for page in self.pages() {
            page.open("about:blank").await?;
        }
        Ok(())
    }

    pub(super) async fn quit(self) -> Result<()> {
        self.a.quit().await?;
        self.b.quit().await
    }
}

/// A folder with the tutorial's page, which calls through the server it comes from, in a room of its link's.
/// It is given a STUN server, as most of its kind have: without one it would connect in no network here.
fn tutorial(stun: &str) -> Result<TempDir> {
    let mut page = std::fs::read_to_string(programs::checkout().join("tests/e2e/fixtures/tutorial/index.html"))?;
    let ice = json!({"iceServers": [{"urls": stun}]});
    for (written, instead) in [
        ("io(\"http://localhost:3000\")", "io()"),
        ("http://localhost:3000", ""),
        ("\"testRoom\"", "location.hash.slice(1)"),
        ("new RTCPeerConnection()", &format!("new RTCPeerConnection({ice})")),
    ] {
        ensure!(page.contains(written), "the tutorial's page has no {written}");
        page = page.replace(written, instead);
    }
    let folder = TempDir::new()?;
    let write = |name: &str, text: &str| std::fs::write(Path::new(folder.path()).join(name), text);
    write("tutorial.html", &page)?;
    write("index.html", "<!doctype html><title>Nothing</title>")?;
    Ok(folder)
}
