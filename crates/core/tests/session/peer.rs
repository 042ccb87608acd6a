//! One other peer: epochs, offers, recovery, absence.

use std::time::Duration;

use madang_core::{
    Cause, ConnectionInput, ConnectionState, Input, Output, PeerState, Route, SessionEvent, SocketInput, Video,
    session::{ConnectionCall, Operation},
};
use madang_protocol::{
    Body, Candidate, ConnectionId, Description, DescriptionType, Dialect, Epoch, Generation, IceServers, LeaveReason,
    Left,
};

use crate::stage::{GRACE, Stage, bodies, calls, closed, description, events, opened};

const S: Duration = Duration::from_secs(1);

/// Why media stopped, when that is what these tell.
fn reconnecting(out: &[Output]) -> Option<Cause> {
    match events(out)[..] {
        [SessionEvent::PeerState { state: PeerState::Reconnecting, .. }, SessionEvent::Reconnecting { cause, .. }] => {
            Some(*cause)
        }
        _ => None,
    }
}

#[test]
fn who_hears_of_the_other_offers_at_once() {
    for polite in [true, false] {
        let mut stage = Stage::joined(polite, vec![]);
        let out = stage.enter_other();
        let (id, peer) = (stage.number(), stage.other.peer.clone());
        assert_eq!(
            events(&out),
            [
                &SessionEvent::PeerJoined { peer: peer.clone(), name: None, dialect: Dialect::Native },
                &SessionEvent::PeerState { peer, state: PeerState::Connecting },
            ]
        );
        assert_eq!(opened(&out), [(id, true)]);
        assert_eq!(calls(&out), [&ConnectionCall::SetLocalDescription]);
        let out = stage.set_local(id, DescriptionType::Offer);
        assert!(matches!(bodies(&out)[..], [Body::Description { connection: ConnectionId(i), .. }] if *i == id));
    }
}

#[test]
fn who_is_told_of_the_other_waits_for_its_offer() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    stage.connect();
    let out = stage.welcome(vec![stage.other.clone()]);
    assert!(opened(&out).is_empty());
    let out = stage.hear(description(1, DescriptionType::Offer));
    assert_eq!(opened(&out), [(1, false)]);
    assert!(matches!(calls(&out)[..], [ConnectionCall::SetRemoteDescription(_)]));
    assert_eq!(calls(&stage.browser(1, ConnectionInput::RemoteDescriptionSet)), [&ConnectionCall::SetLocalDescription]);
    assert_eq!(bodies(&stage.set_local(1, DescriptionType::Answer)).len(), 1);
}

#[test]
fn media_are_said_in_every_epoch_and_on_change() {
    let mut stage = Stage::new(true);
    let on = Input::Media { microphone: true, camera: false };
    stage.tell(on.clone());
    stage.tell(Input::Start);
    stage.connect();
    stage.welcome(vec![]);
    let said = Body::Media { microphone: true, camera: false };
    assert_eq!(bodies(&stage.enter_other()), [&said]);
    assert!(stage.tell(on).is_empty());
    assert_eq!(
        bodies(&stage.tell(Input::Media { microphone: false, camera: false })),
        [&Body::Media { microphone: false, camera: false }]
    );
    assert_eq!(bodies(&stage.enter_other()).len(), 1);
    let out = stage.hear(said.clone());
    assert!(matches!(events(&out)[..], [SessionEvent::PeerMedia { microphone: true, camera: false, .. }]));
    assert!(stage.hear(said).is_empty(), "told once");
}

#[test]
fn a_lost_socket_leaves_the_connection_alone() {
    let mut stage = Stage::connected(true);
    let id = stage.number();
    let out = stage.socket(SocketInput::Disconnected);
    assert!(closed(&out).is_empty() && calls(&out).is_empty());
    let out = stage.wait(2 * GRACE);
    assert!(closed(&out).is_empty());
    stage.connect();
    let out = stage.welcome(vec![stage.other.clone()]);
    assert!(closed(&out).is_empty() && calls(&out).is_empty());
    let out = stage.hear(description(id, DescriptionType::Offer));
    assert!(matches!(calls(&out)[..], [ConnectionCall::SetRemoteDescription(_)]));
}

#[test]
fn a_new_epoch_repeats_the_offer_on_a_connection_that_works() {
    let mut stage = Stage::connected(true);
    let out = stage.enter_other();
    assert_eq!(calls(&out), [&ConnectionCall::SetLocalDescription]);
    assert!(opened(&out).is_empty());
}

#[test]
fn a_new_epoch_restarts_ice_where_media_cannot_flow_again() {
    let mut stage = Stage::connected(true);
    stage.state(2, ConnectionState::Failed);
    assert!(calls(&stage.enter_other()).contains(&&ConnectionCall::RestartIce));
}

#[test]
fn a_new_epoch_gives_a_path_that_is_disconnected_time_to_come_back() {
    let mut stage = Stage::connected(true);
    stage.state(2, ConnectionState::Disconnected);
    assert_eq!(calls(&stage.enter_other()), [&ConnectionCall::SetLocalDescription]);
    negotiate(&mut stage);
    assert!(!calls(&stage.wait(S / 4)).contains(&&ConnectionCall::RestartIce));
    assert!(calls(&stage.wait(S / 4)).contains(&&ConnectionCall::RestartIce));
}

#[test]
fn a_pending_offer_is_rolled_back_in_a_new_epoch() {
    let mut stage = Stage::connected(true);
    let id = stage.number();
    stage.browser(id, ConnectionInput::NegotiationNeeded);
    stage.set_local(id, DescriptionType::Offer);
    assert_eq!(calls(&stage.enter_other()), [&ConnectionCall::Rollback]);
    assert_eq!(calls(&stage.browser(id, ConnectionInput::RolledBack)), [&ConnectionCall::SetLocalDescription]);
}

#[test]
fn a_peer_that_was_reloaded_gets_a_new_connection() {
    let mut stage = Stage::connected(true);
    stage.other.instance = Generation::first(1234);
    stage.other.generation = stage.other.instance;
    let out = stage.enter_other();
    assert_eq!(closed(&out), [2]);
    assert_eq!(opened(&out), [(4, true)]);
    assert_eq!(reconnecting(&out), Some(Cause::PeerReloaded));
}

#[test]
fn a_higher_number_replaces_and_a_lower_one_does_not() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    assert!(stage.hear(description(1, DescriptionType::Offer)).is_empty(), "ours is on its way and wins");
    let out = stage.hear(description(3, DescriptionType::Offer));
    assert_eq!((closed(&out), opened(&out)), (vec![2], vec![(3, false)]));
    assert!(stage.hear(description(u32::MAX, DescriptionType::Offer)).is_empty(), "there must be one above");
}

#[test]
fn an_offer_for_a_connection_that_is_gone_brings_a_new_one() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    stage.socket(SocketInput::Disconnected);
    stage.wait(S);
    stage.connect();
    assert_eq!(closed(&stage.welcome(vec![stage.other.clone()])), [2], "its first exchange was not complete");
    let out = stage.hear(description(2, DescriptionType::Offer));
    assert_eq!(opened(&out), [(4, true)]);
}

#[test]
fn late_and_repeated_signals_are_dropped_and_a_gap_joins_again() {
    let mut stage = Stage::connected(true);
    stage.wait(S);
    let media = |microphone| Body::Media { microphone, camera: true };
    let next = 1; // the answer was 0
    assert!(stage.hear_at(Epoch(stage.epoch().0 - 1), next, media(true)).is_empty());
    assert!(stage.hear_at(stage.epoch(), 0, media(true)).is_empty());
    let generation = stage.join.clone().unwrap().generation;
    let out = stage.hear_at(stage.epoch(), next + 1, media(true));
    assert!(matches!(&out[..], [Output::Join(join)] if join.generation == generation.next()));
    assert!(stage.hear(media(false)).is_empty(), "what comes before the answer is of the last epoch");
}

#[test]
fn what_overtakes_the_answer_to_join_waits_for_it() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    stage.connect();
    assert!(stage.enter_other().is_empty());
    assert!(stage.hear(Body::Media { microphone: true, camera: true }).is_empty());
    let out = stage.welcome(vec![]);
    assert_eq!(opened(&out), [(2, true)]);
    assert!(events(&out).iter().any(|event| matches!(event, SessionEvent::PeerMedia { .. })));
}

#[test]
fn a_peer_that_skips_signals_all_the_time_is_not_followed_at_its_pace() {
    let mut stage = Stage::connected(true);
    let mut joins = 0;
    for _ in 0..1000 {
        let out = stage.hear_at(stage.epoch(), 50, Body::EndOfCandidates { connection: ConnectionId(2) });
        if out.iter().any(|output| matches!(output, Output::Join(_))) {
            joins += 1;
            stage.welcome(vec![stage.other.clone()]);
        }
        let out = stage.wait(S / 100);
        if out.iter().any(|output| matches!(output, Output::Join(_))) {
            joins += 1;
            stage.welcome(vec![stage.other.clone()]);
        }
    }
    assert!((5..=11).contains(&joins), "{joins} joins in ten seconds");
}

#[test]
fn candidates_wait_for_their_descriptions() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    let candidate = |text: &str| Candidate { candidate: text.into(), ..Candidate::default() };
    assert!(stage.browser(2, ConnectionInput::LocalCandidate(Some(candidate("a")))).is_empty());
    let out = stage.set_local(2, DescriptionType::Offer);
    assert!(matches!(bodies(&out)[..], [Body::Description { .. }, Body::Candidate { .. }]));
    let theirs = Body::Candidate { connection: ConnectionId(2), candidate: candidate("b") };
    assert!(stage.hear(theirs).is_empty());
    let out = stage.hear(description(2, DescriptionType::Answer));
    assert!(matches!(
        calls(&out)[..],
        [ConnectionCall::SetRemoteDescription(_), ConnectionCall::AddIceCandidate(Some(_))]
    ));
}

#[test]
fn a_flap_is_not_worth_a_word_and_a_loss_is_restarted() {
    let mut stage = Stage::connected(true);
    stage.wait(S);
    assert!(stage.state(2, ConnectionState::Disconnected).is_empty());
    assert!(stage.wait(S).is_empty());
    let out = stage.wait(S);
    assert_eq!(
        calls(&out),
        [&ConnectionCall::PauseVideo, &ConnectionCall::SetLocalDescription],
        "whether the peer is there"
    );
    assert_eq!(reconnecting(&out), Some(Cause::PathLost));
    negotiate(&mut stage);
    let restart = [&ConnectionCall::RestartIce, &ConnectionCall::ResumeVideo, &ConnectionCall::SetLocalDescription];
    assert_eq!(calls(&stage.wait(S)), restart);
    let out = stage.state(2, ConnectionState::Connected);
    assert!(matches!(
        events(&out)[..],
        [
            SessionEvent::PeerState { state: PeerState::Connected, .. },
            SessionEvent::Restored { cause: Cause::PathLost, after, .. }
        ] if *after == 3 * S
    ));
    assert_eq!(calls(&out), [&ConnectionCall::ResumeVideo], "the peer missed frames as well");
}

#[test]
fn a_path_that_is_back_begins_with_a_key_frame_and_the_first_one_does_anyway() {
    let mut stage = Stage::connected(true);
    assert!(calls(&stage.state(2, ConnectionState::Connected)).is_empty());
    stage.state(2, ConnectionState::Disconnected);
    assert_eq!(calls(&stage.state(2, ConnectionState::Connected)), [&ConnectionCall::ResumeVideo]);
}

#[test]
fn whoever_offers_sends_small_pictures_and_soon_full_ones() {
    let mut stage = Stage::connected(true);
    assert!(stage.wait(S / 2).is_empty());
    assert_eq!(calls(&stage.wait(S / 2)), [&ConnectionCall::ResumeVideo]);
    assert!(stage.is_quiet());
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    stage.hear(description(1, DescriptionType::Offer));
    stage.browser(1, ConnectionInput::RemoteDescriptionSet);
    stage.set_local(1, DescriptionType::Answer);
    stage.state(1, ConnectionState::Connected);
    assert!(!calls(&stage.wait(S)).contains(&&ConnectionCall::ResumeVideo), "who answers began with full ones");
}

#[test]
fn pictures_stay_small_until_there_is_a_way() {
    let mut stage = Stage::connected(true);
    stage.wait(S / 2);
    stage.state(2, ConnectionState::Failed);
    assert!(!calls(&stage.wait(S / 2)).contains(&&ConnectionCall::ResumeVideo));
    assert_eq!(calls(&stage.state(2, ConnectionState::Connected)), [&ConnectionCall::ResumeVideo]);
}

#[test]
fn fresh_ice_servers_are_used_for_an_offer_that_restarts_ice_and_for_no_other() {
    let mut stage = Stage::connected(false);
    let mut offer = |ufrag: &str| {
        let sdp = format!("v=0\r\na=ice-ufrag:{ufrag}\r\n");
        let description = Description { kind: DescriptionType::Offer, sdp };
        let out = stage.hear(Body::Description { connection: ConnectionId(stage.number()), description });
        let configures = calls(&out).first() == Some(&&ConnectionCall::Configure);
        stage.browser(stage.number(), ConnectionInput::RemoteDescriptionSet);
        stage.set_local(stage.number(), DescriptionType::Answer);
        configures
    };
    assert_eq!(["a", "a", "b", "b"].map(&mut offer), [false, false, true, false]);
}

#[test]
fn a_changed_network_restarts_ice_at_once() {
    let mut stage = Stage::connected(false);
    let out = stage.tell(Input::NetworkChanged);
    assert_eq!(calls(&out), [&ConnectionCall::RestartIce, &ConnectionCall::SetLocalDescription]);
}

#[test]
fn a_restart_waits_for_the_server() {
    let mut stage = Stage::connected(true);
    stage.socket(SocketInput::Disconnected);
    let out = stage.state(2, ConnectionState::Failed);
    assert_eq!(calls(&out), [&ConnectionCall::PauseVideo]);
    assert_eq!(reconnecting(&out), Some(Cause::PathLost));
    stage.wait(S);
    stage.connect();
    assert!(calls(&stage.welcome(vec![stage.other.clone()])).is_empty(), "the other side offers first");
    let out = stage.hear(description(2, DescriptionType::Offer));
    assert!(calls(&out).contains(&&ConnectionCall::RestartIce));
}

#[test]
fn a_connection_whose_transport_failed_is_replaced_and_not_restarted() {
    let mut stage = Stage::connected(true);
    let out = stage.browser(2, ConnectionInput::TransportFailed);
    assert_eq!((closed(&out), opened(&out)), (vec![2], vec![(4, true)]));
    assert_eq!(calls(&out), [&ConnectionCall::PauseVideo, &ConnectionCall::SetLocalDescription]);
    assert_eq!(reconnecting(&out), Some(Cause::PathLost));
}

#[test]
fn a_connection_whose_transport_failed_is_replaced_when_signaling_works_again() {
    let mut stage = Stage::connected(true);
    stage.socket(SocketInput::Disconnected);
    let out = stage.browser(2, ConnectionInput::TransportFailed);
    assert_eq!((closed(&out), opened(&out)), (vec![2], vec![]));
    stage.connect();
    stage.welcome(vec![]);
    assert_eq!(opened(&stage.enter_other()), [(4, true)]);
}

#[test]
fn a_connection_that_fails_before_it_knows_the_candidates_is_not_restarted() {
    let mut stage = Stage::joined(true, vec![]);
    stage.answers = true;
    stage.enter_other();
    negotiate(&mut stage);
    let restarts = |out: &[Output]| calls(out).contains(&&ConnectionCall::RestartIce);
    assert!(!restarts(&stage.state(2, ConnectionState::Failed)));
    let candidate = Candidate { candidate: "of a relay".into(), ..Candidate::default() };
    stage.hear(Body::Candidate { connection: ConnectionId(2), candidate });
    stage.state(2, ConnectionState::Connecting);
    stage.hear(Body::EndOfCandidates { connection: ConnectionId(2) });
    assert!(!restarts(&stage.wait(9 * S)));
    stage.state(2, ConnectionState::Failed);
    assert!(restarts(&stage.wait(2 * S)), "now it is");
}

#[test]
fn refusals_of_the_browser_bring_new_connections_but_not_in_a_hurry() {
    let mut stage = Stage::joined(true, vec![]);
    stage.answers = true;
    stage.enter_other();
    let mut id = 2;
    let mut opens = 0;
    while stage.now < 100 * S {
        let mut out = stage.browser(id, ConnectionInput::Rejected(Operation::SetLocalDescription));
        out.extend(stage.wait(S / 2));
        if let Some((next, offerer)) = opened(&out).first().copied() {
            assert!(offerer && next > id);
            id = next;
            opens += 1;
        }
    }
    assert!((5..15).contains(&opens), "{opens} connections in 100 s");
}

#[test]
fn a_peer_that_is_neither_listed_nor_connected_is_gone_after_the_grace() {
    let gone = |out: &[Output]| {
        events(out).iter().any(|event| matches!(event, SessionEvent::PeerLeft { reason: LeaveReason::TimedOut, .. }))
    };
    let mut stage = Stage::connected(true);
    stage.socket(SocketInput::Disconnected);
    stage.wait(S);
    stage.connect();
    assert!(!gone(&stage.welcome(vec![])));
    assert!(!gone(&stage.wait(3 * GRACE)), "connected, whatever the server says");
    stage.answers = true;
    stage.state(2, ConnectionState::Failed);
    assert!(!gone(&stage.wait(GRACE - S)));
    let out = stage.wait(S);
    assert!(gone(&out));
    assert_eq!(closed(&out), [2]);
    let out = stage.enter_other();
    assert_eq!(opened(&out), [(4, true)], "numbers are not used twice");
}

#[test]
fn who_is_cut_off_for_long_gives_nobody_up() {
    let mut stage = Stage::connected(true);
    stage.socket(SocketInput::Disconnected);
    stage.state(2, ConnectionState::Failed);
    let left = |out: &[Output]| events(out).iter().any(|event| matches!(event, SessionEvent::PeerLeft { .. }));
    assert!(!left(&stage.wait(10 * GRACE)));
    stage.connect();
    assert!(!left(&stage.welcome(vec![])));
    assert!(!left(&stage.wait(4 * S)), "it may come back to a server that was restarted");
    assert!(left(&stage.wait(S)));
}

#[test]
fn a_peer_that_leaves_is_gone_at_once() {
    let mut stage = Stage::connected(true);
    let left = Left { peer: stage.other.peer.clone(), reason: LeaveReason::Left };
    let out = stage.socket(SocketInput::PeerLeft(left));
    assert_eq!(closed(&out), [2]);
    assert!(matches!(events(&out)[..], [SessionEvent::PeerLeft { reason: LeaveReason::Left, .. }]));
    assert!(stage.is_quiet());
}

#[test]
fn the_route_is_told_when_it_is_another_one() {
    let mut stage = Stage::connected(true);
    assert_eq!(stage.looked, 0, "a browser has enough to do when it has just connected");
    let told = |out: &[Output]| matches!(events(out)[..], [SessionEvent::PeerRoute { .. }]);
    let by = |route| ConnectionInput::Stats { route, received: 0, improves: true, video: Video::default() };
    assert!(told(&stage.browser(2, by(Route::RelayUdp))));
    assert!(!told(&stage.browser(2, by(Route::RelayUdp))));
    assert!(told(&stage.browser(2, by(Route::Direct))));
    stage.wait(12 * S);
    assert_eq!(stage.looked, 24);
    stage.state(2, ConnectionState::Failed);
    stage.wait(12 * S);
    assert_eq!(stage.looked, 24, "there is none");
}

#[test]
fn what_comes_although_disconnected_is_left_alone_by_a_new_epoch() {
    let mut stage = flowing(true);
    stage.socket(SocketInput::Disconnected);
    stage.wait(S);
    stage.state(2, ConnectionState::Disconnected);
    assert!(stage.receive(2).is_empty(), "it came before");
    assert_eq!(reconnecting(&stage.wait(3 * S)), Some(Cause::PathLost));
    let out = stage.receive(3);
    assert_eq!(calls(&out), [&ConnectionCall::ResumeVideo]);
    assert!(events(&out).iter().any(|event| matches!(event, SessionEvent::Restored { .. })));
    stage.connect();
    stage.welcome(vec![]);
    let out = stage.enter_other();
    assert_eq!(calls(&out), [&ConnectionCall::SetLocalDescription]);
}

/// A connection by which something has come, from a peer that sends its camera or nothing.
fn flowing(camera: bool) -> Stage {
    let mut stage = Stage::connected(true);
    stage.hear(Body::Media { microphone: false, camera });
    for received in [1, 2] {
        stage.wait(S);
        stage.receive(received);
    }
    stage
}

#[test]
fn silence_is_noticed_in_three_seconds_and_restarted() {
    let mut stage = flowing(true);
    stage.wait(S);
    assert!(events(&stage.receive(2)).iter().all(|event| matches!(event, SessionEvent::PeerRoute { .. })));
    stage.socket(SocketInput::IceServers(IceServers::default()));
    stage.wait(S);
    let out = stage.receive(2);
    assert_eq!(
        calls(&out),
        [&ConnectionCall::PauseVideo, &ConnectionCall::SetLocalDescription],
        "whether the peer is there"
    );
    assert_eq!(reconnecting(&out), Some(Cause::MediaStopped));
    negotiate(&mut stage);
    let restart = [&ConnectionCall::RestartIce, &ConnectionCall::ResumeVideo, &ConnectionCall::SetLocalDescription];
    assert_eq!(calls(&stage.wait(S)), restart);
    let out = stage.receive(3);
    assert!(matches!(
        events(&out)[..],
        [
            SessionEvent::PeerState { state: PeerState::Connected, .. },
            SessionEvent::Restored { cause: Cause::MediaStopped, after, .. }
        ] if *after == 3 * S
    ));
}

#[test]
fn disconnected_that_is_told_when_media_is_back_begins_nothing_anew() {
    let mut stage = flowing(true);
    stage.wait(S);
    stage.receive(2);
    stage.wait(S);
    assert_eq!(reconnecting(&stage.receive(2)), Some(Cause::MediaStopped));
    assert_eq!(calls(&stage.receive(3)), [&ConnectionCall::ResumeVideo]);
    stage.hear(description(2, DescriptionType::Answer));
    stage.browser(2, ConnectionInput::RemoteDescriptionSet);
    stage.wait(S / 10);
    assert!(stage.state(2, ConnectionState::Disconnected).is_empty());
    assert!(stage.state(2, ConnectionState::Connected).is_empty());
    assert!(stage.receive(4).is_empty());
    for received in 5..10 {
        assert!(calls(&stage.wait(S)).is_empty());
        assert!(stage.receive(received).is_empty());
    }
}

#[test]
fn disconnected_that_is_told_while_media_comes_is_believed_when_it_stops() {
    let mut stage = flowing(true);
    assert!(stage.state(2, ConnectionState::Disconnected).is_empty());
    for received in 3..7 {
        assert!(calls(&stage.wait(S)).is_empty());
        assert!(stage.receive(received).is_empty(), "it is left alone");
    }
    stage.wait(S);
    assert!(calls(&stage.receive(6)).is_empty());
    stage.socket(SocketInput::IceServers(IceServers::default()));
    stage.wait(S);
    let out = stage.receive(6);
    assert_eq!(calls(&out), [&ConnectionCall::PauseVideo, &ConnectionCall::SetLocalDescription]);
    assert_eq!(reconnecting(&out), Some(Cause::PathLost));
    assert_eq!(calls(&stage.receive(7)), [&ConnectionCall::ResumeVideo]);
}

#[test]
fn a_picture_that_stands_still_while_video_comes_is_begun_anew() {
    let mut stage = flowing(true);
    let mut begun = Vec::new();
    for (bytes, frames) in [(50, 50), (70, 60), (90, 60), (110, 60), (130, 60)] {
        let video = Video { bytes, frames };
        let stats = ConnectionInput::Stats { route: Route::Direct, received: bytes, improves: false, video };
        begun.push(calls(&stage.browser(2, stats)).contains(&&ConnectionCall::ResumeVideo));
        stage.wait(S / 2);
    }
    assert_eq!(begun, [false, false, false, true, false]);
}

#[test]
fn who_sends_nothing_is_not_missed() {
    let mut stage = flowing(false);
    for _ in 0..20 {
        stage.wait(S);
        assert!(calls(&stage.receive(2)).is_empty());
    }
}

#[test]
fn a_socket_is_doubted_with_the_media_and_given_up_without_an_answer() {
    let mut stage = flowing(true);
    stage.wait(S / 2);
    assert!(!stage.receive(2).contains(&Output::AskForIceServers), "it may be late");
    stage.wait(S / 2);
    assert!(stage.receive(2).contains(&Output::AskForIceServers));
    stage.wait(S / 10);
    let out = stage.socket(SocketInput::IceServers(IceServers::default()));
    assert!(matches!(events(&out)[..], [SessionEvent::IceServers(_)]));
    assert!(stage.wait(3 * S).contains(&Output::AskForIceServers), "as long as the doubt lasts");
    let out = stage.wait(2 * S);
    assert!(out.contains(&Output::Disconnect) && out.iter().any(|output| matches!(output, Output::Connect(_))));
    assert!(closed(&out).is_empty());
    stage.connect();
    stage.welcome(vec![stage.other.clone()]);
    stage.receive(9);
    assert!(!stage.wait(30 * S).contains(&Output::AskForIceServers), "all is well");
}

#[test]
fn a_socket_is_doubted_when_a_connection_is_late() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    assert!(!stage.wait(S / 2).contains(&Output::AskForIceServers), "it may yet come");
    assert!(stage.wait(S).contains(&Output::AskForIceServers));
    let out = stage.wait(3 * S);
    assert!(out.contains(&Output::Disconnect) && out.iter().any(|output| matches!(output, Output::Connect(_))));
    let mut stage = Stage::connected(true);
    assert!(!stage.wait(30 * S).contains(&Output::AskForIceServers), "it came");
}

#[test]
fn a_changed_network_has_the_socket_looked_at() {
    let mut stage = Stage::connected(false);
    assert!(stage.tell(Input::NetworkChanged).contains(&Output::AskForIceServers));
    stage.socket(SocketInput::IceServers(IceServers::default()));
    assert!(!stage.wait(30 * S).contains(&Output::Disconnect));
}

fn gather(stage: &mut Stage, kinds: &[&str]) -> Vec<Output> {
    let candidate = |kind: &&str| Candidate {
        candidate: format!("candidate:1 1 udp 1 192.0.2.1 9 typ {kind}"),
        ..Candidate::default()
    };
    let all = kinds.iter().map(|kind| Some(candidate(kind))).chain([None]);
    all.flat_map(|candidate| stage.browser(2, ConnectionInput::LocalCandidate(candidate))).collect()
}

fn told(out: &[Output]) -> Vec<PeerState> {
    let state = |event: &&SessionEvent| match event {
        SessionEvent::PeerState { state, .. } => Some(*state),
        _ => None,
    };
    events(out).iter().filter_map(state).collect()
}

/// Offer and answer are exchanged.
fn negotiate(stage: &mut Stage) {
    stage.set_local(2, DescriptionType::Offer);
    stage.hear(description(2, DescriptionType::Answer));
    stage.browser(2, ConnectionInput::RemoteDescriptionSet);
}

#[test]
fn a_peer_is_unreachable_when_no_path_works_and_there_is_no_relay() {
    let mut stage = Stage::joined(true, vec![]);
    stage.answers = true;
    stage.enter_other();
    negotiate(&mut stage);
    assert!(told(&gather(&mut stage, &["host", "srflx"])).is_empty());
    assert!(told(&stage.wait(9 * S)).is_empty(), "it may still come");
    let out = stage.wait(2 * S);
    assert_eq!(told(&out), [PeerState::Unreachable]);
    assert!(calls(&out).contains(&&ConnectionCall::RestartIce), "and is tried again");
    negotiate(&mut stage);
    assert!(told(&gather(&mut stage, &["host"])).is_empty() && told(&stage.wait(11 * S)).is_empty(), "told once");
    negotiate(&mut stage);
    assert_eq!(told(&gather(&mut stage, &["relay"])), [PeerState::Connecting], "there is one now");
    assert_eq!(told(&stage.state(2, ConnectionState::Connected)), [PeerState::Connected]);
}

#[test]
fn whoever_has_a_relay_is_not_told_of_it() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    for _ in 0..2 {
        negotiate(&mut stage);
        gather(&mut stage, &["host", "relay"]);
        assert!(told(&stage.wait(11 * S)).is_empty());
    }
}

#[test]
fn without_any_candidate_a_peer_is_unreachable_at_once() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    assert!(told(&gather(&mut stage, &[])).is_empty(), "that is no end of what is not described yet");
    negotiate(&mut stage);
    assert_eq!(told(&gather(&mut stage, &[])), [PeerState::Unreachable]);
    assert_eq!(told(&stage.state(2, ConnectionState::Connected)), [PeerState::Connected]);
}

#[test]
fn a_call_that_loses_its_relay_says_so_until_there_is_one_again() {
    let mut stage = Stage::connected(true);
    stage.answers = true;
    stage.wait(60 * S);
    stage.state(2, ConnectionState::Disconnected);
    assert_eq!(told(&stage.wait(2 * S)), [PeerState::Reconnecting]);
    negotiate(&mut stage);
    assert!(told(&stage.wait(S)).is_empty());
    negotiate(&mut stage);
    gather(&mut stage, &["host"]);
    assert_eq!(told(&stage.wait(11 * S)), [PeerState::Unreachable]);
    negotiate(&mut stage);
    assert!(told(&stage.tell(Input::NetworkChanged)).is_empty(), "another network need not be a better one");
    negotiate(&mut stage);
    assert_eq!(told(&gather(&mut stage, &["relay"])), [PeerState::Reconnecting]);
}

#[test]
fn a_restart_before_its_time_is_no_verdict() {
    let mut stage = Stage::joined(true, vec![]);
    stage.answers = true;
    stage.enter_other();
    negotiate(&mut stage);
    gather(&mut stage, &["host"]);
    stage.hear(Body::EndOfCandidates { connection: ConnectionId(2) });
    stage.wait(5 * S);
    stage.state(2, ConnectionState::Failed);
    assert!(told(&stage.wait(2 * S)).is_empty(), "a relay may need longer");
    negotiate(&mut stage);
    assert!(told(&stage.wait(9 * S)).is_empty());
    assert_eq!(told(&stage.wait(2 * S)), [PeerState::Unreachable]);
}

#[test]
fn a_transport_that_fails_time_and_again_without_a_relay_is_a_verdict() {
    let mut stage = Stage::joined(true, vec![]);
    stage.enter_other();
    negotiate(&mut stage);
    gather(&mut stage, &["host"]);
    let out = stage.browser(2, ConnectionInput::TransportFailed);
    assert_eq!((told(&out), opened(&out)), (vec![], vec![(4, true)]), "a relay may need longer");
    let out = stage.browser(4, ConnectionInput::TransportFailed);
    assert_eq!((told(&out), opened(&out)), (vec![PeerState::Unreachable], vec![]), "and is tried again, later");
    assert_eq!(opened(&stage.wait(S)), [(6, true)]);
}

#[test]
fn who_wakes_up_looks_whether_all_is_still_well() {
    let mut stage = flowing(true);
    assert_eq!(stage.tell(Input::Woke), [Output::AskForIceServers]);
    stage.socket(SocketInput::IceServers(IceServers::default()));
    stage.now += 600 * S;
    assert!(calls(&stage.receive(3)).is_empty(), "media came all the time");
    stage.tell(Input::Woke);
    stage.socket(SocketInput::IceServers(IceServers::default()));
    stage.now += S;
    assert_eq!(reconnecting(&stage.receive(3)), Some(Cause::MediaStopped), "it does not any more");
}
