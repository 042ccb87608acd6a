//! Events as plain objects, by the names in `types.d.ts`.

use js_sys::{Object, Reflect};
use madang_core::{
    Cause, PeerState, Route, SignalingState,
    media::{Device, MediaProblemKind},
};
use madang_protocol::{Dialect, LeaveReason};
use wasm_bindgen::JsValue;

use crate::{
    error::{describe, end_code},
    room::RoomEvent,
};

/// The types of all events.
pub(super) const TYPES: [&str; 15] = [
    "local-stream",
    "local-media",
    "media-problem",
    "media-restored",
    "joined",
    "signaling",
    "peer-joined",
    "peer-state",
    "reconnecting",
    "restored",
    "peer-stream",
    "peer-route",
    "peer-media",
    "peer-left",
    "ended",
];

/// An event's type and its object.
pub(super) fn to_js(event: &RoomEvent) -> (&'static str, JsValue) {
    match event {
        RoomEvent::LocalStream(stream) => ("local-stream", object(&[("stream", stream.into())])),
        RoomEvent::LocalMedia { microphone, camera } => {
            ("local-media", object(&[("microphone", (*microphone).into()), ("camera", (*camera).into())]))
        }
        RoomEvent::MediaProblem(problem) => (
            "media-problem",
            object(&[
                ("device", device(problem.device).into()),
                ("kind", problem_kind(problem.kind).into()),
                ("message", problem.message.as_str().into()),
            ]),
        ),
        RoomEvent::MediaRestored(restored) => ("media-restored", object(&[("device", device(*restored).into())])),
        RoomEvent::Joined { peer, capacity } => {
            ("joined", object(&[("peer", peer.as_str().into()), ("capacity", (*capacity as f64).into())]))
        }
        RoomEvent::Signaling(state) => ("signaling", object(&[("state", signaling_state(*state).into())])),
        RoomEvent::PeerJoined { peer, name, dialect: spoken } => {
            let mut fields = vec![("peer", peer.as_str().into()), ("dialect", dialect(*spoken).into())];
            fields.extend(name.as_ref().map(|name| ("name", name.as_str().into())));
            ("peer-joined", object(&fields))
        }
        RoomEvent::PeerState { peer, state } => {
            ("peer-state", object(&[("peer", peer.as_str().into()), ("state", peer_state(*state).into())]))
        }
        RoomEvent::Reconnecting { peer, cause: why } => {
            ("reconnecting", object(&[("peer", peer.as_str().into()), ("cause", cause(*why).into())]))
        }
        RoomEvent::Restored { peer, cause: why, after } => (
            "restored",
            object(&[
                ("peer", peer.as_str().into()),
                ("cause", cause(*why).into()),
                ("milliseconds", (after.as_millis() as f64).into()),
            ]),
        ),
        RoomEvent::PeerStream { peer, stream } => {
            ("peer-stream", object(&[("peer", peer.as_str().into()), ("stream", stream.into())]))
        }
        RoomEvent::PeerRoute { peer, route: taken } => {
            ("peer-route", object(&[("peer", peer.as_str().into()), ("route", route(*taken).into())]))
        }
        RoomEvent::PeerMedia { peer, microphone, camera } => (
            "peer-media",
            object(&[
                ("peer", peer.as_str().into()),
                ("microphone", (*microphone).into()),
                ("camera", (*camera).into()),
            ]),
        ),
        RoomEvent::PeerLeft { peer, reason } => {
            ("peer-left", object(&[("peer", peer.as_str().into()), ("reason", leave_reason(*reason).into())]))
        }
        RoomEvent::Ended(reason) => {
            ("ended", object(&[("code", end_code(reason).into()), ("message", describe(reason).into())]))
        }
    }
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // A fresh object takes every property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

fn signaling_state(state: SignalingState) -> &'static str {
    match state {
        SignalingState::Connecting => "connecting",
        SignalingState::Joined => "joined",
        SignalingState::Reconnecting => "reconnecting",
    }
}

fn peer_state(state: PeerState) -> &'static str {
    match state {
        PeerState::Connecting => "connecting",
        PeerState::Connected => "connected",
        PeerState::Reconnecting => "reconnecting",
        PeerState::Unreachable => "unreachable",
    }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::NetworkChanged => "network-changed",
        Cause::PathLost => "path-lost",
        Cause::MediaStopped => "media-stopped",
        Cause::PeerReloaded => "peer-reloaded",
    }
}

fn route(route: Route) -> &'static str {
    match route {
        Route::Direct => "direct",
        Route::RelayUdp => "relay-udp",
        Route::RelayTcp => "relay-tcp",
        Route::RelayTls => "relay-tls",
    }
}

fn dialect(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Native => "native",
        Dialect::Tutorial => "tutorial",
    }
}

fn leave_reason(reason: LeaveReason) -> &'static str {
    match reason {
        LeaveReason::Left => "left",
        LeaveReason::TimedOut => "timed-out",
        LeaveReason::Removed => "removed",
        _ => "unknown",
    }
}

fn device(device: Device) -> &'static str {
    match device {
        Device::Microphone => "microphone",
        Device::Camera => "camera",
        Device::Both => "both",
    }
}

fn problem_kind(kind: MediaProblemKind) -> &'static str {
    match kind {
        MediaProblemKind::Denied => "denied",
        MediaProblemKind::Busy => "busy",
        MediaProblemKind::NotFound => "not-found",
        MediaProblemKind::InsecureOrigin => "insecure-origin",
        MediaProblemKind::Ended => "ended",
        MediaProblemKind::Interrupted => "interrupted",
        MediaProblemKind::Other => "other",
    }
}
