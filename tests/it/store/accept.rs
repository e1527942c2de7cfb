//! Taking events in, once.

use hookyard::{
    domain::{AttemptOutcome, Cause, EventState, Job, JobState, Lane, Next, Timestamp},
    store::{Accepted, DedupeKey, EventQuery, NewJob, Redelivery, Start},
};
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::Bench,
    given::{
        AT_ONCE, DEDUPE, LEASE, TICK, action, dead, die, event, event_id, job_id, request, retry, review,
        route, same, suspect, waiting,
    },
};

/// `new` as it stands when it was made at `due` and nothing has happened since.
fn untouched(event: u64, n: u32, new: NewJob, due: Timestamp) -> Job {
    let (state, cause, reason) = match new.start {
        Start::Ready | Start::After { .. } => (JobState::Ready, None, None),
        Start::Blocked => (JobState::Blocked, None, None),
        Start::Waiting { reason } => (JobState::Waiting, None, Some(reason)),
        Start::Dead { cause, reason } => (JobState::Dead, Some(cause), Some(reason)),
    };
    Job {
        id: job_id(event_id(event), n),
        lane: new.lane,
        work: new.work,
        destination: new.destination,
        state,
        due,
        fresh_at: due,
        attempts: 0,
        lost_leases: 0,
        crashes: 0,
        order_key: None,
        config: new.config,
        reason,
        request: new.request,
        first_begun_at: None,
        in_doubt: false,
        approved: false,
        cause,
        verdict: None,
        receipt: None,
    }
}

pub async fn an_event_is_kept_with_its_jobs(b: Bench<impl Backend>) {
    let jobs = [
        NewJob { lane: Lane::Critical, config: "other".into(), ..route("triage") },
        NewJob { lane: Lane::Bulk, request: Some(request("k")), ..action("mail", &[]) },
        action("note", &["mail"]),
        waiting(route("refunds")),
        dead(route("intake"), Cause::Unreadable),
    ];
    let mut draft = event(1).jobs(jobs.clone());
    draft.event.lane = Lane::Critical;
    draft.event.test_mode = true;
    draft.event.headers = vec![("x-b".to_owned(), "2".to_owned()), ("x-a".to_owned(), "1 \"ü\"".to_owned())];
    draft.event.body = (0..=255).cycle().take(70_000).collect::<Vec<u8>>().into();
    draft.event.received_at = b.now();
    let sent = draft.event.clone();
    let (id, at) = (b.queue(draft).await, b.now());
    b.audit().await;

    let b = b.crash().await;
    let record = b.record(id).await;
    assert_eq!(record.event, sent);
    let kept: Vec<Job> = record.jobs.into_iter().map(|entry| entry.job).collect();
    let expected: Vec<Job> = (0..).zip(jobs).map(|(n, new)| untouched(1, n, new, at)).collect();
    assert_eq!(kept, expected);
    assert_eq!(b.send(event(2).keys([same("forms:1")])).await, duplicate(1, EventState::Open, 1));
    b.audit().await;
}

fn duplicate(of: u64, state: EventState, revived: u32) -> Accepted {
    Accepted::Duplicate { of: event_id(of), state, outcome: String::new(), revived }
}

pub async fn a_known_key_makes_no_second_event(b: Bench<impl Backend>) {
    b.queue(event(1).keys([same("primary"), same("alias")])).await;
    let before = b.record(event_id(1)).await.jobs;
    let known: [&[DedupeKey]; 4] = [
        &[same("primary")],
        &[same("alias")],
        &[same("primary"), same("alias")],
        &[same("new"), same("alias")],
    ];
    for keys in known {
        assert!(b.knows(keys).await.unwrap(), "{keys:?}");
        assert_eq!(b.send(event(2).keys(keys)).await, duplicate(1, EventState::Open, 0), "{keys:?}");
    }
    assert_eq!(b.timeline(event_id(2)).await.unwrap(), None);
    assert_eq!(b.record(event_id(1)).await.jobs, before);
    // Nor did the duplicates leave a key behind.
    for keys in [&[same("new")][..], &[same("PRIMARY")], &[same("primary ")], &[]] {
        assert!(!b.knows(keys).await.unwrap(), "{keys:?}");
    }
    b.queue(event(2).keys([same("new")])).await;
}

pub async fn an_event_without_keys_is_always_new(b: Bench<impl Backend>) {
    b.queue(event(1).keys([])).await;
    b.queue(event(2).keys([])).await;
    assert_eq!(b.events(EventQuery::default()).await.unwrap().len(), 2);
}

pub async fn a_duplicate_is_answered_with_the_state_of_the_event(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let state = async || b.send(event(9).keys([same("forms:1")])).await;
    assert_eq!(state().await, duplicate(1, EventState::Open, 0), "ready");
    let claimed = b.take_one().await;
    assert_eq!(state().await, duplicate(1, EventState::Open, 0), "leased");
    b.end(&claimed, review()).await;
    assert_eq!(state().await, duplicate(1, EventState::Waiting, 0));
    assert_eq!(b.job(claimed.job.id).await.state, JobState::Waiting, "only dead jobs are revived");

    b.queue(event(2)).await;
    b.step(&[("triage", Next::Done)]).await;
    assert_eq!(b.send(event(9).keys([same("forms:2")])).await, duplicate(2, EventState::Done, 0));
    assert!(b.take().await.is_empty(), "what is done stays done");
}

pub async fn a_duplicate_revives_dead_jobs_with_fresh_attempts(b: Bench<impl Backend>) {
    let jobs = [
        NewJob { request: Some(request("k")), ..action("crm", &[]) },
        action("note", &["crm"]),
        action("mail", &["note"]),
        action("other", &[]),
    ];
    let id = b.queue(event(1).jobs(jobs)).await;
    b.step(&[("crm", retry(AT_ONCE)), ("other", Next::Done)]).await;
    b.lose(1).await;
    b.step(&[("crm", die())]).await;
    let skipped = [("crm", JobState::Dead), ("note", JobState::Skipped), ("mail", JobState::Skipped)];
    assert_states(&b, &skipped).await;
    let crm = b.job(job_id(id, 0)).await;
    assert_eq!((crm.attempts, crm.lost_leases, crm.cause), (2, 1, Some(Cause::Exhausted)));

    b.advance(LEASE);
    assert_eq!(b.send(event(2).keys([same("forms:1")])).await, duplicate(1, EventState::Open, 1));
    let revived = b.job(job_id(id, 0)).await;
    assert_eq!((revived.attempts, revived.lost_leases, revived.cause), (0, 0, None));
    assert_eq!((revived.state, revived.due), (JobState::Ready, b.now()));
    assert_eq!(revived.request, Some(request("k")));
    let last = b.history(job_id(id, 0)).await.history.pop().expect("a history");
    assert_eq!(last.outcome, AttemptOutcome::Person, "the record says who revived it");
    assert_states(&b, &[("crm", JobState::Ready), ("note", JobState::Blocked), ("mail", JobState::Blocked)])
        .await;
    b.audit().await;

    for name in ["crm", "note", "mail"] {
        b.step(&[(name, Next::Done)]).await;
    }
    assert_eq!(b.record(id).await.state, EventState::Done);
}

/// The first jobs of event 1.
async fn assert_states(b: &Bench<impl Backend>, expected: &[(&str, JobState)]) {
    let states = b.states(event_id(1)).await;
    let states: Vec<(&str, JobState)> = states.iter().map(|(name, state)| (name.as_str(), *state)).collect();
    assert_eq!(states[..expected.len()], *expected);
}

pub async fn every_redelivery_is_on_the_timeline(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    assert_eq!(b.record(id).await.redeliveries, []);
    let mut times = Vec::new();
    for sent in 1..=3 {
        b.advance(LEASE);
        for _ in 0..sent {
            b.send(event(2).keys([same("forms:1")])).await;
        }
        times.push(Redelivery { at: b.now(), times: sent });
    }
    assert_eq!(b.crash().await.record(id).await.redeliveries, times);
}

pub async fn a_suspected_replay_is_accepted_and_waits_for_a_person(b: Bench<impl Backend>) {
    let keys = |id: &str| [same(id), suspect("body")];
    b.queue(event(1).keys(keys("first"))).await;
    let jobs = [route("triage"), dead(route("broken"), Cause::Unrenderable)];
    assert!(!b.knows(&keys("second")).await.unwrap(), "a suspicion lets nobody past limits");
    let accepted = b.send(event(2).keys(keys("second")).jobs(jobs)).await;
    assert_eq!(accepted, Accepted::Queued { suspected_replay_of: Some(event_id(1)) });

    let states = b.states(event_id(2)).await;
    assert_eq!(states, [("triage".to_owned(), JobState::Waiting), ("broken".to_owned(), JobState::Dead)]);
    let reason = b.job(job_id(event_id(2), 0)).await.reason.expect("a reason");
    assert!(reason.contains(&event_id(1).to_string()), "`{reason}` names the event it may be a replay of");
    assert_eq!(b.take_one().await.event.id, event_id(1));
    assert_eq!(b.send(event(3).keys(keys("second"))).await, duplicate(2, EventState::Open, 1));
    b.audit().await;
}

pub async fn a_key_that_makes_a_duplicate_outweighs_a_suspicion(b: Bench<impl Backend>) {
    b.queue(event(1).keys([same("id"), suspect("body")])).await;
    let again = b.send(event(2).keys([same("id"), suspect("body")])).await;
    assert_eq!(again, duplicate(1, EventState::Open, 0));
}

pub async fn a_key_is_forgotten_after_the_dedupe_time(b: Bench<impl Backend>) {
    let keys = [same("id"), same("alias")];
    b.queue(event(1).keys(keys.clone())).await;
    b.advance(DEDUPE - TICK);
    assert!(b.knows(&keys).await.unwrap());
    assert_eq!(b.send(event(2).keys(keys.clone())).await, duplicate(1, EventState::Open, 0));
    b.advance(2 * TICK);
    assert!(!b.knows(&keys).await.unwrap(), "a redelivery does not make it last longer");
    b.queue(event(3).keys(keys.clone())).await;
    assert_eq!(b.send(event(4).keys(keys)).await, duplicate(3, EventState::Open, 0));
}

pub async fn one_of_many_accepts_at_once_makes_the_event(b: Bench<impl Backend>) {
    let (mut accepts, at) = (JoinSet::new(), b.now());
    for n in 1..=64 {
        let store = b.shared();
        // Every other one comes with its own primary key and is known by its alias.
        let keys = if n % 2 == 0 { vec![same("id")] } else { vec![same(&format!("own:{n}")), same("id")] };
        accepts.spawn(async move { store.accept(event(n).keys(keys).received(at)).await.expect("accepted") });
    }
    let accepted = accepts.join_all().await;
    let events = b.events(EventQuery::default()).await.unwrap();
    assert_eq!(events.len(), 1);
    let first = events[0].event.id;
    let queued = Accepted::Queued { suspected_replay_of: None };
    assert_eq!(accepted.iter().filter(|one| **one == queued).count(), 1);
    let outcome = "triage ready".to_owned();
    let again = Accepted::Duplicate { of: first, state: EventState::Open, outcome, revived: 0 };
    assert_eq!(accepted.iter().filter(|one| **one == again).count(), 63);
    assert_eq!(b.load().open_jobs, 1);
    b.audit().await;
}
