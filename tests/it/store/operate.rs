//! What a person may do: redrive, discard, resolve.

use std::time::Duration;

use hookyard::{
    domain::{AttemptOutcome, Cause, EventState, JobId, JobState, Next},
    store::{JobQuery, NewJob, Resolution, Resolved, Start},
};
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::{Bench, LANES, assert_conflict, name_of, names, with},
    given::{
        AT_ONCE, LEASE, action, dead, die, event, event_id, job_id, park, request, retry, review, route,
        skip, verdict, waiting,
    },
};

pub async fn a_redriven_job_starts_afresh_with_the_same_request(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([action("mail", &[])])).await;
    let first = b.take_one().await;
    b.begin(first.lease, Some(request("k"))).await.unwrap();
    b.end(&first, retry(AT_ONCE)).await;
    b.lose(1).await;
    b.step(&[("mail", die())]).await;
    let before = b.history(first.job.id).await;
    assert_eq!((before.job.attempts, before.job.lost_leases), (2, 1));

    b.advance(LEASE);
    assert_eq!(b.redrive(JobQuery::default()).await.unwrap(), 1);
    let b = b.crash().await;
    let after = b.history(first.job.id).await;
    let job = &after.job;
    assert_eq!((job.state, job.due, job.cause), (JobState::Ready, b.now(), None));
    assert_eq!((job.attempts, job.lost_leases), (0, 0));
    assert_eq!((&job.request, job.first_begun_at), (&Some(request("k")), before.job.first_begun_at));
    assert_eq!(after.history[..before.history.len()], before.history, "the past is kept");
    let added: Vec<_> = after.history[before.history.len()..].iter().map(|line| line.outcome).collect();
    assert_eq!(added, [AttemptOutcome::Person]);
    assert_eq!(b.redrive(JobQuery::default()).await.unwrap(), 0, "there are no dead letters left");
    assert_eq!(b.take_one().await.job.request, Some(request("k")));
    b.audit().await;
}

pub async fn redrive_and_discard_take_what_the_query_names(b: Bench<impl Backend>) {
    let query = JobQuery::default;
    for redrives in [true, false] {
        let base = if redrives { 0 } else { 10 };
        let id = |n: u64, job| job_id(event_id(base + n), job);
        for (n, route_of_two, cause) in
            [(1, "leads", Cause::Exhausted), (2, "refunds", Cause::Refused), (3, "refunds", Cause::Exhausted)]
        {
            let jobs = [dead(route("audit"), Cause::Unreadable), dead(route(route_of_two), cause)];
            b.queue(event(base + n).jobs(jobs)).await;
        }
        let wrong_state = JobQuery { state: Some(JobState::Waiting), ids: vec![id(3, 0)], ..query() };
        for (query, expected) in [
            (JobQuery { route: Some("nobody".to_owned()), ..query() }, vec![]),
            (JobQuery { ids: vec![id(2, 0), id(9, 9)], ..query() }, vec![id(2, 0)]),
            (
                JobQuery { route: Some("refunds".to_owned()), cause: Some(Cause::Exhausted), ..query() },
                vec![id(3, 1)],
            ),
            (JobQuery { route: Some("refunds".to_owned()), ..query() }, vec![id(2, 1)]),
            (JobQuery { cause: Some(Cause::Exhausted), ..query() }, vec![id(1, 1)]),
            (JobQuery { limit: 1, ..query() }, vec![id(1, 0)]),
            (JobQuery { state: Some(JobState::Dead), ..query() }, vec![id(3, 0)]),
            (wrong_state, vec![]),
        ] {
            let before = b.find(JobQuery { state: Some(JobState::Dead), ..JobQuery::default() }).await;
            let count = if redrives {
                b.redrive(query.clone()).await.unwrap()
            } else {
                b.discard(query.clone(), "ann: let it go").await.unwrap()
            };
            let after = b.find(JobQuery { state: Some(JobState::Dead), ..JobQuery::default() }).await;
            let moved: Vec<JobId> =
                before.iter().filter(|job| !after.contains(job)).map(|job| job.id).collect();
            assert_eq!((count, &moved), (expected.len() as u64, &expected), "{query:?}");
            for id in moved {
                let entry = b.history(id).await;
                let expected = if redrives { JobState::Ready } else { JobState::Discarded };
                assert_eq!((entry.job.state, entry.job.cause), (expected, None));
                assert_eq!(entry.history.last().map(|line| line.outcome), Some(AttemptOutcome::Person));
                if !redrives {
                    assert_eq!(entry.job.reason.as_deref(), Some("ann: let it go"));
                }
            }
            b.audit().await;
        }
        let end = if redrives { EventState::Open } else { EventState::Done };
        assert_eq!(b.record(event_id(base + 1)).await.state, end);
    }
    assert_eq!(b.take().await.len(), 6, "what was discarded does not come back");
}

pub async fn redrive_and_discard_touch_dead_letters_only(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("a"), route("b"), route("c"), waiting(route("d")), action("e", &["f"])]))
        .await;
    let jobs = b.ask(LANES, 2).await.jobs;
    b.end(&jobs[0], Next::Done).await;
    let before = b.record(event_id(1)).await;
    let ids: Vec<JobId> = before.jobs.iter().map(|entry| entry.job.id).collect();
    for state in [None].into_iter().chain(JobState::ALL.iter().copied().map(Some)) {
        let query = JobQuery { state, ids: ids.clone(), ..JobQuery::default() };
        assert_eq!(b.redrive(query.clone()).await.unwrap(), 0);
        assert_eq!(b.discard(query, "ann").await.unwrap(), 0);
    }
    assert_eq!(b.record(event_id(1)).await, before);
    b.end(&jobs[1], Next::Done).await;
}

pub async fn what_is_parked_is_due_at_once_when_asked_for(b: Bench<impl Backend>) {
    const HOUR: Duration = Duration::from_hours(1);
    let later = NewJob { start: Start::After { wait: HOUR }, ..route("later") };
    let jobs = [
        route("parked"),
        route("afresh"),
        route("tried"),
        route("held"),
        later,
        waiting(route("asked")),
        route("due"),
    ];
    b.queue(event(1).jobs(jobs)).await;
    for claimed in b.take().await {
        let end = match name_of(&claimed.job) {
            "parked" => with(park(HOUR), |_| {}),
            "afresh" => with(park(HOUR), |end| end.afresh = true),
            "tried" => with(retry(HOUR), |_| {}),
            "due" => with(park(AT_ONCE), |_| {}),
            _ => continue,
        };
        b.settle(claimed.lease, end).await.unwrap();
    }
    b.advance(Duration::from_secs(1));
    let before = b.record(event_id(1)).await;
    let ids: Vec<JobId> = before.jobs.iter().map(|entry| entry.job.id).collect();
    let unknown = [job_id(event_id(1), 99), job_id(event_id(9), 0)];
    assert_eq!(b.unpark(&[ids.clone(), unknown.to_vec()].concat()).await.unwrap(), 2);
    assert_eq!(b.unpark(&ids).await.unwrap(), 0, "they are due");
    let b = b.crash().await;
    let mut want = before;
    for entry in &mut want.jobs[..2] {
        entry.job.due = b.now();
        entry.job.fresh_at = entry.job.fresh_at.min(b.now());
    }
    let after = b.record(event_id(1)).await;
    assert_eq!(after.jobs[..3], want.jobs[..3], "nothing else of them has changed");
    assert_eq!(after.jobs[4..], want.jobs[4..]);
    b.audit().await;
    let handed_out = b.take().await;
    assert_eq!(names(&handed_out), ["afresh", "due", "held", "parked"]);
}

pub async fn a_query_may_name_as_many_jobs_as_it_can_return(b: Bench<impl Backend>) {
    b.queue(event(1).jobs(vec![dead(route("triage"), Cause::Exhausted); 1_000])).await;
    let ids: Vec<JobId> = (0..1_000).map(|n| job_id(event_id(1), n)).collect();
    let query = JobQuery { ids, ..JobQuery::default() };
    assert_eq!(b.find(query.clone()).await.len(), 1_000);
    assert_eq!(b.redrive(query).await.unwrap(), 1_000);
    b.audit().await;
}

fn by_ann(resolved: Resolved) -> Resolution {
    Resolution { resolved, note: "ann: as agreed".to_owned() }
}

fn approved(label: Option<&str>) -> Resolution {
    by_ann(Resolved::Approve { verdict: label.map(|label| Box::new(verdict(label))) })
}

pub async fn approving_makes_the_job_ready_with_the_verdict_given<B: Backend>(mut b: Bench<B>) {
    for (n, judged, given, kept) in [
        (1, Some("Lead"), None, Some("Lead")),
        (2, Some("Lead"), Some("Spam"), Some("Spam")),
        (3, None, Some("Spam"), Some("Spam")),
        (4, None, None, None),
    ] {
        let id = job_id(b.queue(event(n)).await, 0);
        let claimed = b.take_one().await;
        let unsure = with(review(), |end| {
            end.verdict = judged.map(verdict);
            end.in_doubt = true;
        });
        b.settle(claimed.lease, unsure).await.unwrap();
        b.advance(LEASE);
        b.resolve(id, approved(given)).await.unwrap();
        b.audit().await;
        let entry = b.history(id).await;
        assert_eq!(entry.history.last().map(|line| line.outcome), Some(AttemptOutcome::Person));
        assert!(entry.history.last().unwrap().detail.as_deref().unwrap().contains("ann: as agreed"));
        let again = b.take_one().await.job;
        assert_eq!(again.id, id);
        assert_eq!((again.approved, again.in_doubt, again.due), (true, false, b.now()));
        assert_eq!(again.verdict, kept.map(verdict));
        b = b.crash().await;
        let claimed = b.take_one().await;
        assert!(claimed.job.approved, "a yes outlives the process");
        b.end(&claimed, Next::Done).await;
    }
}

pub async fn done_and_discarded_end_the_job(b: Bench<impl Backend>) {
    for (n, resolved, state) in
        [(1, Resolved::Done, JobState::Done), (2, Resolved::Discard, JobState::Discarded)]
    {
        let id = job_id(b.queue(event(n).jobs([waiting(action("mail", &[]))])).await, 0);
        assert_eq!(b.record(id.event).await.state, EventState::Waiting);
        b.resolve(id, by_ann(resolved)).await.unwrap();
        let record = b.record(id.event).await;
        assert_eq!((record.state, record.jobs[0].job.state), (EventState::Done, state));
        assert!(!record.jobs[0].job.approved);
        assert_eq!(record.jobs[0].job.reason.as_deref(), Some("ann: as agreed"));
        let told: Vec<_> =
            record.jobs[0].history.iter().map(|line| (line.outcome, line.detail.as_deref())).collect();
        assert_eq!(told, [(AttemptOutcome::Person, Some("ann: as agreed"))]);
        b.audit().await;
    }
    assert!(b.take().await.is_empty());
}

pub async fn only_a_waiting_job_can_be_resolved(b: Bench<impl Backend>) {
    let jobs = ["done", "skipped", "dead", "discarded", "leased", "ready"].map(route);
    let id =
        b.queue(event(1).jobs(jobs.into_iter().chain([action("blocked", &["x"])]).collect::<Vec<_>>())).await;
    let taken = b.ask(LANES, 5).await.jobs;
    for claimed in &taken {
        match name_of(&claimed.job) {
            "done" => b.end(claimed, Next::Done).await,
            "skipped" => b.end(claimed, skip()).await,
            "dead" => b.end(claimed, die()).await,
            "discarded" => {
                b.end(claimed, die()).await;
                let query = JobQuery { ids: vec![claimed.job.id], ..JobQuery::default() };
                b.discard(query, "ann").await.unwrap();
            }
            _ => {}
        }
    }
    let before = b.record(id).await;
    assert!(before.jobs.iter().all(|entry| name_of(&entry.job) == entry.job.state.as_str()), "{before:?}");
    for resolution in [approved(Some("Lead")), by_ann(Resolved::Done), by_ann(Resolved::Discard)] {
        for n in 0..8 {
            assert_conflict(b.resolve(job_id(id, n), resolution.clone()).await);
        }
        assert_conflict(b.resolve(job_id(event_id(2), 0), resolution).await);
    }
    assert_eq!(b.record(id).await, before);
    b.audit().await;
}

pub async fn one_of_many_decisions_at_once_counts(b: Bench<impl Backend>) {
    let id = job_id(b.queue(event(1).jobs([waiting(action("mail", &[]))])).await, 0);
    let mut decisions = JoinSet::new();
    for n in 0..16 {
        let store = b.shared();
        let resolution = [approved(None), by_ann(Resolved::Done), by_ann(Resolved::Discard)][n % 3].clone();
        decisions.spawn(async move { store.resolve(id, resolution).await });
    }
    let decided = decisions.join_all().await;
    assert_eq!(decided.iter().filter(|one| one.is_ok()).count(), 1, "{decided:?}");
    decided.into_iter().filter(Result::is_err).for_each(assert_conflict);
    assert_eq!(b.history(id).await.history.len(), 1);
    b.audit().await;
}
