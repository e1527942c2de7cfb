//! Actions that follow others: blocked, released, skipped.

use hookyard::{
    domain::{ActionPlan, AttemptOutcome, Cause, EventState, JobState, Next, Work},
    store::{JobQuery, NewJob, Resolution, Resolved},
};

use super::{
    backend::Backend,
    bench::{Bench, with},
    given::{
        AT_ONCE, TICK, action, dead, die, event, event_id, job_id, park, retry, review, route, skip, waiting,
    },
};

use JobState::{Blocked, Dead, Discarded, Done, Ready, Skipped, Waiting};

async fn assert_states(b: &Bench<impl Backend>, n: u64, expected: &[(&str, JobState)]) {
    let expected: Vec<_> = expected.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect();
    assert_eq!(b.states(event_id(n)).await, expected);
    b.audit().await;
}

/// `a` first, then `b` and `c`, then `d`.
fn diamond() -> [NewJob; 4] {
    // Made in an order that no plan would have, which must not matter.
    [action("d", &["b", "c"]), action("c", &["a"]), action("b", &["a"]), action("a", &[])]
}

fn resolution(resolved: Resolved) -> Resolution {
    Resolution { resolved, note: "ann: as agreed".to_owned() }
}

pub async fn an_action_goes_when_the_last_it_follows_is_done(b: Bench<impl Backend>) {
    b.queue(event(1).jobs(diamond())).await;
    assert_states(&b, 1, &[("d", Blocked), ("c", Blocked), ("b", Blocked), ("a", Ready)]).await;
    b.step(&[("a", Next::Done)]).await;
    b.advance(TICK);
    b.step(&[("b", Next::Done), ("c", retry(AT_ONCE))]).await;
    assert_states(&b, 1, &[("d", Blocked), ("c", Ready), ("b", Done), ("a", Done)]).await;

    let b = b.crash().await;
    b.advance(TICK);
    b.step(&[("c", Next::Done)]).await;
    let released = b.job(job_id(event_id(1), 0)).await;
    assert_eq!((released.state, released.due, released.reason), (Ready, b.now(), None));
    b.step(&[("d", Next::Done)]).await;
    assert_eq!(b.record(event_id(1)).await.state, EventState::Done);
    b.audit().await;
}

pub async fn an_action_stays_while_one_it_follows_is_not_at_its_end(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([action("a", &[]), action("b", &["a"])])).await;
    for (next, state) in [(retry(AT_ONCE), Ready), (park(AT_ONCE), Ready), (review(), Waiting)] {
        b.step(&[("a", next)]).await;
        assert_states(&b, 1, &[("a", state), ("b", Blocked)]).await;
    }
    let yes = resolution(Resolved::Approve { verdict: None });
    b.resolve(job_id(event_id(1), 0), yes).await.unwrap();
    assert_states(&b, 1, &[("a", Ready), ("b", Blocked)]).await;
    b.lose(1).await;
    b.step(&[("a", Next::Done)]).await;
    b.step(&[("b", Next::Done)]).await;
}

pub async fn an_action_is_skipped_when_one_it_follows_ends_otherwise(b: Bench<impl Backend>) {
    for (n, next, state) in [(1, die(), Dead), (2, skip(), Skipped)] {
        let mut jobs = vec![action("e", &["d", "apart"])];
        jobs.extend(diamond());
        jobs.push(action("apart", &[]));
        b.queue(event(n).jobs(jobs)).await;
        b.step(&[("a", Next::Done), ("apart", Next::Done)]).await;
        // The other branch is under way and has its own end.
        let mut jobs = b.take().await;
        jobs.sort_by_key(|claimed| claimed.job.id.n);
        let [c, failing] = &jobs[..] else { panic!("{jobs:?}") };
        b.end(failing, next).await;
        let with_c =
            |c| [("e", Skipped), ("d", Skipped), ("c", c), ("b", state), ("a", Done), ("apart", Done)];
        assert_states(&b, n, &with_c(JobState::Leased)).await;
        b.end(c, Next::Done).await;
        assert_states(&b, n, &with_c(Done)).await;

        for (skipped, because) in [(1, "`b`"), (0, "`d`")] {
            let entry = b.history(job_id(event_id(n), skipped)).await;
            let reason = entry.job.reason.expect("a reason");
            assert!(reason.contains(because), "{reason}");
            let told: Vec<_> =
                entry.history.iter().map(|line| (line.outcome, line.detail.as_ref())).collect();
            assert_eq!(told, [(AttemptOutcome::Skipped, Some(&reason))]);
        }
        assert!(b.take().await.is_empty());
    }
}

pub async fn a_person_releases_or_skips_followers_too(b: Bench<impl Backend>) {
    for (n, resolved, ended, follower) in
        [(1, Resolved::Done, Done, Ready), (2, Resolved::Discard, Discarded, Skipped)]
    {
        b.queue(event(n).jobs([waiting(action("a", &[])), action("b", &["a"]), action("c", &["b"])])).await;
        b.resolve(job_id(event_id(n), 0), resolution(resolved)).await.unwrap();
        let last = if follower == Ready { Blocked } else { Skipped };
        assert_states(&b, n, &[("a", ended), ("b", follower), ("c", last)]).await;
    }
    b.step(&[("b", Next::Done)]).await;
    b.step(&[("c", Next::Done)]).await;
    // Letting a dead letter go leaves what was skipped because of it.
    b.queue(event(3).jobs([action("a", &[]), action("b", &["a"])])).await;
    b.step(&[("a", die())]).await;
    assert_eq!(b.discard(JobQuery::default(), "ann: gone").await.unwrap(), 1);
    assert_states(&b, 3, &[("a", Discarded), ("b", Skipped)]).await;
}

pub async fn followers_of_an_action_that_is_born_dead_are_skipped(b: Bench<impl Backend>) {
    // As planned when one action's template does not fit the event.
    let plan = [
        dead(action("a", &[]), Cause::Unrenderable),
        action("b", &["a"]),
        action("c", &["b"]),
        action("d", &[]),
    ];
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    let planned = with(Next::Done, |end| end.follow_up = plan.to_vec());
    b.settle(claimed.lease, planned).await.unwrap();
    let expected = [("triage", Done), ("a", Dead), ("b", Skipped), ("c", Skipped), ("d", Ready)];
    assert_states(&b, 1, &expected).await;
    // It can still be redriven, and then they follow.
    assert_eq!(b.redrive(JobQuery::default()).await.unwrap(), 1);
    b.step(&[("a", Next::Done), ("d", Next::Done)]).await;
    b.step(&[("b", Next::Done)]).await;
    b.step(&[("c", Next::Done)]).await;
}

pub async fn plans_do_not_touch_each_other(b: Bench<impl Backend>) {
    let changed = |id: &str, after: &[&str], change: fn(&mut ActionPlan)| {
        let mut job = action(id, after);
        if let Work::Action(plan) = &mut job.work {
            change(plan);
        }
        job
    };
    let elsewhere = |id: &str, after: &[&str]| changed(id, after, |plan| plan.route = "refunds".into());
    let newer = |id: &str, after: &[&str]| changed(id, after, |plan| plan.version = 2);
    b.queue(event(1).jobs([
        action("a", &[]),
        action("b", &["a"]),
        waiting(elsewhere("a", &[])),
        elsewhere("b", &["a"]),
        waiting(newer("a", &[])),
        newer("b", &["a"]),
    ]))
    .await;
    b.queue(event(2).jobs([waiting(action("a", &[])), action("b", &["a"])])).await;
    let rest = [("a", Waiting), ("b", Blocked), ("a", Waiting), ("b", Blocked)];
    b.step(&[("a", die())]).await;
    assert_states(&b, 1, &[&[("a", Dead), ("b", Skipped)], &rest[..]].concat()).await;
    b.redrive(JobQuery::default()).await.unwrap();
    b.step(&[("a", Next::Done)]).await;
    b.step(&[("b", Next::Done)]).await;
    assert_states(&b, 1, &[&[("a", Done), ("b", Done)], &rest[..]].concat()).await;
    assert_states(&b, 2, &[("a", Waiting), ("b", Blocked)]).await;
}

pub async fn redriving_makes_what_was_skipped_wait_again(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([&[route("audit")], &diamond()[..]].concat())).await;
    b.step(&[("a", die()), ("audit", Next::Done)]).await;
    let branch = |d, c, b, a| [("audit", Done), ("d", d), ("c", c), ("b", b), ("a", a)];
    assert_states(&b, 1, &branch(Skipped, Skipped, Skipped, Dead)).await;
    assert_eq!(b.redrive(JobQuery::default()).await.unwrap(), 1);
    assert_states(&b, 1, &branch(Blocked, Blocked, Blocked, Ready)).await;
    // They can be skipped once more, and come back once more.
    b.step(&[("a", die())]).await;
    assert_states(&b, 1, &branch(Skipped, Skipped, Skipped, Dead)).await;
    b.redrive(JobQuery::default()).await.unwrap();
    b.step(&[("a", Next::Done)]).await;
    b.step(&[("b", Next::Done), ("c", Next::Done)]).await;
    b.step(&[("d", Next::Done)]).await;
    assert_states(&b, 1, &branch(Done, Done, Done, Done)).await;
}

pub async fn redriving_one_of_two_dead_predecessors_is_not_enough(b: Bench<impl Backend>) {
    b.queue(event(1).jobs(diamond())).await;
    b.step(&[("a", Next::Done)]).await;
    b.step(&[("b", die()), ("c", die())]).await;
    let only = |n| JobQuery { ids: vec![job_id(event_id(1), n)], ..JobQuery::default() };
    assert_eq!(b.redrive(only(2)).await.unwrap(), 1);
    b.step(&[("b", Next::Done)]).await;
    assert_states(&b, 1, &[("d", Skipped), ("c", Dead), ("b", Done), ("a", Done)]).await;
    assert_eq!(b.redrive(only(1)).await.unwrap(), 1);
    b.step(&[("c", Next::Done)]).await;
    b.step(&[("d", Next::Done)]).await;
    assert_states(&b, 1, &[("d", Done), ("c", Done), ("b", Done), ("a", Done)]).await;
}
