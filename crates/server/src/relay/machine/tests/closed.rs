//! The closed relay: who reaches whom, and how.

use turn_types::message::CREATE_PERMISSION;

use super::{client::Came, *};

#[test]
fn relayed_addresses_are_virtual_and_of_the_family_that_was_asked_for() {
    let mut world = World::closed();
    for (at, number) in [("198.51.100.7:5000", 1), ("[2001:db8:1::1]:5000", 2), ("[::ffff:198.51.100.7]:5001", 3)] {
        let mut client = world.client(at, "room", number);
        let relayed = client.allocate(&mut world);
        assert!(relayed.is_ipv4() && relayed.port() >= 1024, "{relayed}");
    }
    let mut client = world.client("198.51.100.7:5002", "room", 4);
    let answer = client.try_allocate(&mut world, &vec![client::attribute(0x0017, &[2, 0, 0, 0])]);
    assert!(answer.relayed.expect("an address").is_ipv6());
    assert!(world.said.opened.is_empty(), "a closed relay opens nothing");
}

#[test]
fn ipv4_is_told_as_ipv4() {
    let mut world = World::closed();
    let (client, _) = world.ready("[::ffff:198.51.100.7]:5001", "room", 1);
    assert_eq!(client.flow.client(), address("198.51.100.7:5001"));
}

#[test]
fn data_comes_as_indication_until_a_channel_is_bound() {
    let mut world = World::closed();
    let (mut one, at_one) = world.ready("198.51.100.1:5000", "room", 1);
    let (mut two, at_two) = world.ready("[2001:db8:1::2]:5000", "room", 2);
    assert_eq!(one.bind(&mut world, 0x4000, at_two), 0);
    assert_eq!(two.permit(&mut world, at_one), 0);

    one.send_channel(&mut world, 0x4000, b"hello");
    assert_eq!(two.came(&mut world), Some(Came::Indication(at_one, b"hello".to_vec())));
    two.send(&mut world, at_one, b"you");
    assert_eq!(one.came(&mut world), Some(Came::Channel(0x4000, b"you".to_vec())));

    assert_eq!(two.bind(&mut world, 0x7ffe, at_one), 0);
    one.send_channel(&mut world, 0x4000, b"");
    assert_eq!(two.came(&mut world), Some(Came::Channel(0x7ffe, Vec::new())));
    one.send(&mut world, at_two, b"again");
    assert_eq!(two.came(&mut world), Some(Came::Channel(0x7ffe, b"again".to_vec())));
    assert_eq!(world.machine.counters().received[0].packets, 4);
    assert_eq!(world.machine.counters().sent[0].bytes, 13);
}

#[test]
fn streams_are_padded_and_datagrams_are_not() {
    let mut world = World::closed();
    let mut one = world.client("198.51.100.1:5000", "room", 1).over_stream(1);
    let at_one = one.allocate(&mut world);
    let (mut two, at_two) = world.ready("198.51.100.2:5000", "room", 2);
    assert_eq!((one.bind(&mut world, 0x4000, at_two), two.bind(&mut world, 0x4001, at_one)), (0, 0));
    one.send_channel(&mut world, 0x4000, b"12345");
    assert_eq!(world.said.frames.pop(), Some((two.flow, client::channel_data(0x4001, b"12345"))));
    two.send_channel(&mut world, 0x4001, b"12345");
    let padded = [client::channel_data(0x4000, b"12345"), vec![0; 3]].concat();
    assert_eq!(world.said.frames.pop(), Some((one.flow, padded)));
}

#[test]
fn nobody_without_a_permission_is_heard() {
    let mut world = World::closed();
    let (mut one, at_one) = world.ready("198.51.100.1:5000", "room", 1);
    let (mut two, at_two) = world.ready("198.51.100.2:5000", "room", 2);
    one.send(&mut world, at_two, b"no permission to send");
    assert_eq!(one.permit(&mut world, at_two), 0);
    one.send(&mut world, at_two, b"none to be heard");
    assert_eq!(two.came(&mut world), None);
    assert_eq!(world.dropped(Dropped::NoPermission), 2);
    assert_eq!(two.permit(&mut world, at_one), 0);
    one.send(&mut world, at_two, b"heard");
    assert!(two.came(&mut world).is_some());
}

#[test]
fn other_rooms_and_everybody_outside_are_forbidden() {
    let mut world = World::closed();
    let (mut one, _) = world.ready("198.51.100.1:5000", "room", 1);
    let (_, elsewhere) = world.ready("198.51.100.2:5000", "another room", 2);
    let (_, friend) = world.ready("198.51.100.3:5000", "room", 3);
    let nobody = SocketAddr::new(friend.ip(), friend.port() ^ 2);
    for peer in [elsewhere, nobody, address("8.8.8.8:53"), address("127.0.0.1:80"), address("192.0.2.200:0")] {
        assert_eq!(one.permit(&mut world, peer), 403, "{peer}");
        assert_eq!(one.bind(&mut world, 0x4000, peer), 403, "{peer}");
    }
    // One wrong one, and none is permitted.
    let peers = vec![one.xor(friend), one.xor(elsewhere)];
    assert_eq!(one.code(&mut world, CREATE_PERMISSION, &peers), 403);
    one.send(&mut world, friend, b"not yet");
    assert_eq!(world.dropped(Dropped::NoPermission), 1);
    assert_eq!(one.permit(&mut world, friend), 0);
    assert_eq!(one.permit(&mut world, SocketAddr::new(friend.ip(), 0)), 0, "a permission has no port");
}

#[test]
fn a_permission_for_an_ip_does_not_reach_another_room_there() {
    let mut world = World::closed();
    let (mut one, _) = world.ready("198.51.100.1:5000", "room", 1);
    let (_, friend) = world.ready("198.51.100.3:5000", "room", 3);
    // Puts another room at the friend's IP address.
    let Reach::Closed(addresses) = &mut world.machine.reach else { panic!("closed") };
    let elsewhere = loop {
        let next = addresses.next(Family::V4, true);
        if next.ip() == friend.ip() {
            break next;
        }
    };
    let (other, relayed) = world.ready("198.51.100.2:5000", "another room", 2);
    let slot = world.machine.by_relayed.remove(&relayed).expect("there");
    world.machine.by_relayed.insert(elsewhere, slot);
    world.machine.allocations[slot].relayed = elsewhere;

    assert_eq!(one.permit(&mut world, friend), 0);
    one.send(&mut world, elsewhere, b"psst");
    assert_eq!(other.came(&mut world), None);
    assert_eq!(world.dropped(Dropped::OtherRoom), 1);
    one.send(&mut world, SocketAddr::new(friend.ip(), 1026), b"anyone?");
    assert_eq!(world.dropped(Dropped::NoPeer), 1);
}

#[test]
fn whoever_has_left_is_not_heard_and_hears_nothing() {
    let mut world = World::closed();
    let (mut one, at_one) = world.ready("198.51.100.1:5000", "room", 1);
    let (mut two, at_two) = world.ready("198.51.100.2:5000", "room", 2);
    assert_eq!((one.bind(&mut world, 0x4000, at_two), two.bind(&mut world, 0x4000, at_one)), (0, 0));
    let now = world.now();
    world.machine.revoke(now, &room("room"), &peer(2), &mut world.said);
    assert_eq!(world.machine.allocations(), 1);
    one.send_channel(&mut world, 0x4000, b"still there?");
    two.send_channel(&mut world, 0x4000, b"yes");
    assert_eq!((one.came(&mut world), two.came(&mut world)), (None, None));
    assert_eq!((world.dropped(Dropped::NoPeer), world.dropped(Dropped::NoAllocation)), (1, 1));
    assert_eq!(two.try_allocate(&mut world, &Vec::new()).code, 401, "its credentials were taken back");
    // It joins again, and gets others.
    world.time += Duration::from_secs(1);
    let (_, again) = world.ready("198.51.100.2:5000", "room", 2);
    assert_ne!(again, at_two, "what was meant for its former allocation must not reach it");
    one.send_channel(&mut world, 0x4000, b"still there?");
    assert_eq!(world.dropped(Dropped::NoPeer), 2);
}

#[test]
fn what_a_flow_had_ends_with_it() {
    let mut world = World::closed();
    let mut one = world.client("198.51.100.1:5000", "room", 1).over_stream(1);
    one.allocate(&mut world);
    let now = world.now();
    assert!(world.machine.has_allocation(now, &one.flow));
    world.machine.closed(&one.flow, &mut world.said);
    assert!(!world.machine.has_allocation(now, &one.flow));
    assert!(world.machine.by_relayed.is_empty() && world.machine.census.is_empty());
}

#[test]
fn tools_that_share_a_user_name_share_a_room() {
    let mut world = World::closed();
    let mut ends = ["198.51.100.1:5000", "198.51.100.1:5001"].map(|at| {
        let mut client = world.client(at, "room", 1);
        client.username = format!("{}:tester", (client::UNIX + Duration::from_secs(60)).as_secs());
        client.password = Credentials::new(SECRET, Duration::ZERO).password(&client.username);
        client
    });
    let [_, at_two] = ends.each_mut().map(|end| end.allocate(&mut world));
    assert_eq!(ends[0].bind(&mut world, 0x4000, at_two), 0);
}

#[test]
fn whoever_is_revoked_is_hung_up_on() {
    let mut world = World::closed();
    let mut stays = world.client("198.51.100.7:5001", "room", 1).over_stream(1);
    let mut leaves = world.client("198.51.100.8:5001", "room", 2).over_stream(2);
    let (mut over_udp, _) = world.ready("198.51.100.8:5002", "room", 2);
    stays.allocate(&mut world);
    leaves.allocate(&mut world);
    let now = world.now();
    world.machine.revoke(now, &room("room"), &peer(2), &mut world.said);
    assert_eq!(world.said.hung_up, [leaves.flow], "datagrams have nothing to hang up");
    assert_eq!((world.machine.allocations(), over_udp.refresh(&mut world, 600).code), (1, 401));
    // Who gives an allocation back may want another by the same stream.
    assert_eq!(stays.refresh(&mut world, 0).code, 0);
    assert_eq!(world.said.hung_up.len(), 1);
}
