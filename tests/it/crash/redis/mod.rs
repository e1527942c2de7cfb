//! Rounds of kill -9 among processes that share a Redis: of one that works, of one that takes in, of Redis itself.

mod group;
mod in_lines;
mod logs;
mod rolling;
mod senders;

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::{
    JOBS, KINDS, Scene, event_of,
    lives::Lives,
    load::{Delivery, Sent},
    payment,
    rounds::all_at_their_end,
    signed,
    tally::Tally,
};
use group::{Group, Victim};
pub(super) use in_lines::{in_peace, round as in_lines};

/// Events of one round.
const EVENTS: usize = 40;

/// Jobs that one process works on at one time.
const WORKERS: u32 = 8;

/// What is killed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kill {
    Worker,
    Ingest,
    Redis,
    Nobody,
}

pub(super) async fn under_load(seed: u64, kill: Kill) -> Tally {
    let mut rng = fastrand::Rng::with_seed(seed);
    let after = rng.usize(1..EVENTS);
    let scene = Scene::set(WORKERS).await;
    let mut group = Group::start(&scene.project, seed, &mut rng).await;
    let victim = group.choose(kill, &mut rng);
    let context = format!("KILL_SEED={seed}, {group}, killed {victim:?} at {after} acknowledged events");

    let counter = watch::Sender::new(0);
    let counted = counter.subscribe();
    let senders = tokio::spawn(senders::deliver(group.doors(), EVENTS, stripe, counter));
    group.kill(victim, counted, after).await;
    let lives = Lives::ended(&scene.sandbox).await;
    group.restart(victim).await;
    let sent = senders::done(senders, &context).await;
    group.done(EVENTS * JOBS, &context).await;
    let known = all_at_their_end(group.first(), &context).await;
    assert_all_acknowledged(&known, &sent, &context);

    let mut events: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for effect in scene.sandbox.effects() {
        assert!(KINDS.contains(&effect.kind), "{context}: {effect:?}");
        assert_eq!(effect.done, 1, "{context}: {effect:?}");
        let is_first = events.entry(effect.kind).or_default().insert(event_of(&effect));
        assert!(is_first, "{context}: {effect:?}");
    }
    for kind in KINDS {
        assert_eq!(events.get(kind), Some(&known), "{context}: {kind}");
    }
    let again = group.assert_logged("payments", &known, victim, &context);
    let repeats = lives.assert_repeats_lie_across_the_kill(&scene.sandbox, &context);
    tally(sent.len(), victim, repeats.requests, again, &context)
}

fn stripe(n: usize) -> Delivery {
    let body = payment(n);
    Delivery { source: "stripe", headers: signed(&body), body }
}

/// Every event was acknowledged, and every acknowledged one is there.
fn assert_all_acknowledged(known: &BTreeSet<String>, sent: &[Sent], context: &str) {
    let acknowledged = sent.iter().filter_map(|sent| Some(sent.acknowledged.as_ref()?.0.clone()));
    assert_eq!(&acknowledged.collect::<BTreeSet<String>>(), known, "{context}: what was acknowledged");
    assert_eq!(known.len(), sent.len(), "{context}: an event for each delivery, however often it came");
}

/// What a round came to: requests that the sink saw again, and lines that a second process wrote again.
fn tally(acknowledged: usize, victim: Victim, requests: u32, lines: u32, context: &str) -> Tally {
    let kills = u32::from(!matches!(victim, Victim::Nobody));
    if !matches!(victim, Victim::Process(_)) {
        assert_eq!((requests, lines), (0, 0), "{context}: nobody who was at work has ended");
    }
    Tally { rounds: 1, acknowledged, kills, duplicated: requests + lines, ..Tally::default() }
}
