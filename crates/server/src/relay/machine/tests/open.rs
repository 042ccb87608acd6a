//! The open relay: peers outside, and who is denied.

use super::{client::Came, *};

#[test]
fn peers_outside_are_reached_and_heard() {
    let mut world = World::open();
    let (mut one, relayed) = world.ready("198.51.100.1:1", "a", 1);
    let (id, at) = world.said.opened[0];
    assert!(at == relayed && (5000..=5009).contains(&relayed.port()));
    let peer = address("8.8.8.8:53");
    world.receive_outside(id, "8.8.8.8:53", b"uninvited");
    assert_eq!(world.dropped(Dropped::NoPermission), 1);
    assert_eq!(one.permit(&mut world, peer), 0);
    one.send(&mut world, peer, b"hello");
    assert_eq!(world.said.outside.pop(), Some((id, peer, b"hello".to_vec())));
    world.receive_outside(id, "8.8.8.8:77", b"any port");
    assert_eq!(one.came(&mut world), Some(Came::Indication(address("8.8.8.8:77"), b"any port".to_vec())));
    world.receive_outside(id, "8.8.4.4:53", b"no permission");
    assert_eq!(one.came(&mut world), None);
    assert_eq!(one.bind(&mut world, 0x4abc, peer), 0);
    one.send_channel(&mut world, 0x4abc, b"hello");
    assert_eq!(world.said.outside.pop(), Some((id, peer, b"hello".to_vec())));
    world.receive_outside(id, "[::ffff:8.8.8.8]:53", b"by channel");
    assert_eq!(one.came(&mut world), Some(Came::Channel(0x4abc, b"by channel".to_vec())));
    assert_eq!(one.refresh(&mut world, 0).code, 0);
    assert_eq!(world.said.closed, [id]);
    world.receive_outside(id, "8.8.8.8:53", b"too late");
    assert_eq!(world.dropped(Dropped::NoAllocation), 1);
}

#[test]
fn hostile_peers_get_403() {
    let mut world = World::open();
    let (mut one, _) = world.ready("198.51.100.1:1", "a", 1);
    for peer in
        ["127.0.0.1:80", "192.168.1.1:80", "169.254.169.254:80", "224.0.0.1:80", "192.88.1.1:3478", "0.0.0.0:80"]
    {
        assert_eq!(one.permit(&mut world, address(peer)), 403, "{peer}");
        assert_eq!(one.bind(&mut world, 0x4000, address(peer)), 403, "{peer}");
    }
    assert_eq!(one.permit(&mut world, address("10.1.2.3:80")), 0, "it is allowed");
    assert_eq!(one.permit(&mut world, address("[::ffff:127.0.0.1]:80")), 443);
}

#[test]
fn one_here_is_reached_inside_whatever_its_room() {
    let mut world = World::open();
    let (mut one, at_one) = world.ready("198.51.100.1:1", "a", 1);
    let (mut two, at_two) = world.ready("198.51.100.2:1", "b", 2);
    assert_eq!((one.permit(&mut world, at_two), two.permit(&mut world, at_one)), (0, 0));
    one.send(&mut world, at_two, b"hello");
    assert_eq!(two.came(&mut world), Some(Came::Indication(at_one, b"hello".to_vec())));
    assert!(world.said.outside.is_empty());
    // The permission is for the machine's own address. It is good for allocations only.
    one.send(&mut world, SocketAddr::new(at_two.ip(), 22), b"knock");
    assert_eq!(two.refresh(&mut world, 0).code, 0);
    one.send(&mut world, at_two, b"gone");
    assert!(world.said.outside.is_empty());
    assert_eq!(world.dropped(Dropped::Denied), 2);
}

#[test]
fn ports_are_tried_until_one_is_free_508() {
    let mut world = World::open();
    world.said.taken_ports = vec![5000, 5001, 5002, 5003, 5004, 5005, 5006];
    let mut ports: Vec<u16> = (1..4).map(|n| world.ready(&format!("198.51.100.{n}:1"), "a", n).1.port()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [5007, 5008, 5009]);
    let mut late = world.client("198.51.100.4:1", "a", 4);
    assert_eq!(late.try_allocate(&mut world, &Vec::new()).code, 508);
    assert_eq!(world.machine.allocations(), 3);
    let now = world.now();
    world.machine.revoke(now, &room("a"), &peer(2), &mut world.said);
    late.allocate(&mut world);
}
