//! What a URL answers: the page, the SDK, the Socket.IO client's script, the Socket.IO endpoint,
//! `/healthz` and maybe `/metrics`, each with the headers that make it safe and quick to load.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use madang_protocol::{HEALTH_PATH, LEAVE_PATH};
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use tower_http::{
    cors::{AllowOrigin, Any, CorsLayer},
    services::ServeDir,
};

use crate::{
    assets::{self, Asset},
    config::{Authority, Config, Origin},
};

/// Only this origin, no third party; wasm may compile, media and Blobs may play. `script-src` is
/// [`script_policy`]'s.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; \
     connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; font-src 'self'; \
     worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";
const PERMISSIONS_POLICY: &str = "camera=(self), microphone=(self), display-capture=(self), \
     speaker-selection=(self), screen-wake-lock=(self), fullscreen=(self), picture-in-picture=(self)";
/// The names of these files contain their content's hash.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// May be kept, must be asked for: an unchanged file answers 304.
const REVALIDATE: &str = "no-cache";

/// How a request came in. Every request has it among its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Over TLS.
    pub(crate) tls: bool,
    /// To this address of the server.
    pub(crate) local: SocketAddr,
}

/// Writes the metrics.
pub(crate) type Told = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything the server answers over HTTP. Metrics only where somebody said so.
pub(crate) fn router(config: &Config, socket_io: MethodRouter, leave: MethodRouter, metrics: Option<Told>) -> Router {
    let cors = cors(&config.allow_origin);
    let site = Site { folder: config.www.as_ref().map(|path| (ServeDir::new(path), path.clone())) };
    let socket_io = socket_io.layer(cors.clone());
    let sdk = Router::new().route("/sdk/{*path}", get(file)).layer(cors.clone());
    let scripts = Router::new().route("/socket.io/{script}", get(script)).layer(cors);
    Router::new()
        .route("/", get(page))
        .route("/r/{room}", get(page))
        .route(HEALTH_PATH, healthz())
        .route(LEAVE_PATH, leave.with_state(()))
        .route("/socket.io/", socket_io.clone().with_state(()))
        .route("/socket.io", socket_io.with_state(()))
        .merge(sdk)
        .merge(scripts)
        .merge(metrics.map(metrics_router).unwrap_or_default())
        .fallback(get(file))
        .with_state(site)
        .layer(middleware::map_response(no_sniffing))
}

/// Metrics, and nothing else.
pub(crate) fn metrics_router<S: Clone + Send + Sync + 'static>(told: Told) -> Router<S> {
    const TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Router::new().route("/metrics", get(async move || ([(header::CONTENT_TYPE, TYPE)], told())))
}

/// What a server with TLS answers without it: where to go, and that it is well.
pub(crate) fn insecure_router() -> Router {
    Router::new().route(HEALTH_PATH, healthz()).fallback(secure)
}

fn healthz<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    get(async || "ok\n")
}

/// Sends a browser to the same place with TLS: the port is the same, so the host is as it said.
async fn secure(request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let place = host.and_then(|host| HeaderValue::from_str(&format!("https://{host}{path}")).ok());
    match place {
        // Not for ever: a server may lose its certificate again.
        Some(place) => {
            let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::PERMANENT_REDIRECT, headers, "This server speaks https.\n").into_response()
        }
        None => (StatusCode::BAD_REQUEST, "This server speaks https.\n").into_response(),
    }
}

/// Where the page's files come from.
#[derive(Clone, Debug)]
struct Site {
    /// `None` is inside the program.
    folder: Option<(ServeDir, PathBuf)>,
}

impl Site {
    async fn get(self, path: &str, request: Request) -> Response {
        match self.folder {
            None => assets::find(path).map_or_else(not_found, |asset| asset.response(request.headers())),
            Some((folder, _)) => match path.parse::<Uri>() {
                Ok(uri) => {
                    let (mut parts, _) = request.into_parts();
                    parts.uri = uri;
                    let request = Request::from_parts(parts, Body::empty());
                    folder.oneshot(request).await.into_response()
                }
                Err(_) => not_found(),
            },
        }
    }
}

async fn page(State(site): State<Site>, request: Request) -> Response {
    let mut response = site.clone().get("/index.html", request).await;
    let scripts = match &site.folder {
        None => EMBEDDED_SCRIPTS.clone(),
        // It may change under us.
        Some((_, path)) => script_policy(&tokio::fs::read(path.join("index.html")).await.unwrap_or_default()),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, scripts),
        (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS_POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE)),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The policy for the page that is inside the program.
static EMBEDDED_SCRIPTS: LazyLock<HeaderValue> =
    LazyLock::new(|| script_policy(assets::find("/index.html").map_or(&[], Asset::content)));

/// The policy for a page: scripts of this origin may run, and those inside the page, named by
/// their hashes.
fn script_policy(page: &[u8]) -> HeaderValue {
    let mut scripts = String::from("script-src 'self' 'wasm-unsafe-eval'");
    let mut rest = page;
    while let Some(tag) = find(rest, b"<script") {
        rest = &rest[tag..];
        let (Some(start), Some(end)) = (find(rest, b">"), find(rest, b"</script>")) else { break };
        if let Some(inside) = rest.get(start + 1..end).filter(|inside| !inside.is_empty()) {
            scripts.push_str(&format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(inside))));
        }
        rest = &rest[end..];
    }
    HeaderValue::from_str(&format!("{scripts}; {CONTENT_SECURITY_POLICY}"))
        .unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

async fn file(State(site): State<Site>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if path == "/index.html" {
        return page(State(site), request).await;
    }
    let caching = if path.starts_with("/assets/") { IMMUTABLE } else { REVALIDATE };
    let mut response = site.get(&path, request).await;
    if !response.status().is_client_error() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    }
    response
}

/// The Socket.IO client, where pages expect it. Always from inside the program.
async fn script(request: Request) -> Response {
    let Some(asset) = assets::find(request.uri().path()) else { return not_found() };
    let mut response = asset.response(request.headers());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE));
    response
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response()
}

async fn no_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Lets pages of the allowed origins read what the server says.
fn cors(allowed: &[Origin]) -> CorsLayer {
    let exactly = allowed.iter().filter_map(|origin| match origin {
        Origin::Any => None,
        Origin::Exactly(origin) => Some(origin.clone()),
    });
    let origins = if allowed.contains(&Origin::Any) { AllowOrigin::any() } else { AllowOrigin::list(exactly) };
    CorsLayer::new().allow_origin(origins).allow_methods(Any).allow_headers(Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_inside_the_page_are_allowed_by_their_hashes() {
        let policy = |page: &str| script_policy(page.as_bytes()).to_str().unwrap_or_default().to_owned();
        let hash = |script: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script)));
        let page = "<script>a()</script><script src=\"/x.js\"></script><script type=\"module\">b(1 > 0)</script>";
        let scripts = format!("script-src 'self' 'wasm-unsafe-eval' {} {}; ", hash("a()"), hash("b(1 > 0)"));
        assert!(policy(page).starts_with(&scripts), "{}", policy(page));
        for page in ["", "<script>never ends", "<p>none</p>"] {
            assert!(policy(page).starts_with("script-src 'self' 'wasm-unsafe-eval'; "), "{}", policy(page));
        }
    }
}
