//! Between the machine and the system: sockets, streams and the clock.
//!
//! Each driver takes what has come, gives all of it to the machine under one lock, and sends what
//! the machine said after the lock is released: see [`outbox`]. None of them decides anything.

mod framing;
mod outbox;
mod outside;
mod queue;
mod stream;
mod udp;

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use self::{outside::Outside, queue::Queue, udp::Udp};
use super::{
    machine::{Machine, Now},
    metrics::Dropped,
};

pub use self::udp::Serving;
pub(crate) use self::{
    framing::{Next, next as next_frame},
    outbox::Outbox,
    stream::serve as serve_stream,
    udp::serve as serve_udp,
};

/// The relay and its sockets.
pub(crate) struct Shared {
    started: Instant,
    inside: Mutex<Inside>,
    /// UDP sockets that clients come to, by number. A number is not given twice.
    sockets: RwLock<Vec<Option<Arc<Udp>>>>,
    streams: AtomicU64,
    not_sent: AtomicU64,
}

/// What one lock is around.
pub(crate) struct Inside {
    pub(crate) machine: Machine,
    /// Where what is for a stream waits for its reader.
    streams: HashMap<u64, Arc<Queue>>,
    outside: Option<Outside>,
}

impl Shared {
    /// An open relay says where to bind its sockets.
    pub(crate) fn new(machine: Machine, bind: Option<Vec<IpAddr>>) -> io::Result<Arc<Self>> {
        let outside = bind.map(Outside::new).transpose()?;
        let shared = Arc::new(Self {
            started: Instant::now(),
            inside: Mutex::new(Inside { machine, streams: HashMap::new(), outside }),
            sockets: RwLock::default(),
            streams: AtomicU64::new(0),
            not_sent: AtomicU64::new(0),
        });
        if let Some(outside) = &mut shared.lock().outside {
            outside.belongs_to(&shared);
        }
        Ok(shared)
    }

    /// Whether nobody who came is there any more.
    pub(crate) fn is_at_rest(&self) -> bool {
        let inside = self.lock();
        inside.machine.holds();
        inside.machine.is_at_rest() && inside.streams.is_empty()
    }

    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { time: self.started.elapsed(), unix }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the machine work, then sends what it said.
    pub(crate) fn work<T>(
        &self,
        outbox: &mut Outbox,
        work: impl FnOnce(&mut Machine, Now, &mut outbox::Filling<'_>) -> T,
    ) -> T {
        let now = self.now();
        let done = {
            let mut inside = self.lock();
            let Inside { machine, streams, outside } = &mut *inside;
            let mut filling = outbox.fill(streams, outside.as_mut());
            let done = work(machine, now, &mut filling);
            for _ in 0..filling.slow_readers {
                machine.count_dropped(Dropped::SlowReader);
            }
            done
        };
        let not_sent = outbox.send(&self.sockets.read().unwrap_or_else(PoisonError::into_inner));
        if not_sent > 0 {
            self.not_sent.fetch_add(not_sent, Ordering::Relaxed);
        }
        done
    }

    pub(crate) fn metrics(&self, out: &mut String) {
        let mut inside = self.lock();
        for _ in 0..self.not_sent.swap(0, Ordering::Relaxed) {
            inside.machine.count_dropped(Dropped::NotSent);
        }
        let allocations = inside.machine.allocations();
        inside.machine.counters().render(allocations, out);
    }
}
