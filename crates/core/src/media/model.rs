//! The machine against every course that devices, permissions and a person can take.
//!
//! A browser in miniature answers it. All that the two can do is finite, so every state that can
//! be reached is looked at, however long the way to it: with one device all that can happen to it,
//! with both all that makes one request of two.

use std::collections::{HashSet, VecDeque};

use super::*;

/// What a device is like, as the browser and the person know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Hardware {
    /// The button's position: what the person last said.
    wish: bool,
    plugged: bool,
    /// Another program holds it.
    busy: bool,
    /// A track is in use: what `enabled` says, and whether the source is silent.
    track: Option<(bool, bool)>,
    /// What the page shows.
    problem: Option<MediaProblemKind>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    media: Media,
    microphone: Hardware,
    camera: Hardware,
    permitted: bool,
    /// Events that are on their way.
    changed: bool,
    allowed: bool,
    asked: Option<Request>,
    sending: (bool, bool),
    stopped: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wish(Device, bool),
    /// The browser answers the request.
    Answer,
    Unplug(Device),
    Plug(Device),
    /// Another program takes it, or lets go.
    Busy(Device, bool),
    /// The system silences a live track, or gives it back.
    Silent(Device, bool),
    Permit(bool),
    /// `devicechange` arrives.
    Changed,
    /// A permission's `change` arrives.
    Allowed,
    Stop,
}

const DEVICES: [Device; 2] = [Device::Microphone, Device::Camera];

impl World {
    fn new(microphone: bool, camera: bool) -> Self {
        let hardware = |wish| Hardware { wish, plugged: true, busy: false, track: None, problem: None };
        let mut world = Self {
            media: Media::new(microphone, camera),
            microphone: hardware(microphone),
            camera: hardware(camera),
            permitted: true,
            changed: false,
            allowed: false,
            asked: None,
            sending: (false, false),
            stopped: false,
        };
        world.tell(MediaInput::Start);
        world
    }

    fn of(&mut self, device: Device) -> &mut Hardware {
        if device == Device::Camera { &mut self.camera } else { &mut self.microphone }
    }

    fn affected(device: Device) -> impl Iterator<Item = Device> {
        DEVICES.into_iter().filter(move |one| device == *one || device == Device::Both)
    }

    /// Tells the machine, does what it says, and sees that it may.
    fn tell(&mut self, input: MediaInput) {
        self.media.handle(input);
        while let Some(output) = self.media.poll() {
            match output {
                MediaOutput::Acquire(request) => {
                    assert!(request.microphone || request.camera);
                    assert_eq!(self.asked.replace(request), None, "one request at a time");
                    assert!(!self.stopped, "nothing is asked for after the end");
                    assert!(!request.camera || self.camera.wish, "a camera that is off is not asked for");
                    assert!(!request.microphone || self.microphone.track.is_none(), "it is there");
                    assert!(!request.camera || self.camera.track.is_none(), "it is there");
                }
                MediaOutput::EnableMicrophone(on) => {
                    self.microphone.track.as_mut().expect("a track to enable").0 = on;
                }
                MediaOutput::SendTracks => {
                    let muted = self.microphone.track.is_none_or(|(enabled, _)| enabled == self.microphone.wish);
                    assert!(muted, "nobody hears one who is muted, not even for a moment");
                }
                MediaOutput::ReleaseMicrophone => self.microphone.track = None,
                MediaOutput::ReleaseCamera => {
                    self.camera.track = None;
                    let enabled = self.microphone.track.is_none_or(|(enabled, _)| enabled == self.microphone.wish);
                    assert!(enabled, "what is left is sent now");
                }
                MediaOutput::Problem(device, kind) => {
                    Self::affected(device).for_each(|device| self.of(device).problem = Some(kind));
                }
                MediaOutput::Restored(device) => {
                    let problem = self.of(device).problem.take();
                    assert!(problem.is_some(), "only what was told is taken back");
                }
                MediaOutput::Sending { microphone, camera } => self.sending = (microphone, camera),
            }
        }
        self.holds();
    }

    /// What holds after every step.
    fn holds(&self) {
        assert_eq!(self.asked.is_some(), self.media.is_acquiring());
        let sent = |hardware: &Hardware| hardware.wish && hardware.track.is_some_and(|(_, silent)| !silent);
        assert_eq!(self.sending, (sent(&self.microphone), sent(&self.camera)), "peers know what is sent");
        if let Some((enabled, _)) = self.microphone.track {
            assert_eq!(enabled, self.microphone.wish, "muted stays muted");
        }
        assert!(self.camera.wish || self.camera.track.is_none(), "off stays off");
        assert!(!self.stopped || self.microphone.track.or(self.camera.track).is_none(), "the end releases all");
    }

    fn steps(&self, devices: &[Device]) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.asked.is_some() {
            steps.push(Step::Answer);
        }
        if self.stopped {
            return steps;
        }
        for &device in devices {
            let hardware = if device == Device::Camera { self.camera } else { self.microphone };
            steps.extend([Step::Wish(device, true), Step::Wish(device, false)]);
            steps.push(if hardware.plugged { Step::Unplug(device) } else { Step::Plug(device) });
            if devices.len() == 1 {
                steps.push(Step::Busy(device, !hardware.busy));
                steps.extend(hardware.track.map(|(_, silent)| Step::Silent(device, !silent)));
            }
        }
        steps.push(Step::Permit(!self.permitted));
        if self.changed {
            steps.push(Step::Changed);
        }
        if self.allowed {
            steps.push(Step::Allowed);
        }
        steps.push(Step::Stop);
        steps
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wish(device, on) => {
                self.of(device).wish = on;
                if device == Device::Camera && !on {
                    self.camera.problem = None; // as the page does
                }
                self.tell(match device {
                    Device::Camera => MediaInput::WantCamera(on),
                    _ => MediaInput::WantMicrophone(on),
                });
            }
            Step::Answer => self.answer(),
            Step::Unplug(device) => {
                self.of(device).plugged = false;
                self.changed = true;
                self.end(device);
            }
            Step::Plug(device) => {
                self.of(device).plugged = true;
                self.changed = true;
            }
            Step::Busy(device, busy) => {
                self.of(device).busy = busy;
                self.changed |= !busy; // the person looks at the page again
                if busy {
                    self.end(device);
                }
            }
            Step::Silent(device, silent) => {
                self.of(device).track.as_mut().expect("a live track").1 = silent;
                self.tell(MediaInput::Silent(device, silent));
            }
            Step::Permit(permitted) => {
                self.permitted = permitted;
                self.allowed = permitted;
                if !permitted {
                    DEVICES.into_iter().for_each(|device| self.end(device));
                }
            }
            Step::Changed => {
                self.changed = false;
                self.tell(MediaInput::DevicesChanged);
            }
            Step::Allowed => {
                self.allowed = false;
                self.tell(MediaInput::Allowed(Device::Microphone));
                self.tell(MediaInput::Allowed(Device::Camera));
            }
            Step::Stop => {
                self.stopped = true;
                self.microphone.wish = false;
                self.camera.wish = false;
                self.tell(MediaInput::Stop);
            }
        }
    }

    fn end(&mut self, device: Device) {
        if self.of(device).track.is_some() {
            self.tell(MediaInput::Ended(device));
        }
    }

    fn answer(&mut self) {
        let request = self.asked.take().expect("a request");
        let asked = [(request.microphone, self.microphone), (request.camera, self.camera)];
        let mut asked = asked.into_iter().filter(|(asked, _)| *asked);
        let in_the_way = asked.find_map(|(_, hardware)| match hardware {
            Hardware { plugged: false, .. } => Some(MediaProblemKind::NotFound),
            _ if !self.permitted => Some(MediaProblemKind::Denied),
            Hardware { busy: true, .. } => Some(MediaProblemKind::Busy),
            _ => None,
        });
        if let Some(kind) = in_the_way {
            self.tell(MediaInput::Failed(kind));
            return;
        }
        if request.microphone {
            self.microphone.track = Some((true, false));
        }
        if request.camera {
            self.camera.track = Some((true, false));
        }
        self.tell(MediaInput::Acquired);
    }

    /// Nothing more happens, but what is on its way arrives.
    fn settle(&mut self) {
        // Three answers for what is under way and for each of what is on its way, and as many again
        // where something changed meanwhile.
        const MOST: usize = 20;
        for _ in 0..MOST {
            let step = match self {
                Self { asked: Some(_), .. } => Step::Answer,
                Self { changed: true, .. } => Step::Changed,
                Self { allowed: true, .. } => Step::Allowed,
                _ => return,
            };
            self.take(step);
        }
        panic!("asks without end: {self:?}");
    }

    /// What holds when everything has settled.
    fn settled(&self) {
        for (device, hardware) in [(Device::Microphone, self.microphone), (Device::Camera, self.camera)] {
            let available = hardware.plugged && !hardware.busy && self.permitted;
            if hardware.wish {
                assert_eq!(hardware.track.is_some(), available, "{device:?}: what is wanted and there is in use");
            }
            match hardware.track {
                None if hardware.wish => assert!(hardware.problem.is_some(), "{device:?}: what is away is told"),
                None => {}
                Some((_, true)) => assert_eq!(hardware.problem, Some(MediaProblemKind::Interrupted)),
                Some((_, false)) => assert_eq!(hardware.problem, None, "{device:?}: what is over is taken back"),
            }
        }
    }
}

/// Looks at every state that can be reached, and says how many there are.
fn every_state(devices: &[Device]) -> usize {
    let mut known: HashSet<World> = HashSet::new();
    let wishes = |device| if devices.contains(&device) { [true, false].as_slice() } else { &[false] };
    let mut next = VecDeque::new();
    for &microphone in wishes(Device::Microphone) {
        next.extend(wishes(Device::Camera).iter().map(|&camera| World::new(microphone, camera)));
    }
    known.extend(next.iter().cloned());
    while let Some(world) = next.pop_front() {
        let mut quiet = world.clone();
        quiet.settle();
        quiet.settled();
        for step in world.steps(devices) {
            let mut after = world.clone();
            after.take(step);
            if known.insert(after.clone()) {
                next.push_back(after);
            }
        }
    }
    known.len()
}

#[test]
fn a_microphone_in_every_state() {
    assert!(every_state(&[Device::Microphone]) > 1_000, "the model stands still");
}

#[test]
fn a_camera_in_every_state() {
    assert!(every_state(&[Device::Camera]) > 1_000, "the model stands still");
}

#[test]
fn both_in_every_state() {
    assert!(every_state(&DEVICES) > 100_000, "the model stands still");
}
