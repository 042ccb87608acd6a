//! Connections that have not said yet what they want: how many there may be, and which makes
//! room when there are more.
//!
//! The oldest makes room, not the newest: who opens connections to block others only pushes out
//! its own, and somebody who speaks at once is let in however many are silent. [`Queue`] is pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::limits;

/// The waiting connections of one server.
#[derive(Debug)]
pub(crate) struct Waiting {
    queue: Mutex<Queue<Arc<Notify>>>,
    started: Instant,
}

/// A connection's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Arc<Waiting>,
    number: u64,
}

/// Told when a connection has to make room.
#[derive(Clone, Debug)]
pub(crate) struct MakeRoom(Arc<Notify>);

impl MakeRoom {
    /// Done when it has to; never, once its place was given up.
    pub(crate) async fn asked(&self) {
        self.0.notified().await;
    }
}

impl Waiting {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { queue: Mutex::new(Queue::new()), started: Instant::now() })
    }

    /// Another connection, from this address.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> (Place, MakeRoom) {
        let told = Arc::new(Notify::new());
        let (number, gone) = self.queue().enter(self.started.elapsed(), address, told.clone());
        if let Some(gone) = gone {
            gone.notify_one();
        }
        (Place { waiting: self.clone(), number }, MakeRoom(told))
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Arc<Notify>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.queue().leave(self.number);
    }
}

/// Who waits, oldest first.
#[derive(Debug)]
struct Queue<C> {
    next: u64,
    all: BTreeMap<u64, (Duration, IpAddr, C)>,
    /// The same, by address.
    of: HashMap<IpAddr, BTreeSet<u64>>,
}

impl<C> Queue<C> {
    fn new() -> Self {
        Self { next: 0, all: BTreeMap::new(), of: HashMap::new() }
    }

    /// Lets one in, and maybe another out.
    fn enter(&mut self, now: Duration, address: IpAddr, connection: C) -> (u64, Option<C>) {
        let address = neighbourhood(address);
        let here = self.of.get(&address).filter(|here| here.len() >= limits::UNDECIDED_PER_ADDRESS);
        let oldest_here = here.and_then(|here| here.first().copied()).filter(|oldest| {
            self.all.get(oldest).is_some_and(|(since, ..)| now.saturating_sub(*since) >= limits::UNDECIDED_SPARED)
        });
        let oldest = || self.all.keys().next().copied().filter(|_| self.all.len() >= limits::UNDECIDED);
        let gone = oldest_here.or_else(oldest).and_then(|number| self.leave(number));
        let number = self.next;
        self.next += 1;
        self.all.insert(number, (now, address, connection));
        self.of.entry(address).or_default().insert(number);
        (number, gone)
    }

    fn leave(&mut self, number: u64) -> Option<C> {
        let (_, address, connection) = self.all.remove(&number)?;
        if let Some(here) = self.of.get_mut(&address) {
            here.remove(&number);
            if here.is_empty() {
                self.of.remove(&address);
            }
        }
        Some(connection)
    }
}

/// What counts as one address: of IPv6 all that one customer has, a /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = limits::UNDECIDED_SPARED;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn the_oldest_of_an_address_makes_room() {
        let mut queue = Queue::new();
        for number in 0..limits::UNDECIDED_PER_ADDRESS as u64 {
            assert_eq!(queue.enter(Duration::ZERO, address(1), number), (number, None));
        }
        assert_eq!(queue.enter(LATER, address(2), 1_000).1, None, "another address");
        assert_eq!(queue.enter(LATER, address(1), 1_001).1, Some(0));
        queue.leave(1);
        assert_eq!(queue.enter(LATER, address(1), 1_002).1, None);
        assert_eq!(queue.enter(LATER, address(1), 1_003).1, Some(2));
    }

    #[test]
    fn many_at_once_from_one_address_are_let_in() {
        let mut queue = Queue::new();
        for number in 0..4 * limits::UNDECIDED_PER_ADDRESS as u64 {
            assert_eq!(queue.enter(LATER / 2, address(1), number).1, None);
        }
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let mut queue = Queue::new();
        for number in 0..limits::UNDECIDED as u32 {
            assert_eq!(queue.enter(Duration::ZERO, address(number), number).1, None);
        }
        for number in 0..10 {
            assert_eq!(queue.enter(Duration::ZERO, address(1 << 20), 0).1, Some(number));
        }
        assert_eq!(queue.all.len(), limits::UNDECIDED);
        for number in 0..2 * limits::UNDECIDED as u64 {
            queue.leave(number);
        }
        assert!(queue.all.is_empty() && queue.of.is_empty());
    }

    #[test]
    fn one_customer_is_one_address() {
        let one = |text: &str| neighbourhood(text.parse().expect("an address"));
        assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:1"));
        assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
        assert_eq!(one("::ffff:192.0.2.1"), one("192.0.2.1"));
        assert_ne!(one("192.0.2.2"), one("192.0.2.1"));
    }
}
