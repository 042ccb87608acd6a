//! Measures Madang beside its counterpart, both in one run, so that the machine does not decide.

mod delay;
mod median;
mod process;
#[cfg(target_os = "linux")]
mod recovery;
mod relay;
mod setup;
mod signaling;
mod soak;

use clap::Parser;

/// Measures Madang beside its counterpart.
#[derive(Debug, Parser)]
#[command(name = "madang-bench")]
enum Measurement {
    /// Opening a page to the other's first frame, beside the tutorial's page, both on this server.
    Setup(setup::Options),
    /// One call, and fault after fault by chance.
    #[cfg(target_os = "linux")]
    Chaos(recovery::chaos::Options),
    /// Networks and servers that fail in mid-call to media that is back, beside the tutorial's page.
    #[cfg(target_os = "linux")]
    Recovery(recovery::Options),
    /// This relay beside coturn, under the same load.
    Relay(relay::Options),
    /// This relay's memory beside coturn's, while allocations come and go.
    Soak(soak::Options),
    /// This signaling server beside the tutorial's, under the same load.
    Signaling(signaling::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Measurement::parse() {
        Measurement::Setup(options) => setup::measure(&options).await,
        #[cfg(target_os = "linux")]
        Measurement::Chaos(options) => recovery::chaos::chaos(&options).await,
        #[cfg(target_os = "linux")]
        Measurement::Recovery(options) => recovery::measure(&options).await,
        Measurement::Relay(options) => relay::measure(&options).await,
        Measurement::Soak(options) => soak::measure(&options).await,
        Measurement::Signaling(options) => signaling::measure(&options).await,
    }
}
