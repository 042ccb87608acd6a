//! A page in a browser, and what a person does and sees there.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::{Browser, Running, Setup};
use crate::console::Console;
use crate::process::{Suspended, crash};
use crate::route::{self, Route};
use crate::server::Room;
use crate::until::{SOON, until};
use crate::{command, process, recording};

/// The other's picture on a Madang page.
pub const REMOTE_VIDEO: &str = "[data-testid=remote-video]";

/// A page, alone in its browser. Clones are the same page.
#[derive(Clone, Debug)]
pub struct Page(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    browser: Browser,
    running: RefCell<Option<Running>>,
    client: Client,
    output: process::Output,
    console: Console,
    /// The selector of the other's picture.
    remote: RefCell<String>,
    /// What came is kept only from when the page is there: no script runs before this browser's pages.
    records_late: bool,
    closed: Cell<bool>,
}

/// Milliseconds without a new frame that a person takes for a frozen picture. Two busy cores that
/// draw several browsers' pictures in software skip some.
const FROZEN_MS: f64 = 1500.0;

/// The two see and hear each other.
pub async fn in_a_call(one: &Page, other: &Page) -> Result<()> {
    tokio::try_join!(one.remote_frames_advance(), other.remote_frames_advance()).map(drop)
}

/// What is seen and heard of the other.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// A stream is shown.
    pub present: bool,
    /// Frames presented since the page was first looked at.
    pub frames: u64,
    /// Milliseconds: the longest time between two of them, the one since the last included.
    pub longest_gap: f64,
    /// An audio track is live and its packets arrive.
    pub audible: bool,
}

impl Page {
    /// Starts a browser with one empty page. `name` is for messages and screenshots.
    pub async fn start(name: &str, setup: &Setup) -> Result<Self> {
        let running = Running::start(setup).await.with_context(|| format!("{name}'s browser"))?;
        let page = Self(Rc::new(Inner {
            name: name.to_owned(),
            browser: setup.browser,
            client: running.client.clone(),
            output: running.driver.output().clone(),
            running: RefCell::new(Some(running)),
            console: Console::default(),
            remote: RefCell::new(REMOTE_VIDEO.to_owned()),
            records_late: setup.recorded && setup.browser == Browser::Firefox,
            closed: Cell::new(false),
        }));
        if setup.routes {
            route::prepare(&page).await?;
        }
        if setup.recorded && setup.browser == Browser::Chromium {
            recording::prepare(&page).await?;
        }
        Ok(page)
    }

    /// The name it was started with.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The browser it is in.
    pub fn browser(&self) -> Browser {
        self.0.browser
    }

    /// The WebDriver client, for what has no verb here.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.0.client.goto(url).await.with_context(|| format!("{} opens {url}", self.name()))
    }

    /// Opens a room's link and joins: with the link, or where a recording has to begin before by the button.
    pub async fn join(&self, room: &Room) -> Result<()> {
        if !self.0.records_late {
            return self.open(&room.join_link()).await;
        }
        self.open(&room.link).await?;
        recording::begin(self).await?;
        self.click("join").await
    }

    /// Reloads.
    pub async fn reload(&self) -> Result<()> {
        Ok(self.0.client.refresh().await?)
    }

    /// Presses the button to leave.
    pub async fn leave(&self) -> Result<()> {
        self.click("leave").await
    }

    /// Closes the tab, and tells when. The browser goes on with an empty tab, as a person's does.
    pub async fn close_tab(&self) -> Result<Instant> {
        let tab = self.0.client.window().await?;
        let other = self.0.client.new_window(true).await?.handle;
        self.0.client.switch_to_window(tab).await?;
        let closed = Instant::now();
        self.0.client.close_window().await?;
        self.0.client.switch_to_window(other).await?;
        Ok(closed)
    }

    /// Kills the browser, as a crash or an empty battery does. Nothing can be done with the page after.
    pub fn crash(&self) -> Result<()> {
        let running = self.0.running.borrow();
        let pid = running.as_ref().context("already closed")?.pid;
        self.0.closed.set(true);
        crash(pid)
    }

    /// Stops the whole browser, as a laptop that sleeps does, until what this gives is dropped. Nothing
    /// can be asked of the page meanwhile.
    pub fn sleep(&self) -> Result<Suspended> {
        self.0.running.borrow().as_ref().context("already closed")?.driver.suspend()
    }

    /// Hides the page, as another tab before it does.
    pub async fn hide(&self) -> Result<()> {
        self.0.client.minimize_window().await?;
        self.wait_visibility("hidden").await
    }

    /// Shows it again.
    pub async fn show(&self) -> Result<()> {
        self.0.client.maximize_window().await?;
        self.wait_visibility("visible").await
    }

    async fn wait_visibility(&self, state: &str) -> Result<()> {
        until(&format!("{}'s page to be {state}", self.name()), SOON, async || {
            Ok((self.script("return document.visibilityState", vec![]).await? == state).then_some(()))
        })
        .await
    }

    /// Runs a script; `return` gives its value.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.0.client.execute(script, arguments).await.with_context(|| format!("a script in {}'s page", self.name()))
    }

    /// Runs the body of an async function and waits for its value.
    pub async fn async_script(&self, body: &str, arguments: Vec<Value>) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);
            (async (...arguments) => {{ {body} }})(...given)
                .then((value) => done({{ value }}), (error) => done({{ error: `${{error}}\n${{error.stack}}` }}));"
        );
        let mut answer = self.0.client.execute_async(&script, arguments).await?;
        if let Some(error) = answer["error"].as_str() {
            bail!("a script in {}'s page: {error}", self.name());
        }
        Ok(answer["value"].take())
    }

    /// Chromium: a command of its DevTools protocol.
    pub async fn devtools(&self, command: &str, params: Value) -> Result<Value> {
        command::devtools(&self.0.client, command, params).await
    }

    async fn element(&self, testid: &str) -> Result<Element> {
        let selector = format!("[data-testid={testid}]");
        until(&format!("{} in {}'s page", testid, self.name()), SOON, async || {
            match self.0.client.find(Locator::Css(&selector)).await {
                Ok(element) => Ok(element.is_displayed().await?.then_some(element)),
                Err(error) if error.is_no_such_element() => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Waits until what carries this `data-testid` is there and shown.
    pub async fn wait_for(&self, testid: &str) -> Result<()> {
        self.element(testid).await.map(drop)
    }

    /// Clicks what carries this `data-testid`, once it is there and enabled.
    pub async fn click(&self, testid: &str) -> Result<()> {
        let element = self.element(testid).await?;
        until(&format!("{testid} enabled in {}'s page", self.name()), SOON, async || {
            Ok(element.is_enabled().await?.then_some(()))
        })
        .await?;
        Ok(element.click().await?)
    }

    /// Types, wherever the focus is.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        Ok(self.0.client.active_element().await?.send_keys(text).await?)
    }

    /// The words in what carries this `data-testid`.
    pub async fn text(&self, testid: &str) -> Result<String> {
        Ok(self.element(testid).await?.text().await?)
    }

    /// Presses Tab until what carries this `data-testid` has the focus.
    pub async fn tab_to(&self, testid: &str) -> Result<()> {
        const MOST: u32 = 30;
        for _ in 0..MOST {
            self.press(char::from(Key::Tab)).await?;
            let focused = self.script("return document.activeElement?.dataset.testid ?? null", vec![]).await?;
            if focused == testid {
                return Ok(());
            }
        }
        bail!("{MOST} times Tab do not reach {testid} in {}'s page", self.name())
    }

    /// Presses and releases one key, wherever the focus is.
    pub async fn press(&self, key: char) -> Result<()> {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        Ok(self.0.client.perform_actions(keys).await?)
    }

    /// An attribute of what carries this `data-testid`; `None` when either is not there.
    pub async fn attribute(&self, testid: &str, attribute: &str) -> Result<Option<String>> {
        let script =
            "return document.querySelector(`[data-testid=${arguments[0]}]`)?.getAttribute(arguments[1]) ?? null";
        let value = self.script(script, vec![json!(testid), json!(attribute)]).await?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Waits until an attribute has a value.
    pub async fn wait_attribute(&self, testid: &str, attribute: &str, value: &str) -> Result<()> {
        let mut seen = None;
        let what = format!("{attribute}={value} on {testid} in {}'s page", self.name());
        let waited = until(&what, SOON, async || {
            seen = self.attribute(testid, attribute).await?;
            Ok((seen.as_deref() == Some(value)).then_some(()))
        })
        .await;
        waited.with_context(|| format!("last seen: {seen:?}"))
    }

    /// Where the page is, what it says of the call, and its error if it shows one.
    pub async fn call_state(&self) -> Result<String> {
        let script = "const of = (id) => document.querySelector(`[data-testid=${id}]`);
            const state = of('call-state');
            return [location.href, state?.dataset.state, state?.textContent, of('error')?.dataset.code]
                .map((part) => part ?? '-').join(' | ');";
        Ok(self.script(script, vec![]).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page says that the call is in this state.
    pub async fn wait_state(&self, state: &str) -> Result<()> {
        self.wait_attribute("call-state", "data-state", state).await
    }

    /// Waits until the page shows this error, and gives its words.
    pub async fn wait_error(&self, code: &str) -> Result<String> {
        self.wait_attribute("error", "data-code", code).await?;
        let words = self.text("error").await?;
        ensure!(words.chars().count() > 10, "{}'s page shows no words for {code}: {words:?}", self.name());
        Ok(words)
    }

    /// Tells where the other's picture is on a page that is not Madang's own.
    pub fn remote_is(&self, selector: &str) {
        selector.clone_into(&mut self.0.remote.borrow_mut());
    }

    /// What is seen and heard of the other now.
    pub async fn picture(&self) -> Result<Picture> {
        let selector = self.0.remote.borrow().clone();
        let picture = self.script(include_str!("js/watch.js"), vec![json!(selector)]).await?;
        Ok(serde_json::from_value(picture)?)
    }

    /// Waits for the first frame of the other.
    pub async fn first_remote_frame(&self) -> Result<()> {
        self.frames_advance(1).await
    }

    /// The other is seen and heard: 15 more frames are presented, and the audio is live.
    pub async fn remote_frames_advance(&self) -> Result<()> {
        self.frames_advance(15).await?;
        self.remote_audible().await
    }

    async fn frames_advance(&self, more: u64) -> Result<()> {
        let mut last = self.picture().await?;
        let goal = last.frames + more;
        let waited = until(&format!("{more} more frames in {}'s page", self.name()), SOON, async || {
            last = self.picture().await?;
            Ok((last.frames >= goal).then_some(()))
        })
        .await;
        waited.with_context(|| format!("last seen: {last:?}"))
    }

    /// Waits until the other is heard.
    pub async fn remote_audible(&self) -> Result<()> {
        until(&format!("{} to hear the other", self.name()), SOON, async || {
            Ok(self.picture().await?.audible.then_some(()))
        })
        .await
    }

    /// The picture of the other never stood still for long, from the first look at it until now.
    pub async fn remote_never_froze(&self) -> Result<()> {
        let picture = self.picture().await?;
        ensure!(picture.longest_gap < FROZEN_MS, "the picture in {}'s page stood still: {picture:?}", self.name());
        Ok(())
    }

    /// Waits until nothing of the other is shown.
    pub async fn remote_gone(&self, deadline: Duration) -> Result<()> {
        until(&format!("the other's picture to go from {}'s page", self.name()), deadline, async || {
            Ok((!self.picture().await?.present).then_some(()))
        })
        .await
    }

    /// Firefox: takes certificates of this authority (base64 of DER), of TURN servers too, as it does
    /// of one that an organisation has installed.
    pub async fn trust_authority(&self, authority: &str) -> Result<()> {
        let script = format!(
            "Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB)
                .addCertFromBase64('{authority}', 'CT,,');"
        );
        command::in_firefox(self.client(), &script).await.map(drop)
    }

    /// The way that media takes now, once there is one. For pages that were set up with [`Setup::routes`].
    pub async fn route(&self) -> Result<Option<Route>> {
        route::read(self).await.with_context(|| format!("the route of {}'s call", self.name()))
    }

    /// Chromium with a network log: every address asked for since the last time, sockets too.
    pub async fn requests(&self) -> Result<Vec<String>> {
        let log = command::log(&self.0.client, "performance").await?;
        let mut addresses = Vec::new();
        for entry in log.as_array().into_iter().flatten() {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap_or_default())?;
            let event = &event["message"];
            let address = match event["method"].as_str() {
                Some("Network.requestWillBeSent") => event["params"]["request"]["url"].as_str(),
                Some("Network.webSocketCreated") => event["params"]["url"].as_str(),
                _ => None,
            };
            addresses.extend(address.map(str::to_owned));
        }
        Ok(addresses)
    }

    /// Console errors that contain `words` are part of the scenario.
    pub fn expect_in_console(&self, words: &str) {
        self.0.console.expect(words);
    }

    /// Fails when the page had an uncaught exception, a console error or a CSP violation.
    pub async fn console_is_clean(&self) -> Result<()> {
        if self.0.closed.get() {
            return Ok(());
        }
        let check = self.0.console.check(self.0.browser, &self.0.client, &self.0.output).await;
        check.with_context(|| format!("{}'s page", self.name()))
    }

    /// Saves what the page looks like.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.0.client.screenshot().await?)?;
        Ok(())
    }

    /// Ends the browser and waits until it has ended.
    pub async fn quit(&self) -> Result<()> {
        let running = self.0.running.borrow_mut().take();
        if let Some(running) = running
            && !self.0.closed.replace(true)
        {
            self.0.client.clone().close().await?;
            drop(running);
        }
        Ok(())
    }
}
