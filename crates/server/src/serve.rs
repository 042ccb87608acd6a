//! Takes connections and serves HTTP on them until the server is told to stop.
//!
//! Not `axum::serve`: a connection carries its `Transport` to the sockets that open over it,
//! has its headers bounded in time and size, and will be told apart by its first bytes.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use madang_protocol::{ErrorCode, WireError, message::event};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::ServiceExt;

use crate::{config::Config, http, limits, signaling::Signaling, transport::Stream};

/// How long to wait before the next try when the system has no room for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A server that has its port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

impl Server {
    /// Takes the port.
    ///
    /// # Errors
    /// When the address is not this machine's or the port is taken.
    pub async fn bind(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, config })
    }

    /// Where it listens; the port is the real one.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done. Then says so to every socket, and ends.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (signaling, io, socket_io) = Signaling::new(&self.config);
        let router = http::router(&self.config, socket_io);
        let seats = tokio::spawn(signaling.keep_seats());
        let (stopping, stopped) = watch::channel(());
        let accept = async {
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => connection(stream, router.clone(), stopped.clone()),
                    Err(error) => {
                        tracing::warn!(%error, "could not take a connection");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                }
            }
        };
        tokio::select! {
            never = accept => never,
            () = stop => {}
        }
        drop((self.listener, stopped));
        tracing::info!("stopping");
        if let Err(error) = io.broadcast().emit(event::ERROR, &WireError::from(ErrorCode::Stopping)).await {
            tracing::debug!(%error, "not every socket could be told");
        }
        let end = async {
            io.close().await;
            // Each connection hears of it and lets go of its end when it has finished.
            stopping.send_replace(());
            stopping.closed().await;
        };
        if tokio::time::timeout(limits::STOP_WITHIN, end).await.is_err() {
            tracing::info!("some connections were still open");
        }
        seats.abort();
    }
}

fn connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    // Signaling is small messages that others wait for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let stream = Stream::new(stream);
    let transport = stream.transport().clone();
    let io = TokioIo::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, transport) = (router.clone(), transport.clone());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(transport);
            Ok::<_, Infallible>(match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADERS_WITHIN)
        .max_buf_size(limits::HEADERS_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::trace!(%error, "a connection ended");
        }
    });
}
