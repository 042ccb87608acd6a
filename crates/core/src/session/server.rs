//! The way to the server: connecting, joining, and coming back after a loss.
//!
//! The machine knows nothing of peers. Every join takes the next generation, and everything that
//! goes wrong ends in another try: there is no last one.
//!
//! A socket whose network is gone looks well for most of a minute. So when there is a reason to
//! doubt it (media of a peer stopped, the network changed) the server is asked something, and a
//! socket without an answer is given up.
//!
//! Where a try to come back failed, small requests are sent beside: knocks. One that is answered
//! makes a try at once. Where the server refuses, nothing else is tried for a while: a browser delays the
//! WebSockets that follow on those that failed (RFC 6455 section 7.2.3), Firefox after the first one and half as
//! long again after every other, Chromium by seconds after a dozen. Where nothing comes back at all,
//! some tries are made anew: TCP repeats what began before less and less often, and some browsers keep the
//! connections of a few requests for minutes, and make no more. Where the server answers TURN as well,
//! knocks go on by that, and tries become few here too: one that is given up has failed.

use std::{collections::VecDeque, time::Duration};

use madang_protocol::{Generation, Goodbye, IceServer, Join, VERSION};

use crate::{
    backoff::Backoff,
    mutation::{Mutation, broken},
};

use super::{Config, Output, Time, knock};

/// How long connecting may take at first: the join timeout is shorter.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to come back, when it is not known whether the server can be reached.
const RETURN_PATIENCE: Duration = Duration::from_secs(2);
/// The same when it can, for the first time: a socket may still hang on what went on before. It is more
/// than a way of a quarter of a second needs, and whoever has a longer one gets more time with the next try.
const REACHED_PATIENCE: Duration = Duration::from_millis(1500);
/// For so many tries in a row that hang, the next one comes after so long: TCP has repeated it after one
/// and three seconds, and would not for a while.
const HANGS: u32 = 12;
const HANG_PATIENCE: Duration = Duration::from_secs(4);
/// The same where knocks by TURN tell of the server. After that little but knocks is tried there.
const HANGS_BESIDE_TURN: u32 = 2;
/// The same for all others: browsers delay them, and some networks just take long.
const PATIENT: Duration = Duration::from_secs(10);
/// A try that has not succeeded for so long has probably begun too early.
const STALE: Duration = Duration::from_secs(1);
/// The longest time between two knocks: so much later at most it is noticed that the server is there again.
const KNOCK_SPACING: Duration = Duration::from_secs(1);
/// The same by TURN: TCP repeats what was lost after one second, and not again before three.
const TURN_SPACING: Duration = Duration::from_secs(2);
/// How long nothing but knocks is tried where tries are refused, and where they hang beside knocks by TURN:
/// a page may be allowed sockets and nothing else. Firefox forgets a failure after a minute and what it delays
/// for it; more often, and the delay grows to a minute.
const ONLY_KNOCKING: Duration = Duration::from_secs(70);
/// Browsers tell of another network several times, and before it carries anything.
const SETTLED: Duration = Duration::from_millis(150);
/// How long a doubtful socket may take to answer, and how soon after that it is asked again while
/// the doubt lasts.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// The same where what a peer sends does not come any more either.
const QUIET_PATIENCE: Duration = Duration::from_secs(1);
const PROBE_SPACING: Duration = Duration::from_secs(3);
/// How long the answer to `join` may take.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
/// A membership that lasted this long ends a row of failures: tries are no closer together than at the end of one.
const PROVEN: Duration = Backoff::LONGEST;
/// The least time between two joins on one socket.
const REJOIN_SPACING: Duration = Duration::from_secs(1);

/// The least time between two such questions.
const LEAST_RENEWAL: Duration = Duration::from_secs(15);

/// Where the way to the server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not started.
    Idle,
    /// Between two tries.
    Waiting { until: Time },
    /// The socket is connecting.
    Connecting { since: Time, until: Time },
    /// `join` was sent.
    Joining { until: Time },
    /// In the room. `again`: when to join once more.
    Joined { since: Time, again: Option<Time> },
}

/// What there is to doubt the socket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// Nothing.
    Nothing,
    /// A peer is not connected.
    NotConnected,
    /// What a connected peer sends does not come any more.
    Quiet,
}

/// What the passing of time brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// The socket is of no use; the next try is scheduled.
    Lost,
    /// `join` was sent again on the same socket.
    Rejoined,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Server {
    config: Config,
    state: State,
    backoff: Backoff,
    instance: Generation,
    /// Of the latest join; none before the first.
    generation: Option<Generation>,
    /// The join of the connection that is being made.
    prepared: Option<Join>,
    /// When to ask for fresh credentials, while in the room.
    renewal: Option<Time>,
    /// Has been in the room.
    returns: bool,
    /// When to knock, while away.
    knock: Option<Time>,
    /// Where the server answers TURN, if it does.
    turn: Option<String>,
    /// When to ask there again.
    ask: Time,
    /// A knock was answered, while away.
    reached: bool,
    /// Tries that hung, while away.
    hung: u32,
    doubt: Doubt,
    /// When the doubtful socket is asked, and until when an answer may come.
    probe: Option<Time>,
    answer: Option<Time>,
}

impl Server {
    /// Not connected.
    pub(crate) fn new(config: Config) -> Self {
        Self {
            state: State::Idle,
            backoff: Backoff::new(config.seed),
            instance: config.instance,
            generation: None,
            prepared: None,
            renewal: None,
            returns: false,
            knock: None,
            turn: None,
            ask: Time::ZERO,
            reached: false,
            hung: 0,
            doubt: Doubt::Nothing,
            probe: None,
            answer: None,
            config,
        }
    }

    /// Of the latest join.
    pub(crate) fn generation(&self) -> Generation {
        self.generation.unwrap_or(self.instance)
    }

    /// In the room on a socket that works.
    pub(crate) fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined { .. })
    }

    /// Since when it is.
    pub(crate) fn joined_since(&self) -> Option<Time> {
        match self.state {
            State::Joined { since, .. } => Some(since),
            _ => None,
        }
    }

    /// An answer to `join` is awaited.
    pub(crate) fn is_joining(&self) -> bool {
        matches!(self.state, State::Joining { .. })
    }

    /// There is a socket, or one is being made.
    pub(crate) fn has_socket(&self) -> bool {
        !matches!(self.state, State::Idle | State::Waiting { .. })
    }

    /// Starts to connect.
    pub(crate) fn connect(&mut self, now: Time, out: &mut VecDeque<Output>) {
        let patience = match (self.returns, self.knock) {
            (false, _) => CONNECT_PATIENCE,
            (true, None) => RETURN_PATIENCE,
            (true, Some(_)) => self.patience_after_hangs(),
        };
        if self.returns {
            self.knock.get_or_insert(now + STALE);
        }
        self.connect_within(patience, now, out);
    }

    fn patience_after_hangs(&self) -> Duration {
        let hangs = if self.turn.is_some() { HANGS_BESIDE_TURN } else { HANGS };
        if (1..=hangs).contains(&self.hung) { HANG_PATIENCE } else { PATIENT }
    }

    fn connect_within(&mut self, patience: Duration, now: Time, out: &mut VecDeque<Output>) {
        self.state = State::Connecting { since: now, until: now + patience };
        let again = self.prepared.take().filter(|_| broken(Mutation::FailedJoinRepeated));
        let join = again.unwrap_or_else(|| self.next_join());
        self.prepared = Some(join.clone());
        out.push_back(Output::Connect(join));
    }

    /// A knock was answered.
    pub(crate) fn reachable(&mut self, now: Time, out: &mut VecDeque<Output>) {
        let stale = matches!(self.state, State::Connecting { since, .. } if since + STALE <= now);
        if self.knock.is_none() || !(stale || matches!(self.state, State::Waiting { .. })) {
            return;
        }
        if stale {
            out.push_back(Output::Disconnect);
        }
        // This try has its time: no later answer ends it.
        self.knock = None;
        let again = std::mem::replace(&mut self.reached, true);
        self.connect_within(if again { PATIENT } else { REACHED_PATIENCE }, now, out);
    }

    /// Sends `join`.
    pub(crate) fn join(&mut self, now: Time, out: &mut VecDeque<Output>) {
        self.knock = None;
        let join = self.prepared.take().unwrap_or_else(|| self.next_join());
        self.state = State::Joining { until: now + JOIN_PATIENCE };
        out.push_back(Output::Join(join));
    }

    /// The server may hear of a join whose connection fails, so none has another's generation.
    fn next_join(&mut self) -> Join {
        let next = if broken(Mutation::GenerationKept) { |kept| kept } else { Generation::next };
        let generation = self.generation.map_or(self.instance, next);
        self.generation = Some(generation);
        Join {
            v: VERSION,
            room: self.config.room.clone(),
            secret: self.config.secret.clone(),
            instance: self.instance,
            generation,
            name: self.config.name.clone(),
            token: self.config.token.clone(),
        }
    }

    /// What is said when the page ends and there is no socket.
    pub(crate) fn goodbye(&self) -> Goodbye {
        Goodbye { room: self.config.room.clone(), secret: self.config.secret.clone(), instance: self.instance }
    }

    /// The join was accepted.
    pub(crate) fn joined(&mut self, now: Time) {
        (self.returns, self.reached, self.hung) = (true, false, 0);
        (self.probe, self.answer) = (None, None);
        self.state = State::Joined { since: now, again: None };
    }

    /// The credentials in `iceServers` are good for this many seconds. Fresh ones are asked for at
    /// half time: whoever restarts ICE near the end needs good ones.
    pub(crate) fn ice_servers(&mut self, now: Time, ice_servers: &[IceServer], expires: Option<u64>) {
        self.turn = knock::turn_at(&self.config.server, ice_servers);
        self.renewal = expires.map(|seconds| now + (Duration::from_secs(seconds) / 2).max(LEAST_RENEWAL));
    }

    /// The server answered: the socket works.
    pub(crate) fn answered(&mut self, now: Time) {
        self.answer = None;
        self.probe = (self.doubt > Doubt::Nothing).then_some(now + PROBE_SPACING);
    }

    /// What there is to doubt the socket for.
    pub(crate) fn doubt(&mut self, now: Time, doubt: Doubt) {
        let before = std::mem::replace(&mut self.doubt, doubt);
        match (before, doubt) {
            (Doubt::Nothing, Doubt::Nothing) => {}
            // What comes by another way needs no answer.
            (_, Doubt::Nothing) => (self.probe, self.answer) = (None, None),
            (Doubt::Nothing, _) => self.probe = Some(now),
            _ => {}
        }
    }

    /// Joins again soon, on the same socket, to start a new epoch.
    pub(crate) fn join_again(&mut self) {
        if let State::Joined { since, again: again @ None } = &mut self.state {
            *again = Some(*since + REJOIN_SPACING);
        }
    }

    /// The socket is gone.
    pub(crate) fn lost(&mut self, now: Time) {
        if let State::Joined { since, .. } = self.state
            && since + PROVEN <= now
        {
            self.backoff.reset();
        }
        (self.probe, self.answer) = (None, None);
        let delay = self.backoff.next_delay();
        let mut until = now + delay;
        if let State::Connecting { since, .. } = self.state
            && self.returns
        {
            let knock = now + delay.min(KNOCK_SPACING);
            self.knock = Some(knock);
            if since + STALE <= now {
                self.hung = self.hung.saturating_add(1);
                let only_knocks = self.turn.is_some() && self.hung >= HANGS_BESIDE_TURN;
                until = match (self.reached, only_knocks) {
                    (true, _) => now,
                    (false, true) => now + ONLY_KNOCKING,
                    (false, false) => knock,
                };
            } else {
                until = now + ONLY_KNOCKING;
            }
        }
        self.state = State::Waiting { until };
    }

    /// Gives the socket up and schedules the next try.
    pub(crate) fn give_up(&mut self, now: Time, out: &mut VecDeque<Output>) {
        out.push_back(Output::Disconnect);
        self.lost(now);
    }

    /// The network is another one: whoever is trying tries anew when it has settled, and whoever has a
    /// socket looks whether it is still one.
    pub(crate) fn network_changed(&mut self, now: Time, out: &mut VecDeque<Output>) {
        match self.state {
            State::Waiting { .. } => self.settle(now),
            State::Connecting { .. } if self.returns => {
                out.push_back(Output::Disconnect);
                self.settle(now);
            }
            State::Joined { .. } if self.answer.is_none() => self.probe = Some(now),
            _ => {}
        }
    }

    fn settle(&mut self, now: Time) {
        self.knock = None;
        self.backoff.reset();
        self.state = State::Waiting { until: now + SETTLED };
    }

    /// The page was away: whoever waits tries now, and whoever has a socket looks whether it is still one.
    pub(crate) fn woke(&mut self, now: Time, out: &mut VecDeque<Output>) {
        match self.state {
            State::Waiting { .. } => {
                self.knock = None;
                self.backoff.reset();
                self.connect(now, out);
            }
            State::Joined { .. } if self.answer.is_none() => self.probe = Some(now),
            _ => {}
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Time, out: &mut VecDeque<Output>) -> Due {
        if self.knock.is_some_and(|at| at <= now) {
            self.knock = Some(now + self.backoff.next_delay().min(KNOCK_SPACING));
            // Also where tries are refused: what refuses may be something on the way, and then nothing comes back.
            let asks = self.ask <= now;
            if asks {
                self.ask = now + TURN_SPACING;
            }
            out.push_back(Output::Knock(self.turn.clone().filter(|_| asks)));
        }
        match self.state {
            State::Waiting { until } if until <= now => {
                self.connect(now, out);
                Due::Nothing
            }
            State::Connecting { until, .. } | State::Joining { until } if until <= now => {
                self.give_up(now, out);
                Due::Lost
            }
            State::Joined { again: Some(again), .. } if again <= now => {
                self.join(now, out);
                Due::Rejoined
            }
            State::Joined { .. } if self.answer.is_some_and(|at| at <= now) => {
                self.give_up(now, out);
                Due::Lost
            }
            State::Joined { .. } if self.probe.is_some_and(|at| at <= now) && self.answer.is_none() => {
                self.probe = None;
                self.answer = Some(now + if self.doubt == Doubt::Quiet { QUIET_PATIENCE } else { PROBE_PATIENCE });
                out.push_back(Output::AskForIceServers);
                Due::Nothing
            }
            State::Joined { .. } if self.renewal.is_some_and(|at| at <= now) => {
                // Again if no answer comes.
                self.renewal = Some(now + LEAST_RENEWAL);
                out.push_back(Output::AskForIceServers);
                Due::Nothing
            }
            _ => Due::Nothing,
        }
    }

    /// When [`Server::tick`] is wanted.
    pub(crate) fn timeout(&self) -> Option<Time> {
        match self.state {
            State::Waiting { until } | State::Connecting { until, .. } => {
                Some(self.knock.map_or(until, |at| at.min(until)))
            }
            State::Joining { until } => Some(until),
            State::Joined { again, .. } => {
                let probe = self.probe.filter(|_| self.answer.is_none());
                [again, self.renewal, probe, self.answer].into_iter().flatten().min()
            }
            State::Idle => None,
        }
    }
}
