//! What can happen to the page, and what the page can do: the two ends of [`State::update`].
//!
//! [`State::update`]: crate::state::State::update

use madang::{PeerId, RoomEvent, RoomName};

use crate::room_name::{Route, Typed};

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// The address was opened or gone back to; `inside` says that this page was in the room
    /// when it was reloaded.
    Opened { route: Route, inside: bool },
    /// "Make a room", with a fresh name.
    Make(RoomName),
    /// Someone typed where to go.
    Enter(Typed),
    /// "Join".
    Join,
    /// "Leave".
    Leave,
    /// The microphone's button or key.
    ToggleMicrophone,
    /// The camera's button or key.
    ToggleCamera,
    /// "Hide my address".
    RelayOnly(bool),
    /// "Copy link".
    Copy,
    /// The link was copied, or could only be selected.
    Copied(Copied),
    /// The answer to "Copy link" was there long enough.
    CopiedSeen,
    /// The error's "Try again".
    Retry,
    /// The error was read.
    Dismiss,
    /// The browser lets no sound play before a click.
    PlayRefused,
    /// "Tap to hear".
    Hear,
    /// A call that is set up has held up what is to be shown long enough.
    HeldUp,
    /// A frame of this peer's picture was presented.
    Pictured(PeerId),
    /// The page goes away, perhaps into the back/forward cache.
    PageHidden,
    /// A second passed in a call.
    Second,
    /// The room could not be opened.
    OpenFailed(String),
    /// The room says something.
    Room(RoomEvent),
}

impl Input {
    /// What a key does (`KeyboardEvent.key` and `.code`). With a Korean keyboard `key` is a
    /// Hangul letter, so its place on the keyboard counts.
    pub(crate) fn of_key(key: &str, code: &str) -> Option<Self> {
        match (key, code) {
            ("m" | "M", _) => Some(Self::ToggleMicrophone),
            ("v" | "V", _) => Some(Self::ToggleCamera),
            (key, "KeyM") if !key.is_ascii() => Some(Self::ToggleMicrophone),
            (key, "KeyV") if !key.is_ascii() => Some(Self::ToggleCamera),
            _ => None,
        }
    }
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Show this room's address, with a way back.
    Address(RoomName),
    /// Whether a reload returns to the call.
    ReturnOnReload(bool),
    /// Open the room.
    Open(RoomName),
    /// Leave the open room.
    Close,
    /// Turn the microphone on or off.
    SetMicrophone(bool),
    /// Turn the camera on or off.
    SetCamera(bool),
    /// Let calls go through the relay only, or not, from now on.
    RememberRelayOnly(bool),
    /// Copy the room's link.
    Copy,
    /// Play the pictures without sound, which every browser allows.
    PlaySilently,
    /// Play the sound, now that there was a click.
    Hear,
}

/// What came of "Copy link".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It is in the clipboard.
    Yes,
    /// The browser refused; the link is selected.
    Selected,
}
