//! What may happen next in a story.

use hookyard::{decide::replan::Past, domain::Lane};
use proptest::prelude::*;

/// One step. Numbers that pick something are taken modulo how much there is.
#[derive(Debug, Clone)]
pub enum Step {
    /// An event with these route jobs; `key` makes it a duplicate if it came before.
    Accept {
        key: u8,
        jobs: Vec<NewRoute>,
    },
    Claim {
        max: u32,
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
    /// Ends an attempt with a plan that takes the place of another job of the event, of which it supposed this.
    Replace {
        pick: u8,
        other: u8,
        supposed: Past,
    },
    /// A holder that was passed over says something after all.
    SettleStale {
        pick: u8,
    },
    Advance {
        ticks: u8,
    },
    Redrive,
    Discard,
    Approve {
        pick: u8,
    },
    Pause {
        route: u8,
    },
    Resume {
        route: u8,
    },
    Crash,
}

/// A route job to be made.
#[derive(Debug, Clone)]
pub struct NewRoute {
    pub lane: Lane,
    pub line: Option<u8>,
    /// It takes the place of older ones with the same number on the same route.
    pub newest: Option<u8>,
    pub dead: bool,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Done,
    Retry { ticks: u8 },
    Park { ticks: u8 },
    Review,
    Die,
}

/// Steps of a story, the likely ones more often.
pub fn steps(max: usize) -> impl Strategy<Value = Vec<Step>> {
    let lane = prop_oneof![Just(Lane::Critical), Just(Lane::Normal), Just(Lane::Bulk)];
    let line = prop::option::weighted(0.5, 0..2_u8);
    let newest = prop::option::weighted(0.5, 0..1_u8);
    let route = (lane, line, newest, prop::bool::weighted(0.1))
        .prop_map(|(lane, line, newest, dead)| NewRoute { lane, line, newest, dead });
    let end = prop_oneof![
        4 => Just(End::Done),
        2 => (0..3_u8).prop_map(|ticks| End::Retry { ticks }),
        1 => (0..3_u8).prop_map(|ticks| End::Park { ticks }),
        1 => Just(End::Review),
        2 => Just(End::Die),
    ];
    let past = prop_oneof![3 => Just(Past::NoEffect), 1 => Just(Past::Effect), 1 => Just(Past::Unknown)];
    let step = prop_oneof![
        8 => (0..12_u8, prop::collection::vec(route, 1..4)).prop_map(|(key, jobs)| Step::Accept { key, jobs }),
        8 => (0..5_u32).prop_map(|max| Step::Claim { max }),
        3 => any::<u8>().prop_map(|pick| Step::Begin { pick }),
        1 => any::<u8>().prop_map(|pick| Step::Extend { pick }),
        8 => (any::<u8>(), end).prop_map(|(pick, end)| Step::Settle { pick, end }),
        3 => (any::<u8>(), any::<u8>(), past)
            .prop_map(|(pick, other, supposed)| Step::Replace { pick, other, supposed }),
        1 => any::<u8>().prop_map(|pick| Step::SettleStale { pick }),
        4 => (1..6_u8).prop_map(|ticks| Step::Advance { ticks }),
        1 => Just(Step::Redrive),
        1 => Just(Step::Discard),
        2 => any::<u8>().prop_map(|pick| Step::Approve { pick }),
        1 => (0..3_u8).prop_map(|route| Step::Pause { route }),
        2 => (0..3_u8).prop_map(|route| Step::Resume { route }),
        2 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..max)
}
