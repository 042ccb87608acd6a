//! What the relay counts, and how Prometheus reads it.

use std::fmt::Write;

use stun_types::attribute::ErrorCode;

use super::flow::Transport;

/// Error codes the relay answers with, in the order in which they are counted.
const CODES: [u16; 12] = [
    ErrorCode::BAD_REQUEST,
    ErrorCode::UNAUTHORIZED,
    ErrorCode::FORBIDDEN,
    ErrorCode::UNKNOWN_ATTRIBUTE,
    ErrorCode::ALLOCATION_MISMATCH,
    ErrorCode::STALE_NONCE,
    ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
    ErrorCode::WRONG_CREDENTIALS,
    ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL,
    ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH,
    ErrorCode::ALLOCATION_QUOTA_REACHED,
    ErrorCode::INSUFFICIENT_CAPACITY,
];

/// Why something that came is neither answered nor forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is no message.
    Malformed,
    /// It is a message that a server does not get.
    Unexpected,
    /// Its address gets no more answers for now.
    Stranger,
    /// It is data, and its client has no allocation.
    NoAllocation,
    /// It is data for a channel that is not bound.
    NoChannel,
    /// Either end has no permission for the other.
    NoPermission,
    /// There is no allocation at the address it is for.
    NoPeer,
    /// The allocation at the address it is for is of another room.
    OtherRoom,
    /// The address it is for is denied.
    Denied,
    /// Its allocation sends faster than it may.
    OverQuota,
    /// It is for a stream whose reader is slow.
    SlowReader,
    /// The system did not take it.
    NotSent,
}

impl Dropped {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Malformed, "malformed"),
        (Self::Unexpected, "unexpected"),
        (Self::Stranger, "stranger"),
        (Self::NoAllocation, "no-allocation"),
        (Self::NoChannel, "no-channel"),
        (Self::NoPermission, "no-permission"),
        (Self::NoPeer, "no-peer"),
        (Self::OtherRoom, "other-room"),
        (Self::Denied, "denied"),
        (Self::OverQuota, "over-quota"),
        (Self::SlowReader, "slow-reader"),
        (Self::NotSent, "not-sent"),
    ];
}

/// Data that passed one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes, without what TURN adds.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// What was counted since the relay began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Binding requests answered.
    pub bindings: u64,
    /// Allocations made.
    pub allocations: u64,
    /// Data from clients that was forwarded, by the sender's [`Transport`].
    pub received: [Traffic; 3],
    /// Data to clients, by the receiver's [`Transport`].
    pub sent: [Traffic; 3],
    /// Data from and to peers outside (open relay).
    pub outside: [Traffic; 2],
    errors: [u64; CODES.len()],
    dropped: [u64; Dropped::ALL.len()],
}

impl Counters {
    pub(crate) fn error(&mut self, code: u16) {
        if let Some(index) = CODES.iter().position(|&known| known == code) {
            self.errors[index] += 1;
        }
    }

    pub(crate) fn drop(&mut self, reason: Dropped) {
        self.dropped[reason as usize] += 1;
    }

    /// How often this was the reason.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped[reason as usize]
    }

    /// How often this error was the answer.
    pub fn errors(&self, code: u16) -> u64 {
        CODES.iter().position(|&known| known == code).map_or(0, |index| self.errors[index])
    }

    /// Appends them in Prometheus' text format.
    pub(crate) fn render(&self, allocations: usize, out: &mut String) {
        let mut text = Text(out);
        text.head("allocations", "gauge", "Allocations that live.");
        text.value("allocations", "", allocations as u64);
        text.head("allocations_total", "counter", "Allocations made.");
        text.value("allocations_total", "", self.allocations);
        text.head("bindings_total", "counter", "STUN Binding requests answered.");
        text.value("bindings_total", "", self.bindings);
        for (name, help, of) in [
            ("packets_total", "Packets relayed.", (|traffic| traffic.packets) as fn(&Traffic) -> u64),
            ("bytes_total", "Bytes relayed, without what TURN adds.", |traffic| traffic.bytes),
        ] {
            text.head(name, "counter", help);
            for transport in Transport::ALL {
                let by = transport.name();
                let index = transport as usize;
                text.value(name, &format!("transport=\"{by}\",direction=\"received\""), of(&self.received[index]));
                text.value(name, &format!("transport=\"{by}\",direction=\"sent\""), of(&self.sent[index]));
            }
            for (traffic, direction) in self.outside.iter().zip(["received", "sent"]) {
                text.value(name, &format!("transport=\"outside\",direction=\"{direction}\""), of(traffic));
            }
        }
        text.head("errors_total", "counter", "Requests refused, by STUN error code.");
        for (code, count) in CODES.iter().zip(self.errors) {
            text.value("errors_total", &format!("code=\"{code}\""), count);
        }
        text.head("dropped_total", "counter", "What was dropped, by reason.");
        for ((_, reason), count) in Dropped::ALL.iter().zip(self.dropped) {
            text.value("dropped_total", &format!("reason=\"{reason}\""), count);
        }
    }
}

struct Text<'a>(&'a mut String);

// Writing to a string does not fail.
impl Text<'_> {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        _ = write!(self.0, "# HELP madang_relay_{name} {help}\n# TYPE madang_relay_{name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &str, value: u64) {
        _ = match labels {
            "" => writeln!(self.0, "madang_relay_{name} {value}"),
            labels => writeln!(self.0, "madang_relay_{name}{{{labels}}} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_where_they_are_named() {
        for (index, (reason, _)) in Dropped::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
        for (index, transport) in Transport::ALL.iter().enumerate() {
            assert_eq!(*transport as usize, index);
        }
    }

    #[test]
    fn as_prometheus_reads_it() {
        let mut counters = Counters::default();
        counters.error(ErrorCode::FORBIDDEN);
        counters.drop(Dropped::NoPeer);
        counters.received[Transport::Tls as usize].add(100);
        let mut text = String::new();
        counters.render(3, &mut text);
        for line in [
            "madang_relay_allocations 3",
            "madang_relay_errors_total{code=\"403\"} 1",
            "madang_relay_dropped_total{reason=\"no-peer\"} 1",
            "madang_relay_bytes_total{transport=\"tls\",direction=\"received\"} 100",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let types = text.lines().filter(|line| line.starts_with("# TYPE")).count();
        assert_eq!(types, text.lines().filter(|line| line.starts_with("# HELP")).count());
    }
}
