//! The way to the server: connecting, joining, and coming back after a loss.
//!
//! The machine knows nothing of peers. Every join takes the next generation, and everything that
//! goes wrong ends in another try, later and later: there is no last one.

use std::{collections::VecDeque, time::Duration};

use madang_protocol::{Generation, Goodbye, Join, VERSION};

use crate::{
    backoff::Backoff,
    mutation::{Mutation, broken},
};

use super::{Config, Output, Time};

/// How long connecting may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// How long the answer to `join` may take.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
/// A membership that lasted this long ends a row of failures.
const PROVEN: Duration = Duration::from_secs(10);
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
    Connecting { until: Time },
    /// `join` was sent.
    Joining { until: Time },
    /// In the room. `again`: when to join once more.
    Joined { since: Time, again: Option<Time> },
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
        self.state = State::Connecting { until: now + CONNECT_PATIENCE };
        let again = self.prepared.take().filter(|_| broken(Mutation::FailedJoinRepeated));
        let join = again.unwrap_or_else(|| self.next_join());
        self.prepared = Some(join.clone());
        out.push_back(Output::Connect(join));
    }

    /// Sends `join`.
    pub(crate) fn join(&mut self, now: Time, out: &mut VecDeque<Output>) {
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
        self.state = State::Joined { since: now, again: None };
    }

    /// The credentials in `iceServers` are good for this many seconds. Fresh ones are asked for at
    /// half time: whoever restarts ICE near the end needs good ones.
    pub(crate) fn credentials(&mut self, now: Time, expires: Option<u64>) {
        self.renewal = expires.map(|seconds| now + (Duration::from_secs(seconds) / 2).max(LEAST_RENEWAL));
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
        self.state = State::Waiting { until: now + self.backoff.next_delay() };
    }

    /// Gives the socket up and schedules the next try.
    pub(crate) fn give_up(&mut self, now: Time, out: &mut VecDeque<Output>) {
        out.push_back(Output::Disconnect);
        self.lost(now);
    }

    /// The network is another one: whoever waits tries now.
    pub(crate) fn network_changed(&mut self, now: Time, out: &mut VecDeque<Output>) {
        if let State::Waiting { .. } = self.state {
            self.backoff.reset();
            self.connect(now, out);
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Time, out: &mut VecDeque<Output>) -> Due {
        match self.state {
            State::Waiting { until } if until <= now => {
                self.connect(now, out);
                Due::Nothing
            }
            State::Connecting { until } | State::Joining { until } if until <= now => {
                self.give_up(now, out);
                Due::Lost
            }
            State::Joined { again: Some(again), .. } if again <= now => {
                self.join(now, out);
                Due::Rejoined
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
            State::Waiting { until } | State::Connecting { until } | State::Joining { until } => Some(until),
            State::Joined { again, .. } => [again, self.renewal].into_iter().flatten().min(),
            State::Idle => None,
        }
    }
}
