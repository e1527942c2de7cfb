//! Running events again, and what a newer plan replaces.

use hookyard::{
    domain::{Bill, EventId, JobState, Next, PurchaseOrder, Replay, ReplayMode, Work},
    store::{
        Claimed, JobQuery, NewJob, Replaced, Replayed, Resolution, Resolved, Settlement, StoreError, Timeline,
    },
};

use super::{
    backend::Backend,
    bench::{Bench, assert_conflict, with},
    given::{
        AT_ONCE, TICK, action, answer, die, event, event_id, job_id, park, request, retry, review, route,
    },
};

fn again(route_name: &str, sweep: &str) -> NewJob {
    let replay = Some(Replay { mode: ReplayMode::Reuse, sweep: sweep.into() });
    NewJob { work: Work::Route { route: route_name.into(), replay }, ..route(route_name) }
}

pub async fn a_replay_adds_jobs_once_a_sweep(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    b.step(&[("triage", Next::Done)]).await;
    let jobs = || vec![again("triage", "s1"), again("leads", "s1")];
    assert_eq!(b.replay(id, jobs()).await.unwrap(), Replayed::Queued);
    assert_eq!(b.replay(id, jobs()).await.unwrap(), Replayed::Already);
    let b = b.crash().await;
    assert_eq!(b.replay(id, jobs()).await.unwrap(), Replayed::Already, "a sweep begun anew repeats nothing");
    let record = b.record(id).await;
    assert_eq!(record.jobs.len(), 3);
    assert_eq!(record.jobs[1].job.work, again("triage", "s1").work);
    b.step(&[("leads", Next::Done), ("triage", Next::Done)]).await;
    assert_eq!(b.replay(id, vec![again("triage", "s2")]).await.unwrap(), Replayed::Queued);
    b.audit().await;
}

pub async fn of_two_replays_at_once_one_wins(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    assert_conflict(b.replay(id, vec![again("triage", "early")]).await);
    let claimed = b.take_one().await;
    assert_conflict(b.replay(id, vec![again("triage", "early")]).await);
    b.end(&claimed, Next::Done).await;

    let (one, other) =
        tokio::join!(b.replay(id, vec![again("triage", "s1")]), b.replay(id, vec![again("triage", "s2")]));
    let (won, lost): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 1), "{won:?} {lost:?}");
    let error = lost[0].as_ref().unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{id} cannot be replayed: its route `triage` has not ended yet: wait, or decide about what holds it up"
        )
    );
    assert_eq!(b.record(id).await.jobs.len(), 2, "what was refused changed nothing");
    b.step(&[("triage", Next::Done)]).await;
    assert_eq!(b.replay(id, vec![again("triage", "s3")]).await.unwrap(), Replayed::Queued);
    b.audit().await;
}

pub async fn a_run_that_waits_for_a_person_gives_way_to_a_newer_one(b: Bench<impl Backend>) {
    let id = b.queue(event(1).jobs([route("triage"), route("leads")])).await;
    b.step(&[("leads", review()), ("triage", review())]).await;
    assert_eq!(b.replay(id, vec![again("triage", "s1")]).await.unwrap(), Replayed::Queued);
    let states = [("triage", JobState::Discarded), ("leads", JobState::Waiting), ("triage", JobState::Ready)];
    assert_eq!(b.states(id).await, states.map(|(name, state)| (name.to_owned(), state)));
    let yes = Resolution { resolved: Resolved::Approve { verdict: None }, note: "ann".to_owned() };
    assert_conflict(b.resolve(job_id(id, 0), yes).await);
    b.audit().await;
}

pub async fn an_event_that_is_not_on_record_cannot_be_replayed(b: Bench<impl Backend>) {
    assert_conflict(b.replay(event_id(1), vec![again("triage", "s")]).await);
}

pub async fn an_answer_serves_every_job_of_its_event(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    let (judge, said) = ("large".into(), answer("paid for"));
    let first = b.take_one().await;
    b.begin_purchase(first.lease, &PurchaseOrder::new(&judge, "q")).await.unwrap();
    b.end_purchase(first.lease, &Bill::new(&judge, "q", Some(&said))).await.unwrap();
    b.end(&first, Next::Done).await;
    b.replay(id, vec![again("triage", "s")]).await.unwrap();
    let second = b.take_one().await;
    let prior = b.begin_purchase(second.lease, &PurchaseOrder::new(&judge, "q")).await.unwrap();
    assert_eq!(prior, hookyard::domain::Prior::Answered(said));
    b.queue(event(2)).await;
    let other = b.take_one().await;
    let prior = b.begin_purchase(other.lease, &PurchaseOrder::new(&judge, "q")).await.unwrap();
    assert_eq!(prior, hookyard::domain::Prior::Begun, "another event's answer is its own");
}

pub async fn what_a_newer_plan_replaces_is_discarded(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    let plan = ["dead", "waiting", "done", "leased", "ready"].map(|id| action(id, &[]));
    let planned = with(Next::Done, |end| end.follow_up = plan.to_vec());
    b.settle(b.take_one().await.lease, planned).await.unwrap();
    let taken = b.ask(super::bench::LANES, 4).await.jobs;
    b.end(&taken[0], die()).await;
    b.end(&taken[1], review()).await;
    b.end(&taken[2], Next::Done).await;
    b.replay(id, vec![again("triage", "s")]).await.unwrap();
    let ready = b.take().await;
    let route = ready.iter().find(|one| one.job.id == job_id(id, 6)).unwrap();
    let kept = ready.iter().find(|one| one.job.id == job_id(id, 5)).unwrap();
    b.end(kept, retry(AT_ONCE)).await;
    let record = b.record(id).await;
    let planned = with(Next::Done, |end| {
        end.follow_up = vec![action("newer", &[])];
        end.replaces = [0, 1, 2, 3, 5].map(|n| Replaced::of(&record.jobs[n].job)).to_vec();
    });
    b.settle(route.lease, planned).await.unwrap();
    let states: Vec<JobState> = b.states(id).await.into_iter().map(|(_, state)| state).collect();
    let expected = [
        JobState::Done,
        JobState::Discarded,
        JobState::Discarded,
        JobState::Done,
        JobState::Leased,
        JobState::Discarded,
        JobState::Done,
        JobState::Ready,
    ];
    assert_eq!(states, expected, "what is done stays, and what is not named");
    b.end(&taken[3], Next::Done).await;
    b.audit().await;
}

/// How an action stands when a newer plan is made that replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Retrying,
    InDoubt,
    Dead,
    Waiting,
}

/// What becomes of it before that plan is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    UnderWay,
    Done,
    InDoubt,
    Retried,
    Revived,
    DoneByAPerson,
    Discarded,
}

/// An event whose action 1 stands as told, and the lease on a replay, job 2, that has read the record.
async fn replaying(b: &Bench<impl Backend>, n: u64, before: Before) -> (EventId, Claimed) {
    let id = b.queue(event(n)).await;
    let planned = with(Next::Done, |end| end.follow_up = vec![action("ticket", &[])]);
    b.settle(b.take_one().await.lease, planned).await.unwrap();
    let first = b.take_one().await;
    b.begin(first.lease, Some(request("first"))).await.unwrap();
    let end = match before {
        Before::Retrying => with(park(TICK), |_| {}),
        Before::InDoubt => with(retry(TICK), |end| end.in_doubt = true),
        Before::Dead => with(die(), |_| {}),
        Before::Waiting => with(review(), |end| end.in_doubt = true),
    };
    b.settle(first.lease, end).await.unwrap();
    b.replay(id, vec![again("triage", "s")]).await.unwrap();
    let replay = b.take_one().await;
    b.advance(TICK);
    (id, replay)
}

/// Has the action go on; returns the lease of one that is under way.
async fn go_on(b: &Bench<impl Backend>, id: EventId, meanwhile: Meanwhile) -> Option<Claimed> {
    let ticket = job_id(id, 1);
    let only = JobQuery { ids: vec![ticket], ..JobQuery::default() };
    let resolve =
        async |resolved| b.resolve(ticket, Resolution { resolved, note: "ann".to_owned() }).await.unwrap();
    match meanwhile {
        Meanwhile::DoneByAPerson => resolve(Resolved::Done).await,
        Meanwhile::Discarded => resolve(Resolved::Discard).await,
        Meanwhile::Revived => assert_eq!(b.redrive(only).await.unwrap(), 1),
        Meanwhile::UnderWay | Meanwhile::Done | Meanwhile::InDoubt | Meanwhile::Retried => {
            b.redrive(only).await.unwrap();
            let claimed = b.take_one().await;
            b.begin(claimed.lease, None).await.unwrap();
            match meanwhile {
                Meanwhile::Done => b.end(&claimed, Next::Done).await,
                Meanwhile::InDoubt => {
                    b.settle(claimed.lease, with(retry(TICK), |end| end.in_doubt = true)).await.unwrap();
                }
                Meanwhile::Retried => b.end(&claimed, retry(TICK)).await,
                Meanwhile::UnderWay => return Some(claimed),
                Meanwhile::Revived | Meanwhile::DoneByAPerson | Meanwhile::Discarded => unreachable!(),
            }
        }
    }
    None
}

pub async fn a_plan_that_was_overtaken_is_refused_as_a_whole(b: Bench<impl Backend>) {
    use {Before as Was, Meanwhile as Now};
    let overtaken = [
        (Was::Retrying, Now::UnderWay),
        (Was::Retrying, Now::Done),
        (Was::Retrying, Now::InDoubt),
        (Was::InDoubt, Now::UnderWay),
        (Was::InDoubt, Now::Done),
        (Was::Dead, Now::UnderWay),
        (Was::Dead, Now::Done),
        (Was::Dead, Now::InDoubt),
        (Was::Waiting, Now::DoneByAPerson),
    ];
    for (n, (before, meanwhile)) in (1..).zip(overtaken) {
        let (id, replay) = replaying(&b, n, before).await;
        let planned_for = b.record(id).await;
        let newer = |record: &Timeline| {
            with(Next::Done, |end| {
                end.follow_up = vec![action("newer", &[])];
                end.replaces = [0, 1].map(|n| Replaced::of(&record.jobs[n].job)).to_vec();
            })
        };
        let under_way = go_on(&b, id, meanwhile).await;
        let gone_on = b.record(id).await;
        let refused = b.settle(replay.lease, newer(&planned_for)).await;
        let case = format!("{before:?}, {meanwhile:?}");
        assert!(
            matches!(refused, Err(StoreError::Overtaken(by)) if by == job_id(id, 1)),
            "{case}: {refused:?}"
        );
        assert_eq!(b.record(id).await, gone_on, "{case}");
        b.audit().await;

        // Under way it cannot be replaced, however well that is known.
        if let Some(claimed) = under_way {
            let refused = b.settle(replay.lease, newer(&gone_on)).await;
            assert!(matches!(refused, Err(StoreError::Overtaken(_))), "{case}: {refused:?}");
            b.end(&claimed, Next::Done).await;
        }
        // The lease is still held, and a plan made for what is now is taken.
        b.settle(replay.lease, newer(&b.record(id).await)).await.unwrap();
        let states: Vec<JobState> = b.states(id).await.into_iter().map(|(_, state)| state).collect();
        let ticket = if meanwhile == Now::InDoubt { JobState::Discarded } else { JobState::Done };
        assert_eq!(states, [JobState::Done, ticket, JobState::Done, JobState::Ready], "{case}");
        b.step(&[("newer", Next::Done)]).await;
    }
}

pub async fn what_went_on_without_an_effect_is_replaced_all_the_same(b: Bench<impl Backend>) {
    let harmless = [
        (Before::Retrying, Meanwhile::Retried),
        (Before::InDoubt, Meanwhile::InDoubt),
        (Before::Dead, Meanwhile::Revived),
        (Before::Dead, Meanwhile::Retried),
        (Before::Waiting, Meanwhile::Discarded),
    ];
    for (n, (before, meanwhile)) in (1..).zip(harmless) {
        let (id, replay) = replaying(&b, n, before).await;
        let newer = with(Next::Done, |end| end.follow_up = vec![action("newer", &[])]);
        let replaces = vec![Replaced::of(&b.job(job_id(id, 1)).await)];
        assert!(go_on(&b, id, meanwhile).await.is_none());
        b.settle(replay.lease, Settlement { replaces, ..newer }).await.unwrap();
        assert_eq!(b.job(job_id(id, 1)).await.state, JobState::Discarded, "{before:?}, {meanwhile:?}");
        b.step(&[("newer", Next::Done)]).await;
        b.audit().await;
    }
}
