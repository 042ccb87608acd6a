//! What is counted, and how it is told: Prometheus' text format.

use std::{
    fmt::{Display, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use madang_protocol::{Dialect, ErrorCode};

/// What the server counts beside the relay, which counts for itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    joins: [AtomicU64; 2],
    /// Few kinds, and looked at seldom.
    refusals: Mutex<Vec<(ErrorCode, u64)>>,
    ended: [AtomicU64; Ended::ALL.len()],
}

/// Why a connection ended that has asked for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It said too little for too long.
    Silent,
    /// Too many were undecided, and it was the oldest.
    MadeRoom,
    /// It speaks what is not spoken here.
    Unknown,
    /// The other side ended it, or broke TLS.
    Broken,
}

impl Ended {
    const ALL: [(Self, &str); 4] = [
        (Self::Silent, "silent"),
        (Self::MadeRoom, "made-room"),
        (Self::Unknown, "unknown-protocol"),
        (Self::Broken, "broken"),
    ];
}

impl Counters {
    pub(crate) fn joined(&self, dialect: Dialect) {
        self.joins[usize::from(dialect == Dialect::Tutorial)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, code: ErrorCode) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        match refusals.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => refusals.push((code, 1)),
        }
    }

    pub(crate) fn ended(&self, why: Ended) {
        for ((reason, _), count) in Ended::ALL.iter().zip(&self.ended) {
            if *reason == why {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Appends what was counted.
    pub(crate) fn tell(&self, out: &mut String) {
        let [native, tutorial] = &self.joins;
        let joins = [("native", native), ("tutorial", tutorial)].map(|(name, n)| (name, n.load(Ordering::Relaxed)));
        counters(out, "madang_joins_total", "Joins that were let in, by dialect.", "dialect", joins);
        let refusals: Vec<_> = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refusals = refusals.iter().map(|(code, count)| (word(*code), *count));
        counters(
            out,
            "madang_refusals_total",
            "Events that were refused and sockets that were ended.",
            "code",
            refusals,
        );
        let ended = Ended::ALL.iter().zip(&self.ended).map(|((_, name), n)| (*name, n.load(Ordering::Relaxed)));
        let help = "Connections that ended before it was known what they want.";
        counters(out, "madang_connections_undecided_ended_total", help, "reason", ended);
    }
}

/// Appends a family of counters that differ in one label.
fn counters<N: Display>(
    out: &mut String,
    name: &str,
    help: &str,
    label: &str,
    counts: impl IntoIterator<Item = (N, u64)>,
) {
    // Writing to a string does not fail.
    _ = write!(out, "# HELP {name} {help}\n# TYPE {name} counter\n");
    for (value, count) in counts {
        _ = writeln!(out, "{name}{{{label}=\"{value}\"}} {count}");
    }
}

/// Appends something that goes up and down.
pub(crate) fn gauge(out: &mut String, name: &str, help: &str, value: usize) {
    _ = write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
}

/// The code as it is on the wire.
fn word(code: ErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_as_prometheus_reads_it() {
        let counters = Counters::default();
        counters.joined(Dialect::Native);
        counters.joined(Dialect::Native);
        counters.refused(ErrorCode::RoomFull);
        counters.refused(ErrorCode::RoomFull);
        counters.ended(Ended::Silent);
        let mut out = String::new();
        counters.tell(&mut out);
        gauge(&mut out, "madang_rooms", "Rooms with somebody in them.", 3);
        for line in [
            "# TYPE madang_joins_total counter",
            "madang_joins_total{dialect=\"native\"} 2",
            "madang_joins_total{dialect=\"tutorial\"} 0",
            "madang_refusals_total{code=\"room-full\"} 2",
            "madang_connections_undecided_ended_total{reason=\"silent\"} 1",
            "# TYPE madang_rooms gauge",
            "madang_rooms 3",
        ] {
            assert!(out.lines().any(|told| told == line), "{line}\n{out}");
        }
        assert!(out.ends_with('\n'));
    }
}
