//! What may happen next in a story.

use hookyard::{decide::replan::Past, domain::Lane};
use proptest::{collection::vec, option, prelude::*};

/// One step. Numbers that pick something are taken modulo how much there is.
#[derive(Debug, Clone)]
pub enum Step {
    /// An event with these route jobs; `key` makes it a duplicate if it came before.
    Accept {
        key: u8,
        jobs: Vec<NewRoute>,
    },
    /// What each lane may give, and what may be under way.
    Claim {
        shares: [u32; 3],
        limits: NewLimits,
    },
    Begin {
        pick: u8,
    },
    Extend {
        pick: u8,
    },
    Settle {
        pick: u8,
        end: End,
    },
    Plan {
        pick: u8,
        end: End,
        plan: Plan,
    },
    /// A holder that was passed over says something after all.
    SettleStale {
        pick: u8,
    },
    Advance {
        spans: u8,
    },
    /// One dead letter, or all.
    Redrive {
        only: Option<u8>,
    },
    Discard {
        only: Option<u8>,
    },
    Resolve {
        pick: u8,
        decision: Decision,
    },
    Replay {
        pick: u8,
        routes: Vec<u8>,
        sweep: u8,
    },
    Pause {
        scope: Scope,
    },
    /// Of what is paused, if anything is.
    Resume {
        pick: u8,
    },
    /// The data of the event of this key goes.
    Erase {
        key: u8,
    },
    Crash,
}

/// A route job to be made.
#[derive(Debug, Clone)]
pub struct NewRoute {
    pub route: u8,
    pub lane: Lane,
    /// Its line, and whether it leaves it when it is stuck.
    pub line: Option<(u8, bool)>,
    /// It takes the place of older ones with the same number on the same route.
    pub newest: Option<u8>,
    pub born: Born,
}

/// What follows from the end of an attempt.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub actions: Vec<NewAction>,
    /// A job of the event whose place it takes, and what it supposed of that.
    pub replaces: Option<(u8, Past)>,
}

/// An action to be made.
#[derive(Debug, Clone)]
pub struct NewAction {
    pub lane: Lane,
    /// Bit n: it follows the one that comes n + 1 before it in its plan, if there is one.
    pub after: u8,
    pub destination: Option<u8>,
    pub delay: u8,
    pub born: Born,
}

/// How a job begins.
#[derive(Debug, Clone, Copy)]
pub enum Born {
    Ready,
    Waiting,
    Dead,
}

/// How many jobs may be under way, by route and by destination.
#[derive(Debug, Clone)]
pub struct NewLimits {
    pub routes: [Option<u32>; ROUTES as usize],
    pub destinations: [Option<u32>; DESTINATIONS as usize],
}

/// What is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Route(u8),
    Destination(u8),
    Everything,
}

/// What a person says of a job that waits.
#[derive(Debug, Clone, Copy)]
pub enum Decision {
    Approve,
    Done,
    Discard,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Done,
    Retry { spans: u8 },
    Park { spans: u8 },
    Review,
    Skip,
    Die,
}

/// Keys of events: few of everything, so that much happens to each.
const KEYS: u8 = 8;

pub const ROUTES: u8 = 2;

pub const DESTINATIONS: u8 = 2;

/// Steps of a story, the likely ones more often.
pub fn steps(max: usize) -> impl Strategy<Value = Vec<Step>> {
    let pick = any::<u8>;
    let only = || option::of(any::<u8>());
    let decision =
        prop_oneof![2 => Just(Decision::Approve), 1 => Just(Decision::Done), 1 => Just(Decision::Discard)];
    let limit = || option::weighted(0.3, 0..3_u32);
    let limits = ([limit(), limit()], [limit(), limit()])
        .prop_map(|(routes, destinations)| NewLimits { routes, destinations });
    let shares = prop_oneof![2 => Just([8, 0, 0]), 2 => [0..3_u32, 0..3_u32, 0..3_u32]];
    let step = prop_oneof![
        8 => (0..KEYS, vec(new_route(), 1..3)).prop_map(|(key, jobs)| Step::Accept { key, jobs: one_of_each(jobs) }),
        10 => (shares, limits).prop_map(|(shares, limits)| Step::Claim { shares, limits }),
        3 => pick().prop_map(|pick| Step::Begin { pick }),
        1 => pick().prop_map(|pick| Step::Extend { pick }),
        8 => (pick(), end()).prop_map(|(pick, end)| Step::Settle { pick, end }),
        8 => (pick(), planned(), plan()).prop_map(|(pick, end, plan)| Step::Plan { pick, end, plan }),
        1 => pick().prop_map(|pick| Step::SettleStale { pick }),
        4 => (1..6_u8).prop_map(|spans| Step::Advance { spans }),
        3 => only().prop_map(|only| Step::Redrive { only }),
        1 => only().prop_map(|only| Step::Discard { only }),
        4 => (pick(), decision).prop_map(|(pick, decision)| Step::Resolve { pick, decision }),
        3 => (0..4_u8, vec(0..ROUTES, 1..3), 0..2_u8)
            .prop_map(|(pick, routes, sweep)| Step::Replay { pick, routes, sweep }),
        2 => scope().prop_map(|scope| Step::Pause { scope }),
        2 => pick().prop_map(|pick| Step::Resume { pick }),
        2 => (0..KEYS).prop_map(|key| Step::Erase { key }),
        2 => Just(Step::Crash),
    ];
    vec(step, 1..max)
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![Just(Lane::Critical), Just(Lane::Normal), Just(Lane::Bulk)]
}

fn born() -> impl Strategy<Value = Born> {
    prop_oneof![8 => Just(Born::Ready), 1 => Just(Born::Waiting), 1 => Just(Born::Dead)]
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        2 => (0..ROUTES).prop_map(Scope::Route),
        3 => (0..DESTINATIONS).prop_map(Scope::Destination),
        1 => Just(Scope::Everything),
    ]
}

/// An event has one job on a route at most.
fn one_of_each(mut jobs: Vec<NewRoute>) -> Vec<NewRoute> {
    let mut seen = std::collections::BTreeSet::new();
    jobs.retain(|job| seen.insert(job.route));
    jobs
}

fn new_route() -> impl Strategy<Value = NewRoute> {
    let line = option::weighted(0.5, (0..2_u8, any::<bool>()));
    let newest = option::weighted(0.3, 0..1_u8);
    (0..ROUTES, lane(), line, newest, born()).prop_map(|(route, lane, line, newest, born)| NewRoute {
        route,
        lane,
        line,
        newest,
        born,
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let past = prop_oneof![3 => Just(Past::NoEffect), 1 => Just(Past::Effect), 1 => Just(Past::Unknown)];
    let delay = prop_oneof![3 => Just(0), 1 => 1..3_u8];
    let after = prop_oneof![1 => Just(0), 2 => Just(0b1), 1 => Just(0b10), 2 => Just(0b11)];
    let born = prop_oneof![4 => Just(Born::Ready), 1 => Just(Born::Waiting), 2 => Just(Born::Dead)];
    let action = (lane(), after, option::weighted(0.7, 0..DESTINATIONS), delay, born).prop_map(
        |(lane, after, destination, delay, born)| NewAction { lane, after, destination, delay, born },
    );
    (vec(action, 0..5), option::weighted(0.4, (any::<u8>(), past)))
        .prop_map(|(actions, replaces)| Plan { actions, replaces })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Done),
        2 => (0..3_u8).prop_map(|spans| End::Retry { spans }),
        1 => (0..3_u8).prop_map(|spans| End::Park { spans }),
        1 => Just(End::Review),
        1 => Just(End::Skip),
        2 => Just(End::Die),
    ]
}

/// How an attempt ends from which a plan comes.
fn planned() -> impl Strategy<Value = End> {
    prop_oneof![4 => Just(End::Done), 1 => Just(End::Die)]
}
