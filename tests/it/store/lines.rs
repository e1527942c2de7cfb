//! Lines (`order_by`), and newer events that take the place of older ones (`coalesce_by`).

use std::time::Duration;

use hookyard::{
    domain::{EventId, JobId, JobState, Next},
    store::{Accepted, Coalesce, JobQuery, NewJob, OnStuck, Order, Replaced, Resolution, Resolved, Start},
};

use super::{
    backend::Backend,
    bench::{Bench, with},
    given::{
        AT_ONCE, LEASE, TICK, action, dead, die, event, event_id, job_id, park, retry, review, route, same,
        suspect, waiting,
    },
};

fn in_line(key: &str, on_stuck: OnStuck) -> NewJob {
    NewJob { order: Some(Order { key: key.into(), on_stuck }), ..route("triage") }
}

fn blocking(key: &str) -> NewJob {
    in_line(key, OnStuck::Block)
}

/// What is handed out now, and is then given back as it was: the events, sorted.
async fn claimable(b: &Bench<impl Backend>) -> Vec<EventId> {
    let jobs = b.take().await;
    for claimed in &jobs {
        b.end(claimed, retry(AT_ONCE)).await;
    }
    let mut events: Vec<EventId> = jobs.iter().map(|claimed| claimed.event.id).collect();
    events.sort();
    events
}

/// The state of an event's route job.
async fn state(b: &Bench<impl Backend>, event: u64) -> JobState {
    b.job(job_id(event_id(event), 0)).await.state
}

pub async fn events_of_one_key_go_one_after_the_other<B: Backend>(b: Bench<B>) {
    for n in 1..=3 {
        b.queue(event(n).jobs([blocking("a")])).await;
    }
    b.queue(event(4).jobs([blocking("b")])).await;
    b.queue(event(5)).await;
    assert_eq!(claimable(&b).await, [1, 4, 5].map(event_id));
    let second = b.job(job_id(event_id(2), 0)).await;
    assert_eq!((second.state, second.order_key.as_deref()), (JobState::Blocked, Some("a")));
    assert!(second.reason.unwrap().contains(&event_id(1).to_string()), "it is told who is ahead");
    b.audit().await;

    let b = b.crash().await;
    for n in [1, 2] {
        let jobs = b.take().await;
        let head = jobs.iter().find(|claimed| claimed.event.id == event_id(n)).expect("at the head");
        b.end(head, Next::Done).await;
        for other in jobs.iter().filter(|claimed| claimed.event.id != event_id(n)) {
            b.end(other, retry(AT_ONCE)).await;
        }
        assert_eq!(claimable(&b).await, [n + 1, 4, 5].map(event_id));
    }
    b.audit().await;
}

pub async fn the_next_event_waits_for_the_actions_of_the_one_before(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([blocking("a")])).await;
    b.queue(event(2).jobs([blocking("a")])).await;
    let head = b.take_one().await;
    let planned =
        with(Next::Done, |end| end.follow_up = vec![action("mail", &[]), action("note", &["mail"])]);
    b.settle(head.lease, planned).await.unwrap();
    assert_eq!(state(&b, 2).await, JobState::Blocked);
    b.step(&[("mail", retry(AT_ONCE))]).await;
    assert_eq!(state(&b, 2).await, JobState::Blocked);
    b.step(&[("mail", Next::Done)]).await;
    assert_eq!(state(&b, 2).await, JobState::Blocked);
    b.step(&[("note", Next::Done)]).await;
    assert_eq!(b.take_one().await.event.id, event_id(2));
    b.audit().await;
}

pub async fn a_plan_keeps_the_place_of_what_it_replaces(b: Bench<impl Backend>) {
    for n in 1..=2 {
        b.queue(event(n).jobs([blocking("a")])).await;
    }
    let planned = with(Next::Done, |end| end.follow_up = vec![action("mail", &[]), action("note", &[])]);
    b.settle(b.take_one().await.lease, planned).await.unwrap();
    let mut jobs = b.take().await;
    jobs.sort_by_key(|claimed| claimed.job.id);
    b.end(&jobs[1], die()).await;
    let note = b.job(jobs[1].job.id).await;
    let planned = with(Next::Done, |end| {
        end.follow_up = vec![action("newer", &[])];
        end.replaces = vec![Replaced::of(&note)];
    });
    b.settle(jobs[0].lease, planned).await.unwrap();
    assert_eq!(b.job(note.id).await.state, JobState::Discarded);
    assert_eq!(state(&b, 2).await, JobState::Blocked, "an action of the first event is open");
    b.step(&[("newer", Next::Done)]).await;
    assert_eq!(b.take_one().await.event.id, event_id(2));
    b.audit().await;
}

/// Ends in which a head is stuck.
fn stuck() -> [Next; 3] {
    [park(9 * LEASE), review(), die()]
}

pub async fn a_stuck_head_blocks_its_line_until_a_person_acts(b: Bench<impl Backend>) {
    for (at, next) in (0..).zip(stuck()) {
        let (first, second) = (10 * at + 1, 10 * at + 2);
        let key = format!("line {at}");
        b.queue(event(first).jobs([blocking(&key)])).await;
        b.queue(event(second).jobs([blocking(&key)])).await;
        b.end(&b.take_one().await, next.clone()).await;
        assert!(b.take().await.is_empty(), "{next:?}");
        let id = job_id(event_id(first), 0);
        match next {
            Next::Park { .. } => {
                b.advance(9 * LEASE);
                b.step(&[("triage", Next::Done)]).await;
            }
            Next::Review { .. } => {
                let done = Resolution { resolved: Resolved::Done, note: "ann".to_owned() };
                b.resolve(id, done).await.unwrap();
            }
            _ => {
                let query = JobQuery { ids: vec![id], ..JobQuery::default() };
                assert_eq!(b.discard(query, "ann: let it go").await.unwrap(), 1);
            }
        }
        let next_one = b.take_one().await;
        assert_eq!(next_one.event.id, event_id(second));
        b.end(&next_one, Next::Done).await;
        b.audit().await;
    }
}

pub async fn a_stuck_head_is_passed_by_where_that_was_asked_for(b: Bench<impl Backend>) {
    for (at, next) in (0..).zip(stuck()) {
        let (first, second) = (10 * at + 1, 10 * at + 2);
        let key = format!("line {at}");
        b.queue(event(first).jobs([in_line(&key, OnStuck::Skip)])).await;
        b.queue(event(second).jobs([in_line(&key, OnStuck::Skip)])).await;
        let head = b.take_one().await;
        b.end(&head, retry(TICK)).await;
        assert!(b.take().await.is_empty(), "one that is only tried again is not stuck");
        b.advance(TICK);
        b.end(&b.take_one().await, next.clone()).await;
        let passing = b.take_one().await;
        assert_eq!(passing.event.id, event_id(second), "{next:?}");
        b.end(&passing, Next::Done).await;
    }
    b.audit().await;
}

pub async fn one_that_is_born_stuck_is_passed_by_where_that_was_asked_for(b: Bench<impl Backend>) {
    let passed = |key: &str| in_line(key, OnStuck::Skip);
    let unrenderable = |job| dead(job, hookyard::domain::Cause::Unrenderable);
    // At the head, and behind others.
    b.queue(event(1).jobs([unrenderable(passed("a"))])).await;
    b.queue(event(2).jobs([passed("a")])).await;
    b.queue(event(3).jobs([waiting(passed("a"))])).await;
    b.queue(event(4).jobs([passed("a")])).await;
    for n in [2, 4] {
        let head = b.take_one().await;
        assert_eq!(head.event.id, event_id(n));
        b.end(&head, Next::Done).await;
    }
    b.queue(event(5).keys([same("5"), suspect("body")]).jobs([passed("b")])).await;
    b.end(&b.take_one().await, Next::Done).await;
    let replay = b.send(event(6).keys([same("6"), suspect("body")]).jobs([passed("b")])).await;
    assert_eq!(replay, Accepted::Queued { suspected_replay_of: Some(event_id(5)) });
    b.queue(event(7).jobs([passed("b")])).await;
    assert_eq!(claimable(&b).await, [event_id(7)]);
    b.audit().await;
}

pub async fn an_action_that_is_born_dead_is_passed_by_where_that_was_asked_for(b: Bench<impl Backend>) {
    for n in 1..=2 {
        b.queue(event(n).jobs([in_line("a", OnStuck::Skip)])).await;
    }
    let stillborn = dead(action("mail", &[]), hookyard::domain::Cause::Unrenderable);
    let planned = with(Next::Done, |end| end.follow_up = vec![stillborn]);
    b.settle(b.take_one().await.lease, planned).await.unwrap();
    assert_eq!(b.take_one().await.event.id, event_id(2));
    b.audit().await;
}

pub async fn a_redriven_head_goes_before_those_behind_it(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([blocking("a")])).await;
    b.queue(event(2).jobs([blocking("a")])).await;
    b.end(&b.take_one().await, die()).await;
    assert_eq!(b.redrive(JobQuery::default()).await.unwrap(), 1);
    let head = b.take_one().await;
    assert_eq!(head.event.id, event_id(1));
    b.end(&head, Next::Done).await;
    assert_eq!(b.take_one().await.event.id, event_id(2));
}

pub async fn an_approval_does_not_jump_the_line(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([blocking("a")])).await;
    b.queue(event(2).jobs([waiting(blocking("a"))])).await;
    let yes = Resolution { resolved: Resolved::Approve { verdict: None }, note: "ann".to_owned() };
    b.resolve(job_id(event_id(2), 0), yes).await.unwrap();
    assert_eq!(state(&b, 2).await, JobState::Blocked);
    let head = b.take_one().await;
    assert_eq!(head.event.id, event_id(1));
    b.end(&head, Next::Done).await;
    assert_eq!(b.take_one().await.event.id, event_id(2));
    b.audit().await;
}

pub async fn one_that_is_born_dead_stands_in_line_too(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([dead(blocking("a"), hookyard::domain::Cause::Unrenderable)])).await;
    b.queue(event(2).jobs([blocking("a")])).await;
    assert!(b.take().await.is_empty());
    b.discard(JobQuery::default(), "ann").await.unwrap();
    assert_eq!(b.take_one().await.event.id, event_id(2));
}

const WINDOW: Duration = Duration::from_secs(20);

fn newest(key: &str) -> NewJob {
    NewJob { coalesce: Some(Coalesce { key: key.into(), window: WINDOW }), ..route("triage") }
}

pub async fn the_newest_waiting_event_takes_the_place_of_older_ones(b: Bench<impl Backend>) {
    for n in 1..=4 {
        b.queue(event(n).jobs([newest("pull 7")])).await;
        b.advance(WINDOW / 10);
    }
    b.queue(event(5).jobs([newest("pull 8")])).await;
    for n in 1..=3 {
        let job = b.job(job_id(event_id(n), 0)).await;
        assert_eq!(job.state, JobState::Skipped);
        assert!(job.reason.unwrap().contains(&event_id(n + 1).to_string()), "it is told who came");
    }
    assert!(b.take().await.is_empty(), "the first one's window is open");
    b.advance(WINDOW * 6 / 10);
    assert_eq!(
        b.take_one().await.event.id,
        event_id(4),
        "due when the first one was: none is put off for ever"
    );
    b.audit().await;
}

pub async fn work_that_has_begun_keeps_its_place(b: Bench<impl Backend>) {
    let id = b.queue(event(1).jobs([newest("pull 7")])).await;
    b.advance(WINDOW);
    let under_way = b.take_one().await;
    b.queue(event(2).jobs([newest("pull 7")])).await;
    b.end(&under_way, retry(AT_ONCE)).await;
    b.queue(event(3).jobs([newest("pull 7")])).await;
    assert_eq!(
        b.job(job_id(id, 0)).await.state,
        JobState::Ready,
        "it was tried: its answer may have been paid"
    );
    assert_eq!(b.job(job_id(event_id(2), 0)).await.state, JobState::Skipped);
    b.audit().await;
}

pub async fn what_took_a_place_in_line_leaves_it_again(b: Bench<impl Backend>) {
    let both = || NewJob { order: blocking("a").order, ..newest("a") };
    b.queue(event(1).jobs([blocking("a")])).await;
    b.queue(event(2).jobs([both()])).await;
    b.queue(event(3).jobs([both()])).await;
    assert_eq!((state(&b, 2).await, state(&b, 3).await), (JobState::Skipped, JobState::Blocked));
    b.end(&b.take_one().await, Next::Done).await;
    b.advance(WINDOW);
    assert_eq!(b.take_one().await.event.id, event_id(3));
    b.audit().await;
}

/// A job in line `order` that takes the place of older ones of `coalesce`.
fn newest_in_line(order: &str, coalesce: &str) -> NewJob {
    NewJob { order: blocking(order).order, ..newest(coalesce) }
}

pub async fn a_newer_event_takes_the_place_of_the_head_and_the_line_goes_on(b: Bench<impl Backend>) {
    for n in 1..=3 {
        b.queue(event(n).jobs([newest_in_line("a", "a")])).await;
        b.advance(WINDOW / 4);
    }
    let states = [state(&b, 1).await, state(&b, 2).await, state(&b, 3).await];
    assert_eq!(states, [JobState::Skipped, JobState::Skipped, JobState::Ready]);
    b.audit().await;

    b.advance(WINDOW / 4);
    let head = b.take_one().await;
    assert_eq!(head.event.id, event_id(3), "due when the first one was");
    b.queue(event(4).jobs([newest_in_line("a", "a")])).await;
    b.advance(WINDOW);
    assert_eq!(state(&b, 4).await, JobState::Blocked, "work on the head has begun: its place is its own");
    b.end(&head, Next::Done).await;
    assert_eq!(b.take_one().await.event.id, event_id(4));
    b.audit().await;
}

pub async fn who_takes_a_place_goes_before_those_that_stood_behind_it(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([newest_in_line("a", "pull 7")])).await;
    b.queue(event(2).jobs([blocking("a")])).await;
    b.queue(event(3).jobs([newest_in_line("a", "pull 7")])).await;
    let states = [state(&b, 1).await, state(&b, 2).await, state(&b, 3).await];
    assert_eq!(states, [JobState::Skipped, JobState::Blocked, JobState::Ready]);
    b.advance(WINDOW);
    let head = b.take_one().await;
    assert_eq!(head.event.id, event_id(3));
    let planned = with(Next::Done, |end| end.follow_up = vec![action("mail", &[])]);
    b.settle(head.lease, planned).await.unwrap();
    b.step(&[("mail", Next::Done)]).await;
    assert_eq!(b.take_one().await.event.id, event_id(2));
    b.audit().await;
}

pub async fn whose_place_is_taken_from_another_line_leaves_its_own(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([newest_in_line("a", "pull 7")])).await;
    b.queue(event(2).jobs([blocking("a")])).await;
    b.queue(event(3).jobs([blocking("b")])).await;
    b.queue(event(4).jobs([newest_in_line("b", "pull 7")])).await;
    let states = [state(&b, 1).await, state(&b, 4).await];
    assert_eq!(states, [JobState::Skipped, JobState::Blocked]);
    assert_eq!(claimable(&b).await, [2, 3].map(event_id));
    b.audit().await;
}

pub async fn a_job_for_later_is_handed_out_later(b: Bench<impl Backend>) {
    let due = b.now().plus(LEASE);
    b.queue(event(1).jobs([NewJob { start: Start::After { wait: LEASE }, ..route("reminder") }])).await;
    let claim = b.ask(super::bench::LANES, 1).await;
    assert_eq!((claim.jobs.len(), claim.next_in), (0, Some(LEASE)));
    b.advance(LEASE);
    let job = b.take_one().await.job;
    assert_eq!((job.due, job.fresh_at), (due, due), "its age counts from when it could begin");
}

pub async fn a_delayed_action_waits_after_those_it_follows(b: Bench<impl Backend>) {
    let id = b.queue(event(1).jobs([route("triage")])).await;
    let mut later = action("survey", &["mail"]);
    if let hookyard::domain::Work::Action(plan) = &mut later.work {
        plan.delay_ms = LEASE.as_millis() as u64;
    }
    let planned = with(Next::Done, |end| end.follow_up = vec![action("mail", &[]), later]);
    b.settle(b.take_one().await.lease, planned).await.unwrap();
    b.step(&[("mail", Next::Done)]).await;
    assert!(b.take().await.is_empty());
    b.advance(LEASE);
    let survey: JobId = b.take_one().await.job.id;
    assert_eq!(survey, job_id(id, 2));
}
