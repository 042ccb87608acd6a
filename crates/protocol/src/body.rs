//! What two peers say to each other inside a `signal`. The server relays it unread.
//!
//! Bodies about an RTCPeerConnection name it by a number that both peers share. The peer that
//! opens a connection takes the lowest number above all it knows that is its own: the polite peer
//! (the one with the smaller id) has the even ones, the impolite the odd. An offer with a higher
//! number than any before tells the other to replace its connection. So a late candidate never
//! lands in the wrong connection, replacing one is something that is said, not guessed, and of
//! two that are opened at once the higher wins.

use serde::{Deserialize, Serialize};

/// Which RTCPeerConnection between two peers: 1, 2, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u32);

/// `RTCSdpType` of the descriptions that travel ("pranswer" does not; a rollback is local).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescriptionType {
    /// An offer.
    Offer,
    /// The answer to one.
    Answer,
}

/// `RTCSessionDescriptionInit` (webrtc-pc section 4.6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: DescriptionType,
    /// The SDP.
    pub sdp: String,
}

/// `RTCIceCandidateInit` (webrtc-pc section 4.8.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate-attribute.
    pub candidate: String,
    /// The media stream identification tag of the media description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The index of the media description.
    #[serde(default, rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation's user name fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// One thing said from peer to peer: `{"candidate": {…}}`. The kind is the key, since a tag beside the fields
/// costs the client a fifth of its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A local offer or answer.
    Description {
        /// The connection it describes.
        connection: ConnectionId,
        /// The offer or answer.
        description: Description,
    },
    /// A local candidate (trickle ICE, RFC 8838).
    Candidate {
        /// The connection it was gathered for.
        connection: ConnectionId,
        /// The candidate.
        candidate: Candidate,
    },
    /// No more candidates in this ICE generation.
    EndOfCandidates {
        /// The connection that finished gathering.
        connection: ConnectionId,
    },
    /// What the sender sends: said at the start of every epoch and after every change.
    Media {
        /// The microphone is on.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
}
