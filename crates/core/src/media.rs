//! Camera and microphone: what to ask the browser for, and what to do when it refuses.
//!
//! One request at a time. Both devices are asked for together, so that a person answers one
//! question; when that fails, the microphone is tried alone and then the camera, because a call
//! with one of them is better than none. A switched-off camera is released (its light goes out),
//! a muted microphone is kept and silenced (unmuting must be instant). Whatever fails is told
//! once and the call goes on without it.

use std::collections::VecDeque;

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
    /// It was in use and ended: unplugged, or its permission was withdrawn.
    Ended,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The microphone.
    pub microphone: bool,
    /// The camera.
    pub camera: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaInput {
    /// Get what is wanted.
    Start,
    /// The person wants the microphone open or muted.
    WantMicrophone(bool),
    /// The person wants the camera on or off.
    WantCamera(bool),
    /// The request succeeded.
    Acquired,
    /// The request failed.
    Failed(MediaProblemKind),
    /// The microphone's track ended by itself.
    MicrophoneEnded,
    /// The camera's track ended by itself.
    CameraEnded,
    /// The call is over.
    Stop,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaOutput {
    /// Call `getUserMedia`.
    Acquire(Request),
    /// Set `enabled` of the microphone's track.
    EnableMicrophone(bool),
    /// Stop the microphone's track and forget it.
    ReleaseMicrophone,
    /// Stop the camera's track and forget it.
    ReleaseCamera,
    /// Tell the application that something cannot be used.
    Problem(Device, MediaProblemKind),
    /// Tell the application and the peers what is sent now.
    Sending {
        /// The microphone is open.
        microphone: bool,
        /// The camera is on.
        camera: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    wanted: bool,
    live: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Media {
    microphone: Slot,
    camera: Slot,
    started: bool,
    stopped: bool,
    in_flight: Option<Request>,
    /// Why both together failed, while they are tried one by one.
    both_failed: Option<MediaProblemKind>,
    sending: (bool, bool),
    /// Whether it was told: others take it that both are sent until they hear otherwise.
    told: bool,
    outputs: VecDeque<MediaOutput>,
}

impl Media {
    /// A machine that wants these devices once started.
    pub fn new(microphone: bool, camera: bool) -> Self {
        let slot = |wanted| Slot { wanted, live: false };
        Self {
            microphone: slot(microphone),
            camera: slot(camera),
            started: false,
            stopped: false,
            in_flight: None,
            both_failed: None,
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
            MediaInput::WantMicrophone(on) => {
                self.microphone.wanted = on;
                if self.microphone.live {
                    self.outputs.push_back(MediaOutput::EnableMicrophone(on));
                }
            }
            MediaInput::WantCamera(on) => {
                self.camera.wanted = on;
                if !on && self.camera.live {
                    self.release_camera();
                }
            }
            MediaInput::Acquired => self.acquired(),
            MediaInput::Failed(kind) => self.failed(kind),
            MediaInput::MicrophoneEnded if self.microphone.live => {
                self.release_microphone();
                self.microphone.wanted = false;
                self.outputs.push_back(MediaOutput::Problem(Device::Microphone, MediaProblemKind::Ended));
            }
            MediaInput::CameraEnded if self.camera.live => {
                self.release_camera();
                self.camera.wanted = false;
                self.outputs.push_back(MediaOutput::Problem(Device::Camera, MediaProblemKind::Ended));
            }
            MediaInput::MicrophoneEnded | MediaInput::CameraEnded => {}
            MediaInput::Stop => {
                self.stopped = true;
                self.microphone.wanted = false;
                self.camera.wanted = false;
                if self.microphone.live {
                    self.release_microphone();
                }
                if self.camera.live {
                    self.release_camera();
                }
            }
        }
        self.request_missing();
        self.tell();
    }

    fn acquired(&mut self) {
        let Some(request) = self.in_flight.take() else { return };
        if request.microphone {
            self.microphone.live = true;
            if self.stopped {
                self.release_microphone();
            } else if !self.microphone.wanted {
                self.outputs.push_back(MediaOutput::EnableMicrophone(false));
            }
        }
        if request.camera {
            self.camera.live = true;
            if !self.camera.wanted {
                self.release_camera();
            }
        }
        if let Some(kind) = self.both_failed.take() {
            // One of them works, so the other was the reason.
            if request.microphone {
                self.camera.wanted = false;
                self.problem(Device::Camera, kind);
            } else {
                self.problem(Device::Microphone, kind);
            }
        }
    }

    fn failed(&mut self, kind: MediaProblemKind) {
        let Some(request) = self.in_flight.take() else { return };
        let microphone_alone = Request { microphone: true, camera: false };
        if self.stopped {
        } else if kind == MediaProblemKind::InsecureOrigin {
            self.microphone.wanted = false;
            self.camera.wanted = false;
            self.problem(Device::Both, kind);
        } else if request.microphone && request.camera {
            self.both_failed = Some(kind);
            self.acquire(microphone_alone);
        } else if let Some(first) = self.both_failed {
            // A "no" to the microphone is not followed by a third question.
            if request == microphone_alone && kind != MediaProblemKind::Denied {
                self.microphone.wanted = false;
                self.acquire(Request { microphone: false, camera: true });
            } else {
                self.both_failed = None;
                self.microphone.wanted = false;
                self.camera.wanted = false;
                self.problem(Device::Both, first);
            }
        } else if request.microphone {
            self.microphone.wanted = false;
            self.problem(Device::Microphone, kind);
        } else {
            self.camera.wanted = false;
            self.problem(Device::Camera, kind);
        }
    }

    fn request_missing(&mut self) {
        if !self.started || self.stopped || self.in_flight.is_some() {
            return;
        }
        let request = Request {
            microphone: self.microphone.wanted && !self.microphone.live,
            camera: self.camera.wanted && !self.camera.live,
        };
        if request.microphone || request.camera {
            self.acquire(request);
        }
    }

    fn acquire(&mut self, request: Request) {
        self.in_flight = Some(request);
        self.outputs.push_back(MediaOutput::Acquire(request));
    }

    fn release_microphone(&mut self) {
        self.microphone.live = false;
        self.outputs.push_back(MediaOutput::ReleaseMicrophone);
    }

    fn release_camera(&mut self) {
        self.camera.live = false;
        self.outputs.push_back(MediaOutput::ReleaseCamera);
    }

    fn problem(&mut self, device: Device, kind: MediaProblemKind) {
        self.outputs.push_back(MediaOutput::Problem(device, kind));
    }

    fn tell(&mut self) {
        let sending = (self.microphone.live && self.microphone.wanted, self.camera.live && self.camera.wanted);
        let settled = self.started && !self.stopped && self.in_flight.is_none();
        if sending != self.sending || (settled && !self.told) {
            self.sending = sending;
            self.told = true;
            self.outputs.push_back(MediaOutput::Sending { microphone: sending.0, camera: sending.1 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MediaInput::{Acquired, CameraEnded, Failed, Start, Stop, WantCamera, WantMicrophone};
    use MediaOutput::{Acquire, EnableMicrophone, Problem, ReleaseCamera, ReleaseMicrophone, Sending};
    use MediaProblemKind::{Busy, Denied, Ended, InsecureOrigin, NotFound};

    const BOTH: Request = Request { microphone: true, camera: true };
    const MICROPHONE: Request = Request { microphone: true, camera: false };
    const CAMERA: Request = Request { microphone: false, camera: true };

    fn sending(microphone: bool, camera: bool) -> MediaOutput {
        Sending { microphone, camera }
    }

    /// Feeds each input and compares what it makes the machine do.
    fn check(media: &mut Media, steps: &[(MediaInput, &[MediaOutput])]) {
        for (i, (input, expected)) in steps.iter().enumerate() {
            media.handle(*input);
            let outputs: Vec<_> = std::iter::from_fn(|| media.poll()).collect();
            assert_eq!(&outputs, expected, "step {i}: {input:?}");
        }
    }

    #[test]
    fn both_at_once() {
        check(
            &mut Media::new(true, true),
            &[
                (Start, &[Acquire(BOTH)]),
                (Acquired, &[sending(true, true)]),
                (WantMicrophone(false), &[EnableMicrophone(false), sending(false, true)]),
                (WantCamera(false), &[ReleaseCamera, sending(false, false)]),
                (WantCamera(true), &[Acquire(CAMERA)]),
                (Acquired, &[sending(false, true)]),
                (WantMicrophone(true), &[EnableMicrophone(true), sending(true, true)]),
                (Stop, &[ReleaseMicrophone, ReleaseCamera, sending(false, false)]),
            ],
        );
    }

    #[test]
    fn a_busy_camera_leaves_the_microphone() {
        check(
            &mut Media::new(true, true),
            &[
                (Start, &[Acquire(BOTH)]),
                (Failed(Busy), &[Acquire(MICROPHONE)]),
                (Acquired, &[Problem(Device::Camera, Busy), sending(true, false)]),
                (WantCamera(true), &[Acquire(CAMERA)]),
                (Acquired, &[sending(true, true)]),
            ],
        );
    }

    #[test]
    fn a_missing_microphone_leaves_the_camera() {
        check(
            &mut Media::new(true, true),
            &[
                (Start, &[Acquire(BOTH)]),
                (Failed(NotFound), &[Acquire(MICROPHONE)]),
                (Failed(NotFound), &[Acquire(CAMERA)]),
                (Acquired, &[Problem(Device::Microphone, NotFound), sending(false, true)]),
            ],
        );
    }

    #[test]
    fn nothing_there_is_told_once() {
        let mut media = Media::new(true, true);
        check(
            &mut media,
            &[
                (Start, &[Acquire(BOTH)]),
                (Failed(NotFound), &[Acquire(MICROPHONE)]),
                (Failed(NotFound), &[Acquire(CAMERA)]),
                (Failed(NotFound), &[Problem(Device::Both, NotFound), sending(false, false)]),
            ],
        );
        assert_eq!(media.sending(), (false, false));
    }

    #[test]
    fn a_refusal_asks_at_most_once_more() {
        check(
            &mut Media::new(true, true),
            &[
                (Start, &[Acquire(BOTH)]),
                (Failed(Denied), &[Acquire(MICROPHONE)]),
                (Failed(Denied), &[Problem(Device::Both, Denied), sending(false, false)]),
                (WantMicrophone(true), &[Acquire(MICROPHONE)]),
                (Failed(Denied), &[Problem(Device::Microphone, Denied)]),
            ],
        );
    }

    #[test]
    fn an_insecure_origin_is_not_retried() {
        check(
            &mut Media::new(true, true),
            &[
                (Start, &[Acquire(BOTH)]),
                (Failed(InsecureOrigin), &[Problem(Device::Both, InsecureOrigin), sending(false, false)]),
            ],
        );
    }

    #[test]
    fn to_send_nothing_from_the_start_is_told_too() {
        check(&mut Media::new(false, false), &[(Start, &[sending(false, false)])]);
    }

    #[test]
    fn a_change_of_mind_while_asking() {
        check(
            &mut Media::new(true, true),
            &[
                (Start, &[Acquire(BOTH)]),
                (WantCamera(false), &[]),
                (WantMicrophone(false), &[]),
                (Acquired, &[EnableMicrophone(false), ReleaseCamera, sending(false, false)]),
            ],
        );
    }

    #[test]
    fn what_arrives_after_the_end_is_released() {
        check(
            &mut Media::new(true, true),
            &[(Start, &[Acquire(BOTH)]), (Stop, &[]), (Acquired, &[ReleaseMicrophone, ReleaseCamera])],
        );
    }

    #[test]
    fn an_unplugged_camera() {
        check(
            &mut Media::new(false, true),
            &[
                (Start, &[Acquire(CAMERA)]),
                (Acquired, &[sending(false, true)]),
                (CameraEnded, &[ReleaseCamera, Problem(Device::Camera, Ended), sending(false, false)]),
            ],
        );
    }
}
