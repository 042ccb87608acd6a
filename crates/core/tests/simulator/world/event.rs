//! What happens next, and when.

use std::cmp::Ordering;

use madang_protocol::PeerId;

use super::Millis;
use crate::{
    browser::{Ice, Pc},
    faults::Fault,
    server::{Down, Socket, Up},
};

#[derive(Clone, Debug)]
pub(super) enum Event {
    Open(usize),
    Tick(usize, Millis),
    Connected(usize, Socket),
    ConnectFailed(usize, u32),
    Answered(usize),
    ToServer(Socket, Up),
    ToPage(Socket, Down),
    Release(Socket),
    PageNotices(Socket),
    ServerNotices(Socket),
    Grace(PeerId, u32),
    ServerUp,
    Run(Pc),
    Negotiation(Pc),
    Gather(Pc, Ice, u32),
    Connect(Pc),
    Lose(Pc),
    Fail(Pc, u32),
    FailEarly(Pc, u32),
    Stats(Pc),
    OutageOver(usize),
    ServerBack(usize),
    Leave(usize),
    Fault(Fault),
}

#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) at: Millis,
    pub(super) order: u64,
    pub(super) event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
