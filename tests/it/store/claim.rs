//! Handing jobs out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hookyard::{
    domain::{EventId, JobId, JobState, Lane, Next},
    store::{ClaimRequest, Claimed, Limits, NewJob, Pause},
};
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::{Bench, LANES, name_of, names, wanting},
    given::{AT_ONCE, LEASE, TICK, action, event, event_id, park, retry, route, settlement},
};

pub async fn a_job_is_handed_out_with_its_event(b: Bench<impl Backend>) {
    let draft = event(1).jobs([action("mail", &[])]);
    let sent = draft.event.clone();
    b.queue(draft).await;
    let before = b.job(JobId { event: event_id(1), n: 0 }).await;

    let claimed = b.take_one().await;
    assert_eq!((claimed.event.id, &claimed.event.body), (sent.id, &sent.body));
    assert_eq!(claimed.lease.job, before.id);
    assert_eq!(claimed.job.state, JobState::Leased);
    assert_eq!(claimed.job, b.job(before.id).await);
    assert_eq!((claimed.job.work, claimed.job.due), (before.work, before.due));
    assert!(b.take().await.is_empty());
    b.audit().await;
}

pub async fn within_a_lane_jobs_go_by_due_time(b: Bench<impl Backend>) {
    // Accepted against the order of their ids, and the first one put off.
    for n in [4, 3, 2, 1] {
        b.queue(event(n)).await;
        b.advance(TICK);
    }
    let mut parts: BTreeMap<u16, Vec<EventId>> = BTreeMap::new();
    for n in [4, 3, 2, 1].map(event_id) {
        parts.entry(b.backend().part_of(n).await).or_default().push(n);
    }
    let first = b.ask(LANES, 1).await.jobs.remove(0);
    let part = parts.values_mut().find(|part| part[0] == first.event.id).expect("the first of its part");
    part.rotate_left(1);
    b.end(&first, park(AT_ONCE)).await;

    let mut order = Vec::new();
    order.extend(b.ask(LANES, 1).await.jobs);
    order.extend(b.ask(LANES, 10).await.jobs);
    let order: Vec<_> = order.iter().map(|claimed| claimed.event.id).collect();
    assert_eq!(order.len(), 4);
    for part in parts.values() {
        assert_eq!(order.iter().copied().filter(|id| part.contains(id)).collect::<Vec<_>>(), *part);
    }
}

pub async fn lanes_are_searched_in_the_order_asked_for(b: Bench<impl Backend>) {
    let in_lane = |lane: Lane| NewJob { lane, ..route(lane.as_str()) };
    let (critical, normal, bulk) = (Lane::Critical, Lane::Normal, Lane::Bulk);
    for (n, lanes) in (1..).zip([
        [critical, normal, bulk],
        [normal, critical, bulk],
        [bulk, critical, normal],
        [bulk, normal, critical],
    ]) {
        // The lane searched last has the job that is due first.
        for (m, lane) in (0..).zip(lanes.iter().rev()) {
            b.queue(event(10 * n + m).jobs([in_lane(*lane)])).await;
            b.advance(TICK);
        }
        let words = |lanes: &[Lane]| lanes.iter().map(|lane| lane.as_str()).collect::<Vec<_>>();
        let jobs = b.ask(lanes, 2).await.jobs;
        assert_eq!(jobs.iter().map(|c| name_of(&c.job)).collect::<Vec<_>>(), words(&lanes[..2]));
        let rest = b.ask(lanes, 2).await.jobs;
        assert_eq!(rest.iter().map(|c| name_of(&c.job)).collect::<Vec<_>>(), words(&lanes[2..]));
    }
}

pub async fn no_more_jobs_are_handed_out_than_asked_for(b: Bench<impl Backend>) {
    let lanes = [Lane::Critical, Lane::Critical, Lane::Normal, Lane::Normal, Lane::Bulk];
    b.queue(event(1).jobs(lanes.map(|lane| NewJob { lane, ..route("triage") }))).await;
    for (max, expected) in [(0, 0), (1, 1), (2, 2), (0, 0), (10, 2), (10, 0)] {
        assert_eq!(b.ask(LANES, max).await.jobs.len(), expected, "of {max}");
        b.audit().await;
    }
}

pub async fn no_job_is_handed_out_before_its_due_time(b: Bench<impl Backend>) {
    assert_eq!(b.ask(LANES, 10).await.next_in, None, "nothing is waiting");
    b.queue(event(1).jobs([NewJob { lane: Lane::Bulk, ..route("a") }, route("b")])).await;
    let (soon, later) = (Duration::from_secs(10), Duration::from_secs(20));
    b.step(&[("a", retry(soon)), ("b", park(later))]).await;

    for (wait, next_in, due) in [
        (Duration::ZERO, Some(soon), None),
        (soon - TICK, Some(TICK), None),
        (TICK, None, Some("a")),
        (soon - TICK, Some(TICK), None),
        (TICK, None, Some("b")),
    ] {
        b.advance(wait);
        let claim = b.ask(LANES, 10).await;
        assert_eq!(names(&claim.jobs), Vec::from_iter(due));
        if due.is_none() {
            assert_eq!(claim.next_in, next_in);
        }
        b.audit().await;
    }
}

pub async fn no_job_is_handed_out_twice(b: Bench<impl Backend>) {
    for n in 1..=50 {
        let jobs = (0..10).map(|m| NewJob { lane: LANES[m % 3], ..route("triage") });
        b.queue(event(n).jobs(jobs.collect::<Vec<_>>())).await;
    }
    let mut workers = JoinSet::new();
    for max in 1..=16 {
        let store = b.shared();
        workers.spawn(async move {
            let mut got: Vec<JobId> = Vec::new();
            loop {
                let request = wanting(LANES, max);
                let jobs = store.claim(request).await.expect("a claim").jobs;
                if jobs.is_empty() {
                    return got;
                }
                for claimed in jobs {
                    got.push(claimed.job.id);
                    // Some are settled while others claim, some are kept.
                    if claimed.job.id.n % 2 == 0 {
                        store.settle(claimed.lease, settlement(Next::Done)).await.expect("settled");
                    }
                }
            }
        });
    }
    let got = workers.join_all().await.concat();
    assert_eq!(got.len(), 500);
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>().len(), 500);
    b.audit().await;
}

pub async fn a_paused_route_is_held_and_no_other(b: Bench<impl Backend>) {
    let both = || [route("refunds"), route("leads")];
    b.queue(event(1).jobs(both())).await;
    // Idempotent.
    for _ in 0..2 {
        b.pause(Pause::Route("refunds".into())).await.unwrap();
    }
    assert_eq!(names(&b.take().await), ["leads"]);
    b.queue(event(2).jobs(both())).await;
    b.audit().await;

    let b = b.crash().await;
    assert_eq!(names(&b.take().await), ["leads", "leads"], "a pause outlives the process");
    b.resume(Pause::Route("leads".into())).await.unwrap();
    assert!(b.take().await.is_empty());
    for _ in 0..2 {
        b.resume(Pause::Route("refunds".into())).await.unwrap();
    }
    assert_eq!(names(&b.take().await), ["refunds", "refunds"]);
    b.audit().await;
}

pub async fn the_kill_switch_holds_everything_and_accepts(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    for _ in 0..2 {
        b.pause(Pause::Everything).await.unwrap();
    }
    b.pause(Pause::Route("triage".into())).await.unwrap();
    b.queue(event(2).jobs([route("leads")])).await;
    assert!(b.take().await.is_empty());

    let b = b.crash().await;
    assert!(b.take().await.is_empty(), "the kill switch outlives the process");
    b.resume(Pause::Route("triage".into())).await.unwrap();
    assert!(b.take().await.is_empty(), "resuming one route does not resume everything");
    b.pause(Pause::Route("triage".into())).await.unwrap();
    b.resume(Pause::Everything).await.unwrap();
    assert_eq!(names(&b.take().await), ["leads"], "resuming everything does not resume a paused route");
    b.resume(Pause::Route("triage".into())).await.unwrap();
    assert_eq!(names(&b.take().await), ["triage"]);
}

pub async fn a_pause_does_not_touch_work_under_way(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    b.pause(Pause::Everything).await.unwrap();
    b.begin(claimed.lease, None).await.unwrap();
    b.extend(claimed.lease, LEASE).await.unwrap();
    b.end(&claimed, retry(AT_ONCE)).await;
    assert!(b.take().await.is_empty());
    b.resume(Pause::Everything).await.unwrap();
    assert_eq!(b.take_one().await.job.attempts, 1);
}

/// Actions to a destination, as jobs of their own.
fn to(destination: &str) -> NewJob {
    NewJob { destination: Some(destination.into()), ..action(destination, &[]) }
}

async fn ask(b: &Bench<impl Backend>, limits: &Limits) -> Vec<Claimed> {
    b.claim(ClaimRequest { limits: limits.clone(), ..wanting(LANES, 100) }).await.unwrap().jobs
}

pub async fn a_limit_holds_what_is_beyond_it_and_nothing_else(b: Bench<impl Backend>) {
    for n in 1..=4 {
        let jobs =
            [route("leads"), NewJob { lane: Lane::Bulk, ..route("leads") }, route("refunds"), to("crm")];
        b.queue(event(n).jobs(jobs)).await;
    }
    b.queue(event(5).jobs([NewJob { lane: Lane::Critical, ..to("crm") }, to("mail")])).await;
    let limits = Limits {
        routes: [("leads".into(), 3)].into_iter().collect(),
        destinations: [("crm".into(), 2)].into_iter().collect(),
    };
    let mut jobs = ask(&b, &limits).await;
    let count = |jobs: &[Claimed], name| jobs.iter().filter(|one| name_of(&one.job) == name).count();
    assert_eq!(
        ["leads", "refunds", "crm", "mail"].map(|name| count(&jobs, name)),
        [3, 4, 2, 1],
        "in all lanes"
    );
    assert!(ask(&b, &limits).await.is_empty());
    let ended = jobs.iter().position(|one| name_of(&one.job) == "crm").unwrap();
    b.end(&jobs.remove(ended), Next::Done).await;
    assert_eq!(names(&ask(&b, &limits).await), ["crm"], "the end of one makes room for one");
    b.audit().await;
    assert_eq!(b.take().await.len(), 7, "without limits the rest goes");
}

pub async fn a_limit_of_none_holds_everything_of_its_kind(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([to("crm"), to("mail"), route("leads")])).await;
    let held = Limits { destinations: [("crm".into(), 0)].into_iter().collect(), ..Limits::default() };
    assert_eq!(names(&ask(&b, &held).await), ["leads", "mail"]);
    let request = ClaimRequest { limits: held, ..wanting(LANES, 9) };
    assert_eq!(b.claim(request).await.unwrap().next_in, None, "what is held is not waited for");
    assert_eq!(names(&b.take().await), ["crm"]);
}

/// Asks with a share for each lane, as a worker does.
async fn ask_each_lane(b: &Bench<impl Backend>, routes: &[(&str, u32)]) -> Vec<Claimed> {
    let routes = routes.iter().map(|(route, max)| ((*route).into(), *max)).collect();
    let limits = Limits { routes, ..Limits::default() };
    let shares = LANES.map(|lane| (lane, 8));
    b.claim(ClaimRequest { shares, limits, ..wanting(LANES, 0) }).await.unwrap().jobs
}

pub async fn a_limit_gives_all_that_it_has_where_more_wait_than_the_last_time(b: Bench<impl Backend>) {
    // Of one event, and so in one part.
    b.queue(event(1).jobs([route("leads"), route("leads"), route("leads")])).await;
    let first = ask_each_lane(&b, &[("leads", 2)]).await;
    assert_eq!(first.len(), 2, "one waits");
    for claimed in &first {
        b.end(claimed, retry(AT_ONCE)).await;
    }
    assert_eq!(ask_each_lane(&b, &[("leads", 2)]).await.len(), 2, "of three");
    b.audit().await;
}

pub async fn a_job_that_must_run_alone_and_is_beyond_its_limit_holds_nothing_up<B: Backend>(mut b: Bench<B>) {
    // Of one event, and so in one part.
    b.queue(event(1).jobs([route("shy"), route("leads"), route("leads")])).await;
    b.pause(Pause::Route("leads".into())).await.unwrap();
    for _ in 0..2 {
        b.take_one().await;
        b = b.crash().await;
    }
    b.end(&b.take_one().await, park(LEASE)).await;
    b.resume(Pause::Route("leads".into())).await.unwrap();
    b.queue(event(2).jobs([route("shy")])).await;

    let limits = [("leads", 1), ("shy", 1)];
    let jobs = ask_each_lane(&b, &limits).await;
    assert_eq!(names(&jobs), ["leads", "shy"]);
    for claimed in &jobs {
        match name_of(&claimed.job) {
            "shy" => b.extend(claimed.lease, 3 * LEASE).await.unwrap(),
            _ => b.end(claimed, Next::Done).await,
        }
    }
    b.advance(LEASE);
    assert_eq!(names(&ask_each_lane(&b, &limits).await), ["leads"], "the other one of its route is at work");
    b.audit().await;
}

pub async fn a_paused_destination_holds_its_actions(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([to("crm"), to("mail"), route("triage")])).await;
    b.pause(Pause::Destination("crm".into())).await.unwrap();
    let b = b.crash().await;
    assert_eq!(names(&b.take().await), ["mail", "triage"]);
    b.queue(event(2).jobs([to("crm")])).await;
    assert!(b.take().await.is_empty());
    b.resume(Pause::Destination("crm".into())).await.unwrap();
    assert_eq!(names(&b.take().await), ["crm", "crm"]);
    b.audit().await;
}

pub async fn a_pause_of_a_route_holds_its_actions_too(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([to("crm"), route("leads")])).await;
    b.pause(Pause::Route("triage".into())).await.unwrap();
    assert_eq!(names(&b.take().await), ["leads"]);
}

pub async fn each_lane_gets_its_share_and_what_others_leave(b: Bench<impl Backend>) {
    let jobs = |lane, n| vec![NewJob { lane, ..route(lane.as_str()) }; n];
    let all = [jobs(Lane::Critical, 2), jobs(Lane::Normal, 9), jobs(Lane::Bulk, 9)].concat();
    b.queue(event(1).jobs(all)).await;
    let shares = [(Lane::Bulk, 1), (Lane::Critical, 4), (Lane::Normal, 2)];
    let got = b.claim(ClaimRequest { shares, ..wanting(LANES, 0) }).await.unwrap().jobs;
    let count = |name| got.iter().filter(|one| name_of(&one.job) == name).count();
    assert_eq!(
        ["bulk", "critical", "normal"].map(count),
        [3, 2, 2],
        "critical leaves 2, and bulk is asked first"
    );
}
