//! Whatever comes, nothing panics and nothing grows.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// Bytes that are nearly messages: they get further in than any bytes do.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (prop_oneof![0u16..0x30, 0x8000u16..0x8030, any::<u16>()], vec(any::<u8>(), 0..40), 0u16..4);
    let kind = prop_oneof![0u16..0x20, 0x100u16..0x120, any::<u16>()];
    (kind, vec(attribute, 0..6), any::<[u8; 12]>(), any::<u8>()).prop_map(|(kind, attributes, transaction, crooked)| {
        let mut body = Vec::new();
        for (kind, value, off) in attributes {
            // One in many has a wrong length.
            let length = value.len() as u16 + if crooked < 16 { off } else { 0 };
            body.extend(kind.to_be_bytes());
            body.extend(length.to_be_bytes());
            body.extend(&value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let head =
            [&kind.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), &[0x21, 0x12, 0xa4, 0x42], &transaction];
        [head.concat(), body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(datagrams in vec(prop_oneof![vec(any::<u8>(), 0..200), nearly_a_message()], 1..20)) {
        for mut world in [World::closed(), World::open()] {
            let (client, _) = world.ready("198.51.100.1:1", "a", 1);
            let stranger = world.client("198.51.100.2:1", "a", 2);
            for bytes in &datagrams {
                world.receive(&client.flow, bytes);
                world.receive(&stranger.flow, bytes);
            }
            prop_assert_eq!(world.machine.allocations.len(), 1);
            prop_assert_eq!(world.machine.by_flow.len() + world.machine.by_relayed.len(), 2);
            prop_assert_eq!(world.machine.timers.len(), 1);
        }
    }

    /// Requests that are signed get to the handlers, whatever they carry.
    #[test]
    fn any_attributes(
        attributes in vec((prop_oneof![Just(0x0cu16), Just(0x0d), Just(0x12), Just(0x13), Just(0x17), Just(0x18), Just(0x19)], vec(any::<u8>(), 0..24)), 0..5),
        method in prop_oneof![Just(turn_types::message::ALLOCATE), Just(turn_types::message::REFRESH), Just(turn_types::message::CREATE_PERMISSION), Just(turn_types::message::CHANNEL_BIND)],
    ) {
        for mut world in [World::closed(), World::open()] {
            let (mut client, _) = world.ready("198.51.100.1:1", "a", 1);
            prop_assert!(client.ask(&mut world, method, &attributes).is_some());
            let mut late = world.client("198.51.100.2:1", "a", 2);
            late.nonce = client.nonce.clone();
            prop_assert!(late.ask(&mut world, method, &attributes).is_some());
            prop_assert!(world.machine.allocations() <= 2);
        }
    }

    /// A good message with one byte changed or cut off.
    #[test]
    fn any_damage(at: Index, byte: u8, cut: Index) {
        let mut world = World::closed();
        let (mut client, relayed) = world.ready("198.51.100.1:1", "a", 1);
        let peer = client.xor(relayed);
        let whole = client.bytes(turn_types::message::CREATE_PERMISSION, &vec![peer]);
        let mut damaged = whole.clone();
        damaged[at.index(whole.len())] = byte;
        world.receive(&client.flow, &damaged);
        world.receive(&client.flow, &whole[..cut.index(whole.len())]);
        prop_assert_eq!(world.machine.allocations(), 1);
    }
}
