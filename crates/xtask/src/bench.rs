//! `cargo xtask bench`: builds what is measured and hands over to `crates/bench`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::apt;
use crate::browsers::name_chrome;
use crate::kit::Kit;
use crate::lab;
use crate::process::{find, run};
use crate::ui::Steps;

/// The measurement to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Measurement {
    /// This relay beside coturn: packets per CPU-second and per second, for 1 and for many allocations.
    Relay,
    /// This relay's memory beside coturn's, while allocations come and go.
    Soak,
    /// One call in networks that fail again and again by chance: how long it is away each time.
    Chaos,
    /// From a fault of network or server to media that is back, beside the tutorial's page.
    Recovery,
    /// This server beside the tutorial's Node server: messages per CPU-second, latency, memory per socket.
    Signaling,
    /// From opening a page to the other's first frame, beside the tutorial's page.
    Setup,
}

pub(crate) fn measure(kit: &Kit, measurement: Measurement, flags: &[String]) -> Result<()> {
    let mut steps = Steps::new(3);
    let server = steps.step("Build the server to measure", || kit.server())?;
    let mut bench = kit.workspace.cargo();
    bench.args(["run", "--release", "--package", "madang-bench", "--"]).env("MADANG_SERVER", server);
    steps.step("Set up: what it is compared with", || {
        match measurement {
            Measurement::Relay | Measurement::Soak if find(&["turnserver"], Path::new("")).is_some() => {}
            Measurement::Relay | Measurement::Soak => {
                apt::install(&kit.workspace, &["coturn"]).context("this needs coturn's turnserver in PATH")?
            }
            Measurement::Recovery | Measurement::Chaos => {
                if let Some(obstacle) = lab::obstacle(kit) {
                    bail!(obstacle);
                }
                name_chrome(&mut bench, &kit.chrome()?);
            }
            Measurement::Signaling => drop(kit.npm()?),
            Measurement::Setup => {
                kit.npm()?;
                name_chrome(&mut bench, &kit.chrome()?);
            }
        }
        Ok(())
    })?;
    let name = match measurement {
        Measurement::Relay => "relay",
        Measurement::Soak => "soak",
        Measurement::Recovery => "recovery",
        Measurement::Chaos => "chaos",
        Measurement::Signaling => "signaling",
        Measurement::Setup => "setup",
    };
    steps.step("Measure", || run(bench.arg(name).args(flags)))
}
