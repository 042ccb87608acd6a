//! Says things to sockets, each in its dialect.

use madang_protocol::{Body, DescriptionType, ErrorCode, message::event, tutorial as dialect};
use serde::Serialize;
use socketioxide::extract::AckSender;

use crate::{
    client::Client,
    room::{Notice, What},
    tutorial::{Bridge, Said},
};

/// About what an event adds to the text that it passes on.
pub(crate) const ENVELOPE_BYTES: usize = 128;

/// Tells everybody what happened in a room.
pub(crate) fn deliver(notices: Vec<Notice<Client>>) {
    for Notice { to, what } in notices {
        match what {
            What::PeerJoined(peer) => to.emit(event::PEER_JOINED, &peer, 2 * ENVELOPE_BYTES),
            What::PeerLeft(left) => to.emit(event::PEER_LEFT, &left, ENVELOPE_BYTES),
            What::Ready => say(&to, Said::Ready),
        };
    }
}

/// Says it in the tutorial's dialect.
pub(crate) fn say(to: &Client, said: Said) -> bool {
    match said {
        // No arguments at all; `()` would be one, `null`.
        Said::Ready => to.emit(dialect::READY, &[(); 0], ENVELOPE_BYTES),
        Said::Description(description) => {
            let name = match description.kind {
                DescriptionType::Offer => dialect::OFFER,
                DescriptionType::Answer => dialect::ANSWER,
            };
            to.emit(name, &description, description.sdp.len() + ENVELOPE_BYTES)
        }
        Said::Candidate(candidate) => {
            to.emit(dialect::ICE_CANDIDATE, &candidate, candidate.candidate.len() + ENVELOPE_BYTES)
        }
    }
}

/// Says on a tutorial page's behalf what it said.
pub(crate) fn say_natively(to: &Client, bridge: &mut Bridge, said: Said) -> bool {
    let Some(signal) = bridge.to_native(said) else { return true };
    let bytes = match &signal.body {
        Body::Description { description, .. } => description.sdp.len(),
        Body::Candidate { candidate, .. } => candidate.candidate.len(),
        Body::EndOfCandidates { .. } | Body::Media { .. } => 0,
    };
    to.emit(event::SIGNAL, &signal, bytes + 2 * ENVELOPE_BYTES)
}

/// Answers an event.
pub(crate) fn answer<T: Serialize>(client: &Client, ack: AckSender, reply: &T) {
    if let Err(error) = ack.send(reply) {
        tracing::debug!(%error, "an answer did not fit");
        client.end(ErrorCode::SlowReader);
    }
}
