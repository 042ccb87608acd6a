//! What goes wrong in a run, and when.

use crate::random::Random;

/// Something that happens to a peer (by its number) or to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The page wants a change that needs negotiation.
    Change(usize),
    /// Two pages want one in the same moment.
    Glare,
    /// The microphone is muted or unmuted.
    Mute(usize),
    /// The socket dies; each side notices later.
    CutSocket(usize),
    /// The server closes the socket with an error.
    Limit(usize),
    /// The server loses everything and is away for so long.
    Restart { down: u64 },
    /// The page has no network for so long; its addresses stay.
    Outage { peer: usize, down: u64 },
    /// The page does not reach the server for so long. Between pages all is well.
    ServerAway { peer: usize, down: u64 },
    /// The page's addresses change; the browser tells or not, and the socket survives or not.
    Roam { peer: usize, told: bool, cut: bool },
    /// Nothing goes by the path in use any more, and ICE says that all is well.
    Silence(usize),
    /// The browser says again and again that the network changed, and it did not.
    Alarms { peer: usize, times: u32 },
    /// The page is loaded again.
    Reload(usize),
    /// The same peer in a second page.
    Duplicate(usize),
    /// A page of another peer tries to enter, and leaves if it got in.
    Intruder,
    /// The page leaves and comes back.
    LeaveAndReturn(usize),
    /// The browser refuses the next description for no reason.
    Refuse(usize),
    /// All browsers do that, in the middle of a change.
    RefuseAll,
    /// The relay delivers the next signal to this page late, after the one that follows it.
    Reorder(usize),
    /// The relay delivers the next signal to this page twice.
    Repeat(usize),
}

/// Milliseconds between false alarms.
pub(crate) const ALARM_SPACING: u64 = 1500;

/// A plan of faults, in order, and the time by which all are over.
pub(crate) fn plan(random: &mut Random, peers: usize) -> (Vec<(u64, Fault)>, u64) {
    let mut end = 3000;
    let mut plan = Vec::new();
    let mut last = 0;
    for _ in 0..random.range(0, 9) {
        // Trouble comes while the first offers fly, at any time, or soon after other trouble.
        let at = match random.range(0, 3) {
            0 => random.range(0, 1500),
            1 => random.range(0, 15_000),
            _ => last + random.range(0, 300),
        };
        last = at;
        let peer = random.place(peers);
        let fault = match random.range(0, 23) {
            0 | 1 => Fault::Change(peer),
            2..=4 => Fault::Glare,
            5 => Fault::Mute(peer),
            6 | 7 => Fault::CutSocket(peer),
            8 => Fault::Limit(peer),
            9 => Fault::Restart { down: random.range(10, 20_000) },
            10 => Fault::Outage { peer, down: random.range(500, 25_000) },
            11 => Fault::Roam { peer, told: random.once_in(2), cut: random.once_in(2) },
            12 => Fault::Reload(peer),
            13 => Fault::Duplicate(peer),
            14 => Fault::Intruder,
            15 => Fault::LeaveAndReturn(peer),
            16 => Fault::Refuse(peer),
            17 => Fault::RefuseAll,
            18 => Fault::Reorder(peer),
            19 => Fault::Alarms { peer, times: 6 },
            20 => Fault::Silence(peer),
            21 => Fault::ServerAway { peer, down: random.range(500, 25_000) },
            _ => Fault::Repeat(peer),
        };
        let over = match fault {
            Fault::Restart { down } | Fault::Outage { down, .. } | Fault::ServerAway { down, .. } => at + down,
            Fault::Alarms { times, .. } => at + ALARM_SPACING * u64::from(times),
            _ => at,
        };
        end = end.max(over);
        plan.push((at, fault));
    }
    (plan, end)
}
