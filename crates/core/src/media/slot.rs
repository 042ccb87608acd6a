//! What is known of one device.

use super::MediaProblemKind;

/// A device, from being wanted to being in use, and what came between.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(PartialEq, Eq, Hash))]
pub(super) struct Slot {
    /// The person wants it open, or on. Nothing but the person changes this.
    pub(super) wanted: bool,
    /// A track of it is to be had: one that is wanted, or that of a muted microphone, which is
    /// kept because unmuting must be instant.
    pub(super) sought: bool,
    /// There is a track.
    pub(super) live: bool,
    /// There is a track, and its source gives nothing: the system or another program holds it.
    pub(super) silent: bool,
    /// The last request was in vain, and nothing has changed since.
    waits: bool,
    /// It was in use and ended by itself.
    lost: bool,
    /// It was asked for at once after it ended, and nothing has changed since. Whatever ends again
    /// then would be asked for without end.
    tried_at_once: bool,
    /// Devices came or went while it was asked for: the answer may be out of date.
    changed: bool,
    /// It was allowed while it was asked for.
    allowed: bool,
    /// The person asked for it, and hears of a failure though it is the same again.
    asked: bool,
    /// What the application was told, until it is taken back.
    told: Option<MediaProblemKind>,
}

impl Slot {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Whether to ask for it now.
    pub(super) fn is_missing(&self) -> bool {
        (self.wanted || self.sought) && !self.live && !self.waits
    }

    /// Whether it is sent.
    pub(super) fn is_sent(&self) -> bool {
        self.wanted && self.live && !self.silent
    }

    /// It is asked for, in a request of its own or with the other.
    pub(super) fn begin(&mut self) {
        *self = Self { sought: true, changed: false, allowed: false, ..*self };
    }

    /// The person asks for it.
    pub(super) fn ask(&mut self) {
        *self = Self { asked: true, waits: false, tried_at_once: false, ..*self };
    }

    /// Devices came or went. A "no" is not asked about again because of that.
    pub(super) fn change(&mut self) {
        self.changed = true;
        if self.told.is_none_or(passes_with_devices) {
            self.waits = false;
            self.tried_at_once = false;
        }
    }

    /// The person allows it.
    pub(super) fn allow(&mut self) {
        *self = Self { allowed: true, waits: false, tried_at_once: false, ..*self };
    }

    /// There is a track of it. Says whether a problem is solved by that.
    pub(super) fn acquired(&mut self) -> bool {
        *self = Self { live: true, waits: false, lost: false, asked: false, ..*self };
        self.told.take().is_some()
    }

    /// It could not be had. Says what is to be told of it.
    pub(super) fn fail(&mut self, kind: MediaProblemKind) -> Option<MediaProblemKind> {
        if !self.sought {
            return None; // switched off meanwhile
        }
        self.waits = !(self.allowed || self.changed && passes_with_devices(kind));
        self.changed = false;
        self.allowed = false;
        // That there is none says less than that it was there.
        let kind = if kind == MediaProblemKind::NotFound && self.lost { MediaProblemKind::Ended } else { kind };
        let before = self.told.replace(kind);
        (std::mem::take(&mut self.asked) || before != Some(kind)).then_some(kind)
    }

    /// Its track ended by itself. Says what is to be told, if it is not asked for at once.
    pub(super) fn ended(&mut self) -> Option<MediaProblemKind> {
        *self = Self { live: false, silent: false, lost: true, changed: false, allowed: false, ..*self };
        if self.tried_at_once {
            return self.fail(MediaProblemKind::Ended);
        }
        self.tried_at_once = true;
        None
    }

    /// Its source gives nothing.
    pub(super) fn silenced(&mut self) {
        self.silent = true;
        self.told = Some(MediaProblemKind::Interrupted);
    }

    /// Its source gives again. Says whether a problem is solved by that.
    pub(super) fn heard(&mut self) -> bool {
        self.silent = false;
        self.told.take().is_some()
    }

    /// It is not to be had any more, and what was told of it is of no interest.
    pub(super) fn clear(&mut self) {
        *self = Self { tried_at_once: self.tried_at_once, ..Self::default() };
    }
}

/// Whether a device that comes or goes may end this.
fn passes_with_devices(kind: MediaProblemKind) -> bool {
    !matches!(kind, MediaProblemKind::Denied | MediaProblemKind::InsecureOrigin)
}
