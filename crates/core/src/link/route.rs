//! The route that media takes, in a word, and when to look at it again.
//!
//! What `getStats()` says of the selected candidate pair (webrtc-stats sections 8.16 and 8.19) is
//! looked at when a connection is there, once ICE has had time to find a better pair, and then
//! now and then: a pair may change without any other sign.

use std::time::Duration;

use crate::session::Time;

/// How long ICE may take to settle on a pair.
const SETTLED: Duration = Duration::from_secs(2);
/// How long a change may go unnoticed.
const INTERVAL: Duration = Duration::from_secs(10);

/// The route between two peers, as far as this side can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Straight from one to the other.
    Direct,
    /// Through a relay, over UDP.
    RelayUdp,
    /// Through a relay, over TCP: UDP does not get through.
    RelayTcp,
    /// Through a relay, over TLS: only what looks like the web gets through.
    RelayTls,
}

impl Route {
    /// The route by the pair's local and remote `candidateType` and the local `relayProtocol`.
    ///
    /// A relay that is only the other side's is reached over UDP from here.
    ///
    /// ```
    /// # use madang_core::Route;
    /// assert_eq!(Route::of("srflx", "host", ""), Route::Direct);
    /// assert_eq!(Route::of("relay", "relay", "tls"), Route::RelayTls);
    /// assert_eq!(Route::of("host", "relay", ""), Route::RelayUdp);
    /// ```
    pub fn of(local: &str, remote: &str, relay_protocol: &str) -> Self {
        match (local, remote, relay_protocol) {
            ("relay", _, "tls") => Self::RelayTls,
            ("relay", _, "tcp") => Self::RelayTcp,
            ("relay", ..) | (_, "relay", _) => Self::RelayUdp,
            _ => Self::Direct,
        }
    }
}

/// Knows the route, and when to look at it next.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    known: Option<Route>,
    at: Option<Time>,
    settled: bool,
}

impl Watch {
    /// Media can flow, perhaps along another route than before.
    pub(crate) fn connected(&mut self, now: Time) {
        (self.at, self.settled) = (Some(now), false);
    }

    /// It cannot.
    pub(crate) fn lost(&mut self) {
        *self = Self { known: self.known, ..Self::default() };
    }

    /// Whether to look now.
    pub(crate) fn tick(&mut self, now: Time) -> bool {
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = Some(now + if self.settled { INTERVAL } else { SETTLED });
            self.settled = true;
        }
        due
    }

    /// When to look.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.at
    }

    /// What was seen; `true` when it is news.
    pub(crate) fn seen(&mut self, route: Route) -> bool {
        self.known.replace(route) != Some(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_at_once_when_settled_and_now_and_then() {
        let mut watch = Watch::default();
        let at = |seconds| Time::from_secs(seconds);
        assert!(!watch.tick(at(1)));
        watch.connected(at(1));
        let looked: Vec<u64> = (1..30).filter(|second| watch.tick(at(*second))).collect();
        assert_eq!(looked, [1, 3, 13, 23]);
        watch.lost();
        assert_eq!(watch.timeout(), None);
    }

    #[test]
    fn only_a_change_is_news() {
        let mut watch = Watch::default();
        assert!(watch.seen(Route::Direct));
        assert!(!watch.seen(Route::Direct));
        watch.lost();
        assert!(!watch.seen(Route::Direct));
        assert!(watch.seen(Route::RelayTcp));
    }
}
