//! Kills among deliveries of several kinds, some of which stand in lines that several processes work on.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use hookyard::config::SETTINGS;

use super::{
    super::{
        lines::{self, Stage},
        lives::Lives,
        mixed::{self, Kind},
        path,
        rounds::all_at_their_end,
        settings,
        tally::Tally,
        word,
    },
    Kill, WORKERS, assert_all_acknowledged,
    group::{Group, Roles, Victim},
    senders, tally,
};

/// Deliveries of one round.
const EVENTS: usize = 48;

const KILLS: [Kill; 3] = [Kill::Worker, Kill::Ingest, Kill::Redis];

pub(crate) async fn round(seed: u64) -> Tally {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (stage, after) = (Stage::set().await, rng.usize(1..EVENTS));
    stage.scene.project.write(SETTINGS, &settings(WORKERS));
    let group = Group::start(&stage.scene.project, seed, &mut rng).await;
    let victim = group.choose(rng.choice(KILLS).expect("there are some"), &mut rng);
    played(seed, &stage, group, victim, after).await
}

/// Nobody is killed, and nothing comes twice to anybody.
pub(crate) async fn in_peace(seed: u64, roles: Roles) -> Tally {
    let (stage, mut rng) = (Stage::set().await, fastrand::Rng::with_seed(seed));
    stage.scene.project.write(SETTINGS, &settings(WORKERS));
    let group = Group::start_as(&stage.scene.project, roles, &mut rng).await;
    let victim = group.choose(Kill::Nobody, &mut rng);
    played(seed, &stage, group, victim, 0).await
}

async fn played(seed: u64, stage: &Stage, mut group: Group<'_>, victim: Victim, after: usize) -> Tally {
    let context = format!("KILL_SEED={seed}, {group}, killed {victim:?} at {after} acknowledged events");

    let counter = watch::Sender::new(0);
    let counted = counter.subscribe();
    let senders = tokio::spawn(senders::deliver(group.doors(), EVENTS, mixed::delivery, counter));
    group.kill(victim, counted, after).await;
    if matches!(victim, Victim::Process(_)) {
        stage.recorder.ended().await;
    }
    let lives = Lives::ended(&stage.scene.sandbox).await;
    group.restart(victim).await;
    let sent = senders::done(senders, &context).await;
    let service = group.first();
    let asked = lines::decide(stage, service, &context).await;
    if !matches!(victim, Victim::Process(_)) {
        assert_eq!(asked, BTreeSet::new(), "{context}: nobody who was at work has ended");
    }
    let known = all_at_their_end(service, &context).await;
    assert_all_acknowledged(&known, &sent, &context);

    // By what was delivered: copies have no number.
    let mut of: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let events: BTreeMap<&String, usize> =
        sent.iter().filter_map(|sent| Some((&sent.acknowledged.as_ref()?.0, sent.n))).collect();
    for (event, n) in &events {
        let body = word(&service.get(&path(event)).await["body"]);
        // Not `assert_eq`, which would show both.
        assert!(body.as_bytes() == mixed::body(*n), "{context}: another body: {event}");
        match mixed::kind(*n) {
            Kind::Refund => drop(of.entry("payments").or_default().insert((*event).clone())),
            Kind::Copy => drop(of.entry("subscriptions").or_default().insert((*event).clone())),
            Kind::Line | Kind::Shop => {}
        }
    }
    let wanted: BTreeMap<_, _> =
        events.values().flat_map(|n| mixed::effects(*n).iter().map(|kind| ((*n, *kind), 1))).collect();
    assert_eq!(stage.effects(), wanted, "{context}: everything once");
    let again: u32 = of.iter().map(|(log, events)| group.assert_logged(log, events, victim, &context)).sum();
    lines::assert_in_line(&stage.recorder.arrivals(), &sent, &context);
    let repeats = lives.assert_repeats_lie_across_the_kill(&stage.scene.sandbox, &context);
    tally(sent.len(), victim, repeats.requests, again, &context)
}
