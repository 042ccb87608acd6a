//! A server: takes its port, and serves everything on it until it is told to stop.

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use madang_protocol::{ErrorCode, WireError, message::event};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    admin,
    config::Config,
    connection::{self, Service},
    goodbye,
    http::{self, Arrival, Told},
    ice::Ice,
    limits,
    metrics::Counters,
    port,
    relay::{Options, Relay, Serving},
    signaling::Signaling,
    tls::Certificate,
    transport::Stream,
    waiting::Waiting,
};

/// Bytes of the secret that credentials are signed with when none is given.
const SECRET_BYTES: usize = 32;

/// A server that has its port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Option<TcpListener>,
    admin: Option<TcpListener>,
    certificate: Option<Arc<Certificate>>,
    relay: Option<(Relay, Serving)>,
    config: Config,
}

impl Server {
    /// Takes the port, TCP and UDP.
    ///
    /// # Errors
    /// When flags contradict each other, the certificate cannot be used, the address is not this
    /// machine's or the port is taken.
    pub async fn bind(config: Config) -> io::Result<Self> {
        let mode = config.check().map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
        let certificate = Certificate::new(&config)?;
        let (listener, udp) = port::take(config.listen, mode.is_some())?;
        let address = listener.local_addr()?;
        let metrics = listen("--metrics-listen", config.metrics_listen).await?;
        let admin = listen("--admin-listen", config.admin_listen).await?;
        let relay = match (mode, udp) {
            (Some(mode), Some(udp)) => {
                let secret = match &config.ice.turn_secret {
                    Some(secret) => secret.bytes().to_vec(),
                    None => random()?,
                };
                let (quotas, credential_lifetime) = (config.ice.quotas, config.ice.credential_lifetime);
                let relay = Relay::new(Options { mode, quotas, credential_lifetime, ..Options::closed(secret) })?;
                let serving = relay.serve_udp(udp)?;
                Some((relay, serving))
            }
            _ => None,
        };
        Ok(Self { listener, address, metrics, admin, certificate, relay, config })
    }

    /// Where it listens; the port is the real one.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a link.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens for those who ask for metrics, if not on its own port.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }

    /// Where it listens for whoever runs it.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.local_addr().ok()
    }

    /// Serves until `stop` is done. Then says so to every socket, and ends.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (relay, serving) = self.relay.unzip();
        let counters = Arc::new(Counters::default());
        let ice = Ice::new(&self.config.ice, relay.clone());
        let (signaling, io, socket_io) = Signaling::new(&self.config, ice, counters.clone());
        let told: Told = {
            let (signaling, relay, counters) = (signaling.clone(), relay.clone(), counters.clone());
            Arc::new(move || {
                let mut out = String::new();
                signaling.tell(&mut out);
                counters.tell(&mut out);
                if let Some(relay) = &relay {
                    relay.metrics(&mut out);
                }
                out
            })
        };
        let public = self.config.metrics_public.then(|| told.clone());
        let tls = self.certificate.as_ref().map(Certificate::acceptor).transpose();
        let service = Arc::new(Service {
            router: http::router(&self.config, socket_io, goodbye::route(signaling.clone()), public),
            insecure: self.certificate.is_some().then(http::insecure_router),
            tls: match tls {
                Ok(tls) => tls,
                Err(error) => return tracing::error!(%error, "no TLS"),
            },
            relay,
            decided_within: self.config.decided_within,
            headers_within: self.config.headers_within,
            waiting: Waiting::new(),
            counters,
        });
        let mut tasks = tokio::task::JoinSet::new();
        let (stopping, stopped) = watch::channel(());
        if let (Some(listener), Some(token)) = (self.admin, &self.config.admin_token) {
            let router = admin::router(signaling.clone(), token);
            tasks.spawn(serve_apart(listener, router, stopped.clone()));
        }
        tasks.spawn(signaling.keep_seats());
        if let Some(certificate) = self.certificate {
            tasks.spawn(certificate.keep_fresh());
        }
        if let Some(metrics) = self.metrics {
            tasks.spawn(serve_apart(metrics, http::metrics_router(told), stopped.clone()));
        }
        tokio::select! {
            () = connection::accept(&self.listener, &service, &stopped) => {}
            () = stop => {}
        }
        drop((self.listener, stopped));
        tracing::info!("stopping");
        if let Err(error) = io.broadcast().emit(event::ERROR, &WireError::from(ErrorCode::Stopping)).await {
            tracing::debug!(%error, "not every socket could be told");
        }
        tasks.shutdown().await;
        let end = async {
            io.close().await;
            // Each connection hears of it and lets go of its end when it has finished.
            stopping.send_replace(());
            stopping.closed().await;
        };
        if tokio::time::timeout(limits::STOP_WITHIN, end).await.is_err() {
            tracing::info!("some connections were still open");
        }
        // Last: calls go on through the relay until everything else has ended.
        drop(serving);
    }
}

async fn listen(flag: &str, address: Option<SocketAddr>) -> io::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    listener
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("{flag} {address}: {error}")))
}

/// Serves what is apart from the public port. Never ends.
async fn serve_apart(listener: TcpListener, router: axum::Router, stopped: watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => apart(tcp, router.clone(), stopped.clone()),
            Err(error) => {
                tracing::warn!(%error, "could not take a connection apart from the public port");
                tokio::time::sleep(connection::ACCEPT_AGAIN).await;
            }
        }
    }
}

fn apart(tcp: TcpStream, router: axum::Router, stopped: watch::Receiver<()>) {
    let Ok(local) = tcp.local_addr() else { return };
    let stream = Stream::new(tcp);
    let arrival = Arrival { tls: false, local };
    tokio::spawn(connection::http(stream, router, arrival, None, limits::HEADERS_WITHIN, stopped));
}

fn random() -> io::Result<Vec<u8>> {
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(secret)
}
