//! Which browser, with what camera and language; and the driver that runs it.
//!
//! Every page has a driver and a browser of its own, so pages share nothing: no profile, no cache,
//! no `sessionStorage`. What a browser writes goes to a folder that is removed with it.

use anyhow::{Context as _, Result};
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::place::Place;
use crate::process::Process;
use crate::programs;

/// The browsers we promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// Chromium, or Chrome.
    Chromium,
    /// Firefox.
    Firefox,
}

/// What the browser answers when a page asks for camera and microphone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Devices {
    /// A test picture and a tone, without asking.
    #[default]
    Fake,
    /// The person said no.
    Denied,
    /// A microphone and no camera (Chromium only).
    NoCamera,
    /// Those of the machine. A machine for tests has none.
    Real,
}

/// How a page's browser is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) browser: Browser,
    pub(crate) devices: Devices,
    pub(crate) language: String,
    pub(crate) resolve: Option<String>,
    pub(crate) trusted: Option<String>,
    pub(crate) network_log: bool,
    pub(crate) any_certificate: bool,
    pub(crate) routes: bool,
    pub(crate) recorded: bool,
    pub(crate) unhurried: bool,
    pub(crate) uncancelled: bool,
    pub(crate) forgets_names: bool,
    pub(crate) refuses_autoplay: bool,
    pub(crate) place: Place,
}

impl Setup {
    fn new(browser: Browser) -> Self {
        Self {
            browser,
            devices: Devices::Fake,
            language: "en-US".to_owned(),
            resolve: None,
            trusted: None,
            network_log: false,
            any_certificate: false,
            routes: false,
            recorded: false,
            unhurried: false,
            uncancelled: false,
            forgets_names: false,
            refuses_autoplay: false,
            place: Place::default(),
        }
    }

    /// Chromium with a fake camera.
    pub fn chromium() -> Self {
        Self::new(Browser::Chromium)
    }

    /// Firefox with a fake camera.
    pub fn firefox() -> Self {
        Self::new(Browser::Firefox)
    }

    /// With these devices.
    #[must_use]
    pub fn devices(mut self, devices: Devices) -> Self {
        self.devices = devices;
        self
    }

    /// For a reader of this language, such as `ko-KR`.
    #[must_use]
    pub fn language(mut self, language: &str) -> Self {
        language.clone_into(&mut self.language);
        self
    }

    /// Chromium only: connections to one `host:port` go to another.
    #[must_use]
    pub fn resolve(mut self, from: &str, to: &str) -> Self {
        self.resolve = Some(format!("MAP {from} {to}"));
        self
    }

    /// Chromium only: takes this `http:` origin for a secure one.
    #[must_use]
    pub fn trust(mut self, origin: &str) -> Self {
        self.trusted = Some(origin.to_owned());
        self
    }

    /// Chromium only: keeps a log of every request, for `Page::requests`.
    #[must_use]
    pub fn network_log(mut self) -> Self {
        self.network_log = true;
        self
    }

    /// Takes every certificate for a good one, of pages and of TURN servers.
    #[must_use]
    pub fn any_certificate(mut self) -> Self {
        self.any_certificate = true;
        self
    }

    /// Firefox only: does not cancel what a page's JavaScript is about when a person goes elsewhere.
    #[must_use]
    pub fn uncancelled(mut self) -> Self {
        self.uncancelled = true;
        self
    }

    /// Firefox only: asks for the address of a name each time. Browsers keep it for a minute, whatever
    /// the name server says.
    #[must_use]
    pub fn forget_names(mut self) -> Self {
        self.forgets_names = true;
        self
    }

    /// Chromium only: plays no sound before a person has done something with the page.
    #[must_use]
    pub fn refuse_autoplay(mut self) -> Self {
        self.refuses_autoplay = true;
        self
    }

    /// Keeps the connections of pages where they can be asked, for `Page::route`.
    #[must_use]
    pub fn routes(mut self) -> Self {
        self.routes = true;
        self
    }

    /// Keeps when media came, for `Page::recording`. In Firefox only for pages that are joined by `Page::join`.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    /// Chromium only: its fake camera gives ten frames in a second, not twenty, to save the machine work.
    #[must_use]
    pub fn unhurried(mut self) -> Self {
        self.unhurried = true;
        self
    }

    /// The browser and its driver run there.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = place.clone();
        self
    }

    fn capabilities(&self) -> Value {
        let mut capabilities = match self.browser {
            Browser::Chromium => self.chromium_capabilities(),
            Browser::Firefox => self.firefox_capabilities(),
        };
        capabilities["acceptInsecureCerts"] = json!(self.any_certificate);
        capabilities
    }

    fn chromium_capabilities(&self) -> Value {
        let mut args: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned)
        .to_vec();
        args.push(match self.refuses_autoplay {
            true => "--autoplay-policy=document-user-activation-required".to_owned(),
            false => "--autoplay-policy=no-user-gesture-required".to_owned(),
        });
        args.push(format!("--accept-lang={}", self.language));
        args.extend(match self.devices {
            Devices::Fake if self.unhurried => Some("--use-fake-device-for-media-stream=fps=10".to_owned()),
            Devices::Fake | Devices::Denied => Some("--use-fake-device-for-media-stream".to_owned()),
            Devices::NoCamera => Some("--use-fake-device-for-media-stream=device-count=0".to_owned()),
            Devices::Real => None,
        });
        args.push(match self.devices {
            Devices::Denied => "--use-fake-ui-for-media-stream=deny".to_owned(),
            _ => "--use-fake-ui-for-media-stream".to_owned(),
        });
        // The driver's capability is for pages only.
        args.extend(self.any_certificate.then(|| "--ignore-certificate-errors".to_owned()));
        args.extend(self.trusted.iter().map(|origin| format!("--unsafely-treat-insecure-origin-as-secure={origin}")));
        args.extend(self.resolve.iter().map(|rule| format!("--host-resolver-rules={rule}")));
        // The driver would have pages in the background run as those in front.
        let unlike_a_persons = [
            "disable-background-timer-throttling",
            "disable-renderer-backgrounding",
            "disable-backgrounding-occluded-windows",
        ];
        let mut options = json!({"args": args, "excludeSwitches": unlike_a_persons});
        if let Some(binary) = programs::chromium() {
            options["binary"] = json!(binary.to_string_lossy());
        }
        let mut logs = json!({"browser": "ALL"});
        if self.network_log {
            logs["performance"] = json!("ALL");
        }
        json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs})
    }

    fn firefox_capabilities(&self) -> Value {
        let denied = if self.devices == Devices::Denied { 2 } else { 0 };
        let mut options = json!({
            "args": ["-headless"],
            "prefs": {
                "media.navigator.streams.fake": self.devices != Devices::Real,
                "media.navigator.permission.disabled": self.devices != Devices::Denied,
                "permissions.default.camera": denied,
                "permissions.default.microphone": denied,
                "media.autoplay.default": 0,
                "dom.ipc.processHangMonitor": !self.uncancelled,
                "network.dnsCacheExpiration": if self.forgets_names { 0 } else { 60 },
                "intl.accept_languages": self.language,
                // Errors of pages go to standard output, those of the browser's own parts do not.
                "devtools.console.stdout.content": true,
                "devtools.console.stdout.chrome": false,
            },
        });
        if let Some(binary) = programs::firefox() {
            options["binary"] = json!(binary.to_string_lossy());
        }
        json!({"browserName": "firefox", "moz:firefoxOptions": options})
    }
}

/// A running browser and the driver that speaks for it. Both end when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) driver: Process,
    pub(crate) client: Client,
    /// The browser's main process, for crashing it.
    pub(crate) pid: u32,
    _folder: TempDir,
}

/// What chromedriver says when it has chosen a port of IPv6 and somebody has the same of IPv4, and how often
/// it may choose another.
const PORT_TAKEN: &str = "Address already in use";
const TRIES: u32 = 3;

impl Running {
    pub(crate) async fn start(setup: &Setup) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("madang-e2e-").tempdir()?;
        let (name, program, args, ready, pid) = match setup.browser {
            Browser::Chromium => {
                let args: &[&str] = &["--port=0"];
                let ready = "ChromeDriver was started successfully on port ";
                ("chromedriver", programs::chromedriver()?, args, ready, "goog:processID")
            }
            Browser::Firefox => {
                let args: &[&str] = &["--port=0", "--websocket-port=0", "--allow-system-access"];
                ("geckodriver", programs::geckodriver()?, args, "Listening on 127.0.0.1:", "moz:processID")
            }
        };
        let mut attempts = 0..TRIES;
        let (driver, port) = loop {
            let mut driver = Process::start_at(&setup.place, name, &program, |command| {
                command.args(args).env("TMPDIR", folder.path());
            })?;
            match driver.line(|line| number_after(line, ready)).await {
                Ok(port) => break (driver, port),
                Err(error) if attempts.next().is_some() && format!("{error:#}").contains(PORT_TAKEN) => {}
                Err(error) => return Err(error),
            }
        };
        let capabilities = setup.capabilities().as_object().context("capabilities are an object")?.clone();
        let client = ClientBuilder::new(setup.place.clone())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .with_context(|| format!("{name} cannot start the browser"))?;
        let pid = client.capabilities().and_then(|all| all.get(pid)).and_then(Value::as_u64);
        let pid = pid.and_then(|pid| u32::try_from(pid).ok()).with_context(|| format!("{name} names no process"))?;
        Ok(Self { driver, client, pid, _folder: folder })
    }
}

fn number_after(line: &str, words: &str) -> Option<u16> {
    let (_, rest) = line.split_once(words)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
