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
    micros: Arc<AtomicU64>,
    /// Tells the threads to end by being closed.
    _end: OwnedFd,
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
    pub(crate) fn start(one: Tap, other: Tap, each_way: Duration) -> Result<Self> {
        let (ended, end) = rustix::pipe::pipe()?;
        let (one, other, ended) = (Arc::new(one), Arc::new(other), Arc::new(ended));
        let micros = Arc::new(AtomicU64::default());
        for (from, to) in [(&one, &other), (&other, &one)] {
            let (sender, frames) = mpsc::sync_channel(FRAMES);
            let (from, ended, micros) = (from.clone(), ended.clone(), micros.clone());
            thread::spawn(move || take_in(&from, &ended, &micros, &sender));
            let to = to.clone();
            thread::spawn(move || put_out(&to, &frames));
        }
        let delay = Self { micros, _end: end };
        delay.set(each_way);
        Ok(delay)
    }

    /// From now on each way takes this long. Frames keep their order.
    pub(crate) fn set(&self, each_way: Duration) {
        self.micros.store(u64::try_from(each_way.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

type Frame = (Instant, Vec<u8>);

fn take_in(from: &Tap, ended: &OwnedFd, micros: &AtomicU64, sender: &mpsc::SyncSender<Frame>) {
    let mut frame = [0; FRAME_BYTES];
    loop {
        let mut either =
            [PollFd::new(from, PollFlags::IN), PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::empty())];
        // A signal wakes it without reason.
        let _ = poll(&mut either, None);
        if !either[1].revents().is_empty() {
            return;
        }
        match from.recv(&mut frame) {
            Ok(length) => {
                let due = Instant::now() + Duration::from_micros(micros.load(Ordering::Relaxed));
                let _ = sender.try_send((due, frame[..length].to_vec()));
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
