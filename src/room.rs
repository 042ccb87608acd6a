//! A room: the one thing an application holds.
//!
//! [`Room::open`] starts camera, socket and everything else at once and returns; what happens is
//! told as [`RoomEvent`]s. The [`engine`] drives the pure machines of `madang-core` against the
//! browser; nothing in this folder decides what a call does.

mod engine;
mod event;
mod options;
mod secret;

use std::rc::Rc;

use madang_protocol::PeerId;
use web_sys::MediaStream;

use self::engine::Engine;
pub use self::{
    event::{MediaProblem, RoomEvent, RoomEvents},
    options::RoomOptions,
};
use crate::Error;

/// One page's part in one room.
///
/// Clones are handles of the same room; when the last one is dropped, the room is left.
#[derive(Clone, Debug)]
pub struct Room {
    handle: Rc<Handle>,
}

/// Leaves the room when the last handle goes.
#[derive(Debug)]
struct Handle(Rc<Engine>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Room {
    /// Opens a room: asks for camera and microphone, connects and joins, all at the same time.
    ///
    /// # Errors
    ///
    /// Only what is wrong before anything can start: a page without `RTCPeerConnection`, without
    /// random numbers or with a server address that is none. Everything later is an event.
    pub fn open(options: RoomOptions) -> Result<Self, Error> {
        Ok(Self { handle: Rc::new(Handle(Engine::start(options)?)) })
    }

    /// Opens a room and waits until it is joined.
    ///
    /// # Errors
    ///
    /// As [`Room::open`], and [`Error::Ended`] when the room is full, the server is away, …
    pub async fn join(options: RoomOptions) -> Result<Self, Error> {
        let room = Self::open(options)?;
        room.joined().await?;
        Ok(room)
    }

    /// Waits until the room is joined.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when it ends before that.
    pub async fn joined(&self) -> Result<PeerId, Error> {
        // The handle must not be held: a forgotten future would keep the room.
        let joined = self.handle.0.joined();
        joined.await
    }

    /// What happens in the room. The first stream begins with the first event, later ones with
    /// the next; a stream ends after [`RoomEvent::Ended`].
    pub fn events(&self) -> RoomEvents {
        self.handle.0.events().subscribe()
    }

    /// Opens or mutes the microphone. Asks for it when the call has none yet; said again, also for
    /// a muted one that could not be used.
    pub fn set_microphone(&self, on: bool) {
        self.handle.0.set_microphone(on);
    }

    /// Turns the camera on or off. Off releases it: its light goes out. "On" asks again for one that
    /// could not be used.
    pub fn set_camera(&self, on: bool) {
        self.handle.0.set_camera(on);
    }

    /// Whether the microphone is sent now.
    pub fn microphone(&self) -> bool {
        self.handle.0.sending().0
    }

    /// Whether the camera is sent now.
    pub fn camera(&self) -> bool {
        self.handle.0.sending().1
    }

    /// The page's own camera and microphone, while one of them is in use.
    pub fn local_stream(&self) -> Option<MediaStream> {
        self.handle.0.local_stream()
    }

    /// The streams of the peers that are connected or connecting.
    pub fn remote_streams(&self) -> Vec<(PeerId, MediaStream)> {
        self.handle.0.remote_streams()
    }

    /// Leaves: says goodbye, closes every connection, releases camera and microphone.
    /// [`RoomEvent::Ended`] is the last event. Leaving twice is harmless.
    pub fn leave(&self) {
        self.handle.0.leave();
    }
}
