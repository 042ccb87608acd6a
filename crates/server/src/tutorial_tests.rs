//! Tests of the bridge between a tutorial page and a native peer.

use madang_protocol::Dialect;

use super::*;

const PAGE: Generation = Generation(1_000);

fn peer(bits: u8, instance: u64, generation: u64, dialect: Dialect) -> Peer {
    let peer = PeerId::from_bits([bits; 16]);
    Peer { peer, instance: Generation(instance), generation: Generation(generation), name: None, dialect }
}

fn bridge() -> Bridge {
    Bridge::new(&peer(5, PAGE.0, PAGE.0, Dialect::Tutorial))
}

fn native(generation: u64) -> Peer {
    peer(9, 1, generation, Dialect::Native)
}

fn description(kind: DescriptionType) -> Said {
    Said::Description(Description { kind, sdp: "v=0".to_owned() })
}

fn candidate(text: &str) -> Candidate {
    Candidate { candidate: text.to_owned(), ..Candidate::default() }
}

fn from_native(epoch: u64, body: Body) -> SignalTo<Body> {
    SignalTo { to: PeerId::from_bits([5; 16]), epoch: Epoch(epoch), seq: 0, body }
}

fn described(connection: u32, kind: DescriptionType) -> Body {
    Body::Description { connection: ConnectionId(connection), description: Description { kind, sdp: "v=0".to_owned() } }
}

fn gathered(connection: u32, text: &str) -> Body {
    Body::Candidate { connection: ConnectionId(connection), candidate: candidate(text) }
}

fn number(signal: &SignalFrom<Body>) -> u32 {
    match &signal.body {
        Body::Description { connection, .. } | Body::Candidate { connection, .. } => connection.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_page_makes_the_first_offer_and_is_answered() {
    let mut bridge = bridge();
    assert!(bridge.native_joined(&native(1)));
    let offer = bridge.to_native(description(DescriptionType::Offer)).unwrap();
    let trickled = bridge.to_native(Said::Candidate(candidate("a"))).unwrap();
    assert_eq!((offer.seq, trickled.seq), (0, 1));
    assert_eq!(offer.epoch, Epoch(1_001));
    // The page has the smaller id: it is the polite one, and its connections are even.
    assert_eq!((number(&offer), number(&trickled)), (2, 2));

    // A candidate that comes before the answer waits for it.
    assert_eq!(bridge.to_page(from_native(1_001, gathered(2, "b"))), []);
    let answer = bridge.to_page(from_native(1_001, described(2, DescriptionType::Answer)));
    assert_eq!(answer, [description(DescriptionType::Answer), Said::Candidate(candidate("b"))]);
    let next = bridge.to_page(from_native(1_001, gathered(2, "c")));
    assert_eq!(next, [Said::Candidate(candidate("c"))]);
}

#[test]
fn what_the_page_cannot_use_ends_here() {
    let mut bridge = bridge();
    bridge.native_joined(&native(1));
    for body in [
        Body::Media { microphone: true, camera: true },
        Body::EndOfCandidates { connection: ConnectionId(0) },
        described(7, DescriptionType::Answer),
        gathered(7, "of another connection"),
    ] {
        assert_eq!(bridge.to_page(from_native(1_001, body)), []);
    }
    assert_eq!(bridge.to_page(from_native(1_000, described(1, DescriptionType::Offer))), [], "of another epoch");
}

#[test]
fn an_offer_of_the_native_peer_is_a_new_connection() {
    let mut bridge = bridge();
    bridge.native_joined(&native(1));
    bridge.to_native(description(DescriptionType::Offer)).unwrap();
    let offer = bridge.to_page(from_native(1_001, described(3, DescriptionType::Offer)));
    assert_eq!(offer, [description(DescriptionType::Offer)]);
    assert_eq!(number(&bridge.to_native(description(DescriptionType::Answer)).unwrap()), 3);
    assert_eq!(number(&bridge.to_native(description(DescriptionType::Offer)).unwrap()), 4);
    // A crossing offer: the page drops its own connection for it, whatever its number.
    bridge.to_page(from_native(1_001, described(3, DescriptionType::Offer)));
    assert_eq!(number(&bridge.to_native(description(DescriptionType::Answer)).unwrap()), 3);
    assert_eq!(number(&bridge.to_native(description(DescriptionType::Offer)).unwrap()), 6);
}

#[test]
fn the_impolite_page_has_odd_connections() {
    let mut bridge = Bridge::new(&peer(9, PAGE.0, PAGE.0, Dialect::Tutorial));
    bridge.native_joined(&peer(5, 1, 1, Dialect::Native));
    assert_eq!(number(&bridge.to_native(description(DescriptionType::Offer)).unwrap()), 1);
    assert_eq!(number(&bridge.to_native(description(DescriptionType::Offer)).unwrap()), 3);
}

#[test]
fn a_peer_that_comes_back_keeps_a_call_that_stands() {
    let mut bridge = bridge();
    assert!(bridge.native_joined(&native(1)));
    assert!(bridge.native_joined(&native(2)), "nothing was negotiated yet");
    bridge.to_native(description(DescriptionType::Offer)).unwrap();
    bridge.to_page(from_native(1_002, described(2, DescriptionType::Answer)));
    assert!(!bridge.native_joined(&native(3)), "the call stands");
    assert_eq!(bridge.to_native(Said::Candidate(candidate("a"))).unwrap().seq, 0, "a new epoch");
    bridge.lose();
    assert!(bridge.native_joined(&native(4)), "the peer missed something");
    assert!(bridge.native_joined(&peer(9, 77, 77, Dialect::Native)), "another page of the peer");
}

#[test]
fn waiting_candidates_are_bounded() {
    let mut bridge = bridge();
    bridge.native_joined(&native(1));
    bridge.to_native(description(DescriptionType::Offer)).unwrap();
    for _ in 0..2 * limits::QUEUED_CANDIDATES {
        bridge.to_page(from_native(1_001, gathered(2, "x")));
    }
    let heard = bridge.to_page(from_native(1_001, described(2, DescriptionType::Answer)));
    assert_eq!(heard.len(), 1 + limits::QUEUED_CANDIDATES);
}
