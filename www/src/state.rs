//! What the page knows, and how each [`Input`] changes it.
//!
//! [`State::update`] is the page's only place for decisions: it takes what happened and returns
//! what to do. It touches no browser object, so all of it is tested on the host.

use std::time::Duration;

use madang::{
    Cause, Device, DisplayName, EndReason, ErrorCode, MediaProblem, PeerId, PeerState, RoomEvent, RoomName,
    Route as Path, SignalingState,
};

use crate::{
    input::{Copied, Effect, Input},
    room_name::{Route, Typed},
};

/// Something went wrong that the reader can do something about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Problem {
    /// A device gives nothing; the call goes on without.
    Media(MediaProblem),
    /// The server refused.
    Refused(ErrorCode, String),
    /// There is no way to the other from here, or none through the relay and `hidden` wants that.
    Unreachable { hidden: bool },
    /// The server did not answer.
    ServerAway,
    /// No room can have the name.
    InvalidRoom,
    /// The link leads to the server with this host.
    OtherServer(String),
    /// Anything else, in the library's words.
    Failed(String),
}

/// Where the reader is.
#[derive(Debug)]
pub(crate) enum Place {
    /// At the start.
    Start,
    /// Before a room.
    Door { room: RoomName, arrival: Arrival },
    /// In a room.
    Call { room: RoomName, call: Call },
}

/// How the reader got to the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// From outside.
    Fresh,
    /// By leaving the room.
    Left,
    /// The call did not begin, or was ended.
    Refused,
}

/// What is known of a call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) joined: bool,
    pub(crate) signaling: SignalingState,
    pub(crate) microphone: Sent,
    pub(crate) camera: Sent,
    pub(crate) others: Vec<Other>,
    /// Somebody was here and went.
    pub(crate) someone_left: bool,
    /// When the first of those who are here was connected, in milliseconds.
    pub(crate) since: Option<f64>,
    /// The browser plays no sound yet.
    pub(crate) silent: bool,
}

/// What this side sends of one kind.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The reader wants it on. Nothing else changes this: what is away comes back as it was.
    pub(crate) wanted: bool,
    /// It is on.
    pub(crate) on: bool,
    /// What is in its way.
    pub(crate) problem: Option<MediaProblem>,
    /// The reader has seen that, or tries again.
    seen: bool,
}

/// What is known of another peer in the room.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) peer: PeerId,
    pub(crate) name: Option<DisplayName>,
    pub(crate) state: PeerState,
    pub(crate) stream: bool,
    /// A frame of their picture was presented.
    pub(crate) pictured: bool,
    /// Why their picture stopped.
    pub(crate) trouble: Option<Cause>,
    /// When it was back, and after how long.
    pub(crate) back: Option<(f64, Duration)>,
    /// The route to them, once it is known.
    pub(crate) route: Option<Path>,
    pub(crate) microphone: bool,
    pub(crate) camera: bool,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What there is already.
    Nothing,
    /// As much, while the other's picture is made ready out of sight.
    Aside,
    /// The other's picture, and nothing around it.
    Picture,
    Everything,
}

/// What the page knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) place: Place,
    /// What is wrong, but for devices: a [`Call`] knows that of each.
    pub(crate) problem: Option<Problem>,
    pub(crate) copied: Option<Copied>,
    /// Calls go through the relay only, so that the other learns no address.
    pub(crate) relay_only: bool,
}

impl State {
    /// Before anything happened.
    pub(crate) fn new() -> Self {
        Self { place: Place::Start, problem: None, copied: None, relay_only: false }
    }

    /// What the reader is to be told now. When both devices have one problem, it is one.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let Place::Call { call, .. } = &self.place else { return self.problem.clone() };
        let media = match (call.microphone.unseen(), call.camera.unseen()) {
            (Some(microphone), Some(camera)) if microphone.kind == camera.kind => {
                Some(MediaProblem { device: Device::Both, ..microphone.clone() })
            }
            (microphone, camera) => microphone.or(camera).cloned(),
        };
        self.problem.clone().or(media.map(Problem::Media))
    }

    /// Takes what happened at `now` (milliseconds from any origin) and says what to do, in order.
    pub(crate) fn update(&mut self, now: f64, input: &Input) -> Vec<Effect> {
        match input {
            Input::Opened { route, inside } => self.opened(route, *inside),
            Input::Make(room) | Input::Enter(Typed::Room(room)) => {
                self.go(Place::Door { room: room.clone(), arrival: Arrival::Fresh });
                vec![Effect::Address(room.clone())]
            }
            Input::Enter(Typed::OtherServer(host)) => self.fail(Problem::OtherServer(host.clone())),
            Input::Enter(Typed::Invalid) => self.fail(Problem::InvalidRoom),
            Input::Join => match &self.place {
                Place::Door { room, .. } => self.enter(room.clone()),
                Place::Start | Place::Call { .. } => vec![],
            },
            Input::Leave => {
                let mut effects = self.leave();
                effects.push(Effect::ReturnOnReload(false));
                effects
            }
            // A page that comes back from the back/forward cache shows the door.
            Input::PageHidden => self.leave(),
            Input::ToggleMicrophone => self.in_call(|call| vec![Effect::SetMicrophone(call.microphone.toggle())]),
            Input::ToggleCamera => self.in_call(|call| {
                call.camera.problem = None; // of no interest once it is off, and told again if it is still there
                vec![Effect::SetCamera(call.camera.toggle())]
            }),
            Input::RelayOnly(on) => {
                self.relay_only = *on;
                vec![Effect::RememberRelayOnly(*on)]
            }
            Input::Copy => vec![Effect::Copy],
            Input::Copied(copied) => {
                self.copied = Some(*copied);
                vec![]
            }
            Input::CopiedSeen => {
                self.copied = None;
                vec![]
            }
            Input::Retry => self.retry(),
            Input::Dismiss => {
                self.see();
                vec![]
            }
            Input::PlayRefused => self.in_call(|call| {
                if call.silent {
                    return vec![]; // refused even without sound: a click is all that helps
                }
                call.silent = true;
                vec![Effect::PlaySilently]
            }),
            Input::Hear => self.in_call(|call| {
                call.silent = false;
                vec![Effect::Hear]
            }),
            Input::Second | Input::HeldUp => vec![],
            Input::Pictured(peer) => self.in_call(|call| {
                call.others.iter_mut().filter(|other| other.peer == *peer).for_each(|other| other.pictured = true);
                vec![]
            }),
            Input::OpenFailed(message) => self.end(Some(Problem::Failed(message.clone()))),
            Input::Room(event) => self.room_says(now, event),
        }
    }

    fn opened(&mut self, route: &Route, inside: bool) -> Vec<Effect> {
        if let (Place::Call { room: here, .. }, Route::Room { room, .. }) = (&self.place, route)
            && here == room
        {
            return vec![]; // only the part after `#` changed
        }
        let mut effects = self.leave();
        match route {
            Route::Start => self.go(Place::Start),
            Route::Invalid => {
                self.go(Place::Start);
                self.problem = Some(Problem::InvalidRoom);
            }
            Route::Room { room, now } if *now || inside => effects.extend(self.enter(room.clone())),
            Route::Room { room, .. } => {
                self.go(Place::Door { room: room.clone(), arrival: Arrival::Fresh });
                effects.push(Effect::ReturnOnReload(false));
            }
        }
        effects
    }

    fn go(&mut self, place: Place) {
        *self = Self { place, relay_only: self.relay_only, ..Self::new() };
    }

    fn enter(&mut self, room: RoomName) -> Vec<Effect> {
        self.go(Place::Call { room: room.clone(), call: Call::new() });
        vec![Effect::ReturnOnReload(true), Effect::Open(room)]
    }

    fn leave(&mut self) -> Vec<Effect> {
        let Place::Call { room, .. } = &self.place else { return vec![] };
        self.go(Place::Door { room: room.clone(), arrival: Arrival::Left });
        vec![Effect::Close]
    }

    /// The call is over without the reader's doing.
    fn end(&mut self, problem: Option<Problem>) -> Vec<Effect> {
        let effects = self.leave();
        if let (Place::Door { arrival, .. }, Some(_)) = (&mut self.place, &problem) {
            *arrival = Arrival::Refused;
        }
        self.problem = problem;
        effects
    }

    fn fail(&mut self, problem: Problem) -> Vec<Effect> {
        self.problem = Some(problem);
        vec![]
    }

    /// The reader has seen the problem that is shown, which is returned.
    fn see(&mut self) -> Option<Problem> {
        let seen = self.problem();
        if let Some(Problem::Media(problem)) = &seen {
            self.in_call(|call| {
                call.sent(problem.device).for_each(|(_, sent)| sent.seen = true);
                vec![]
            });
        } else {
            self.problem = None;
        }
        seen
    }

    /// To say again what is wanted is to ask again; one who is muted stays so.
    fn retry(&mut self) -> Vec<Effect> {
        let Some(Problem::Media(problem)) = self.see() else { return vec![] };
        self.in_call(|call| {
            let mut effects = vec![];
            if problem.device != Device::Camera {
                effects.push(Effect::SetMicrophone(call.microphone.wanted));
            }
            if problem.device != Device::Microphone {
                effects.push(Effect::SetCamera(call.camera.wanted));
            }
            effects
        })
    }

    /// How much may be shown while a call is being set up and the browser has its hands full.
    pub(crate) fn extent(&self) -> Extent {
        let Place::Call { call, .. } = &self.place else { return Extent::Everything };
        let alone = call.joined && call.others.is_empty();
        if self.problem().is_some() || alone || call.others.iter().any(|other| other.pictured) {
            Extent::Everything
        } else if call.others.iter().any(|other| other.state == PeerState::Connected) {
            Extent::Picture
        } else if call.others.iter().any(|other| other.stream) {
            Extent::Aside
        } else {
            Extent::Nothing
        }
    }

    fn in_call(&mut self, change: impl FnOnce(&mut Call) -> Vec<Effect>) -> Vec<Effect> {
        match &mut self.place {
            Place::Call { call, .. } => change(call),
            Place::Start | Place::Door { .. } => vec![],
        }
    }

    fn room_says(&mut self, now: f64, event: &RoomEvent) -> Vec<Effect> {
        match event {
            RoomEvent::Ended(EndReason::Left) => self.end(None),
            RoomEvent::Ended(EndReason::ServerAway) => self.end(Some(Problem::ServerAway)),
            RoomEvent::Ended(EndReason::Refused(error)) => {
                self.end(Some(Problem::Refused(error.code, error.message.clone())))
            }
            event => {
                let Place::Call { call, .. } = &mut self.place else { return vec![] };
                call.hear(now, event);
                let lost = call.others.iter().any(|other| other.state == PeerState::Unreachable);
                match (&self.problem, event) {
                    (_, RoomEvent::PeerState { state: PeerState::Unreachable, .. }) => {
                        self.problem = Some(Problem::Unreachable { hidden: self.relay_only });
                    }
                    (Some(Problem::Unreachable { .. }), _) if !lost => self.problem = None,
                    _ => {}
                }
                vec![]
            }
        }
    }
}

impl Sent {
    fn new() -> Self {
        Self { wanted: true, on: false, problem: None, seen: false }
    }

    fn toggle(&mut self) -> bool {
        self.wanted = !self.wanted;
        self.wanted
    }

    fn unseen(&self) -> Option<&MediaProblem> {
        self.problem.as_ref().filter(|_| !self.seen)
    }
}

impl Call {
    fn new() -> Self {
        Self {
            joined: false,
            signaling: SignalingState::Connecting,
            microphone: Sent::new(),
            camera: Sent::new(),
            others: vec![],
            someone_left: false,
            since: None,
            silent: false,
        }
    }

    fn hear(&mut self, now: f64, event: &RoomEvent) {
        match event {
            RoomEvent::Joined { .. } => self.joined = true,
            RoomEvent::LocalMedia { microphone, camera } => {
                self.microphone.on = *microphone;
                self.camera.on = *camera;
            }
            RoomEvent::MediaProblem(problem) => self.sent(problem.device).for_each(|(device, sent)| {
                sent.problem = Some(MediaProblem { device, ..problem.clone() });
                sent.seen = false;
            }),
            RoomEvent::MediaRestored(device) => self.sent(*device).for_each(|(_, sent)| sent.problem = None),
            RoomEvent::Signaling(signaling) => self.signaling = *signaling,
            RoomEvent::PeerJoined { peer, name, .. } => self.other(peer).name.clone_from(name),
            RoomEvent::PeerState { peer, state } => {
                self.other(peer).state = *state;
                if *state == PeerState::Connected {
                    self.since.get_or_insert(now);
                }
            }
            RoomEvent::Reconnecting { peer, cause } => self.other(peer).trouble = Some(*cause),
            RoomEvent::Restored { peer, after, .. } => {
                let other = self.other(peer);
                (other.trouble, other.back) = (None, Some((now, *after)));
            }
            RoomEvent::PeerRoute { peer, route } => self.other(peer).route = Some(*route),
            RoomEvent::PeerStream { peer, .. } => self.other(peer).stream = true,
            RoomEvent::PeerMedia { peer, microphone, camera } => {
                let other = self.other(peer);
                other.microphone = *microphone;
                other.camera = *camera;
            }
            RoomEvent::PeerLeft { peer, .. } => {
                self.others.retain(|other| other.peer != *peer);
                self.someone_left = true;
                if self.others.is_empty() {
                    self.since = None;
                    self.silent = false;
                }
            }
            _ => {}
        }
    }

    /// Each of these devices, and what is sent of it.
    fn sent(&mut self, device: Device) -> impl Iterator<Item = (Device, &mut Sent)> {
        let both = [(Device::Microphone, &mut self.microphone), (Device::Camera, &mut self.camera)];
        both.into_iter().filter(move |(one, _)| device == *one || device == Device::Both)
    }

    /// The one with this id, who is here from now on if not before.
    fn other(&mut self, peer: &PeerId) -> &mut Other {
        let at = self.others.iter().position(|other| other.peer == *peer).unwrap_or_else(|| {
            self.others.push(Other {
                peer: peer.clone(),
                name: None,
                state: PeerState::Connecting,
                stream: false,
                pictured: false,
                trouble: None,
                back: None,
                route: None,
                // Until they say something else; those with the older dialect never do.
                microphone: true,
                camera: true,
            });
            self.others.len() - 1
        });
        &mut self.others[at]
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
