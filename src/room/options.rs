//! What a room is opened with.

use js_sys::Promise;
use madang_protocol::{Dialect, DisplayName, RoomName, Secret, Token};
use wasm_bindgen::JsValue;

use crate::{media::Constraints, peer::IceTransportPolicy, sys::socket::RawSocket};

/// What a room is opened with.
///
/// ```
/// use madang::{RoomName, RoomOptions};
///
/// let room: RoomName = "quiet-river-42".parse()?;
/// let options = RoomOptions::new(room).video(false).server("https://call.example");
/// # Ok::<(), madang::InvalidId>(())
/// ```
#[derive(Clone, Debug)]
pub struct RoomOptions {
    pub(crate) room: RoomName,
    pub(crate) server: Option<String>,
    pub(crate) name: Option<DisplayName>,
    pub(crate) token: Option<Token>,
    pub(crate) secret: Option<Secret>,
    pub(crate) audio: bool,
    pub(crate) video: bool,
    pub(crate) constraints: Option<Constraints>,
    pub(crate) socket: Option<RawSocket>,
    pub(crate) stream: Option<Promise>,
    pub(crate) dialect: Dialect,
    pub(crate) ice_transport_policy: IceTransportPolicy,
}

impl RoomOptions {
    /// Microphone and camera, on the server that the page came from.
    pub fn new(room: RoomName) -> Self {
        Self {
            room,
            server: None,
            name: None,
            token: None,
            secret: None,
            audio: true,
            video: true,
            constraints: None,
            socket: None,
            stream: None,
            dialect: Dialect::Native,
            ice_transport_policy: IceTransportPolicy::All,
        }
    }

    /// The server's origin, such as `https://call.example`.
    #[must_use]
    pub fn server(mut self, origin: impl Into<String>) -> Self {
        self.server = Some(origin.into());
        self
    }

    /// What the person is called.
    #[must_use]
    pub fn name(mut self, name: DisplayName) -> Self {
        self.name = Some(name);
        self
    }

    /// Admission to a guarded room.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// The secret that makes this peer who it is. Without one, a random one is made and kept in
    /// `sessionStorage`, so that a reload is the same peer.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Whether to begin with the microphone.
    #[must_use]
    pub fn audio(mut self, on: bool) -> Self {
        self.audio = on;
        self
    }

    /// Whether to begin with the camera.
    #[must_use]
    pub fn video(mut self, on: bool) -> Self {
        self.video = on;
        self
    }

    /// `MediaTrackConstraints` (or `true`) for microphone and camera.
    #[must_use]
    pub fn constraints(mut self, audio: JsValue, video: JsValue) -> Self {
        self.constraints = Some(Constraints { audio, video });
        self
    }

    /// How to talk to the server: [`Dialect::Tutorial`] for a server made from the Socket.IO
    /// WebRTC tutorial, which knows rooms of two and little else.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Which candidates may be used. With [`IceTransportPolicy::Relay`] the call goes through the
    /// server's relay, and peers learn no address of this page's network.
    #[must_use]
    pub fn ice_transport_policy(mut self, policy: IceTransportPolicy) -> Self {
        self.ice_transport_policy = policy;
        self
    }

    /// A Socket.IO socket that the page made before this module was loaded. It must not
    /// reconnect by itself (`reconnection: false`), and the room owns it from now on.
    ///
    /// The page may have joined with it ([`ConnectAuth`](madang_protocol::ConnectAuth) as its
    /// `auth`). Then it keeps what it receives for the room, as `[event, ...arguments]` in an
    /// array `received` of the socket: `socket.onAny((...event) => socket.received.push(event))`.
    #[must_use]
    pub fn socket(mut self, socket: JsValue) -> Self {
        self.socket = Some(wasm_bindgen::JsCast::unchecked_into(socket));
        self
    }

    /// A `Promise<MediaStream>` (or a `MediaStream`) to use instead of asking for devices. The
    /// room owns its tracks from now on.
    #[must_use]
    pub fn stream(mut self, stream: &JsValue) -> Self {
        self.stream = Some(Promise::resolve(stream));
        self
    }
}
