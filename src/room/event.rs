//! What happens in a room, and the streams that tell it.

use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_core::Stream;
use madang_core::{
    Cause, EndReason, PeerState, Route, SignalingState,
    media::{Device, MediaProblemKind},
};
use madang_protocol::{Dialect, DisplayName, LeaveReason, PeerId};
use web_sys::MediaStream;

/// What happens in a room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Camera or microphone came into use, or went; always the same stream object.
    LocalStream(MediaStream),
    /// What this side sends changed.
    LocalMedia {
        /// The microphone is open.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
    /// A device cannot be used. The call goes on without it, and it comes back by itself as soon as
    /// it can be used again: muted if the microphone is muted, and never if the camera was switched
    /// off meanwhile.
    MediaProblem(MediaProblem),
    /// The problem with this device, [`Microphone`](Device::Microphone) or
    /// [`Camera`](Device::Camera), is over.
    MediaRestored(Device),
    /// This peer is in the room.
    Joined {
        /// Its id.
        peer: PeerId,
        /// How many peers the room takes, oneself included.
        capacity: usize,
    },
    /// The way to the server changed.
    Signaling(SignalingState),
    /// Somebody is here.
    PeerJoined {
        /// Who.
        peer: PeerId,
        /// What they are called.
        name: Option<DisplayName>,
        /// How they talk.
        dialect: Dialect,
    },
    /// The way to a peer changed.
    PeerState {
        /// Who.
        peer: PeerId,
        /// The new state.
        state: PeerState,
    },
    /// A peer's audio and video, ready to be shown. Comes again when the connection was
    /// replaced.
    PeerStream {
        /// Who.
        peer: PeerId,
        /// Their tracks.
        stream: MediaStream,
    },
    /// Media of a peer stopped and is being brought back: whoever shows it says so.
    Reconnecting {
        /// Who.
        peer: PeerId,
        /// Why.
        cause: Cause,
    },
    /// Media of a peer is back.
    Restored {
        /// Who.
        peer: PeerId,
        /// Why it had stopped.
        cause: Cause,
        /// For how long.
        after: Duration,
    },
    /// The route to a peer became known, or is another one.
    PeerRoute {
        /// Who.
        peer: PeerId,
        /// The route, as `getStats()` shows it.
        route: Route,
    },
    /// A peer said what it sends.
    PeerMedia {
        /// Who.
        peer: PeerId,
        /// The microphone is open.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
    /// Somebody is gone.
    PeerLeft {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// The room is over. The last event.
    Ended(EndReason),
}

/// Why camera or microphone cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaProblem {
    /// Which device.
    pub device: Device,
    /// Why.
    pub kind: MediaProblemKind,
    /// The browser's words.
    pub message: String,
}

/// A stream of [`RoomEvent`]s.
#[derive(Debug)]
pub struct RoomEvents(UnboundedReceiver<RoomEvent>);

impl Stream for RoomEvents {
    type Item = RoomEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RoomEvent>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}

/// Where a room's events go.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Not delivered yet. Until somebody asks for the first time, that is everything.
    kept: RefCell<Vec<RoomEvent>>,
    listening: RefCell<Listening>,
}

#[derive(Debug, Default)]
enum Listening {
    #[default]
    Nobody,
    Somebody(Vec<UnboundedSender<RoomEvent>>),
    Over,
}

impl Events {
    /// A new stream.
    pub(crate) fn subscribe(&self) -> RoomEvents {
        let (sender, receiver) = unbounded();
        let mut listening = self.listening.borrow_mut();
        match &mut *listening {
            Listening::Nobody => *listening = Listening::Somebody(vec![sender]),
            Listening::Somebody(senders) => senders.push(sender),
            Listening::Over => {}
        }
        drop(listening);
        self.deliver();
        RoomEvents(receiver)
    }

    /// Keeps an event to be delivered.
    pub(crate) fn keep(&self, event: RoomEvent) {
        self.kept.borrow_mut().push(event);
    }

    /// Tells everybody what is kept, once there is somebody.
    pub(crate) fn deliver(&self) {
        let mut listening = self.listening.borrow_mut();
        if let Listening::Nobody = *listening {
            return;
        }
        for event in self.kept.take() {
            // Nothing follows the end.
            let Listening::Somebody(senders) = &mut *listening else { return };
            // An unbounded channel refuses only when its receiver is gone.
            senders.retain(|sender| sender.unbounded_send(event.clone()).is_ok());
            if let RoomEvent::Ended(_) = event {
                *listening = Listening::Over;
            }
        }
    }
}
