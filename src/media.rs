//! The page's own camera and microphone: carries out what `madang_core::media` decides.

use std::cell::RefCell;

use gloo_events::EventListener;
use js_sys::Promise;
use madang_core::media::{Device, MediaInput, MediaProblemKind, Request};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MediaStream, MediaStreamTrack, MediaStreamTrackState};

use crate::{
    peer::LocalTracks,
    sys::{
        clock,
        media_devices::{self, GetUserMediaError},
    },
};

/// What to ask the devices for: `true`, or a `MediaTrackConstraints` object.
#[derive(Clone, Debug)]
pub(crate) struct Constraints {
    pub(crate) audio: JsValue,
    pub(crate) video: JsValue,
}

/// A track in use, and the listeners that hear what becomes of it.
#[derive(Debug)]
struct Live {
    track: MediaStreamTrack,
    _listeners: [EventListener; 3],
}

/// The tracks in use, all in one stream that stays the same object for the whole call.
#[derive(Debug)]
pub(crate) struct LocalMedia {
    stream: MediaStream,
    constraints: Constraints,
    /// A request that the page made before the room was there; it serves the first one.
    early: RefCell<Option<Promise>>,
    audio: RefCell<Option<Live>>,
    video: RefCell<Option<Live>>,
}

/// What became of a request.
pub(crate) type Acquired = Result<MediaStream, (MediaProblemKind, String)>;

impl LocalMedia {
    pub(crate) fn new(constraints: Constraints, early: Option<Promise>) -> Result<Self, JsValue> {
        Ok(Self {
            stream: MediaStream::new()?,
            constraints,
            early: RefCell::new(early),
            audio: RefCell::default(),
            video: RefCell::default(),
        })
    }

    /// The stream, with whatever tracks are in use.
    pub(crate) fn stream(&self) -> &MediaStream {
        &self.stream
    }

    /// What is sent to every peer.
    pub(crate) fn tracks(&self) -> LocalTracks {
        let track = |live: &RefCell<Option<Live>>| live.borrow().as_ref().map(|live| Clone::clone(&live.track));
        LocalTracks { stream: Clone::clone(&self.stream), audio: track(&self.audio), video: track(&self.video) }
    }

    /// Asks for devices.
    pub(crate) fn acquire(&self, request: Request, done: impl FnOnce(Acquired) + 'static) {
        let done = |result: Result<MediaStream, GetUserMediaError>| {
            clock::mark("madang:camera");
            done(result.map_err(|error| (MediaProblemKind::from_name(&error.name), error.message)));
        };
        let early = self.early.borrow_mut().take();
        if let Some(early) = early {
            media_devices::from_promise(&early, done);
        } else {
            let kind = |wanted: bool, constraints: &JsValue| if wanted { constraints.clone() } else { JsValue::FALSE };
            let audio = kind(request.microphone, &self.constraints.audio);
            let video = kind(request.camera, &self.constraints.video);
            media_devices::get_user_media(&audio, &video, done);
        }
    }

    /// Takes the tracks of an answered request into use, and tells what becomes of them.
    pub(crate) fn adopt(&self, acquired: &MediaStream, tell: impl Fn(MediaInput) + Clone + 'static) {
        for (tracks, live, device) in [
            (acquired.get_audio_tracks(), &self.audio, Device::Microphone),
            (acquired.get_video_tracks(), &self.video, Device::Camera),
        ] {
            let [ended, silent, heard] =
                [MediaInput::Ended(device), MediaInput::Silent(device, true), MediaInput::Silent(device, false)];
            for track in tracks.iter() {
                let track: MediaStreamTrack = track.unchecked_into();
                let listeners = [("ended", ended), ("mute", silent), ("unmute", heard)].map(|(event, input)| {
                    let tell = tell.clone();
                    EventListener::new(&track, event, move |_| tell(input))
                });
                // What happened before there were listeners.
                if track.ready_state() == MediaStreamTrackState::Ended {
                    tell(ended);
                } else if track.muted() {
                    tell(silent);
                }
                self.stream.add_track(&track);
                self.release(live.replace(Some(Live { track, _listeners: listeners })));
            }
        }
    }

    /// Opens or mutes the microphone.
    pub(crate) fn enable_microphone(&self, on: bool) {
        if let Some(live) = &*self.audio.borrow() {
            live.track.set_enabled(on);
        }
    }

    /// Stops the microphone's track.
    pub(crate) fn release_microphone(&self) {
        self.release(self.audio.take());
    }

    /// Stops the camera's track, and its light.
    pub(crate) fn release_camera(&self) {
        self.release(self.video.take());
    }

    fn release(&self, live: Option<Live>) {
        if let Some(live) = live {
            live.track.stop();
            self.stream.remove_track(&live.track);
        }
    }
}

impl Drop for LocalMedia {
    fn drop(&mut self) {
        self.release_microphone();
        self.release_camera();
    }
}
