//! Every error, and what is dropped without one.

use stun_types::message::BINDING;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH};

use super::{
    client::{Attributes, attribute},
    *,
};

fn transport() -> Attributes {
    vec![attribute(0x0019, &[17, 0, 0, 0])]
}

fn with(kind: u16, value: &[u8]) -> Attributes {
    let mut attributes = transport();
    attributes.push(attribute(kind, value));
    attributes
}

#[test]
fn binding_needs_no_credentials() {
    let mut world = World::closed();
    let mut client = world.client("[::ffff:198.51.100.7]:5001", "room", 1);
    let answer = client.ask(&mut world, BINDING, &Vec::new()).expect("an answer");
    assert_eq!((answer.code, answer.mapped), (0, Some(address("198.51.100.7:5001"))));
    // CHANGE-REQUEST is for servers with two addresses.
    assert_eq!(client.code(&mut world, BINDING, &vec![attribute(0x0003, &[0; 4])]), 420);
    assert_eq!(world.machine.counters().bindings, 1);
}

#[test]
fn bad_request_400() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.code(&mut world, ALLOCATE, &transport()), 401);
    assert_eq!(client.code(&mut world, ALLOCATE, &Vec::new()), 400, "no REQUESTED-TRANSPORT");
    assert_eq!(client.code(&mut world, ALLOCATE, &vec![attribute(0x0019, &[17])]), 400, "half of one");
    assert_eq!(client.code(&mut world, ALLOCATE, &with(0x0017, &[1])), 400, "half a family");
    assert_eq!(client.code(&mut world, ALLOCATE, &with(0x000d, &[1])), 400, "half a lifetime");
    let at = client.allocate(&mut world);
    assert_eq!(client.code(&mut world, CREATE_PERMISSION, &Vec::new()), 400);
    assert_eq!(client.code(&mut world, CREATE_PERMISSION, &vec![attribute(0x0012, &[0, 9, 1, 2])]), 400);
    assert_eq!(client.code(&mut world, CHANNEL_BIND, &Vec::new()), 400);
    for number in [0, 0x3fff, 0x7fff, 0x8000, 0xffff] {
        assert_eq!(client.bind(&mut world, number, at), 400, "{number:x}");
    }
    let (_, other) = world.ready("198.51.100.8:5001", "room", 2);
    assert_eq!(client.bind(&mut world, 0x4000, at), 0);
    assert_eq!(client.bind(&mut world, 0x4000, at), 0, "it is refreshed");
    assert_eq!(client.bind(&mut world, 0x4000, other), 400, "the channel is taken");
    assert_eq!(client.bind(&mut world, 0x4001, at), 400, "the peer has one");
}

#[test]
fn unauthorized_401() {
    let mut world = World::closed();
    let good = world.client("198.51.100.7:5001", "room", 1);
    let expired = format!("{}:tester", client::UNIX.as_secs());
    let wrong = [
        (good.username.clone(), "guess".to_owned()),
        (good.username.replace('a', "b"), good.password.clone()),
        (expired.clone(), Credentials::new(SECRET, Duration::ZERO).password(&expired)),
        ("tester".to_owned(), Credentials::new(SECRET, Duration::ZERO).password("tester")),
    ];
    for (username, password) in wrong {
        let mut client = client::Client { username, password, ..good.clone() };
        assert_eq!(client.try_allocate(&mut world, &Vec::new()).code, 401, "{}", client.username);
    }
    let mut client = good;
    assert_eq!(client.code(&mut world, REFRESH, &Vec::new()), 401, "without a nonce");
    client.allocate(&mut world);
}

#[test]
fn what_stands_behind_the_signature_does_not_count() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.code(&mut world, ALLOCATE, &transport()), 401);
    let mut bytes = client.bytes(ALLOCATE, &Vec::new());
    bytes.truncate(bytes.len() - 8);
    bytes.extend([0x00, 0x19, 0, 4, 17, 0, 0, 0]);
    assert_eq!(client.ask_with(&mut world, &bytes).expect("an answer").code, 400);
}

#[test]
fn half_signed_is_400() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    let signed_by_nobody = with(0x7fff, &[]);
    let mut bytes = client.bytes(ALLOCATE, &signed_by_nobody);
    // FINGERPRINT makes room for a MESSAGE-INTEGRITY without user name.
    bytes.truncate(bytes.len() - 8);
    bytes.extend([0x00, 0x08, 0, 20]);
    bytes.extend([7; 20]);
    let length = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    assert_eq!(client.ask_with(&mut world, &bytes).expect("an answer").code, 400);
}

#[test]
fn unknown_attribute_420() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    for (kind, value) in [(0x001a, &[][..]), (0x0022, &[7; 8]), (0x7777, &[])] {
        assert_eq!(client.try_allocate(&mut world, &vec![attribute(kind, value)]).code, 420, "{kind:x}");
    }
    assert_eq!(client.try_allocate(&mut world, &vec![attribute(0x8777, &[])]).code, 0, "it may be ignored");
    let many: Attributes = (0..60).map(|kind| attribute(0x7700 + kind, &[])).collect();
    assert_eq!(client.code(&mut world, REFRESH, &many), 420);
}

#[test]
fn mismatch_437() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.code(&mut world, REFRESH, &Vec::new()), 401);
    assert_eq!(client.code(&mut world, REFRESH, &Vec::new()), 437);
    let at = address("192.0.2.1:1024");
    assert_eq!((client.permit(&mut world, at), client.bind(&mut world, 0x4000, at)), (437, 437));
    let relayed = client.allocate(&mut world);
    assert_eq!(client.try_allocate(&mut world, &Vec::new()).code, 437, "there is one");
    // The answer was lost, and the request comes again.
    let request = {
        client.transaction -= 2;
        client.bytes(ALLOCATE, &transport())
    };
    let again = client.ask_with(&mut world, &request).expect("an answer");
    assert_eq!((again.code, again.relayed, again.lifetime), (0, Some(relayed), Some(600)));
    assert_eq!(world.machine.allocations(), 1);
}

#[test]
fn stale_nonce_438() {
    let mut world = World::closed();
    let (mut client, _) = world.ready("198.51.100.7:5001", "room", 1);
    let first = client.nonce.clone();
    while world.time < limits::NONCE {
        assert_eq!(client.refresh(&mut world, 600).code, 0);
        world.passes(Duration::from_secs(400));
    }
    assert_eq!(client.refresh(&mut world, 600).code, 438);
    assert_ne!(client.nonce, first);
    assert_eq!(client.refresh(&mut world, 600).code, 0, "with the new nonce");
    let mut other = world.client("198.51.100.7:5002", "room", 1);
    other.nonce = client.nonce.clone();
    assert_eq!(other.code(&mut world, ALLOCATE, &transport()), 438, "another client's nonce");
    assert_eq!(other.code(&mut world, ALLOCATE, &transport()), 0);
}

#[test]
fn families_440_and_443() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.try_allocate(&mut world, &vec![attribute(0x0017, &[3, 0, 0, 0])]).code, 440);
    let four = client.allocate(&mut world);
    let mut six = world.client("198.51.100.7:5002", "room", 2);
    let at_six = six.try_allocate(&mut world, &vec![attribute(0x0017, &[2, 0, 0, 0])]).relayed.expect("an address");
    assert_eq!((client.permit(&mut world, at_six), six.permit(&mut world, four)), (443, 443));
    assert_eq!(client.bind(&mut world, 0x4000, at_six), 443);
    assert_eq!(six.code(&mut world, REFRESH, &vec![attribute(0x0017, &[1, 0, 0, 0])]), 443);
    assert_eq!(six.code(&mut world, REFRESH, &vec![attribute(0x0017, &[2, 0, 0, 0])]), 0);
    let mut open = World::open();
    let mut client = open.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.try_allocate(&mut open, &vec![attribute(0x0017, &[2, 0, 0, 0])]).code, 440, "no such address");
}

#[test]
fn wrong_credentials_441() {
    let mut world = World::closed();
    let (client, at) = world.ready("198.51.100.7:5001", "room", 1);
    let mut other = world.client("198.51.100.7:5001", "room", 2);
    other.nonce = client.nonce;
    other.transaction = 100;
    assert_eq!(other.refresh(&mut world, 0).code, 441);
    assert_eq!(other.permit(&mut world, at), 441);
    assert_eq!(other.code(&mut world, ALLOCATE, &transport()), 441);
    assert_eq!(world.machine.allocations(), 1);
}

#[test]
fn only_udp_is_relayed_442() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.code(&mut world, ALLOCATE, &transport()), 401);
    assert_eq!(client.code(&mut world, ALLOCATE, &vec![attribute(0x0019, &[6, 0, 0, 0])]), 442);
}

#[test]
fn even_ports_but_no_pairs_508() {
    let mut world = World::closed();
    let mut client = world.client("198.51.100.7:5001", "room", 1);
    assert_eq!(client.try_allocate(&mut world, &vec![attribute(0x0018, &[0x80])]).code, 508);
    let answer = client.try_allocate(&mut world, &vec![attribute(0x0018, &[0])]);
    assert!(answer.relayed.expect("an address").port().is_multiple_of(2));
}

#[test]
fn what_is_dropped() {
    let mut world = World::closed();
    let (mut one, at) = world.ready("198.51.100.7:5001", "room", 1);
    let stranger = world.client("198.51.100.9:5001", "room", 1);
    stranger.send_channel(&mut world, 0x4000, b"hi");
    stranger.clone().send(&mut world, at, b"hi");
    assert_eq!(world.dropped(Dropped::NoAllocation), 2);
    one.send_channel(&mut world, 0x4000, b"hi");
    assert_eq!(world.dropped(Dropped::NoChannel), 1);
    let flow = one.flow;
    let long = {
        let mut bytes = client::channel_data(0x4000, b"hi");
        bytes[3] = 9;
        bytes
    };
    let binding = one.bytes(BINDING, &Vec::new());
    let cut = &binding[..binding.len() - 4];
    let crooked = {
        let mut bytes = binding.clone();
        bytes[24] ^= 1;
        bytes
    };
    for malformed in [&[][..], &[0x40], &[0xff; 30], &[0; 30], &long, cut, &crooked] {
        world.receive(&flow, malformed);
    }
    assert_eq!(world.dropped(Dropped::Malformed), 7);
    // A response, which a server does not get.
    world.receive(&flow, &{
        let mut bytes = binding.clone();
        bytes[0] = 1;
        bytes.truncate(20);
        bytes[3] = 0;
        bytes
    });
    assert_eq!(world.dropped(Dropped::Unexpected), 1);
    assert!(world.said.frames.is_empty());
}

#[test]
fn strangers_are_answered_only_so_often() {
    let mut world = World::closed();
    let strangers = Quotas::default().strangers;
    for at in ["198.51.100.9:5001", "[2001:db8:7::1]:5001"] {
        let mut stranger = world.client(at, "room", 1);
        stranger.username = "x".to_owned();
        let mut answers = 0;
        while stranger.ask(&mut world, ALLOCATE, &transport()).is_some() {
            stranger.nonce.clear();
            answers += 1;
        }
        assert_eq!(answers, strangers.at_once);
        assert!(stranger.ask(&mut world, BINDING, &Vec::new()).is_none());
    }
    // Whoever has credentials gets through, after the first answer at least.
    world.passes(Duration::from_secs(1));
    let (mut client, _) = world.ready("198.51.100.9:5002", "room", 2);
    for _ in 0..2 * strangers.at_once {
        assert_eq!(client.refresh(&mut world, 600).code, 0);
    }
    assert!(world.machine.allocations() == 1 && world.machine.timers.len() == 1, "strangers leave nothing behind");
}
