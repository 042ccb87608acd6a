//! Entering, coming back, and the ends.

use std::time::Duration;

use madang_core::{EndReason, Input, Output, SessionEvent, SignalingState, SocketInput};
use madang_protocol::{ErrorCode, IceServer, IceServers, Join, LeaveReason, Left, Reply, WireError};

use crate::stage::{JOIN_TIMEOUT, Stage, closed, events};

const S: Duration = Duration::from_secs(1);

fn refusal(code: ErrorCode) -> SocketInput {
    SocketInput::JoinReply(Reply::Error(WireError::from(code)))
}

fn connects(out: &[Output]) -> Vec<&Join> {
    out.iter()
        .filter_map(|output| match output {
            Output::Connect(join) => Some(join),
            _ => None,
        })
        .collect()
}

fn knocks(out: &[Output]) -> usize {
    out.iter().filter(|output| matches!(output, Output::Knock(_))).count()
}

#[test]
fn the_first_join_is_tried_until_its_time_is_up() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    let mut tries = 1;
    let mut end = None;
    while stage.now < 2 * JOIN_TIMEOUT && end.is_none() {
        stage.socket(SocketInput::ConnectFailed);
        let out = stage.wait(S);
        tries += out.iter().filter(|output| matches!(output, Output::Connect(_))).count();
        end = events(&out).contains(&&SessionEvent::Ended(EndReason::ServerAway)).then_some(stage.now);
    }
    assert_eq!(end, Some(JOIN_TIMEOUT));
    assert!((4..20).contains(&tries), "{tries} tries");
    assert!(stage.tell(Input::Start).is_empty() && stage.is_quiet());
}

#[test]
fn a_refused_first_join_ends_the_session() {
    for code in [ErrorCode::RoomFull, ErrorCode::InvalidRoom, ErrorCode::UnsupportedVersion, ErrorCode::BadMessage] {
        let mut stage = Stage::new(true);
        stage.tell(Input::Start);
        stage.connect();
        let out = stage.socket(refusal(code));
        assert_eq!(out[0], Output::Disconnect);
        assert_eq!(events(&out), [&SessionEvent::Ended(EndReason::Refused(code.into()))]);
    }
}

#[test]
fn a_stopping_server_is_tried_again() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    stage.connect();
    assert_eq!(stage.socket(refusal(ErrorCode::Stopping)), [Output::Disconnect]);
    assert!(matches!(&stage.wait(S)[..], [Output::Connect(_)]));
}

#[test]
fn a_member_that_finds_the_room_full_tries_again() {
    let mut stage = Stage::joined(true, vec![]);
    let instance = stage.join.as_ref().unwrap().instance;
    let out = stage.socket(SocketInput::Disconnected);
    assert_eq!(events(&out), [&SessionEvent::Signaling(SignalingState::Reconnecting)]);
    for generation in 1..20 {
        let out = stage.wait(2 * S);
        let [announced] = connects(&out)[..] else { panic!("{out:?}") };
        stage.connect();
        assert_eq!(stage.join.as_ref(), Some(announced));
        let join = stage.join.clone().unwrap();
        assert_eq!(join.instance, instance);
        assert_eq!(join.generation.0, instance.0 + generation);
        assert_eq!(stage.socket(refusal(ErrorCode::RoomFull)), [Output::Disconnect]);
    }
    stage.wait(2 * S);
    stage.connect();
    let out = stage.welcome(vec![]);
    assert_eq!(events(&out)[0], &SessionEvent::Signaling(SignalingState::Joined));
    assert!(matches!(events(&out)[1], SessionEvent::IceServers(_)), "joined is told once");
}

#[test]
fn a_socket_that_is_lost_again_and_again_is_made_anew_at_once_unless_it_was_only_just_made() {
    let waits = |lasts: Duration| {
        let mut stage = Stage::joined(true, vec![]);
        let returns = |_| {
            stage.wait(lasts);
            stage.socket(SocketInput::Disconnected);
            let lost = stage.now;
            while connects(&stage.wait(S / 100)).is_empty() {}
            let waited = stage.now - lost;
            stage.connect();
            stage.welcome(vec![]);
            waited
        };
        (0..20).map(returns).max().unwrap()
    };
    assert!(waits(2 * S) <= S / 5 + S / 100);
    assert!(waits(S) > S, "the server may be why");
}

#[test]
fn a_join_without_an_answer_is_given_up() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    stage.connect();
    assert!(stage.wait(9 * S).is_empty());
    assert!(matches!(&stage.wait(2 * S)[..], [Output::Disconnect, Output::Connect(_)]));
}

#[test]
fn an_answer_to_a_join_that_was_given_up_is_late() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    stage.connect();
    stage.socket(SocketInput::Disconnected);
    assert!(stage.welcome(vec![]).is_empty());
}

#[test]
fn a_changed_network_ends_the_wait() {
    let mut stage = Stage::joined(true, vec![]);
    for _ in 0..8 {
        stage.socket(SocketInput::Disconnected);
        stage.wait(10 * S);
    }
    stage.socket(SocketInput::ConnectFailed);
    assert!(stage.tell(Input::NetworkChanged).is_empty(), "it has yet to settle");
    assert!(matches!(&stage.wait(S / 5)[..], [Output::Connect(_)]));
}

/// A member whose first try to come back fails.
fn away() -> Stage {
    away_from(&[])
}

/// The same, from a server with these `iceServers`.
fn away_from(urls: &[&str]) -> Stage {
    let mut stage = Stage::joined(true, vec![]);
    let urls = urls.iter().map(|url| (*url).to_owned()).collect();
    let ice_servers = vec![IceServer { urls, username: None, credential: None }];
    stage.socket(SocketInput::IceServers(IceServers { ice_servers, expires: None }));
    stage.socket(SocketInput::Disconnected);
    let out = stage.wait(S);
    assert_eq!((connects(&out).len(), knocks(&out)), (1, 0), "most sockets are lost to a blip");
    stage.socket(SocketInput::ConnectFailed);
    stage
}

#[test]
fn who_is_away_knocks_and_comes_back_with_the_first_answer() {
    let mut stage = away();
    let out = stage.wait(20 * S);
    assert_eq!(connects(&out).len(), 0);
    assert!((20..45).contains(&knocks(&out)), "{} knocks", knocks(&out));
    let out = stage.socket(SocketInput::Reachable);
    assert_eq!(connects(&out).len(), 1);
    assert!(stage.socket(SocketInput::Reachable).is_empty(), "an earlier knock");
    assert!(stage.wait(S).is_empty(), "it has its time");
    stage.connect();
    stage.welcome(vec![]);
    assert!(stage.wait(60 * S).is_empty());
}

#[test]
fn a_try_that_hangs_ends_with_an_answer_and_a_fresh_one_does_not() {
    let mut stage = Stage::joined(true, vec![]);
    stage.socket(SocketInput::Disconnected);
    assert_eq!(connects(&stage.wait(S / 5)).len(), 1);
    assert!(stage.socket(SocketInput::Reachable).is_empty(), "nobody knocked");
    let out = stage.wait(3 * S / 2);
    assert!(knocks(&out) > 0 && connects(&out).is_empty(), "{out:?}");
    assert!(matches!(&stage.socket(SocketInput::Reachable)[..], [Output::Disconnect, Output::Connect(_)]));
}

#[test]
fn a_try_that_hangs_though_the_server_answers_is_repeated_soon() {
    let mut stage = away();
    stage.wait(2 * S);
    assert_eq!(connects(&stage.socket(SocketInput::Reachable)).len(), 1);
    assert!(stage.wait(S).is_empty(), "it has its time");
    let out = stage.wait(S);
    assert!(out.contains(&Output::Disconnect) && connects(&out).len() == 1, "{out:?}");
    assert!(connects(&stage.wait(3 * S)).is_empty(), "the next one has more");
}

#[test]
fn where_the_server_refuses_few_tries_are_made_and_where_nothing_comes_back_many() {
    let own = "turns:call.example:443?transport=tcp";
    for (refuses, turn, expected) in
        [(true, "turn:b.example", 7..10), (false, "turn:b.example", 45..65), (true, own, 7..10), (false, own, 7..11)]
    {
        let mut stage = away_from(&[turn]);
        let (mut tries, mut asked) = (0, 0);
        for _ in 0..6000 {
            let out = stage.wait(S / 10);
            asked += out
                .iter()
                .filter(|output| matches!(output, Output::Knock(turn) if turn.as_deref() == Some(own)))
                .count();
            let now = connects(&out).len();
            tries += now;
            if refuses && now > 0 {
                stage.socket(SocketInput::ConnectFailed);
            }
        }
        assert!(expected.contains(&tries), "{tries} tries in ten minutes");
        assert_eq!(asked > 200, turn == own, "{asked} questions");
        assert!(asked < 301, "{asked} questions");
    }
}

#[test]
fn where_knocks_go_by_turn_no_try_is_given_up_for_the_answer() {
    let mut stage = away_from(&["turns:call.example:443?transport=tcp"]);
    // The first ones hang: the server may have been away for a moment only.
    stage.tell(Input::NetworkChanged);
    let first = connects(&stage.wait(10 * S)).len();
    assert!((1..=2).contains(&first), "{first} tries");
    // As long as it takes Firefox to forget what failed.
    for _ in 0..60 {
        let out = stage.wait(S);
        assert!(connects(&out).is_empty() && knocks(&out) > 0, "{out:?}");
    }
    assert!(matches!(&stage.socket(SocketInput::Reachable)[..], [Output::Connect(_)]));
}

#[test]
fn no_two_connections_announce_the_same_join() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    let mut last = None;
    for _ in 0..4 {
        stage.socket(SocketInput::ConnectFailed);
        let out = stage.wait(4 * S);
        let announced = out.iter().find_map(|output| match output {
            Output::Connect(join) => Some(join.generation),
            _ => None,
        });
        assert!(announced > last, "the server may have heard of the one before");
        last = announced;
    }
}

#[test]
fn another_page_of_the_same_peer_ends_this_one_and_so_does_who_runs_the_server() {
    for code in [ErrorCode::Replaced, ErrorCode::Removed, ErrorCode::RoomClosed] {
        let error = WireError::from(code);
        let mut stage = Stage::connected(true);
        let out = stage.socket(SocketInput::Error(error.clone()));
        assert_eq!(closed(&out), [stage.number()]);
        assert!(out.contains(&Output::Disconnect) && !out.contains(&Output::Leave));
        assert_eq!(out.last(), Some(&Output::Event(SessionEvent::Ended(EndReason::Refused(error)))));
        assert!(stage.is_quiet());

        // Told when it comes back: it was away.
        let mut stage = Stage::connected(true);
        stage.socket(SocketInput::Disconnected);
        stage.wait(S);
        stage.connect();
        let out = stage.socket(refusal(code));
        assert_eq!(closed(&out), [stage.number()]);
        assert!(stage.is_quiet());
    }
}

#[test]
fn other_errors_are_the_servers_to_act_upon() {
    let mut stage = Stage::connected(true);
    for code in [ErrorCode::UnknownPeer, ErrorCode::RateLimited, ErrorCode::SlowReader, ErrorCode::Unknown] {
        assert!(stage.socket(SocketInput::Error(code.into())).is_empty());
    }
}

#[test]
fn leaving_says_goodbye_and_closes_everything() {
    let mut stage = Stage::connected(true);
    let out = stage.tell(Input::Leave);
    assert_eq!(out[0], Output::Leave);
    assert_eq!(closed(&out), [stage.number()]);
    assert_eq!(out[2..], [Output::Disconnect, Output::Event(SessionEvent::Ended(EndReason::Left))]);
    assert!(stage.tell(Input::Leave).is_empty() && stage.is_quiet());
}

#[test]
fn who_never_was_in_the_room_needs_no_goodbye() {
    let mut stage = Stage::new(true);
    assert_eq!(stage.tell(Input::Leave), [Output::Event(SessionEvent::Ended(EndReason::Left))]);
}

#[test]
fn without_a_socket_goodbye_goes_another_way() {
    let mut stage = Stage::connected(true);
    stage.socket(SocketInput::Disconnected);
    let out = stage.tell(Input::Leave);
    assert!(matches!(out[0], Output::SayGoodbye(_)), "{out:?}");
    assert!(!out.contains(&Output::Leave));
}

#[test]
fn a_connection_is_prepared_while_there_is_room_for_another() {
    let mut stage = Stage::joined(true, vec![]);
    assert_eq!(stage.prepared, 1);
    stage.enter_other();
    stage.tell(Input::NetworkChanged);
    assert_eq!(stage.prepared, 1, "the room is full");
    let peer = stage.other.peer.clone();
    stage.socket(SocketInput::PeerLeft(Left { peer, reason: LeaveReason::Left }));
    assert_eq!(stage.prepared, 2);
    stage.tell(Input::NetworkChanged);
    assert_eq!(stage.prepared, 3, "what was prepared is of the network before");
    stage.socket(SocketInput::Disconnected);
    stage.tell(Input::NetworkChanged);
    assert_eq!(stage.prepared, 3);
    let other = stage.other.clone();
    assert_eq!(Stage::joined(true, vec![other]).prepared, 0);
}

#[test]
fn nothing_is_due_in_a_room_where_nothing_happens() {
    assert!(Stage::joined(true, vec![]).is_quiet());
    let mut stage = Stage::connected(false);
    stage.wait(S);
    assert!(stage.is_quiet());
}

#[test]
fn fresh_credentials_are_asked_for_in_time_and_again_if_no_answer_comes() {
    let mut stage = Stage::new(true);
    stage.tell(Input::Start);
    stage.connect();
    stage.welcome_for(vec![], Some(600));
    assert!(stage.wait(299 * S).is_empty());
    assert_eq!(stage.wait(S), [Output::AskForIceServers]);
    assert_eq!(stage.wait(30 * S), [Output::AskForIceServers, Output::AskForIceServers]);
    let servers = vec![IceServer { urls: vec!["turn:a".into()], username: None, credential: None }];
    let prepared = stage.prepared;
    let out = stage.socket(SocketInput::IceServers(IceServers { ice_servers: servers.clone(), expires: Some(600) }));
    assert_eq!(out, [Output::Event(SessionEvent::IceServers(servers))]);
    assert_eq!(stage.prepared, prepared + 1, "what was prepared has the credentials before");
    assert!(stage.wait(299 * S).is_empty());
    assert_eq!(stage.wait(S), [Output::AskForIceServers]);
    stage.socket(SocketInput::Disconnected);
    assert!(!stage.wait(600 * S).contains(&Output::AskForIceServers), "the next join brings others");
}
