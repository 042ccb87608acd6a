//! What one socket may cost the server, in one place, and the bucket that measures it.
//!
//! The limits of the protocol itself (message size, nesting, name lengths) are in
//! [`madang_protocol::limits`]; these are about how much and how fast.

use std::time::Duration;

/// Events a socket may send on average, per second.
pub const EVENTS_PER_SECOND: u32 = 2_000;
/// Events a socket may send at once. A machine with very many interfaces gathers some hundred
/// candidates per peer.
pub const EVENTS_AT_ONCE: u32 = 12_000;
/// Bytes a socket may send on average, per second.
pub const BYTES_PER_SECOND: u32 = 4 << 20;
/// Bytes a socket may send at once.
pub const BYTES_AT_ONCE: u32 = 8 << 20;
/// A malformed message counts as this many events: each is answered, and nobody needs many.
pub const MALFORMED_COSTS: u32 = 100;
/// Messages that may wait for a reader. More than [`EVENTS_AT_ONCE`], so that what one peer may
/// send at once reaches the other whole.
pub const QUEUED_MESSAGES: usize = 16_384;
/// Bytes that may wait for a reader; then it is told `slow-reader` and ended.
pub const QUEUED_BYTES: u64 = 12 << 20;
/// How long the reason for which a socket ends is ahead of its end.
pub const LAST_WORD: Duration = Duration::from_millis(200);
/// How long a socket that was ended may take to go by itself.
pub const LINGER: Duration = Duration::from_secs(5);
/// Connections that the system keeps for the server until it takes them, if the system lets it.
pub const BACKLOG: u32 = 4_096;
/// How long a connection may take until it is known what it speaks, with TLS's handshake.
pub const DECIDED_WITHIN: Duration = Duration::from_secs(10);
/// Connections that have not said yet what they speak, in all. Beyond, the oldest makes room.
pub const UNDECIDED: usize = 8_192;
/// The same for one address (of IPv6: for one /64), behind which there may be many people.
pub const UNDECIDED_PER_ADDRESS: usize = 256;
/// How long a connection is safe from making room for others of its address: many may come at
/// once from one, after a restart for example.
pub const UNDECIDED_SPARED: Duration = Duration::from_secs(1);
/// How often the certificate's files are looked at.
pub const CERTIFICATE_EVERY: Duration = Duration::from_secs(2);
/// How long a connection may take to send a request's headers, and to send the next request.
pub const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Largest headers of a request. Also the size of a connection's first buffer.
pub const HEADERS_BYTES: usize = 16 * 1024;
/// Largest body of a `POST /leave`.
pub const GOODBYE_BYTES: usize = 1024;
/// How long a transport may take until its Socket.IO socket is connected.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long open connections get to finish when the server stops.
pub const STOP_WITHIN: Duration = Duration::from_secs(3);
/// Bytes read from a connection at once.
pub const READ_BYTES: usize = 16 * 1024;
/// Room that each websocket keeps for what comes next. What is larger waits in a buffer that is
/// there only meanwhile.
pub const WEBSOCKET_BUFFER_BYTES: usize = 512;

/// How fast one socket may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Events.
    pub events: Rate,
    /// Bytes of events.
    pub bytes: Rate,
}

/// An average and what may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Per second.
    pub per_second: u32,
    /// At once.
    pub at_once: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            events: Rate { per_second: EVENTS_PER_SECOND, at_once: EVENTS_AT_ONCE },
            bytes: Rate { per_second: BYTES_PER_SECOND, at_once: BYTES_AT_ONCE },
        }
    }
}

/// A token bucket. Time is an input.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    /// In millionths, so that a fraction of a token is not lost between two calls.
    tokens: u64,
    filled: Duration,
}

const TOKEN: u64 = 1_000_000;

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Duration) -> Self {
        Self { rate, tokens: u64::from(rate.at_once) * TOKEN, filled: now }
    }

    /// Takes `count` tokens, or none when there are fewer.
    pub fn take(&mut self, now: Duration, count: u32) -> bool {
        let elapsed = now.saturating_sub(self.filled);
        self.filled = self.filled.max(now);
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let full = u64::from(self.rate.at_once) * TOKEN;
        // One token per second is one millionth of a token per microsecond.
        self.tokens = self.tokens.saturating_add(micros.saturating_mul(u64::from(self.rate.per_second))).min(full);
        match self.tokens.checked_sub(u64::from(count) * TOKEN) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_second: 10, at_once: 5 };

    #[test]
    fn a_burst_then_the_average() {
        let mut bucket = Bucket::new(RATE, Duration::ZERO);
        assert!(bucket.take(Duration::ZERO, 5));
        assert!(!bucket.take(Duration::ZERO, 1));
        assert!(!bucket.take(Duration::from_millis(99), 1));
        assert!(bucket.take(Duration::from_millis(100), 1));
        assert!(!bucket.take(Duration::from_millis(100), 1));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_average(steps in prop::collection::vec((0u64..200_000, 0u32..4), 1..200)) {
            let mut bucket = Bucket::new(RATE, Duration::ZERO);
            let (mut now, mut taken) = (0, 0u64);
            for (micros, count) in steps {
                now += micros;
                if bucket.take(Duration::from_micros(now), count) {
                    taken += u64::from(count);
                }
                let allowed = u64::from(RATE.at_once) + now * u64::from(RATE.per_second) / 1_000_000;
                prop_assert!(taken <= allowed, "{taken} of {allowed}");
            }
        }
    }
}
