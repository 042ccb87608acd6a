//! How much one may take.

use super::*;
use crate::limits::Rate;

#[test]
fn allocations_486_and_508() {
    let quotas = Quotas { per_peer: 2, per_room: 3, per_address: 4, in_all: 6, ..Quotas::default() };
    let mut world = World::with(quotas);
    let mut code = |at: &str, name: &str, number: u8| {
        let mut client = world.client(at, name, number);
        client.try_allocate(&mut world, &Vec::new()).code
    };
    assert_eq!([code("198.51.100.1:1", "a", 1), code("198.51.100.1:2", "a", 1)], [0, 0]);
    assert_eq!(code("198.51.100.1:3", "a", 1), 486, "of this peer");
    assert_eq!(code("198.51.100.2:1", "a", 2), 0);
    assert_eq!(code("198.51.100.3:1", "a", 3), 486, "in this room");
    assert_eq!([code("198.51.100.1:4", "b", 1), code("198.51.100.1:5", "c", 1)], [0, 0]);
    assert_eq!(code("198.51.100.1:6", "d", 1), 486, "from this address");
    assert_eq!(code("[2001:db8:7::1]:1", "d", 1), 0);
    assert_eq!(code("[2001:db8:7::2]:1", "e", 1), 508, "in all");
    let holder = world.client("198.51.100.9:1", "a", 1);
    let now = world.now();
    world.machine.revoke(now, &room("a"), &peer(1), &mut world.said);
    assert_eq!(world.machine.allocations(), 4);
    world.time += Duration::from_secs(1);
    let mut again = world.client("198.51.100.9:1", "a", 1);
    assert_ne!(again.username, holder.username);
    again.allocate(&mut world);
}

#[test]
fn a_subscriber_of_ipv6_has_a_64() {
    let mut world = World::with(Quotas { per_address: 1, ..Quotas::default() });
    let mut code = |at: &str, number: u8| {
        let mut client = world.client(at, "a", number);
        client.try_allocate(&mut world, &Vec::new()).code
    };
    assert_eq!(code("[2001:db8:7:1::1]:1", 1), 0);
    assert_eq!(code("[2001:db8:7:1::2]:1", 2), 486);
    assert_eq!(code("[2001:db8:7:2::1]:1", 3), 0);
}

#[test]
fn permissions_and_channels_508() {
    let mut world = World::with(Quotas { permissions: 2, channels: 1, ..Quotas::default() });
    let (mut one, _) = world.ready("198.51.100.1:1", "a", 1);
    let at: Vec<SocketAddr> = (2..6).map(|n| world.ready(&format!("198.51.100.{n}:1"), "a", n).1).collect();
    let both = vec![one.xor(at[0]), one.xor(at[0]), one.xor(at[1])];
    assert_eq!(one.code(&mut world, turn_types::message::CREATE_PERMISSION, &both), 0);
    assert_eq!(one.permit(&mut world, at[2]), 508);
    assert_eq!(one.bind(&mut world, 0x4000, at[2]), 508, "a channel is a permission");
    assert_eq!(one.permit(&mut world, at[1]), 0, "it has one");
    world.passes(limits::PERMISSION);
    assert_eq!(one.bind(&mut world, 0x4000, at[2]), 0, "those are over");
    assert_eq!(one.bind(&mut world, 0x4001, at[3]), 508, "it has a channel");
    assert_eq!(one.bind(&mut world, 0x4000, at[2]), 0, "the same again");
}

#[test]
fn bytes_are_bounded() {
    let bytes = Rate { per_second: 1_000, at_once: 2_000 };
    let mut world = World::with(Quotas { bytes, ..Quotas::default() });
    let (mut one, at_one) = world.ready("198.51.100.1:1", "a", 1);
    let (mut two, at_two) = world.ready("198.51.100.2:1", "a", 2);
    assert_eq!((one.bind(&mut world, 0x4000, at_two), two.permit(&mut world, at_one)), (0, 0));
    for _ in 0..3 {
        one.send_channel(&mut world, 0x4000, &[7; 1_000]);
    }
    assert_eq!((world.said.frames.len(), world.dropped(Dropped::OverQuota)), (2, 1));
    world.passes(Duration::from_secs(1));
    one.send_channel(&mut world, 0x4000, &[7; 1_000]);
    assert_eq!(world.said.frames.len(), 3);
}
