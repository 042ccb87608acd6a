//! `POST /leave`: a page that ends says so without a socket, with `navigator.sendBeacon()`.
//!
//! Firefox ends a page's sockets before it tells the page that it is left for another, so that
//! such a page could not say goodbye on one, and its peer would keep a frozen picture for the
//! whole grace. The body proves who it is from, as a join does. The answer says nothing: nobody
//! hears it, and nobody learns who is where.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::DefaultBodyLimit,
    http::StatusCode,
    routing::{MethodRouter, post},
};
use madang_protocol::Goodbye;

use crate::{limits, signaling::Signaling};

pub(crate) fn route(signaling: Arc<Signaling>) -> MethodRouter {
    let hear = async move |body: Bytes| match serde_json::from_slice::<Goodbye>(&body) {
        Ok(goodbye) => {
            signaling.goodbye(&goodbye);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    };
    post(hear).layer(DefaultBodyLimit::max(limits::GOODBYE_BYTES))
}
