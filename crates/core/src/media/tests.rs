//! What each input makes the machine do.

use super::*;
use MediaInput::{Acquired, Allowed, DevicesChanged, Failed, Silent, Start, Stop, WantCamera, WantMicrophone};
use MediaOutput::{
    Acquire, EnableMicrophone, Problem, ReleaseCamera, ReleaseMicrophone, Restored, SendTracks, Sending,
};
use MediaProblemKind::{Busy, Denied, Ended, InsecureOrigin, Interrupted, NotFound};

const BOTH: Request = Request { microphone: true, camera: true };

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
            (Acquired, &[SendTracks, sending(true, true)]),
            (WantMicrophone(false), &[EnableMicrophone(false), sending(false, true)]),
            (WantCamera(false), &[ReleaseCamera, sending(false, false)]),
            (WantCamera(true), &[Acquire(CAMERA)]),
            (Acquired, &[SendTracks, sending(false, true)]),
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
            (Acquired, &[SendTracks, Problem(Device::Camera, Busy), sending(true, false)]),
            (WantCamera(true), &[Acquire(CAMERA)]),
            (Acquired, &[SendTracks, Restored(Device::Camera), sending(true, true)]),
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
            (Acquired, &[SendTracks, Problem(Device::Microphone, NotFound), sending(false, true)]),
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

/// In a call that began with both.
fn in_use() -> Media {
    let mut media = Media::new(true, true);
    check(&mut media, &[(Start, &[Acquire(BOTH)]), (Acquired, &[SendTracks, sending(true, true)])]);
    media
}

#[test]
fn an_unplugged_camera_is_replaced_by_another() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
            (Acquired, &[SendTracks, sending(true, true)]),
        ],
    );
}

#[test]
fn an_unplugged_camera_comes_back_when_it_is_plugged_in() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
            (Failed(NotFound), &[Problem(Device::Camera, Ended)]),
            // Something else was plugged in.
            (DevicesChanged, &[Acquire(CAMERA)]),
            (Failed(NotFound), &[]),
            (DevicesChanged, &[Acquire(CAMERA)]),
            (Acquired, &[SendTracks, Restored(Device::Camera), sending(true, true)]),
        ],
    );
}

#[test]
fn many_changes_are_one_request_and_one_more() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Microphone), &[ReleaseMicrophone, Acquire(MICROPHONE), sending(false, true)]),
            (Failed(Busy), &[Problem(Device::Microphone, Busy)]),
            (DevicesChanged, &[Acquire(MICROPHONE)]),
            (DevicesChanged, &[]),
            (DevicesChanged, &[]),
            // It was asked for before the last of them.
            (Failed(Busy), &[Acquire(MICROPHONE)]),
            (Failed(Busy), &[]),
        ],
    );
}

#[test]
fn a_muted_microphone_comes_back_muted() {
    check(
        &mut in_use(),
        &[
            (WantMicrophone(false), &[EnableMicrophone(false), sending(false, true)]),
            (MediaInput::Ended(Device::Microphone), &[ReleaseMicrophone, Acquire(MICROPHONE)]),
            (Failed(NotFound), &[Problem(Device::Microphone, Ended)]),
            (DevicesChanged, &[Acquire(MICROPHONE)]),
            (Acquired, &[EnableMicrophone(false), SendTracks, Restored(Device::Microphone)]),
            (WantMicrophone(true), &[EnableMicrophone(true), sending(true, true)]),
        ],
    );
}

#[test]
fn a_microphone_muted_while_it_is_away_comes_back_muted() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Microphone), &[ReleaseMicrophone, Acquire(MICROPHONE), sending(false, true)]),
            (Failed(NotFound), &[Problem(Device::Microphone, Ended)]),
            (WantMicrophone(false), &[]),
            (DevicesChanged, &[Acquire(MICROPHONE)]),
            (Acquired, &[EnableMicrophone(false), SendTracks, Restored(Device::Microphone)]),
        ],
    );
}

#[test]
fn a_camera_switched_off_while_it_is_away_stays_off() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
            (WantCamera(false), &[]),
            (Failed(NotFound), &[]),
            (DevicesChanged, &[]),
            (WantCamera(true), &[Acquire(CAMERA)]),
            (WantCamera(false), &[]),
            (WantCamera(true), &[]),
            (Acquired, &[SendTracks, sending(true, true)]),
        ],
    );
}

#[test]
fn who_asks_is_answered_though_the_answer_is_the_same() {
    check(
        &mut in_use(),
        &[
            (WantMicrophone(false), &[EnableMicrophone(false), sending(false, true)]),
            (MediaInput::Ended(Device::Microphone), &[ReleaseMicrophone, Acquire(MICROPHONE)]),
            (Failed(NotFound), &[Problem(Device::Microphone, Ended)]),
            (WantMicrophone(false), &[Acquire(MICROPHONE)]),
            (Failed(NotFound), &[Problem(Device::Microphone, Ended)]),
            (WantMicrophone(true), &[Acquire(MICROPHONE)]),
            (Failed(Busy), &[Problem(Device::Microphone, Busy)]),
        ],
    );
}

#[test]
fn a_withdrawn_permission_is_not_asked_for_until_it_is_given() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
            (DevicesChanged, &[]),
            (Failed(Denied), &[Problem(Device::Camera, Denied)]),
            (DevicesChanged, &[]),
            (Allowed(Device::Camera), &[Acquire(CAMERA)]),
            (Acquired, &[SendTracks, Restored(Device::Camera), sending(true, true)]),
        ],
    );
}

#[test]
fn a_permission_that_is_given_while_asking_counts() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
            (Allowed(Device::Camera), &[]),
            (Failed(Denied), &[Problem(Device::Camera, Denied), Acquire(CAMERA)]),
            (Failed(Denied), &[]),
        ],
    );
}

#[test]
fn a_device_that_ends_again_and_again_is_not_asked_for_without_end() {
    check(
        &mut in_use(),
        &[
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
            (Acquired, &[SendTracks, sending(true, true)]),
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Problem(Device::Camera, Ended), sending(true, false)]),
            (DevicesChanged, &[Acquire(CAMERA)]),
            (Acquired, &[SendTracks, Restored(Device::Camera), sending(true, true)]),
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA), sending(true, false)]),
        ],
    );
}

#[test]
fn a_microphone_that_the_system_takes_is_given_back() {
    check(
        &mut in_use(),
        &[
            (Silent(Device::Microphone, true), &[Problem(Device::Microphone, Interrupted), sending(false, true)]),
            (Silent(Device::Microphone, true), &[]),
            (DevicesChanged, &[]),
            (WantMicrophone(false), &[EnableMicrophone(false)]),
            (Silent(Device::Microphone, false), &[Restored(Device::Microphone)]),
            (Silent(Device::Camera, true), &[Problem(Device::Camera, Interrupted), sending(false, false)]),
            (MediaInput::Ended(Device::Camera), &[ReleaseCamera, Acquire(CAMERA)]),
            (Acquired, &[SendTracks, Restored(Device::Camera), sending(false, true)]),
        ],
    );
}

#[test]
fn both_are_told_as_one_where_the_reason_is_one() {
    check(
        &mut in_use(),
        &[
            (
                MediaInput::Ended(Device::Both),
                &[ReleaseMicrophone, ReleaseCamera, Acquire(BOTH), sending(false, false)],
            ),
            (Failed(Busy), &[Acquire(MICROPHONE)]),
            (Failed(Busy), &[Acquire(CAMERA)]),
            (Failed(NotFound), &[Problem(Device::Microphone, Busy), Problem(Device::Camera, Ended)]),
            (DevicesChanged, &[Acquire(BOTH)]),
            (Failed(NotFound), &[Acquire(MICROPHONE)]),
            (Failed(NotFound), &[Acquire(CAMERA)]),
            (Failed(NotFound), &[Problem(Device::Microphone, Ended)]),
        ],
    );
}
