//! `--admin-listen`: whoever runs the server sees who is in a room, removes a peer, closes a room.
//!
//! A listener of its own, so that a firewall can tell it from the public port, and a token, so that
//! a page in a browser of the same machine cannot use it. There is no list of rooms: whoever knows
//! a room's name may end it, and nobody needs to learn the others.
//!
//! | request | answer |
//! |---|---|
//! | `GET /rooms/{room}` | `200` and `{"peers": [{peer, name, dialect, connected}]}` |
//! | `DELETE /rooms/{room}` | `204`: all are told `room-closed`, and nobody gets in for [`BARRED_FOR`](crate::room::BARRED_FOR) |
//! | `DELETE /rooms/{room}/peers/{peer}` | `204`: it is told `removed`, the others that it left, and it does not get in for as long |
//!
//! `401` without the token, `404` for a room that nobody is in. Who is not there is kept out all the same: a
//! peer may be about to come back, as after a restart of the server.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use madang_protocol::{Dialect, DisplayName, PeerId, RoomName};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{config::AdminToken, signaling::Signaling};

/// Who is in a room.
#[derive(Debug, Serialize)]
pub(crate) struct Occupants {
    pub(crate) peers: Vec<Occupant>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(crate) struct Occupant {
    pub(crate) peer: PeerId,
    pub(crate) name: Option<DisplayName>,
    pub(crate) dialect: Dialect,
    /// It has a socket; otherwise its seat is kept for it.
    pub(crate) connected: bool,
}

/// What the listener answers.
pub(crate) fn router(signaling: Arc<Signaling>, token: &AdminToken) -> Router {
    let expected = Arc::new(Sha256::digest(format!("Bearer {}", token.text())));
    Router::new()
        .route("/rooms/{room}", get(occupants).delete(close))
        .route("/rooms/{room}/peers/{peer}", delete(remove))
        .with_state(signaling)
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let given = request.headers().get(header::AUTHORIZATION).map(|given| Sha256::digest(given.as_bytes()));
            // Of hashes it says nothing how far they are the same.
            let authorized = given.is_some_and(|given| given == *expected);
            async move { if authorized { next.run(request).await } else { unauthorized() } }
        }))
}

async fn occupants(State(signaling): State<Arc<Signaling>>, Path(room): Path<RoomName>) -> Response {
    let Some(occupants) = signaling.occupants(&room) else {
        return (StatusCode::NOT_FOUND, "Nobody is in a room of that name.\n").into_response();
    };
    match serde_json::to_string(&occupants) {
        Ok(json) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn close(State(signaling): State<Arc<Signaling>>, Path(room): Path<RoomName>) -> StatusCode {
    signaling.close(&room);
    StatusCode::NO_CONTENT
}

async fn remove(State(signaling): State<Arc<Signaling>>, Path((room, peer)): Path<(RoomName, PeerId)>) -> StatusCode {
    signaling.remove(&room, &peer);
    StatusCode::NO_CONTENT
}

fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (StatusCode::UNAUTHORIZED, challenge, "Give the token: Authorization: Bearer …\n").into_response()
}
