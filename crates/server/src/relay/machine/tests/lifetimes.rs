//! What ends, and when.

use super::*;

#[test]
fn lifetimes_are_granted_within_bounds() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    let wanted = |seconds: u32| vec![client::attribute(0x000d, &seconds.to_be_bytes())];
    assert_eq!(client.try_allocate(&mut world, &wanted(7)).lifetime, Some(600));
    for (wanted, granted) in [(1, 600), (601, 601), (u32::MAX, 3_600), (0, 0)] {
        assert_eq!(client.refresh(&mut world, wanted).lifetime, Some(granted));
    }
    assert_eq!(client.refresh(&mut world, 600).code, 437, "it has ended");
    assert!(world.machine.by_flow.is_empty() && world.machine.by_relayed.is_empty() && world.machine.census.is_empty());
}

#[test]
fn an_allocation_ends_unless_it_is_refreshed() {
    let mut world = World::closed();
    let (mut client, _) = world.ready("198.51.100.7:5001", "room", 1);
    let (_, other) = world.ready("198.51.100.8:5001", "room", 2);
    assert_eq!(world.machine.next_tick(), Some(limits::LIFETIME));
    world.passes(limits::LIFETIME - Duration::from_secs(1));
    // Credentials are for getting an allocation: they expired meanwhile, to the second.
    world.time += Duration::from_millis(999);
    assert_eq!(client.refresh(&mut world, 600).code, 0);
    assert_eq!(world.machine.allocations(), 2);
    world.passes(Duration::from_millis(1));
    assert_eq!(world.machine.allocations(), 1, "the one that was not refreshed");
    assert_eq!(client.permit(&mut world, other), 403);
    world.passes(limits::LIFETIME);
    assert_eq!(world.machine.allocations(), 0);
    assert_eq!(client.try_allocate(&mut world, &Vec::new()).code, 401, "its credentials are over");
    assert_eq!(world.machine.next_tick(), None);
}

#[test]
fn what_is_over_is_over_before_the_clock_says_so() {
    let mut world = World::closed();
    let (mut client, first) = world.ready("198.51.100.7:5001", "room", 1);
    let (two, at_two) = world.ready("198.51.100.8:5001", "room", 2);
    assert_eq!(client.bind(&mut world, 0x4000, at_two), 0);
    world.time = limits::LIFETIME;
    client.send_channel(&mut world, 0x4000, b"too late");
    assert_eq!(two.came(&mut world), None);
    let (_, second) = world.ready("198.51.100.7:5001", "room", 1);
    assert_ne!(first, second);
}

#[test]
fn a_shorter_lifetime_counts() {
    let mut world = World::closed();
    let (mut client, _) = world.ready("198.51.100.7:5001", "room", 1);
    assert_eq!(client.refresh(&mut world, 3_600).code, 0);
    world.passes(Duration::from_secs(601));
    assert_eq!(world.machine.allocations(), 1);
    for _ in 0..100 {
        assert_eq!(client.refresh(&mut world, 600).code, 0);
        assert_eq!(client.refresh(&mut world, 3_600).code, 0);
    }
    assert!(world.machine.timers.len() <= 3, "refreshing leaves nothing behind: {}", world.machine.timers.len());
    assert_eq!(client.refresh(&mut world, 600).code, 0);
    world.passes(Duration::from_secs(600));
    assert_eq!(world.machine.allocations(), 0);
}

#[test]
fn permissions_and_channels_end_by_themselves() {
    let mut world = World::closed();
    let (mut one, at_one) = world.ready("198.51.100.7:5001", "room", 1);
    let (mut two, at_two) = world.ready("198.51.100.8:5001", "room", 2);
    for client in [&mut one, &mut two] {
        assert_eq!(client.refresh(&mut world, 3_600).code, 0);
    }
    assert_eq!((one.bind(&mut world, 0x4000, at_two), two.bind(&mut world, 0x4000, at_one)), (0, 0));
    world.passes(limits::PERMISSION - Duration::from_millis(1));
    one.send_channel(&mut world, 0x4000, b"heard");
    assert!(two.came(&mut world).is_some());
    world.passes(Duration::from_millis(1));
    one.send_channel(&mut world, 0x4000, b"the permission is over");
    assert_eq!(two.came(&mut world), None);
    assert_eq!(two.permit(&mut world, at_one), 0);
    one.send_channel(&mut world, 0x4000, b"heard");
    assert!(two.came(&mut world).is_some());
    world.passes(limits::CHANNEL - limits::PERMISSION);
    one.send_channel(&mut world, 0x4000, b"the channel is over");
    assert_eq!(world.dropped(Dropped::NoChannel), 1);
    // What was bound to it is free.
    assert_eq!(one.bind(&mut world, 0x4001, at_two), 0);
    assert_eq!(two.permit(&mut world, at_one), 0);
    one.send_channel(&mut world, 0x4001, b"heard");
    assert_eq!(two.came(&mut world), Some(client::Came::Indication(at_one, b"heard".to_vec())));
}

#[test]
fn many_that_end_at_once_do_not_hold_up_the_others() {
    let mut world = World::closed();
    for number in 0..2 * ENDED_AT_ONCE {
        world.ready(&format!("198.51.100.7:{}", 5_000 + number), &format!("room {number}"), 1);
    }
    world.passes(limits::LIFETIME);
    assert_eq!(world.machine.allocations(), ENDED_AT_ONCE);
    assert!(world.machine.next_tick().expect("more") <= world.time);
    world.passes(Duration::ZERO);
    assert_eq!((world.machine.allocations(), world.machine.next_tick()), (0, None));
}

#[test]
fn those_that_come_and_go_leave_nothing_behind() {
    let mut world = World::closed();
    let (mut stays, _) = world.ready("198.51.100.7:4999", "room", 1);
    for round in 0..20_000u32 {
        let at = format!("198.51.100.7:{}", 5_000 + round % 50_000);
        let (mut client, _) = world.ready(&at, &format!("room {}", round % 7), 2);
        assert_eq!(client.refresh(&mut world, 3_600).code, 0);
        match round % 3 {
            0 => assert_eq!(client.refresh(&mut world, 0).code, 0),
            1 => world.machine.closed(&client.flow, &mut world.said),
            _ => {
                let now = world.now();
                world.machine.revoke(now, &room(&format!("room {}", round % 7)), &peer(2), &mut world.said);
            }
        }
        world.passes(Duration::from_millis(20));
    }
    assert_eq!(stays.refresh(&mut world, 0).code, 0, "it was refreshed by nobody, and its time was not over");
    let machine = &world.machine;
    assert!(machine.allocations.is_empty() && machine.by_flow.is_empty() && machine.by_relayed.is_empty());
    assert!(machine.census.is_empty() && machine.timers.len() <= TIMERS_KEPT, "{} timers", machine.timers.len());
    assert_eq!(world.said.frames.len(), 0);
}
