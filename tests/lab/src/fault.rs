//! What goes wrong while programs run, and is put right when its owner is dropped.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::lab::{Lab, Side};

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A client's own link is down, and its system is told.
    LinkDown(Side),
    /// A router drops every packet, both ways, while all links stay up: nobody is told.
    Cut(Side),
    /// A router drops UDP, both ways. TCP goes on.
    NoUdp(Side),
    /// A router drops this share of UDP packets, in percent, each way.
    Loss(Side, u8),
    /// Side A is at its second uplink: another address, behind another router.
    Away,
    /// Packets between a router and the public network take this much longer, each way, and the second
    /// more or less, by chance. See [`Lab::delay`] for what the first of them ends.
    Far(Side, Duration, Duration),
}

/// A fault that goes on until this is dropped.
#[derive(Debug)]
#[must_use = "the fault ends when this is dropped"]
pub struct Ongoing {
    lab: Arc<Lab>,
    fault: Option<Fault>,
}

impl Ongoing {
    /// Begins a fault.
    pub fn begin(lab: &Arc<Lab>, fault: Fault) -> Result<Self> {
        // Made first: half a fault is undone as well.
        let ongoing = Self { lab: lab.clone(), fault: Some(fault) };
        match fault {
            Fault::LinkDown(side) => lab.unplug(side),
            Fault::Cut(side) => lab.router(side).cut(),
            Fault::NoUdp(side) => lab.router(side).block_udp(),
            Fault::Loss(side, percent) => lab.router(side).lose(percent),
            Fault::Away => lab.roam(),
            Fault::Far(side, each_way, jitter) => lab.delay_and_jitter(side, each_way, jitter),
        }?;
        Ok(ongoing)
    }

    /// Ends it, as dropping does, and says what keeps it from ending.
    pub fn end(mut self) -> Result<()> {
        self.put_right()
    }

    fn put_right(&mut self) -> Result<()> {
        match self.fault.take() {
            Some(Fault::LinkDown(side)) => self.lab.plug_in(side),
            Some(Fault::Cut(side)) => self.lab.router(side).end_cut(),
            Some(Fault::NoUdp(side)) => self.lab.router(side).let_udp_through(),
            Some(Fault::Loss(side, _)) => self.lab.router(side).lose(0),
            Some(Fault::Away) => self.lab.come_home(),
            Some(Fault::Far(side, ..)) => self.lab.delay(side, Duration::ZERO),
            None => Ok(()),
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if let Err(error) = self.put_right() {
            eprintln!("a fault does not end: {error:#}");
        }
    }
}
