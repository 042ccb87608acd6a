//! `madang-server`: flags in, one line out, and serving until Ctrl-C or SIGTERM; or a check of one
//! that serves.

use std::{future::Future, io, process::ExitCode};

use clap::{Parser, Subcommand};
use madang_server::{
    Config, Server,
    check::{self, Place, Verdict},
};
use tokio::{runtime, signal};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Debug, Parser)]
#[command(name = "madang-server", version, about, after_help = madang_server::config::AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Say whether a running server can be reached by UDP, TCP and TLS, and if not, what to open
    Check {
        /// The server's address, as in https://call.example.org. Without it: where a server with the same
        /// flags and environment is
        url: Option<Place>,
    },
}

fn main() -> ExitCode {
    let Arguments { config, task } = Arguments::parse();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(config.threads.get()).enable_all().build();
    let done = match (runtime, task) {
        (Err(error), _) => Err(format!("cannot start threads: {error}")),
        (Ok(runtime), None) => runtime.block_on(run(config)),
        (Ok(runtime), Some(Task::Check { url })) => {
            return runtime.block_on(check(&url.unwrap_or_else(|| Place::of(&config))));
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("madang-server: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn check(place: &Place) -> ExitCode {
    println!("Checking {place}");
    let well = check::check(place, |finding| {
        let mark = match finding.verdict {
            Verdict::Works => "ok",
            Verdict::Absent => "-",
            Verdict::Fails => "FAIL",
        };
        println!("{mark:<6}{:<18}{}", finding.way, finding.words);
    });
    if well.await { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(config: Config) -> Result<(), String> {
    // A stranger's malformed datagram is no event. Whoever wants to see each can name it in --log.
    let filter: Targets =
        format!("stun_types=off,{}", config.log).parse().map_err(|error| format!("--log {}: {error}", config.log))?;
    tracing_subscriber::registry().with(filter).with(tracing_subscriber::fmt::layer().with_writer(io::stderr)).init();
    config.check()?;
    // Each person needs a connection, and systems begin with few.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit of open connections stays as it is");
    }
    let stop = stop_signal().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let listen = config.listen;
    let server = Server::bind(config).await.map_err(|error| cannot_listen(listen, &error))?;
    println!("Madang is listening on {}", server.url());
    server.serve(stop).await;
    Ok(())
}

fn cannot_listen(address: std::net::SocketAddr, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has this port: choose another with --listen ADDR:PORT",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have this address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need more rights",
        // Flags or files, not the address.
        io::ErrorKind::InvalidInput | io::ErrorKind::NotFound => return error.to_string(),
        _ => "",
    };
    format!("cannot listen on {address}: {error}{hint}")
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
