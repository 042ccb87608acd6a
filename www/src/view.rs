//! What is shown for what is known: a [`State`] and a [`Language`] in, words and flags out.

use madang::{
    Cause, Device, ErrorCode, MediaProblem, MediaProblemKind, PeerId, PeerState, RoomName, Route, SignalingState,
};

use crate::{
    input::Copied,
    state::{Arrival, Call, Other, Place, Problem, Sent, State},
    words::{Language, Word},
};

/// Everything the page shows.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) title: String,
    pub(crate) call_state: CallState,
    pub(crate) call_state_words: &'static str,
    pub(crate) clock: Option<String>,
    pub(crate) error: Option<ErrorView>,
    pub(crate) copy_words: &'static str,
    pub(crate) screen: Screen,
}

/// The screen, and what is on it.
#[derive(Clone, Debug)]
pub(crate) enum Screen {
    Start,
    Door(DoorView),
    Call(CallView),
}

/// Before a room.
#[derive(Clone, Debug)]
pub(crate) struct DoorView {
    pub(crate) room: RoomName,
    pub(crate) note: Option<&'static str>,
    pub(crate) lead: &'static str,
    pub(crate) join: &'static str,
    pub(crate) relay_only: bool,
}

/// In a room.
#[derive(Clone, Debug)]
pub(crate) struct CallView {
    pub(crate) room: RoomName,
    /// Title and words while nobody else is here.
    pub(crate) alone: Option<[&'static str; 2]>,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) hear: bool,
    pub(crate) microphone: Button,
    pub(crate) camera: Button,
    /// Nobody hears the reader.
    pub(crate) unheard: bool,
    /// What hides one's own picture.
    pub(crate) own_veil: Option<&'static str>,
}

/// The button of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Button {
    /// The reader wants it off.
    pub(crate) pressed: bool,
    /// The reader wants it on, and it is away.
    pub(crate) lost: bool,
    pub(crate) tip: &'static str,
}

impl Button {
    fn of(sent: &Sent, [on, lost, off]: [Word; 3], language: Language) -> Self {
        let is_lost = sent.wanted && sent.problem.is_some();
        let tip = match () {
            () if is_lost => lost,
            () if sent.wanted => on,
            () => off,
        };
        Self { pressed: !sent.wanted, lost: is_lost, tip: language.say(tip) }
    }
}

/// The place of another peer.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    pub(crate) peer: PeerId,
    pub(crate) name: String,
    /// What lies over the picture.
    pub(crate) veil: Option<&'static str>,
    /// The veil hides the picture rather than dims it.
    pub(crate) hidden: bool,
    /// The route to them: its name, as `data-route` has it, and the words for it.
    pub(crate) route: Option<(&'static str, String)>,
    pub(crate) microphone: bool,
    pub(crate) microphone_words: &'static str,
    pub(crate) camera: bool,
    pub(crate) camera_words: &'static str,
}

/// An error with its next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorView {
    pub(crate) code: &'static str,
    pub(crate) what: String,
    pub(crate) step: &'static str,
    /// "Try again" makes sense here; at the door it is the way in.
    pub(crate) retry: bool,
}

/// The state of the call, as `data-state` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallState {
    /// Not in a call.
    Idle,
    /// On the way to the server.
    Connecting,
    /// Alone in the room.
    Waiting,
    /// Somebody is there; no media yet.
    Calling,
    /// Media flows.
    Connected,
    /// Media is being restored.
    Reconnecting,
    /// Media flows; the server is away.
    ServerAway,
    /// Alone again: a kind of waiting, in other words.
    Left,
    /// The call is over.
    Ended,
}

impl CallState {
    /// The value of `data-state`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Waiting | Self::Left => "waiting",
            Self::Calling => "calling",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::ServerAway => "server-away",
            Self::Ended => "ended",
        }
    }

    fn word(self) -> Option<Word> {
        match self {
            Self::Idle => None,
            Self::Connecting => Some(Word::Connecting),
            Self::Waiting => Some(Word::Waiting),
            Self::Calling => Some(Word::Calling),
            Self::Connected => Some(Word::Connected),
            Self::Reconnecting => Some(Word::Reconnecting),
            Self::ServerAway => Some(Word::ServerAway),
            Self::Left => Some(Word::Left),
            Self::Ended => Some(Word::Ended),
        }
    }

    fn of(place: &Place) -> Self {
        let call = match place {
            Place::Start | Place::Door { arrival: Arrival::Fresh, .. } => return Self::Idle,
            Place::Door { .. } => return Self::Ended,
            Place::Call { call, .. } => call,
        };
        let any = |state| call.others.iter().any(|other| other.state == state);
        let server_away = call.signaling == SignalingState::Reconnecting;
        match () {
            () if any(PeerState::Reconnecting) => Self::Reconnecting,
            () if any(PeerState::Unreachable) && call.since.is_some() => Self::Reconnecting,
            () if any(PeerState::Connected) && server_away => Self::ServerAway,
            () if any(PeerState::Connected) => Self::Connected,
            () if !call.joined || server_away => Self::Connecting,
            () if !call.others.is_empty() => Self::Calling,
            () if call.someone_left => Self::Left,
            () => Self::Waiting,
        }
    }
}

impl View {
    /// What `state` looks like at `now`.
    pub(crate) fn of(state: &State, language: Language, now: f64) -> Self {
        let call_state = CallState::of(&state.place);
        let call_state_words = call_state.word().map_or("", |word| language.say(word));
        let (room, since, screen) = match &state.place {
            Place::Start => (None, None, Screen::Start),
            Place::Door { room, arrival } => {
                (Some(room), None, Screen::Door(door(room, *arrival, state.relay_only, language)))
            }
            Place::Call { room, call } => {
                (Some(room), call.since, Screen::Call(call_view(room, call, call_state, language, now)))
            }
        };
        let words = Some(call_state_words).filter(|words| !words.is_empty());
        let parts: Vec<&str> = words.into_iter().chain(room.map(RoomName::as_str)).chain(["Madang"]).collect();
        Self {
            title: parts.join(" · "),
            call_state,
            call_state_words,
            clock: since.map(|since| clock(now - since)),
            error: state.problem().map(|problem| ErrorView::of(&problem, language)),
            copy_words: language.say(match state.copied {
                None => Word::CopyLink,
                Some(Copied::Yes) => Word::Copied,
                Some(Copied::Selected) => Word::CopyByHand,
            }),
            screen,
        }
    }
}

fn door(room: &RoomName, arrival: Arrival, relay_only: bool, language: Language) -> DoorView {
    let (note, join) = match arrival {
        Arrival::Fresh => (None, Word::Join),
        Arrival::Left => (Some(language.say(Word::YouLeft)), Word::JoinAgain),
        Arrival::Refused => (None, Word::TryAgain),
    };
    DoorView { room: room.clone(), note, lead: language.say(Word::DoorLead), join: language.say(join), relay_only }
}

fn call_view(room: &RoomName, call: &Call, state: CallState, language: Language, now: f64) -> CallView {
    let alone = call.others.is_empty().then_some(match state {
        CallState::Left => [Word::LeftTitle, Word::LeftWords],
        CallState::Connecting => [Word::Connecting, Word::AloneWords],
        _ => [Word::AloneTitle, Word::AloneWords],
    });
    let own_veil = match &call.camera {
        Sent { on: true, .. } => None,
        Sent { wanted: false, .. } => Some(Word::YourCameraOff),
        Sent { problem: Some(_), .. } => Some(Word::YourCameraLost),
        Sent { .. } => Some(Word::YourCameraStarting),
    };
    CallView {
        room: room.clone(),
        alone: alone.map(|words| words.map(|word| language.say(word))),
        tiles: call.others.iter().map(|other| tile(other, language, now)).collect(),
        hear: call.silent,
        microphone: Button::of(&call.microphone, [Word::MuteTip, Word::MicrophoneLostTip, Word::UnmuteTip], language),
        camera: Button::of(&call.camera, [Word::CameraOffTip, Word::CameraLostTip, Word::CameraOnTip], language),
        unheard: !call.microphone.wanted || call.microphone.problem.is_some(),
        own_veil: own_veil.map(|word| language.say(word)),
    }
}

/// How long one is told that a picture is back.
const BACK_IS_TOLD: f64 = 10_000.0;

fn tile(other: &Other, language: Language, now: f64) -> Tile {
    let back = match other.back {
        Some((at, after)) if now < at + BACK_IS_TOLD => {
            // Whoever saw it stop for less has not noticed.
            let seconds = after.as_secs().max(1).to_string();
            format!(" · {}", language.say(Word::BackAfter).replace("{}", &seconds))
        }
        _ => String::new(),
    };
    let veil = match other.state {
        PeerState::Connecting => Some(Word::TheyConnect),
        PeerState::Reconnecting => Some(match other.trouble {
            Some(Cause::NetworkChanged) => Word::NetworkChanged,
            Some(Cause::PathLost) => Word::PathLost,
            Some(Cause::MediaStopped) => Word::MediaStopped,
            Some(Cause::PeerReloaded) => Word::PeerReloaded,
            None => Word::TheyReconnect,
        }),
        PeerState::Unreachable => Some(Word::TheyAreUnreachable),
        PeerState::Connected if !other.camera => Some(Word::TheirCameraOff),
        PeerState::Connected => None,
    };
    let (microphone_words, camera_words) = (
        if other.microphone { Word::TheirMicIsOn } else { Word::TheirMicIsOff },
        if other.camera { Word::TheirCameraIsOn } else { Word::TheirCameraIsOff },
    );
    Tile {
        peer: other.peer.clone(),
        name: other.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        veil: veil.map(|word| language.say(word)),
        hidden: !other.camera || !other.stream,
        route: other.route.filter(|_| other.state == PeerState::Connected).map(|route| {
            let (name, word) = match route {
                Route::Direct => ("direct", Word::RouteDirect),
                Route::RelayUdp => ("relay-udp", Word::RouteRelayUdp),
                Route::RelayTcp => ("relay-tcp", Word::RouteRelayTcp),
                Route::RelayTls => ("relay-tls", Word::RouteRelayTls),
            };
            (name, language.say(word).to_owned() + &back)
        }),
        microphone: other.microphone,
        microphone_words: language.say(microphone_words),
        camera: other.camera,
        camera_words: language.say(camera_words),
    }
}

impl ErrorView {
    fn of(problem: &Problem, language: Language) -> Self {
        let plain = |code, what, step| Self {
            code,
            what: language.say(what).to_owned(),
            step: language.say(step),
            retry: false,
        };
        let named = |code, what, name: &str, step| Self { what: language.fill(what, name), ..plain(code, what, step) };
        match problem {
            Problem::Media(problem) => Self { retry: can_retry(problem), ..media(problem, language) },
            Problem::Refused(code, message) => match code {
                ErrorCode::RoomFull => plain("room-full", Word::RoomFull, Word::RoomFullStep),
                ErrorCode::Replaced => plain("replaced", Word::Replaced, Word::ReplacedStep),
                ErrorCode::Removed => plain("removed", Word::Removed, Word::RemovedStep),
                ErrorCode::RoomClosed => plain("room-closed", Word::RoomClosed, Word::RoomClosedStep),
                ErrorCode::InvalidRoom => plain("invalid-room", Word::InvalidRoom, Word::InvalidRoomStep),
                ErrorCode::Stopping => plain("server-away", Word::Stopping, Word::StoppingStep),
                ErrorCode::UnsupportedVersion => plain("failed", Word::OldPage, Word::OldPageStep),
                _ => named("failed", Word::Failed, message, Word::FailedStep),
            },
            Problem::Unreachable { hidden: false } => plain("unreachable", Word::Unreachable, Word::UnreachableStep),
            Problem::Unreachable { hidden: true } => {
                plain("unreachable", Word::HiddenUnreachable, Word::HiddenUnreachableStep)
            }
            Problem::ServerAway => plain("server-away", Word::ServerGone, Word::ServerGoneStep),
            Problem::InvalidRoom => plain("invalid-room", Word::InvalidRoom, Word::InvalidRoomStep),
            Problem::OtherServer(host) => named("invalid-room", Word::OtherServer, host, Word::OtherServerStep),
            Problem::Failed(message) => named("failed", Word::Failed, message, Word::FailedStep),
        }
    }
}

fn can_retry(problem: &MediaProblem) -> bool {
    !matches!(problem.kind, MediaProblemKind::InsecureOrigin | MediaProblemKind::Interrupted)
}

fn media(problem: &MediaProblem, language: Language) -> ErrorView {
    let (code, what, step) = match problem.kind {
        MediaProblemKind::Denied => ("denied", Word::Denied, Word::DeniedStep),
        MediaProblemKind::Busy => ("busy", Word::Busy, Word::BusyStep),
        MediaProblemKind::NotFound => ("no-device", Word::NoDevice, Word::NoDeviceStep),
        MediaProblemKind::InsecureOrigin => ("insecure", Word::Insecure, Word::InsecureStep),
        MediaProblemKind::Ended => ("device-lost", Word::DeviceEnded, Word::DeviceEndedStep),
        MediaProblemKind::Interrupted => ("interrupted", Word::Interrupted, Word::InterruptedStep),
        _ => ("failed", Word::DeviceFailed, Word::DeviceFailedStep),
    };
    let device = match problem.device {
        Device::Microphone => Word::Microphone,
        Device::Camera => Word::Camera,
        Device::Both => Word::CameraAndMicrophone,
    };
    ErrorView { code, what: language.fill(what, language.say(device)), step: language.say(step), retry: false }
}

/// `4:07`, or `1:04:07` from an hour on.
fn clock(milliseconds: f64) -> String {
    let seconds = (milliseconds / 1000.0).max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
