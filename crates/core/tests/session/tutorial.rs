//! A peer that speaks the tutorial's dialect: it offers first, and every offer is a new connection.

use std::time::Duration;

use madang_core::{ConnectionInput, ConnectionState, session::ConnectionCall};
use madang_protocol::{Body, DescriptionType, Dialect};

use crate::stage::{Stage, bodies, calls, closed, description, opened};

const S: Duration = Duration::from_secs(1);

fn stage() -> Stage {
    let mut stage = Stage::joined(false, vec![]);
    stage.other.dialect = Dialect::Tutorial;
    stage
}

fn connected() -> Stage {
    let mut stage = stage();
    stage.enter_other();
    assert_eq!(opened(&stage.hear(description(1, DescriptionType::Offer))), [(1, false)]);
    stage.browser(1, ConnectionInput::RemoteDescriptionSet);
    stage.set_local(1, DescriptionType::Answer);
    stage.state(1, ConnectionState::Connected);
    stage
}

#[test]
fn it_is_let_to_offer_first() {
    let mut stage = stage();
    let out = stage.enter_other();
    assert!(opened(&out).is_empty() && bodies(&out).is_empty());
    let out = stage.hear(description(1, DescriptionType::Offer));
    assert_eq!(opened(&out), [(1, false)]);
}

#[test]
fn if_it_does_not_this_side_offers() {
    let mut stage = stage();
    stage.answers = true;
    stage.enter_other();
    let out = stage.wait(6 * S);
    assert_eq!(opened(&out), [(1, true)]);
    let out = stage.set_local(1, DescriptionType::Offer);
    assert!(matches!(bodies(&out)[..], [Body::Description { .. }]));
    assert!(stage.hear(description(2, DescriptionType::Offer)).is_empty(), "its page drops that for ours");
    assert!(!calls(&stage.hear(description(1, DescriptionType::Answer))).is_empty());
}

#[test]
fn it_is_never_asked_to_negotiate_again() {
    let mut stage = connected();
    assert!(stage.browser(1, ConnectionInput::NegotiationNeeded).is_empty());
    assert!(calls(&stage.enter_other()).is_empty());
    assert!(stage.is_quiet());
}

#[test]
fn each_of_its_offers_replaces_the_connection() {
    let mut stage = connected();
    let out = stage.hear(description(2, DescriptionType::Offer));
    assert_eq!((closed(&out), opened(&out)), (vec![1], vec![(2, false)]));
}

#[test]
fn a_failed_connection_is_replaced_not_restarted() {
    let mut stage = connected();
    let out = stage.state(1, ConnectionState::Failed);
    assert_eq!((closed(&out), opened(&out)), (vec![1], vec![(3, true)]));
    assert!(!calls(&out).contains(&&ConnectionCall::RestartIce));
}
