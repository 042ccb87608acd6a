//! One connection: what does it speak, and who answers it.
//!
//! The first bytes decide (`Speaks`): HTTP, STUN and TURN, or TLS with one of the two inside.
//! Each connection decides in a task of its own, within a bounded time, and gives way when too
//! many are undecided (`Waiting`); for HTTP that lasts until the first request is whole.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::{
    http::Arrival,
    limits,
    metrics::{Counters, Ended},
    relay::{Relay, StreamKind},
    speaks::{self, Speaks},
    transport::Stream,
    waiting::{MakeRoom, Place, Waiting},
};

/// How long to wait before the next try when the system has no room for another connection.
pub(crate) const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Who answers connections.
pub(crate) struct Service {
    /// Answers HTTP.
    pub(crate) router: Router,
    /// Answers HTTP that comes without TLS although there is TLS.
    pub(crate) insecure: Option<Router>,
    /// `None` is without TLS.
    pub(crate) tls: Option<TlsAcceptor>,
    /// `None` is without STUN and TURN.
    pub(crate) relay: Option<Relay>,
    pub(crate) decided_within: Duration,
    pub(crate) headers_within: Duration,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) counters: Arc<Counters>,
}

/// Takes connections, each into a task of its own. Never ends.
pub(crate) async fn accept(listener: &TcpListener, service: &Arc<Service>, stopped: &watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((tcp, remote)) => {
                // Signaling is small messages that others wait for.
                if let Err(error) = tcp.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                // Here, and not in the task, so that the oldest is who came first and not who ran first.
                let waits = service.waiting.enter(remote.ip());
                tokio::spawn(service.clone().serve(tcp, remote, waits, stopped.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "could not take a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

impl Service {
    async fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        remote: SocketAddr,
        (place, make_room): (Place, MakeRoom),
        mut stopped: watch::Receiver<()>,
    ) {
        let Ok(local) = tcp.local_addr() else { return };
        let decided = tokio::select! {
            decided = tokio::time::timeout(self.decided_within, Box::pin(self.decide(Stream::new(tcp)))) => decided,
            () = make_room.asked() => return self.counters.ended(Ended::MadeRoom),
            _ = stopped.changed() => return,
        };
        let (stream, tls) = match decided {
            Ok(Ok((stream, Speaks::Http, tls))) => {
                let router = self.insecure.as_ref().filter(|_| !tls).unwrap_or(&self.router).clone();
                // In a task of its own, so that what deciding takes is not kept.
                let (arrival, waiting) = (Arrival { tls, local }, Some((place, make_room)));
                tokio::spawn(http(stream, router, arrival, waiting, self.headers_within, stopped));
                return;
            }
            Ok(Ok((stream, Speaks::Stun, tls))) => (stream, tls),
            Ok(Ok(_)) => return self.counters.ended(Ended::Unknown),
            Ok(Err(error)) => {
                tracing::trace!(%error, %remote, "a connection ended before it was known what it speaks");
                return self.counters.ended(Ended::Broken);
            }
            Err(_) => return self.counters.ended(Ended::Silent),
        };
        drop(place);
        let Some(relay) = self.relay.clone() else { return self.counters.ended(Ended::Unknown) };
        tokio::spawn(async move {
            let kind = if tls { StreamKind::Tls } else { StreamKind::Tcp };
            tokio::select! {
                () = relay.serve_stream(stream, local, remote, kind) => {}
                _ = stopped.changed() => {}
            }
        });
    }

    /// Reads until it is known what the connection speaks, and whether inside TLS.
    async fn decide(&self, stream: Stream) -> io::Result<(Stream, Speaks, bool)> {
        let (stream, speaks) = look(stream).await?;
        match (speaks, &self.tls) {
            (Speaks::Tls, Some(tls)) => {
                let (stream, speaks) = look(stream.into_tls(tls).await?).await?;
                // TLS inside TLS is spoken by nobody.
                Ok((stream, if speaks == Speaks::Tls { Speaks::Nothing } else { speaks }, true))
            }
            (speaks, _) => Ok((stream, speaks, false)),
        }
    }
}

async fn look(mut stream: Stream) -> io::Result<(Stream, Speaks)> {
    let mut known = 0;
    loop {
        let first = stream.read_early().await?;
        if first.len() == known {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        known = first.len();
        debug_assert!(known < speaks::ENOUGH || Speaks::by(first).is_some());
        if let Some(speaks) = Speaks::by(first) {
            return Ok((stream, speaks));
        }
    }
}

/// Serves HTTP on a stream until it ends or the server stops. Its place is given up with the
/// first request.
pub(crate) async fn http(
    stream: Stream,
    router: Router,
    arrival: Arrival,
    waiting: Option<(Place, MakeRoom)>,
    headers_within: Duration,
    mut stopped: watch::Receiver<()>,
) {
    let transport = stream.transport().clone();
    let (place, make_room) = waiting.unzip();
    let place = std::sync::Mutex::new(place);
    let service = service_fn(move |request: Request<Incoming>| {
        if let Ok(mut place) = place.lock() {
            *place = None;
        }
        let (router, transport) = (router.clone(), transport.clone());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(transport);
            request.extensions_mut().insert(arrival);
            Ok::<_, Infallible>(match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(headers_within)
        .max_buf_size(limits::HEADERS_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let make_room = async {
        match &make_room {
            Some(make_room) => make_room.asked().await,
            None => std::future::pending().await,
        }
    };
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = make_room => return,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::trace!(%error, "a connection ended");
    }
}
