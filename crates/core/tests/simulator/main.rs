//! Sessions of two and three peers over a seeded network, in a world where much goes wrong.
//!
//! Whatever the schedule, when the faults are over all peers must be connected with nothing
//! pending and nothing forgotten, and no connection may have been closed while it worked. Then
//! the same with each rule broken on purpose: the simulator must notice.
//!
//! `MADANG_SEED=n cargo test -p madang-core --test simulator replay` runs one seed and prints
//! what happens; `MADANG_SEEDS=n` sets how many are run.

#![expect(clippy::unwrap_used, reason = "the model is part of the test: what it cannot read is a failure")]

mod browser;
mod faults;
mod random;
mod server;
mod world;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Instant,
};

use madang_core::mutation::{self, Mutation};

/// So many schedules converge, and within so many every broken rule is noticed.
const SEEDS: u64 = 100_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// The first violation found in `0..seeds`, on all processors.
fn search(seeds: u64, broken: Option<Mutation>) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let found = AtomicBool::new(false);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || {
            mutation::set(broken);
            while !found.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds {
                    break;
                }
                if let Err(finding) = world::run(seed, false) {
                    found.store(true, Ordering::Relaxed);
                    return Some((seed, finding.violation));
                }
            }
            None
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().expect("no panic in a run")).min()
    })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how fast it was, for those who read the log")]
fn every_schedule_converges() {
    let seeds = number("MADANG_SEEDS").unwrap_or(SEEDS);
    let start = Instant::now();
    if let Some((seed, violation)) = search(seeds, None) {
        panic!("seed {seed}: {violation}\nMADANG_SEED={seed} cargo test -p madang-core --test simulator replay");
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{seeds} seeds in {seconds:.1} s, {:.0} a second", seeds as f64 / seconds);
}

#[test]
fn replay() {
    let Some(seed) = number("MADANG_SEED") else { return };
    if let Err(finding) = world::run(seed, true) {
        panic!("{}\nseed {seed}: {}", finding.trace, finding.violation);
    }
}

/// Every rule.
const RULES: [Mutation; 36] = [
    Mutation::ImpoliteYields,
    Mutation::PoliteIgnores,
    Mutation::MakingOfferForgotten,
    Mutation::AnswerPendingForgotten,
    Mutation::NegotiationNeededIgnored,
    Mutation::OfferWhenUnstable,
    Mutation::NoRollback,
    Mutation::AllRollBack,
    Mutation::LateAnswerSent,
    Mutation::CandidatesNotQueued,
    Mutation::CandidatesOvertake,
    Mutation::EpochIgnored,
    Mutation::GapIgnored,
    Mutation::DuplicateTaken,
    Mutation::HearerSilent,
    Mutation::BothOffer,
    Mutation::NumbersShared,
    Mutation::ConnectionNumberIgnored,
    Mutation::InstanceIgnored,
    Mutation::IncompleteKept,
    Mutation::LostConnectionIgnored,
    Mutation::NoRestart,
    Mutation::EarlyFailureBelieved,
    Mutation::DetourKept,
    Mutation::CutShortKept,
    Mutation::SilenceIgnored,
    Mutation::FailedTransportKept,
    Mutation::RejectionIgnored,
    Mutation::GenerationKept,
    Mutation::FailedJoinRepeated,
    Mutation::EarlyEventsDropped,
    Mutation::MemberGivesUp,
    Mutation::UnlistedDropped,
    Mutation::MediaSaidOnce,
    Mutation::CloseOnSocketLoss,
    Mutation::ReplaceEachEpoch,
];

#[test]
fn every_broken_rule_is_noticed() {
    let mut unnoticed = Vec::new();
    for rule in RULES {
        match search(SEEDS, Some(rule)) {
            Some((seed, violation)) => println!("{rule:?}: seed {seed}: {violation}"),
            None => unnoticed.push(rule),
        }
    }
    assert!(unnoticed.is_empty(), "nobody noticed that these are broken: {unnoticed:?}");
}
