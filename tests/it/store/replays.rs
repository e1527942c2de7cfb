//! Running events again, and what a newer plan replaces.

use hookyard::{
    domain::{JobState, Next, Replay, ReplayMode, Work},
    store::{NewJob, Replayed},
};

use super::{
    backend::Backend,
    bench::{Bench, assert_conflict, with},
    given::{action, answer, die, event, event_id, job_id, review, route},
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

pub async fn an_event_that_is_not_on_record_cannot_be_replayed(b: Bench<impl Backend>) {
    assert_conflict(b.replay(event_id(1), vec![again("triage", "s")]).await);
}

pub async fn an_answer_serves_every_job_of_its_event(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    let (judge, said) = ("large".into(), answer("paid for"));
    let first = b.take_one().await;
    b.begin_purchase(first.lease, &judge, "q").await.unwrap();
    b.end_purchase(first.lease, &judge, "q", Some(&said)).await.unwrap();
    b.end(&first, Next::Done).await;
    b.replay(id, vec![again("triage", "s")]).await.unwrap();
    let second = b.take_one().await;
    let prior = b.begin_purchase(second.lease, &judge, "q").await.unwrap();
    assert_eq!(prior, hookyard::domain::Prior::Answered(said));
    b.queue(event(2)).await;
    let other = b.take_one().await;
    let prior = b.begin_purchase(other.lease, &judge, "q").await.unwrap();
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
    b.end(kept, super::given::retry(b.now())).await;
    let planned = with(Next::Done, |end| {
        end.follow_up = vec![action("newer", &[])];
        end.replaces = [0, 1, 2, 3, 5].map(|n| replaced(&record.jobs[n].job)).to_vec();
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
    assert_eq!(states, expected, "what is done or under way stays");
    b.end(&taken[3], Next::Done).await;
    b.audit().await;
}
