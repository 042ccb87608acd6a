//! A cable with a length: two TAP devices, and threads that carry each frame across some time later.
//!
//! `tc netem` would do it in the kernel, but is missing from the kernels that test machines have.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, poll};
use tappers::{Interface, Tap};

/// More than a frame: the devices have Ethernet's 1500 bytes, and no offloading.
const FRAME_BYTES: usize = 2048;

/// Frames on their way; more are dropped, as a full queue does.
const FRAMES: usize = 10_000;

/// A running cable. Its devices go when it is dropped.
#[derive(Debug)]
pub(crate) struct Delay {
    length: Arc<Length>,
    /// Tells the threads to end by being closed.
    _end: OwnedFd,
}

/// How long it is, in microseconds.
#[derive(Debug, Default)]
struct Length {
    each_way: AtomicU64,
    jitter: AtomicU64,
}

impl Length {
    /// For the frame of this number. Multiplying by the golden ratio spreads numbers evenly, so the same
    /// numbers give the same delays, and no source of chance is needed.
    fn of(&self, frame: u64) -> Duration {
        let (each_way, jitter) = (self.each_way.load(Ordering::Relaxed), self.jitter.load(Ordering::Relaxed));
        let by_chance = (frame.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % (2 * jitter + 1);
        Duration::from_micros((each_way + by_chance).saturating_sub(jitter))
    }
}

impl Delay {
    /// Makes one end, in the namespace of the calling thread.
    pub(crate) fn tap(name: &str) -> Result<Tap> {
        let interface = Interface::new(name).with_context(|| format!("{name} is no name for a device"))?;
        let mut tap = Tap::new_named(interface).with_context(|| format!("cannot make the TAP device {name}"))?;
        tap.set_nonblocking(true)?;
        Ok(tap)
    }

    /// Joins two ends.
    pub(crate) fn start(one: Tap, other: Tap) -> Result<Self> {
        let (ended, end) = rustix::pipe::pipe()?;
        let (one, other, ended) = (Arc::new(one), Arc::new(other), Arc::new(ended));
        let length = Arc::new(Length::default());
        for (from, to) in [(&one, &other), (&other, &one)] {
            let (sender, frames) = mpsc::sync_channel(FRAMES);
            let (from, ended, length) = (from.clone(), ended.clone(), length.clone());
            thread::spawn(move || take_in(&from, &ended, &length, &sender));
            let to = to.clone();
            thread::spawn(move || put_out(&to, &frames));
        }
        Ok(Self { length, _end: end })
    }

    /// From now on each way takes this long, and up to `jitter` more or less. Frames keep their order.
    pub(crate) fn set(&self, each_way: Duration, jitter: Duration) {
        let store = |to: &AtomicU64, time: Duration| {
            // More than an hour is nobody's distance, and sums of two stay numbers.
            to.store(u64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)), Ordering::Relaxed);
        };
        store(&self.length.each_way, each_way);
        store(&self.length.jitter, jitter);
    }
}

type Frame = (Instant, Vec<u8>);

fn take_in(from: &Tap, ended: &OwnedFd, length: &Length, sender: &mpsc::SyncSender<Frame>) {
    let (mut frame, mut number) = ([0; FRAME_BYTES], 0);
    loop {
        let mut either =
            [PollFd::new(from, PollFlags::IN), PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::empty())];
        // A signal wakes it without reason.
        let _ = poll(&mut either, None);
        if !either[1].revents().is_empty() {
            return;
        }
        match from.recv(&mut frame) {
            Ok(bytes) => {
                number += 1;
                let _ = sender.try_send((Instant::now() + length.of(number), frame[..bytes].to_vec()));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // Down for now, or gone with its namespace; the latter ends when the cable is dropped.
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn put_out(to: &Tap, frames: &mpsc::Receiver<Frame>) {
    for (due, frame) in frames {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A device that is down takes nothing, as a cable that is not plugged in.
        let _ = to.send(&frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_spread_over_all_that_it_may_be() {
        let length = Length { each_way: 100_000.into(), jitter: 25_000.into() };
        let micros: Vec<u128> = (0..1000).map(|frame| length.of(frame).as_micros()).collect();
        assert!(micros.iter().all(|micros| (75_000..=125_000).contains(micros)));
        for tenth in 0..10 {
            let part = (75_000 + 5000 * tenth)..(80_000 + 5000 * tenth);
            let count = micros.iter().filter(|micros| part.contains(*micros)).count();
            assert!((50..150).contains(&count), "{count} of 1000 are in {part:?}");
        }
    }
}
