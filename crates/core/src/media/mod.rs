//! Camera and microphone: what to ask the browser for, and what to do when it refuses or takes
//! back.
//!
//! One request at a time. Both devices are asked for together, so that a person answers one
//! question; when that fails, the microphone is tried alone and then the camera, because a call
//! with one of them is better than none. A switched-off camera is released (its light goes out),
//! a muted microphone is kept and silenced (unmuting must be instant).
//!
//! A device that fails or ends stays wanted. One that ended is asked for at once, because the
//! browser may have another. After that it is asked for when something has changed: devices came
//! or went, the person allowed it, or asks for it. Whatever is in the way is told once, and taken
//! back when it is over; the call goes on meanwhile. Only the person opens a microphone or
//! switches a camera on.

mod slot;

use std::collections::VecDeque;

use slot::Slot;

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The microphone.
    Microphone,
    /// The camera.
    Camera,
    /// Both, when they failed for one reason.
    Both,
}

/// Why a device cannot be used, after the DOMException names of `getUserMedia`
/// (mediacapture-main section 10.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaProblemKind {
    /// `NotAllowedError`: the person or a policy said no.
    Denied,
    /// `NotReadableError`, `AbortError`: another program holds it, or the hardware failed.
    Busy,
    /// `NotFoundError`, `OverconstrainedError`: there is none.
    NotFound,
    /// The page is not a secure context: no `navigator.mediaDevices`.
    InsecureOrigin,
    /// It was in use and ended, and there is no other: unplugged, or taken away.
    Ended,
    /// It is in use and gives nothing: the system or another program holds it, as a phone call
    /// does.
    Interrupted,
    /// Anything else.
    Other,
}

impl MediaProblemKind {
    /// The kind of the DOMException with this name; an empty name stands for a page without
    /// `navigator.mediaDevices`.
    pub fn from_name(name: &str) -> Self {
        match name {
            "" => Self::InsecureOrigin,
            "NotAllowedError" | "SecurityError" => Self::Denied,
            "NotReadableError" | "AbortError" => Self::Busy,
            "NotFoundError" | "OverconstrainedError" => Self::NotFound,
            _ => Self::Other,
        }
    }
}

/// What to ask `getUserMedia` for. At least one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The microphone.
    pub microphone: bool,
    /// The camera.
    pub camera: bool,
}

const MICROPHONE: Request = Request { microphone: true, camera: false };
const CAMERA: Request = Request { microphone: false, camera: true };

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaInput {
    /// Get what is wanted.
    Start,
    /// The person wants the microphone open or muted. Said again, it asks for one that is missing.
    WantMicrophone(bool),
    /// The person wants the camera on or off. "On" asks for one that is missing.
    WantCamera(bool),
    /// The request succeeded.
    Acquired,
    /// The request failed.
    Failed(MediaProblemKind),
    /// The track of one device ended by itself.
    Ended(Device),
    /// The track of one device is there and gives nothing (`mute`), or gives again (`unmute`).
    Silent(Device, bool),
    /// Devices came or went, or another program may have let go of one.
    DevicesChanged,
    /// The browser's permission for one device was given.
    Allowed(Device),
    /// The call is over.
    Stop,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaOutput {
    /// Call `getUserMedia`.
    Acquire(Request),
    /// Set `enabled` of the microphone's track.
    EnableMicrophone(bool),
    /// Send the new tracks to the peers. Comes after the microphone of one who is muted was
    /// silenced.
    SendTracks,
    /// Stop the microphone's track and forget it; peers are sent what is left.
    ReleaseMicrophone,
    /// Stop the camera's track and forget it; peers are sent what is left.
    ReleaseCamera,
    /// Tell the application that something cannot be used.
    Problem(Device, MediaProblemKind),
    /// Tell the application that what was in one device's way is over.
    Restored(Device),
    /// Tell the application and the peers what is sent now.
    Sending {
        /// The microphone is open.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
}

/// Both together failed, and they are tried one by one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(PartialEq, Eq, Hash))]
struct OneByOne {
    /// Why both failed.
    both: MediaProblemKind,
    /// Why the microphone failed, once it did.
    microphone: Option<MediaProblemKind>,
}

/// The machine.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub struct Media {
    microphone: Slot,
    camera: Slot,
    started: bool,
    stopped: bool,
    in_flight: Option<Request>,
    one_by_one: Option<OneByOne>,
    sending: (bool, bool),
    /// Whether it was told: others take it that both are sent until they hear otherwise.
    told: bool,
    outputs: VecDeque<MediaOutput>,
}

impl Media {
    /// A machine that wants these devices once started.
    pub fn new(microphone: bool, camera: bool) -> Self {
        Self {
            microphone: Slot::new(microphone),
            camera: Slot::new(camera),
            started: false,
            stopped: false,
            in_flight: None,
            one_by_one: None,
            sending: (false, false),
            told: false,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<MediaOutput> {
        self.outputs.pop_front()
    }

    /// Whether microphone and camera are sent now.
    pub fn sending(&self) -> (bool, bool) {
        self.sending
    }

    /// Whether a request for devices is under way.
    pub fn is_acquiring(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: MediaInput) {
        match input {
            MediaInput::Start => self.started = true,
            MediaInput::WantMicrophone(on) => self.want_microphone(on),
            MediaInput::WantCamera(on) => self.want_camera(on),
            MediaInput::Acquired => self.acquired(),
            MediaInput::Failed(kind) => self.failed(kind),
            MediaInput::Ended(device) => self.ended(device),
            MediaInput::Silent(device, silent) => self.silent(device, silent),
            MediaInput::DevicesChanged => {
                self.microphone.change();
                self.camera.change();
            }
            MediaInput::Allowed(device) => self.slots(device, Slot::allow),
            MediaInput::Stop => self.stop(),
        }
        self.request_missing();
        self.tell();
    }

    fn want_microphone(&mut self, on: bool) {
        let again = self.microphone.wanted == on;
        self.microphone.wanted = on;
        if self.microphone.live {
            self.outputs.push_back(MediaOutput::EnableMicrophone(on));
        } else if on || again {
            self.microphone.ask();
        }
    }

    fn want_camera(&mut self, on: bool) {
        if on {
            self.camera.wanted = true;
            self.camera.ask();
            if self.in_flight.is_some_and(|request| request.camera) {
                self.camera.begin(); // switched off and on again meanwhile
            }
        } else {
            let live = self.camera.live;
            self.camera.clear();
            if live {
                self.outputs.push_back(MediaOutput::ReleaseCamera);
            }
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        if self.microphone.live {
            self.outputs.push_back(MediaOutput::ReleaseMicrophone);
        }
        if self.camera.live {
            self.outputs.push_back(MediaOutput::ReleaseCamera);
        }
        self.microphone.clear();
        self.camera.clear();
    }

    fn acquired(&mut self) {
        let Some(request) = self.in_flight.take() else { return };
        let one_by_one = self.one_by_one.take();
        let (microphone, camera) = (self.microphone.sought, self.camera.sought);
        if request.microphone && !microphone {
            self.outputs.push_back(MediaOutput::ReleaseMicrophone);
        } else if request.microphone && !self.microphone.wanted {
            self.outputs.push_back(MediaOutput::EnableMicrophone(false));
        }
        // Releasing one sends what is left.
        self.outputs.extend(if request.camera && !camera {
            Some(MediaOutput::ReleaseCamera)
        } else {
            (!self.stopped).then_some(MediaOutput::SendTracks)
        });
        if request.microphone && microphone && self.microphone.acquired() {
            self.outputs.push_back(MediaOutput::Restored(Device::Microphone));
        }
        if request.camera && camera && self.camera.acquired() {
            self.outputs.push_back(MediaOutput::Restored(Device::Camera));
        }
        // One of them works, so the other was the reason.
        match one_by_one {
            Some(OneByOne { microphone: Some(kind), .. }) => self.give_up(Some(kind), None),
            Some(OneByOne { both, .. }) => self.give_up(None, Some(both)),
            None => {}
        }
    }

    fn failed(&mut self, kind: MediaProblemKind) {
        let Some(request) = self.in_flight.take() else { return };
        let one_by_one = self.one_by_one.take();
        if self.stopped {
            return;
        }
        match one_by_one {
            None if request.microphone && request.camera && kind != MediaProblemKind::InsecureOrigin => {
                self.one_by_one = Some(OneByOne { both: kind, microphone: None });
                self.acquire(MICROPHONE);
            }
            None => self.give_up(request.microphone.then_some(kind), request.camera.then_some(kind)),
            // A "no" to the microphone is not followed by a third question.
            Some(OneByOne { both, microphone: None }) if kind == MediaProblemKind::Denied || !self.camera.sought => {
                self.give_up(Some(kind), Some(both));
            }
            Some(OneByOne { both, microphone: None }) => {
                self.one_by_one = Some(OneByOne { both, microphone: Some(kind) });
                self.acquire(CAMERA);
            }
            Some(OneByOne { microphone: Some(first), .. }) => self.give_up(Some(first), Some(kind)),
        }
    }

    /// Goes on without, and says so once for both where the reason is one.
    fn give_up(&mut self, microphone: Option<MediaProblemKind>, camera: Option<MediaProblemKind>) {
        let microphone = microphone.and_then(|kind| self.microphone.fail(kind));
        let camera = camera.and_then(|kind| self.camera.fail(kind));
        if let (Some(kind), true) = (microphone, microphone == camera) {
            self.problem(Device::Both, kind);
        } else {
            microphone.into_iter().for_each(|kind| self.problem(Device::Microphone, kind));
            camera.into_iter().for_each(|kind| self.problem(Device::Camera, kind));
        }
    }

    fn ended(&mut self, device: Device) {
        if device != Device::Camera && self.microphone.live {
            self.outputs.push_back(MediaOutput::ReleaseMicrophone);
            let told = self.microphone.ended();
            told.into_iter().for_each(|kind| self.problem(Device::Microphone, kind));
        }
        if device != Device::Microphone && self.camera.live {
            self.outputs.push_back(MediaOutput::ReleaseCamera);
            let told = self.camera.ended();
            told.into_iter().for_each(|kind| self.problem(Device::Camera, kind));
        }
    }

    fn silent(&mut self, device: Device, silent: bool) {
        let slot = if device == Device::Camera { &mut self.camera } else { &mut self.microphone };
        if !slot.live || slot.silent == silent {
        } else if silent {
            slot.silenced();
            self.problem(device, MediaProblemKind::Interrupted);
        } else if slot.heard() {
            self.outputs.push_back(MediaOutput::Restored(device));
        }
    }

    fn slots(&mut self, device: Device, mut act: impl FnMut(&mut Slot)) {
        if device != Device::Camera {
            act(&mut self.microphone);
        }
        if device != Device::Microphone {
            act(&mut self.camera);
        }
    }

    fn request_missing(&mut self) {
        if !self.started || self.stopped || self.in_flight.is_some() {
            return;
        }
        let request = Request { microphone: self.microphone.is_missing(), camera: self.camera.is_missing() };
        if request.microphone {
            self.microphone.begin();
        }
        if request.camera {
            self.camera.begin();
        }
        if request.microphone || request.camera {
            self.acquire(request);
        }
    }

    fn acquire(&mut self, request: Request) {
        self.in_flight = Some(request);
        self.outputs.push_back(MediaOutput::Acquire(request));
    }

    fn problem(&mut self, device: Device, kind: MediaProblemKind) {
        self.outputs.push_back(MediaOutput::Problem(device, kind));
    }

    fn tell(&mut self) {
        let sending = (self.microphone.is_sent(), self.camera.is_sent());
        let settled = self.started && !self.stopped && self.in_flight.is_none();
        if sending != self.sending || (settled && !self.told) {
            self.sending = sending;
            self.told = true;
            self.outputs.push_back(MediaOutput::Sending { microphone: sending.0, camera: sending.1 });
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
