//! `madang-server`: flags in, one line out, and serving until Ctrl-C or SIGTERM.

use std::{future::Future, io, process::ExitCode};

use clap::Parser;
use madang_server::{Config, Server};
use tokio::signal;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("madang-server: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), String> {
    // A stranger's malformed datagram is no event. Whoever wants to see each can name it in --log.
    let filter: Targets =
        format!("stun_types=off,{}", config.log).parse().map_err(|error| format!("--log {}: {error}", config.log))?;
    tracing_subscriber::registry().with(filter).with(tracing_subscriber::fmt::layer().with_writer(io::stderr)).init();
    if let Some(www) = &config.www
        && !www.join("index.html").is_file()
    {
        return Err(format!("--www {}: there is no index.html in this folder", www.display()));
    }
    // Each person needs a connection, and systems begin with few.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit of open connections stays as it is");
    }
    let stop = stop_signal().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let listen = config.listen;
    let server = Server::bind(config).await.map_err(|error| cannot_listen(listen, &error))?;
    println!("Madang is listening on http://{}", server.local_addr());
    server.serve(stop).await;
    Ok(())
}

fn cannot_listen(address: std::net::SocketAddr, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has this port: choose another with --listen ADDR:PORT",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have this address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need more rights",
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
