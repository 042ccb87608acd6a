//! What a [`Session`](super::Session) wants done. The driver carries each out in the same tick.

use madang_protocol::{Body, Candidate, ConnectionId, Description, Goodbye, Join, PeerId, SignalTo};

use super::SessionEvent;

/// What to do. The driver does it at once, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Connect the socket. This is the join that follows when it is connected; it may go along
    /// with the connection.
    Connect(Join),
    /// Disconnect the socket for good, or before the next [`Output::Connect`].
    Disconnect,
    /// Ask the server whether it is there: for [`HEALTH_PATH`](madang_protocol::HEALTH_PATH), beside
    /// earlier requests that are not answered yet, and by TURN at this URL, if any, anew. Any answer, a
    /// refusal too, is [`SocketInput::Reachable`](super::SocketInput::Reachable).
    Knock(Option<String>),
    /// Emit `join`, unless this one went along with the connection, and answer with
    /// [`SocketInput::JoinReply`](super::SocketInput::JoinReply).
    Join(Join),
    /// Emit `signal`.
    Signal(SignalTo<Body>),
    /// Emit `leave`.
    Leave,
    /// Send this to [`LEAVE_PATH`](madang_protocol::LEAVE_PATH): there is no socket to say it on.
    SayGoodbye(Goodbye),
    /// Emit `ice-servers`, and answer with [`SocketInput::IceServers`](super::SocketInput::IceServers).
    /// Asked when credentials near their end, and to see whether the socket still works.
    AskForIceServers,
    /// Somebody may come, and then this side offers: an RTCPeerConnection may be made now, with its
    /// transceivers and its first local description, to be the next that is opened by `offerer`.
    /// One is enough. A driver that does nothing connects later, and as well.
    Prepare,
    /// Create an RTCPeerConnection. Transceivers are created now if `offerer`, for the first
    /// [`ConnectionCall::SetLocalDescription`] follows at once; otherwise the tracks are given to
    /// the transceivers of the first remote offer when [`ConnectionCall::SetRemoteDescription`]
    /// has been carried out. Those of an offerer send video in half size until the first
    /// [`ConnectionCall::ResumeVideo`] (`RTCRtpEncodingParameters.scaleResolutionDownBy`, webrtc-pc section
    /// 5.2.7): a quarter of the pixels is sooner encoded, sent and shown.
    Open {
        /// With whom.
        peer: PeerId,
        /// Its number.
        connection: ConnectionId,
        /// Whether this side makes the first offer.
        offerer: bool,
    },
    /// Close an RTCPeerConnection and forget it.
    Close {
        /// With whom.
        peer: PeerId,
        /// Its number.
        connection: ConnectionId,
    },
    /// Call a method of an RTCPeerConnection.
    Call {
        /// With whom.
        peer: PeerId,
        /// Its number.
        connection: ConnectionId,
        /// The method.
        call: ConnectionCall,
    },
    /// Tell the application.
    Event(SessionEvent),
}

/// A method of an RTCPeerConnection.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectionCall {
    /// `setLocalDescription()`, without an argument.
    SetLocalDescription,
    /// `setLocalDescription({type: "rollback"})`.
    Rollback,
    /// `setRemoteDescription(description)`.
    SetRemoteDescription(Description),
    /// `addIceCandidate(candidate)`; `None` is the end of candidates. A rejection is logged.
    AddIceCandidate(Option<Candidate>),
    /// `setConfiguration()` with the `iceServers` that came last, and `restartIce()`. Not before: browsers
    /// restart ICE with their next offer when these are other ones (RFC 9429 section 4.1.18).
    RestartIce,
    /// `setConfiguration()` with the `iceServers` that came last: the next answer restarts ICE.
    Configure,
    /// `getStats()`: what the selected candidate pair says is
    /// [`ConnectionInput::Stats`](super::ConnectionInput::Stats).
    ReadStats,
    /// Send no video (`RTCRtpEncodingParameters.active`, webrtc-pc section 5.2.7), and forget what was sent.
    /// Nothing arrives anyway, and a sender whose path is back first sends again what was lost, unasked: the
    /// receiver takes that for the sender's clock, and shows what follows as late.
    PauseVideo,
    /// Send video in full size, with a key frame first: the peer lost frames, and would else wait for seconds before it
    /// asks (webrtc-extensions, `RTCEncodingOptions.keyFrame`).
    ResumeVideo,
}
