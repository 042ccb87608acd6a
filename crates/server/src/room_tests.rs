//! Tests of the rooms: the rules one by one, then any sequence of events against a model.

use std::collections::{HashMap, HashSet};

use madang_protocol::Generation;
use proptest::prelude::*;

use super::*;

const GRACE: Duration = Duration::from_secs(30);

fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

fn native(number: u8, instance: u32, joins: u64) -> Peer {
    let instance = Generation::first(instance);
    let generation = Generation(instance.0 + joins);
    Peer { peer: PeerId::from_bits([number; 16]), instance, generation, name: None, dialect: Dialect::Native }
}

fn page(number: u8) -> Peer {
    Peer { dialect: Dialect::Tutorial, ..native(number, u32::from(number), 0) }
}

fn told<S: Clone + PartialEq>(notices: &[Notice<S>]) -> Vec<(S, &'static str)> {
    let what = |what: &What| match what {
        What::PeerJoined(_) => "peer-joined",
        What::PeerLeft(_) => "peer-left",
        What::Ready => "ready",
    };
    notices.iter().map(|notice| (notice.to.clone(), what(&notice.what))).collect()
}

#[test]
fn one_of_two_hears_of_the_other() {
    let mut rooms = Rooms::new(2, GRACE);
    let first = rooms.join(&room("r"), native(1, 1, 0), 'a').unwrap();
    assert!(first.others.is_empty() && first.notices.is_empty());
    let second = rooms.join(&room("r"), native(2, 2, 0), 'b').unwrap();
    assert_eq!(second.others, [native(1, 1, 0)]);
    assert_eq!(second.notices, [Notice { to: 'a', what: What::PeerJoined(native(2, 2, 0)) }]);
    assert_eq!(rooms.join(&room("r"), native(3, 3, 0), 'c'), Err(ErrorCode::RoomFull));
}

#[test]
fn who_is_removed_stays_out_for_a_while_and_nobody_else_does() {
    let mut rooms = Rooms::new(2, GRACE);
    let (one, other) = (native(1, 1, 0), native(2, 2, 0));
    rooms.join(&room("r"), one.clone(), 'a').unwrap();
    rooms.join(&room("r"), other.clone(), 'b').unwrap();
    assert_eq!(rooms.members(&room("r")).collect::<Vec<_>>(), [(&one, true), (&other, true)]);
    assert_eq!(rooms.expel(Time::ZERO, &room("r"), &native(4, 4, 0).peer), (None, Vec::new()));
    let (socket, notices) = rooms.expel(Time::ZERO, &room("r"), &other.peer);
    assert_eq!(socket, Some('b'));
    let left = Left { peer: other.peer.clone(), reason: LeaveReason::Removed };
    assert_eq!(notices, [Notice { to: 'a', what: What::PeerLeft(left) }]);
    assert!(rooms.dropped(Time::ZERO, &room("r"), &other.peer, &'b').is_empty());
    for name in ["r", "elsewhere"] {
        let joined = rooms.join(&room(name), native(2, 9, 0), 'c').map(|_| ());
        assert_eq!(joined, if name == "r" { Err(ErrorCode::Removed) } else { Ok(()) });
    }
    let absent = rooms.join(&room("r"), native(4, 4, 0), 'd').map(|_| ());
    assert_eq!(absent, Err(ErrorCode::Removed), "it was about to come");
    assert!(rooms.join(&room("r"), native(3, 3, 0), 'd').is_ok());
    rooms.leave(&room("r"), &native(3, 3, 0).peer, &'d', LeaveReason::Left);
    assert_eq!(rooms.next_expiry(), Some(BARRED_FOR));
    rooms.expire(BARRED_FOR);
    assert!(rooms.join(&room("r"), native(2, 2, 1), 'e').is_ok());
    assert_eq!(rooms.next_expiry(), None);
}

#[test]
fn a_closed_room_is_empty_and_stays_so_for_a_while() {
    let mut rooms = Rooms::new(2, GRACE);
    assert!(rooms.close(Time::ZERO, &room("empty")).is_empty());
    assert_eq!(rooms.join(&room("empty"), native(1, 1, 0), 'a').map(|_| ()), Err(ErrorCode::RoomClosed));
    rooms.join(&room("r"), native(1, 1, 0), 'a').unwrap();
    rooms.join(&room("r"), page(2), 'b').unwrap();
    rooms.dropped(Time::ZERO, &room("r"), &native(1, 1, 0).peer, &'a');
    let out = rooms.close(Time::ZERO, &room("r"));
    assert_eq!(out, [(native(1, 1, 0).peer, None), (page(2).peer, Some('b'))]);
    assert!(rooms.is_empty() && rooms.members(&room("r")).next().is_none());
    assert!(rooms.expire(GRACE).is_empty(), "a seat that was kept is gone with the room");
    assert_eq!(rooms.join(&room("r"), native(1, 1, 1), 'c').map(|_| ()), Err(ErrorCode::RoomClosed));
    rooms.expire(BARRED_FOR);
    assert!(rooms.join(&room("r"), native(1, 1, 1), 'c').is_ok());
}

#[test]
fn of_many_that_were_removed_the_oldest_are_forgotten() {
    let mut rooms = Rooms::new(2, GRACE);
    for number in 0..=BARRED {
        let name = room(&format!("r{number}"));
        rooms.join(&name, native(1, 1, 0), 'a').unwrap();
        rooms.close(Time::ZERO, &name);
    }
    assert_eq!((rooms.bars.len(), rooms.barred.len()), (BARRED, BARRED));
    assert!(rooms.join(&room("r0"), native(1, 1, 0), 'a').is_ok());
    assert!(rooms.join(&room("r1"), native(1, 1, 0), 'a').is_err());
}

#[test]
fn a_seat_is_kept_for_its_peer_only_and_only_for_a_while() {
    let mut rooms = Rooms::new(2, GRACE);
    rooms.join(&room("r"), native(1, 1, 0), 'a').unwrap();
    rooms.join(&room("r"), native(2, 2, 0), 'b').unwrap();
    assert!(rooms.dropped(Time::ZERO, &room("r"), &native(2, 2, 0).peer, &'b').is_empty());
    assert_eq!(rooms.join(&room("r"), native(3, 3, 0), 'c'), Err(ErrorCode::RoomFull));
    // Back in time: the entry that waits in the queue must not end the new seat.
    let back = rooms.join(&room("r"), native(2, 2, 1), 'd').unwrap();
    assert_eq!(told(&back.notices), [('a', "peer-joined")]);
    assert!(rooms.expire(GRACE).is_empty());
    // Gone for good.
    let lost = GRACE * 2;
    assert!(rooms.dropped(lost, &room("r"), &native(2, 2, 0).peer, &'d').is_empty());
    assert_eq!(rooms.next_expiry(), Some(lost + GRACE));
    assert!(rooms.expire(lost + GRACE - Duration::from_millis(1)).is_empty());
    let left = Left { peer: native(2, 2, 0).peer, reason: LeaveReason::TimedOut };
    assert_eq!(rooms.expire(lost + GRACE), [Notice { to: 'a', what: What::PeerLeft(left) }]);
    assert_eq!(rooms.next_expiry(), None);
}

#[test]
fn only_the_holder_of_a_seat_leaves_it() {
    let mut rooms = Rooms::new(2, GRACE);
    rooms.join(&room("r"), native(1, 1, 0), 'a').unwrap();
    rooms.join(&room("r"), native(2, 2, 0), 'b').unwrap();
    let again = rooms.join(&room("r"), native(2, 9, 0), 'c').unwrap();
    assert_eq!(again.replaced, Some(Replaced { socket: 'b', same_page: false }));
    let peer = native(2, 2, 0).peer;
    assert!(rooms.leave(&room("r"), &peer, &'b', LeaveReason::Left).is_empty());
    assert!(rooms.dropped(Time::ZERO, &room("r"), &peer, &'b').is_empty());
    assert_eq!(rooms.next_expiry(), None);
    assert_eq!(told(&rooms.leave(&room("r"), &peer, &'c', LeaveReason::Left)), [('a', "peer-left")]);
}

#[test]
fn an_overtaken_join_of_the_same_page_is_refused() {
    let mut rooms = Rooms::new(2, GRACE);
    rooms.join(&room("r"), native(1, 1, 1), 'b').unwrap();
    assert_eq!(rooms.join(&room("r"), native(1, 1, 0), 'a'), Err(ErrorCode::Replaced));
    assert_eq!(rooms.join(&room("r"), native(1, 1, 1), 'b'), Err(ErrorCode::BadMessage));
    let next = rooms.join(&room("r"), native(1, 1, 2), 'c').unwrap();
    assert_eq!(next.replaced, Some(Replaced { socket: 'b', same_page: true }));
}

#[test]
fn the_first_of_two_tutorial_pages_is_ready() {
    let mut rooms = Rooms::new(8, GRACE);
    assert!(rooms.join(&room("r"), page(1), 'a').unwrap().notices.is_empty());
    let second = rooms.join(&room("r"), page(2), 'b').unwrap();
    assert_eq!(told(&second.notices), [('a', "ready")]);
    assert_eq!(second.capacity, 2);
    assert_eq!(rooms.join(&room("r"), native(3, 3, 0), 'c'), Err(ErrorCode::RoomFull));
    // Its socket ends: it is gone at once.
    rooms.dropped(Time::ZERO, &room("r"), &page(1).peer, &'a');
    assert_eq!(told(&rooms.join(&room("r"), page(4), 'd').unwrap().notices), [('b', "ready")]);
}

#[test]
fn a_tutorial_page_is_ready_for_a_native_peer_in_either_order() {
    let mut rooms = Rooms::new(2, GRACE);
    rooms.join(&room("r"), native(1, 1, 0), 'n').unwrap();
    let joined = rooms.join(&room("r"), page(2), 't').unwrap();
    assert_eq!(told(&joined.notices), [('n', "peer-joined"), ('t', "ready")]);

    let mut rooms = Rooms::new(2, GRACE);
    rooms.join(&room("r"), page(2), 't').unwrap();
    let joined = rooms.join(&room("r"), native(1, 1, 0), 'n').unwrap();
    assert_eq!(told(&joined.notices), [('t', "ready")]);
    assert_eq!(joined.others, [page(2)]);
    // Another page of the same peer needs a new connection.
    let reloaded = rooms.join(&room("r"), native(1, 5, 0), 'm').unwrap();
    assert_eq!(told(&reloaded.notices), [('t', "ready")]);
    // The page goes: the native peer hears it at once.
    let left = rooms.dropped(Time::ZERO, &room("r"), &page(2).peer, &'t');
    assert_eq!(told(&left), [('m', "peer-left")]);
}

#[test]
fn messages_stay_in_the_room_and_reach_one() {
    let mut rooms = Rooms::new(3, GRACE);
    for (number, name) in [(1, "r"), (2, "r"), (3, "r"), (4, "other")] {
        rooms.join(&room(name), native(number, 1, 0), number).unwrap();
    }
    let id = |number: u8| native(number, 1, 0).peer;
    assert!(matches!(rooms.route(&room("r"), &id(1), &1, id(3).as_str()), Ok(Route::Direct(3))));
    for (from, socket, to, refused) in [
        (1, 1, id(4), ErrorCode::UnknownPeer),
        (1, 1, id(1), ErrorCode::UnknownPeer),
        (4, 4, id(1), ErrorCode::NotJoined),
        (1, 2, id(3), ErrorCode::NotJoined),
    ] {
        let route = rooms.route(&room("r"), &id(from), &socket, to.as_str());
        assert_eq!(route.map(|_| ()), Err(refused), "{from} by {socket} to {to}");
    }
    rooms.dropped(Time::ZERO, &room("r"), &id(2), &2);
    assert!(matches!(rooms.route(&room("r"), &id(1), &1, id(2).as_str()), Ok(Route::Away)));
}

#[derive(Clone, Debug)]
enum Step {
    Join { peer: u8, instance: u32, room: u8, tutorial: bool },
    Leave(usize),
    Drop(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..6, 0u32..3, 0u8..2, prop::bool::weighted(0.2))
            .prop_map(|(peer, instance, room, tutorial)| Step::Join { peer, instance, room, tutorial }),
        1 => (0usize..40).prop_map(Step::Leave),
        2 => (0usize..40).prop_map(Step::Drop),
        1 => (0u64..40).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    /// Each socket joins once. What must hold after every step: no room over its capacity, one
    /// seat per peer, notices only to sockets that hold a seat in that room, every pair of native
    /// peers has exactly one that heard of the other's latest join, and nothing is left behind.
    #[test]
    fn any_schedule_keeps_the_rules(steps in steps()) {
        const CAPACITY: usize = 3;
        let names = [room("one"), room("two")];
        let mut rooms = Rooms::new(CAPACITY, GRACE);
        let mut now = Time::ZERO;
        let mut sockets: Vec<(RoomName, Peer)> = Vec::new();
        let mut generation = 0;
        for step in steps {
            let (notices, where_) = match step {
                Step::Join { peer, instance, room, tutorial } => {
                    generation += 1;
                    let socket = sockets.len();
                    // A tutorial page is a peer of its own each time.
                    let peer = if tutorial {
                        Peer { peer: PeerId::from_bits([100 + socket as u8; 16]), ..page(0) }
                    } else {
                        native(peer, instance, generation)
                    };
                    let name = names[usize::from(room)].clone();
                    sockets.push((name.clone(), peer.clone()));
                    match rooms.join(&name, peer.clone(), socket) {
                        Ok(welcome) => {
                            prop_assert!(welcome.others.iter().all(|other| other.peer != peer.peer));
                            prop_assert!(welcome.others.len() < welcome.capacity);
                            let heard: HashSet<_> = welcome.notices.iter().map(|n| n.to).collect();
                            prop_assert_eq!(heard.len(), welcome.notices.len(), "told twice");
                            (welcome.notices, Some(name))
                        }
                        Err(refused) => {
                            prop_assert_eq!(refused, ErrorCode::RoomFull);
                            (Vec::new(), None)
                        }
                    }
                }
                Step::Leave(socket) => match sockets.get(socket) {
                    Some((name, peer)) => (rooms.leave(name, &peer.peer, &socket, LeaveReason::Left), Some(name.clone())),
                    None => continue,
                },
                Step::Drop(socket) => match sockets.get(socket) {
                    Some((name, peer)) => (rooms.dropped(now, name, &peer.peer, &socket), Some(name.clone())),
                    None => continue,
                },
                Step::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    (rooms.expire(now), None)
                }
            };
            for notice in &notices {
                let (name, peer) = &sockets[notice.to];
                prop_assert!(rooms.holds(name, &peer.peer, &notice.to), "a notice to a socket without a seat");
                prop_assert!(where_.as_ref().is_none_or(|room| room == name), "a notice to another room");
            }
            for members in rooms.rooms.values() {
                prop_assert!(!members.is_empty() && members.len() <= CAPACITY);
                let tutorial = members.iter().any(|m| m.peer.dialect == Dialect::Tutorial);
                prop_assert!(!tutorial || members.len() <= 2);
                let peers: HashMap<_, _> = members.iter().map(|m| (m.peer.peer.clone(), ())).collect();
                prop_assert_eq!(peers.len(), members.len());
                for member in members {
                    if let Seat::Kept(until) = member.seat {
                        prop_assert!(until <= now + GRACE && member.peer.dialect == Dialect::Native);
                        prop_assert!(rooms.kept.iter().any(|(t, ..)| *t == until), "a seat kept for ever");
                    }
                }
            }
        }
        for (socket, (name, peer)) in sockets.iter().enumerate() {
            rooms.leave(name, &peer.peer, &socket, LeaveReason::Left);
        }
        rooms.expire(now + GRACE);
        prop_assert!(rooms.is_empty() && rooms.next_expiry().is_none());
    }
}
