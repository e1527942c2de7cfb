//! What can be asked, and that the counts agree with it.

use hookyard::{
    domain::{
        Attempt, AttemptOutcome, Bill, Cause, EventId, EventState, Job, JobId, JobState, Lane, Next,
        PurchaseOrder, Timestamp,
    },
    store::{EventQuery, JobQuery, NewJob, Redelivery, Resolution, Resolved},
};
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::{Bench, LANES, name_of, wanting, with},
    given::{
        AT_ONCE, LEASE, action, answer, dead, die, event, event_id, job_id, park, request, retry, review,
        route, same, settlement, skip, verdict, waiting,
    },
};

pub async fn the_timeline_is_complete_and_in_order(b: Bench<impl Backend>) {
    let (received_at, judge) = (b.now(), "large".into());
    let id = b.queue(event(1).jobs([route("triage"), dead(route("audit"), Cause::Exhausted)])).await;
    let mut lease = b.take_one().await.lease;
    for digest in ["z", "y", "x"] {
        b.begin_purchase(lease, &PurchaseOrder::new(&judge, digest)).await.unwrap();
        b.end_purchase(lease, &Bill::new(&judge, digest, Some(&answer(digest)))).await.unwrap();
    }
    let mut history = Vec::new();
    // The second attempt says that it was the earlier one: the order of settling counts.
    for (detail, at) in [("z", 2_000), ("a", 1_000)] {
        let at = Timestamp::from_millis(at);
        let end = with(retry(AT_ONCE), |end| {
            let detail = Some(detail.to_owned());
            let outcome = AttemptOutcome::Retry;
            end.attempt = Attempt { started_at: at, ended_at: at, outcome, detail, status: None };
        });
        b.settle(lease, end.clone()).await.unwrap();
        history.push(end.attempt);
        lease = b.take_one().await.lease;
    }
    let planned = with(Next::Done, |end| {
        end.verdict = Some(verdict("Lead"));
        end.follow_up = vec![action("note", &["mail"]), action("mail", &[])];
    });
    b.settle(lease, planned.clone()).await.unwrap();
    history.push(planned.attempt);
    b.queue(event(2)).await;
    b.advance(LEASE);
    b.send(event(3).keys([same("forms:1")])).await;

    let record = b.record(id).await;
    assert_eq!(
        (record.event.id, record.event.received_at, record.state),
        (id, received_at, EventState::Open)
    );
    assert_eq!(record.redeliveries, [Redelivery { at: b.now(), times: 1 }]);
    let jobs: Vec<_> = record.jobs.iter().map(|entry| (entry.job.id.n, name_of(&entry.job))).collect();
    assert_eq!(jobs, [(0, "triage"), (1, "audit"), (2, "note"), (3, "mail")]);
    assert_eq!(record.jobs[0].history, history);
    let digests: Vec<_> =
        record.jobs[0].purchases.iter().map(|one| (&*one.digest, one.answer.clone())).collect();
    assert_eq!(digests, ["z", "y", "x"].map(|digest| (digest, Some(answer(digest)))));
    assert_eq!(record.jobs[0].job.verdict, Some(verdict("Lead")));
    assert!(record.jobs[2].history.is_empty() && record.jobs[2].purchases.is_empty());
    assert_eq!(b.crash().await.record(id).await, record);
}

pub async fn an_unknown_event_has_no_timeline(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    assert_eq!(b.timeline(event_id(2)).await.unwrap(), None);
}

pub async fn an_event_stands_where_its_jobs_stand(b: Bench<impl Backend>) {
    let (ready, blocked) = (|| route("a"), || action("b", &["x"]));
    let (dead, waiting) = (|| dead(route("c"), Cause::Refused), || waiting(route("d")));
    let table = [
        (vec![], EventState::Done),
        (vec![ready(), dead(), waiting()], EventState::Open),
        (vec![blocked()], EventState::Open),
        (vec![blocked(), waiting(), dead()], EventState::Dead),
        (vec![blocked(), waiting()], EventState::Waiting),
        (vec![dead()], EventState::Dead),
        (vec![waiting()], EventState::Waiting),
    ];
    for (n, (jobs, expected)) in (1..).zip(table) {
        let (count, id) = (jobs.len(), b.queue(event(n).jobs(jobs)).await);
        let summary = b.events(EventQuery { limit: 1, ..EventQuery::default() }).await.unwrap().remove(0);
        let record = b.record(id).await;
        assert_eq!((summary.state, summary.jobs), (expected, count), "event {n}");
        assert_eq!((record.state, record.event), (expected, summary.event), "event {n}");
    }
}

pub async fn events_come_newest_first_by_page_and_source(b: Bench<impl Backend>) {
    let (odd, even): (Vec<u64>, Vec<u64>) = ((1..10).step_by(2).collect(), (2..10).step_by(2).collect());
    // Accepted in another order than that of their ids, which is the order of their making.
    for n in odd.iter().chain(&even) {
        b.queue(event(*n).source(if n % 2 == 0 { "shop" } else { "forms" })).await;
    }
    let all = EventQuery::default;
    let of = |source: &str| EventQuery { source: Some(source.to_owned()), ..all() };
    let before = |n, query| EventQuery { before: Some(event_id(n)), ..query };
    let at_most = |limit, query| EventQuery { limit, ..query };
    for (query, expected) in [
        (all(), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (at_most(3, all()), vec![9, 8, 7]),
        (at_most(3, before(7, all())), vec![6, 5, 4]),
        (at_most(3, before(1, all())), vec![]),
        (at_most(100, before(100, all())), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (of("shop"), vec![8, 6, 4, 2]),
        (at_most(2, of("shop")), vec![8, 6]),
        (at_most(2, before(5, of("shop"))), vec![4, 2]),
        (of("nobody"), vec![]),
    ] {
        let found: Vec<EventId> =
            b.events(query.clone()).await.unwrap().iter().map(|one| one.event.id).collect();
        assert_eq!(found, expected.into_iter().map(event_id).collect::<Vec<_>>(), "{query:?}");
    }
    // Page by page, each once.
    let (mut page, mut seen) = (at_most(2, all()), Vec::new());
    loop {
        let found = b.events(page.clone()).await.unwrap();
        let Some(last) = found.last() else { break };
        page.before = Some(last.event.id);
        seen.extend(found.iter().map(|one| one.event.id));
    }
    assert_eq!(seen, (1..10).rev().map(event_id).collect::<Vec<_>>());
}

pub async fn jobs_are_found_by_each_field(b: Bench<impl Backend>) {
    let mail = NewJob { destination: Some("crm".into()), ..dead(action("mail", &[]), Cause::Poison) };
    b.queue(event(1).jobs([dead(route("dead"), Cause::Refused), mail])).await;
    let jobs = ["done", "skipped", "leased", "ready"].map(route).into_iter();
    let rest = [
        action("blocked", &["x"]),
        waiting(action("waiting", &[])),
        dead(route("dead"), Cause::Exhausted),
        dead(route("discarded"), Cause::Refused),
    ];
    b.queue(event(2).jobs(jobs.chain(rest).collect::<Vec<_>>())).await;
    let taken = b.ask(LANES, 3).await.jobs;
    b.end(&taken[0], Next::Done).await;
    b.end(&taken[1], skip()).await;
    let refused = JobQuery { ids: vec![job_id(event_id(2), 7)], ..JobQuery::default() };
    b.discard(refused, "ann").await.unwrap();
    let later = b.now().plus(LEASE);

    let (query, id) = (JobQuery::default, |event, n| job_id(event_id(event), n));
    let state = |state| JobQuery { state: Some(state), ..query() };
    let of = |route: &str| JobQuery { route: Some(route.to_owned()), ..query() };
    for (query, expected) in [
        (state(JobState::Done), vec![id(2, 0)]),
        (state(JobState::Skipped), vec![id(2, 1)]),
        (state(JobState::Leased), vec![id(2, 2)]),
        (state(JobState::Ready), vec![id(2, 3)]),
        (state(JobState::Blocked), vec![id(2, 4)]),
        (state(JobState::Waiting), vec![id(2, 5)]),
        (state(JobState::Dead), vec![id(1, 0), id(1, 1), id(2, 6)]),
        (state(JobState::Discarded), vec![id(2, 7)]),
        (of("dead"), vec![id(1, 0), id(2, 6)]),
        (of("triage"), vec![id(1, 1), id(2, 4), id(2, 5)]),
        (of("mail"), vec![]),
        (JobQuery { cause: Some(Cause::Poison), ..query() }, vec![id(1, 1)]),
        (JobQuery { cause: Some(Cause::Unreadable), ..query() }, vec![]),
        (
            JobQuery { ids: vec![id(2, 7), id(1, 0), id(3, 0), id(2, 0)], ..query() },
            vec![id(1, 0), id(2, 0), id(2, 7)],
        ),
        (JobQuery { ids: vec![id(2, 7), id(1, 0)], ..state(JobState::Dead) }, vec![id(1, 0)]),
        (JobQuery { cause: Some(Cause::Refused), ..of("dead") }, vec![id(1, 0)]),
        (JobQuery { limit: 2, ..state(JobState::Dead) }, vec![id(1, 0), id(1, 1)]),
        (JobQuery { after: Some(id(1, 0)), ..state(JobState::Dead) }, vec![id(1, 1), id(2, 6)]),
        (JobQuery { destination: Some("crm".to_owned()), ..query() }, vec![id(1, 1)]),
        (JobQuery { since: Some(later), ..query() }, vec![]),
        (JobQuery { since: Some(b.now()), until: Some(later), ..state(JobState::Waiting) }, vec![id(2, 5)]),
        (JobQuery { until: Some(b.now()), ..query() }, vec![]),
        (query(), (0..2).map(|n| id(1, n)).chain((0..8).map(|n| id(2, n))).collect()),
    ] {
        let found: Vec<JobId> = b.find(query.clone()).await.iter().map(|job| job.id).collect();
        assert_eq!(found, expected, "{query:?}");
    }
    let found: Job = b.find(of("dead")).await.remove(0);
    assert_eq!(found, b.job(found.id).await, "whole, as in the timeline");
}

pub async fn no_read_returns_more_than_a_thousand_rows(b: Bench<impl Backend>) {
    b.queue(event(1).jobs(vec![waiting(route("triage")); 1_001])).await;
    for (limit, rows) in [(0, 1_000), (1_000, 1_000), (5_000, 1_000), (999, 999), (1, 1)] {
        assert_eq!(b.find(JobQuery { limit, ..JobQuery::default() }).await.len(), rows, "limit {limit}");
    }
}

pub async fn counts_agree_with_the_jobs_after_every_transition(b: Bench<impl Backend>) {
    b.audit().await;
    let lanes = [Lane::Critical, Lane::Normal, Lane::Bulk];
    let ready = lanes.map(|lane| NewJob { lane, ..route("triage") });
    let others =
        [waiting(action("held", &[])), dead(route("broken"), Cause::Unrenderable), action("last", &["held"])];
    let id = b.queue(event(1).jobs(ready.into_iter().chain(others).collect::<Vec<_>>())).await;
    b.audit().await;
    assert_eq!(b.load().open_jobs, 4);

    let jobs = b.take().await;
    b.audit().await;
    b.begin(jobs[0].lease, Some(request("k"))).await.unwrap();
    b.audit().await;
    b.end(&jobs[0], park(LEASE)).await;
    b.audit().await;
    let more = with(Next::Done, |end| end.follow_up = vec![action("mail", &[]), action("note", &["mail"])]);
    b.settle(jobs[1].lease, more).await.unwrap();
    b.audit().await;
    b.end(&jobs[2], retry(2 * LEASE)).await;
    b.audit().await;
    b.step(&[("mail", die())]).await;
    b.audit().await;
    b.redrive(JobQuery::default()).await.unwrap();
    b.audit().await;
    let lost = b.take().await;
    b.advance(LEASE);
    let found = b.take().await;
    b.audit().await;
    assert_eq!((lost.len(), found.len()), (2, 3));
    for (claimed, next) in found.iter().zip([skip(), die(), review()]) {
        b.end(claimed, next).await;
        b.audit().await;
    }
    b.send(event(2).keys([same("forms:1")])).await;
    b.audit().await;
    let by_ann = |resolved| Resolution { resolved, note: "ann".to_owned() };
    b.resolve(job_id(id, 3), by_ann(Resolved::Done)).await.unwrap();
    b.audit().await;
    for resolved in [Resolved::Approve { verdict: None }, Resolved::Discard] {
        let held = b
            .queue(event(if resolved == Resolved::Discard { 3 } else { 4 }).jobs([waiting(route("x"))]))
            .await;
        b.audit().await;
        b.resolve(job_id(held, 0), by_ann(resolved)).await.unwrap();
        b.audit().await;
    }
    b.queue(event(5).jobs([dead(route("y"), Cause::Refused)])).await;
    b.discard(JobQuery::default(), "ann").await.unwrap();
    b.audit().await;
    b.take().await;
    b.audit().await;
    let open = b.load().open_jobs;
    let b = b.crash().await;
    b.audit().await;
    assert_eq!(b.load().open_jobs, open);
}

pub async fn counts_are_exact_under_concurrency(b: Bench<impl Backend>) {
    let (mut workers, at) = (JoinSet::new(), b.now());
    for n in 0..8 {
        let store = b.shared();
        workers.spawn(async move {
            for m in 0..10 {
                let jobs = vec![NewJob { lane: LANES[m % 3], ..route("triage") }; 2];
                let draft = event((10 * n + m) as u64).jobs(jobs).received(at);
                store.accept(draft).await.expect("accepted");
                let request = wanting(LANES, 2);
                for (claimed, end) in store.claim(request).await.expect("a claim").jobs.iter().zip(0..) {
                    let ends = [Next::Done, die(), review(), retry(AT_ONCE)];
                    let mut end = settlement(ends[(n + m + end) % 4].clone());
                    end.follow_up = vec![action("mail", &[]), action("note", &["mail"])];
                    store.settle(claimed.lease, end).await.expect("settled");
                }
            }
        });
    }
    workers.join_all().await;
    b.audit().await;
    b.crash().await.audit().await;
}
