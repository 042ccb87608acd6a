//! The Socket.IO endpoint: gives the library requests and streams it can keep, and sees to it
//! that what sessions take is counted.
//!
//! The library keeps the parts of a socket's first request as long as the socket lives, and what
//! hyper has parsed are slices of the connection's read buffer: one kept header keeps all of it.
//! That was the larger half of an idle socket. So only what is needed goes on, copied, and a
//! websocket is upgraded here, so that nothing of the HTTP connection stays.

use std::{convert::Infallible, fmt, sync::Arc};

use axum::{
    BoxError,
    body::{Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use socketioxide::socket::Sid;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower::{Service, ServiceExt};

use crate::{http::Arrival, session::Sessions, transport::Stream};

/// What the library reads.
const READ: [HeaderName; 5] =
    [header::HOST, header::CONTENT_TYPE, header::CONNECTION, header::UPGRADE, header::SEC_WEBSOCKET_KEY];

/// The route that sockets connect to. `service` takes requests, and websockets that were upgraded
/// here.
pub(crate) fn endpoint<S, B>(service: S, sessions: Arc<Sessions>) -> MethodRouter
where
    S: Service<Request, Response = Response<B>, Error = Infallible, Future: Send>,
    S: Service<(Stream, Request<()>), Error: fmt::Display + Send, Future: Send>,
    S: Clone + Send + Sync + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    any(async move |request: Request| {
        let query = Query::of(request.uri());
        match (query.session, query.websocket) {
            (None, true) => websocket(service, request),
            (session, websocket) => {
                let session = session.map(|id| sessions.get(id));
                if let (Some(session), true, Some(transport)) = (&session, websocket, request.extensions().get()) {
                    session.carried_by(transport);
                }
                let polled = session.filter(|_| !websocket && request.method() == Method::GET);
                let Ok(response) = ServiceExt::<Request>::oneshot(service, slim(request)).await;
                if let Some(session) = polled {
                    session.took(response.body().size_hint().lower());
                }
                response.into_response()
            }
        }
    })
}

/// What Engine.IO says in the query.
struct Query {
    /// The session that exists already.
    session: Option<Sid>,
    websocket: bool,
}

impl Query {
    fn of(uri: &Uri) -> Self {
        let pairs = || uri.query().unwrap_or_default().split('&');
        let session = pairs().find_map(|pair| pair.strip_prefix("sid=")).and_then(|id| id.parse().ok());
        Self { session, websocket: pairs().any(|pair| pair == "transport=websocket") }
    }
}

/// Answers a request to open a websocket (RFC 6455 section 4.2.2), and gives it to the service.
fn websocket<S>(service: S, request: Request) -> Response
where
    S: Service<(Stream, Request<()>), Error: fmt::Display + Send, Future: Send> + Send + 'static,
{
    let header = |name| request.headers().get(name).map_or(&[][..], HeaderValue::as_bytes);
    let asked = request.method() == Method::GET
        && header(header::UPGRADE).eq_ignore_ascii_case(b"websocket")
        && header(header::SEC_WEBSOCKET_VERSION) == b"13"
        && !header(header::SEC_WEBSOCKET_KEY).is_empty();
    let accept = HeaderValue::from_str(&derive_accept_key(header(header::SEC_WEBSOCKET_KEY)));
    let (true, Ok(accept)) = (asked, accept) else {
        return (StatusCode::BAD_REQUEST, "This is for websockets (version 13).\n").into_response();
    };
    let mut opened = Request::new(());
    *opened.uri_mut() = copied(request.uri());
    *opened.headers_mut() = copied_headers(request.headers(), &[header::HOST]);
    if let Some(arrival) = request.extensions().get::<Arrival>() {
        opened.extensions_mut().insert(*arrival);
    }
    tokio::spawn(async move {
        let upgraded = match hyper::upgrade::on(request).await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "no websocket after all"),
        };
        let Ok(connection) = upgraded.downcast::<TokioIo<Stream>>() else {
            return tracing::error!("a websocket on a stream that is not the server's");
        };
        let stream = connection.io.into_inner().rewound(&connection.read_buf);
        opened.extensions_mut().insert(Arc::downgrade(stream.transport()));
        if let Err(error) = service.oneshot((stream, opened)).await {
            tracing::debug!(%error, "a websocket that is not Engine.IO");
        }
    });
    let switch = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, switch).into_response()
}

/// The request with what the library reads, in memory of its own.
fn slim(request: Request) -> Request {
    let (mut parts, body) = request.into_parts();
    let mut slim = Request::new(body);
    *slim.uri_mut() = copied(&parts.uri);
    *slim.headers_mut() = copied_headers(&parts.headers, &READ);
    *slim.method_mut() = parts.method;
    if let Some(arrival) = parts.extensions.remove::<Arrival>() {
        slim.extensions_mut().insert(arrival);
    }
    if let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() {
        slim.extensions_mut().insert(upgrade);
    }
    slim
}

fn copied(uri: &Uri) -> Uri {
    uri.path_and_query().and_then(|path| path.as_str().parse().ok()).unwrap_or_default()
}

fn copied_headers(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut copied = HeaderMap::with_capacity(names.len());
    for name in names {
        if let Some(Ok(value)) = headers.get(name).map(|value| HeaderValue::from_bytes(value.as_bytes())) {
            copied.insert(name, value);
        }
    }
    copied
}
