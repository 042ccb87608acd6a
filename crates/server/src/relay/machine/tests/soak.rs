//! A day of calls in one go: after it nothing is left, and memory is where it was.
//!
//! Every hour the same people's worth of calls comes and goes, each in a room of its own: by UDP
//! and by streams, with renewed credentials, refreshes and data, until one side leaves, says
//! goodbye, loses its stream or is never heard of again. One call lasts all day. Allocated bytes
//! are counted, so that what is kept after the first hour can be compared with what is kept
//! after the last.

use allocation_counter::measure;

use super::{
    client::{Came, Client},
    *,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOURS: u64 = 24;
/// Of each hour: while people come. The rest is enough for the last to be gone and forgotten.
const COMING: u64 = 25;
const CALLS_A_MINUTE: u64 = 6;
/// How long the longest of them lasts, in minutes.
const LONGEST: u64 = 20;
/// A hash table doubles at some time after it was filled and emptied often. Had it kept one entry
/// of each allocation, it would have grown by several times as much.
const SLACK: i64 = 64 * 1024;

/// How a call ends.
#[derive(Clone, Copy)]
enum End {
    /// The server hears that both leave.
    Revoked,
    /// Both give their allocations back.
    Goodbye,
    /// Their streams break (over UDP nobody would know).
    Broken,
    /// Nobody hears of them again.
    Vanished,
}

struct Call {
    name: String,
    end: End,
    ends: u64,
    began: u64,
    two: [(Client, SocketAddr); 2],
}

impl Call {
    /// Each call has two addresses of its own.
    fn begin(world: &mut World, number: u64, began: u64, minutes: u64) -> Self {
        let name = format!("call-{number}");
        let end = [End::Revoked, End::Goodbye, End::Broken, End::Vanished][(number % 4) as usize];
        let mut two = [1, 2].map(|side| {
            let at = format!("198.18.{}.{}:{}", (number / 250) % 250, 1 + number % 250, 5_000 + u16::from(side));
            let mut client = world.client(&at, &name, side);
            if matches!(end, End::Broken) || number.is_multiple_of(8) {
                client = client.over_stream(2 * number + u64::from(side));
            }
            let relayed = client.allocate(world);
            (client, relayed)
        });
        let relayed = [two[0].1, two[1].1];
        assert_eq!(two[0].0.bind(world, 0x4000, relayed[1]), 0);
        assert_eq!(two[1].0.permit(world, relayed[0]), 0);
        Self { name, end, ends: began + minutes, began, two }
    }

    /// A minute of it: what one says the other hears, and what is to go on is refreshed in time.
    fn minute(&mut self, world: &mut World, minute: u64) {
        let age = minute - self.began;
        let relayed = [self.two[0].1, self.two[1].1];
        if age % 4 == 3 {
            assert_eq!(signed(&mut self.two[0].0, |one| one.bind(world, 0x4000, relayed[1])), 0);
            assert_eq!(signed(&mut self.two[1].0, |two| two.permit(world, relayed[0])), 0);
        }
        for (side, (client, _)) in (1..).zip(&mut self.two) {
            if age % 5 == 4 {
                assert_eq!(signed(client, |client| client.refresh(world, 600).code), 0);
                // Renewed, for the next allocation; this one goes on.
                let now = world.now();
                world.machine.issue(now, &room(&self.name), &peer(side));
            }
        }
        let [(one, at_one), (two, at_two)] = &mut self.two;
        one.send_channel(world, 0x4000, b"a picture");
        assert_eq!(two.came(world), Some(Came::Indication(*at_one, b"a picture".to_vec())));
        two.send(world, *at_one, b"a voice");
        assert_eq!(one.came(world), Some(Came::Channel(0x4000, b"a voice".to_vec())));
        // Nobody is there.
        two.send(world, SocketAddr::new(at_two.ip(), 7), b"hello?");
    }

    fn end(mut self, world: &mut World) {
        for (side, (client, _)) in (1..).zip(&mut self.two) {
            match self.end {
                End::Revoked => {
                    let now = world.now();
                    world.machine.revoke(now, &room(&self.name), &peer(side), &mut world.said);
                }
                End::Goodbye => assert_eq!(signed(client, |client| client.refresh(world, 0).code), 0),
                End::Broken => world.machine.closed(&client.flow, &mut world.said),
                End::Vanished => {}
            }
        }
    }
}

/// Asks again when the nonce was too old.
fn signed(client: &mut Client, mut ask: impl FnMut(&mut Client) -> u16) -> u16 {
    match ask(client) {
        438 => ask(client),
        code => code,
    }
}

/// Numbers that are the same every hour, and look like chance.
fn chance(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// One hour of calls that all end in it, beside the one that goes on.
fn hour(world: &mut World, hour: u64, all_day: &mut Call) {
    let mut calls: Vec<Call> = Vec::new();
    let mut state = 7;
    for minute in 60 * hour..60 * (hour + 1) {
        if minute % 60 < COMING {
            for number in 0..CALLS_A_MINUTE {
                let minutes = 1 + chance(&mut state) % LONGEST;
                calls.push(Call::begin(world, 1 + CALLS_A_MINUTE * minute + number, minute, minutes));
            }
        }
        let (over, go_on) = calls.into_iter().partition(|call| call.ends <= minute);
        calls = go_on;
        over.into_iter().for_each(|call: Call| call.end(world));
        calls.iter_mut().for_each(|call| call.minute(world, minute));
        all_day.minute(world, minute);
        world.passes(MINUTE);
        world.machine.holds();
        world.said.hung_up.clear();
        assert_eq!(world.said.frames.len(), 0, "somebody heard what was not meant for them");
    }
    assert!(calls.is_empty());
    assert_eq!(world.machine.allocations(), 2, "only those who stay all day are left");
}

#[test]
fn after_a_day_nothing_is_left() {
    let mut world = World::closed();
    let mut all_day = Call::begin(&mut world, 0, 0, 60 * HOURS);
    let mut grown = Vec::new();
    for hours in [0..1, 1..12, 12..HOURS] {
        let measured = measure(|| hours.clone().for_each(|number| hour(&mut world, number, &mut all_day)));
        eprintln!(
            "until hour {}: {} bytes more are kept, for a while {} were",
            hours.end, measured.bytes_current, measured.bytes_max
        );
        grown.push(measured);
    }
    assert!(grown[0].bytes_max > 100_000, "bytes are counted");
    for later in &grown[1..] {
        assert!(later.bytes_current.abs() <= SLACK, "{} bytes more are kept", later.bytes_current);
    }
    assert_eq!(world.machine.counters().allocations, 2 + 2 * HOURS * COMING * CALLS_A_MINUTE);
    all_day.end(&mut world);
    world.passes(crate::credentials::LIFETIME + Duration::from_secs(1));
    world.machine.holds();
    assert!(world.machine.is_at_rest(), "something is left: {:?}", world.machine);
}
