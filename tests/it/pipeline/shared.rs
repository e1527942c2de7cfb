//! What one process met at a destination, the others that share its store need not meet as well.

use std::time::Duration;

use hookyard::{
    config::ACTIONS,
    decide::breaker::{Outcome, Word},
    domain::{Clock, EventId, EventState, JobState},
    service::Service,
    store::Timeline,
};

use crate::support::{
    cluster::RedisCluster,
    house::{Beside, GUARD, House, Plan, Wire, action, form, lead, ticket},
    process::arrived,
    redis::RedisServer,
};

const CLAUDE: &str = "/llm/v1/messages";
const TICKETS: &str = "/helpdesk/tickets";
const MINUTE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);

/// Two processes on one Redis, where a ticket is tried again at once.
async fn two(server: &RedisServer, change: impl Fn(Plan) -> Plan) -> (House, Beside) {
    let table = "[destination.helpdesk]\n";
    let retry = "retry = { schedule_ms = [0], attempts_max = 50 }\n";
    let plan = House::plan().edit(ACTIONS, table, &format!("{table}{retry}")).on_redis(server);
    let house = change(plan.clone()).start().await;
    let other = house.beside(&plan).await;
    (house, other)
}

/// A process meets that the helpdesk fails.
fn fails(service: &Service, clock: &dyn Clock) {
    let engine = service.engine.now();
    let helpdesk = engine.destination("helpdesk").unwrap();
    for _ in 0..5 {
        let pass = helpdesk.ready(clock.monotonic()).unwrap().unwrap();
        pass.tell(&Outcome::Failed { reason: "answered 503".to_owned() }, clock.monotonic());
    }
}

/// Waits until a process shows the helpdesk's breaker so; it looks whenever time passes.
async fn comes_to(house: &House, service: &Service, state: &str) {
    let looks = async {
        while Wire::call(service.admin, "GET", "/api/v1/breakers", &[], b"").await.json["destinations"]["helpdesk"]
            ["state"]
            != state
        {
            house.advance(STEP);
        }
    };
    tokio::time::timeout(GUARD, looks).await.unwrap_or_else(|_| panic!("it is not {state} in time"));
}

/// Waits until the event's timeline is as wanted, whichever process does that; time passes by `step` meanwhile.
async fn reaches(
    house: &House,
    event: EventId,
    step: Duration,
    wanted: impl Fn(&Timeline) -> bool,
) -> Timeline {
    let looks = async {
        loop {
            let timeline = house.service.store.timeline(event).await.unwrap().expect("a stored event");
            if wanted(&timeline) {
                return timeline;
            }
            house.advance(step);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, looks).await.expect("it comes to that in time")
}

fn is_over(timeline: &Timeline) -> bool {
    timeline.state != EventState::Open
}

#[tokio::test]
async fn a_breaker_that_opened_in_one_process_holds_the_calls_of_all_until_one_is_answered() {
    let server = RedisServer::start(&[]);
    // Only the other one works.
    let (house, other) = two(&server, |plan| plan.setting("concurrency = 0")).await;
    fails(&house.service, &*house.clock);
    comes_to(&house, &other.service, "open").await;

    let event = house.queue(&ticket("t")).await;
    reaches(&house, event, Duration::ZERO, |t| t.jobs.len() == 2).await;
    let lead = house.queue(&lead("l")).await;
    reaches(&house, lead, Duration::ZERO, is_over).await;
    assert_eq!(house.sandbox.requests(TICKETS), 0, "no request leaves while it is open elsewhere");

    house.advance(MINUTE);
    let done = reaches(&house, event, STEP, is_over).await;
    let entry = action(&done, "ticket");
    assert_eq!((entry.job.state, entry.job.attempts), (JobState::Done, 1), "waiting cost nothing");
    assert_eq!(house.sandbox.requests(TICKETS), 1);
    comes_to(&house, &house.service, "closed").await;
}

#[tokio::test]
async fn a_limit_of_requests_holds_over_all_processes() {
    let server = RedisServer::start(&[]);
    let table = "[destination.helpdesk]\n";
    let limited = format!("{table}limit_per_min = 1\n");
    let plan = House::plan().edit(ACTIONS, table, &limited).setting("concurrency = 1").on_redis(&server);
    let house = plan.clone().start().await;
    let _other = house.beside(&plan).await;
    let gate = house.sandbox.hold(TICKETS);
    let first = house.queue(&ticket("t-1")).await;
    arrived(&gate, 1).await;
    // Whoever sends that does nothing else meanwhile: this one is the other's.
    let second = house.queue(&ticket("t-2")).await;
    let waits = |timeline: &Timeline| {
        let of = timeline
            .jobs
            .iter()
            .find(|entry| entry.job.work.plan().is_some_and(|plan| *plan.id == *"ticket"));
        of.and_then(|entry| entry.job.reason.clone()).is_some_and(|why| why.contains("requests per minute"))
    };
    reaches(&house, second, Duration::ZERO, waits).await;
    assert_eq!(house.sandbox.requests(TICKETS), 1);
    gate.release();
    reaches(&house, first, Duration::ZERO, is_over).await;
    house.advance(MINUTE);
    let done = reaches(&house, second, STEP, is_over).await;
    let entry = action(&done, "ticket");
    assert_eq!((entry.job.state, entry.job.attempts), (JobState::Done, 1), "waiting cost nothing");
    assert_eq!(house.sandbox.requests(TICKETS), 2);
}

#[tokio::test]
async fn one_process_finds_out_for_all() {
    let server = RedisServer::start(&[]);
    let plan = House::plan().llm().setting("concurrency = 1").on_redis(&server);
    let house = plan.clone().start().await;
    let other = house.beside(&plan).await;
    let why = "it failed".to_owned();
    let failed = Word::Open { left: Duration::ZERO, why, by_alarms: false, spent: false };
    for service in [&house.service, &other.service] {
        let engine = service.engine.now();
        engine.hear_of_judge("claude", &failed, house.clock.monotonic());
    }
    let gate = house.sandbox.hold(CLAUDE);
    let first = house.queue(&form("f-1")).await;
    arrived(&gate, 1).await;
    // Whoever asks does nothing else meanwhile: this one is the other's.
    let second = house.queue(&form("f-2")).await;
    let judged = reaches(&house, second, Duration::ZERO, |t| t.jobs[0].job.state.is_settled()).await;
    assert_eq!(judged.jobs[0].job.verdict.as_ref().map(|verdict| &*verdict.judge), Some("gpt"));
    assert_eq!(house.sandbox.requests(CLAUDE), 1, "one finds out");
    gate.release();
    let judged = reaches(&house, first, Duration::ZERO, |t| t.jobs[0].job.state.is_settled()).await;
    assert_eq!(judged.jobs[0].job.verdict.as_ref().map(|verdict| &*verdict.judge), Some("claude"));
}

#[tokio::test]
async fn an_emptied_redis_is_told_of_and_nothing_is_taken_in() {
    let server = RedisServer::start(&[]);
    let house = House::plan().on_redis(&server).start().await;
    let ready = || house.ask("/readyz");
    assert_eq!(ready().await.status, 200);
    assert!(house.ask("/metrics").await.text.contains("\nhookyard_store_answers 1\n"));
    let _: String = server.ask(&["FLUSHALL"]).await;
    let refused = house.deliver(&form("f-1")).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let told = ready().await;
    assert_eq!(told.status, 503);
    assert!(told.text.contains("emptied or exchanged"), "{}", told.text);
    assert!(house.ask("/metrics").await.text.contains("\nhookyard_store_answers 0\n"));
}

#[tokio::test]
async fn two_processes_on_a_cluster_take_in_work_and_know_what_came_again() {
    let cluster = RedisCluster::shared().await;
    let plan = House::plan().on_cluster(cluster, "whole-house");
    let house = plan.clone().start().await;
    let other = house.beside(&plan).await;
    let mut events = Vec::new();
    for n in 0..6 {
        // In turn to the one and the other, whose shards are wherever their keys hash to.
        let (first, second) =
            if n % 2 == 0 { (house.public(), other.public()) } else { (other.public(), house.public()) };
        let id = format!("t-{n}");
        let queued = house.deliver_to(first, &ticket(&id)).await;
        assert_eq!((queued.status, queued.word()), (202, "queued"), "{}", queued.text);
        let again = house.deliver_to(second, &ticket(&id)).await;
        assert_eq!((again.word(), again.event()), ("duplicate", queued.event()), "{}", again.text);
        events.push(queued.event());
    }
    for event in events {
        let done = reaches(&house, event, STEP, is_over).await;
        assert_eq!(done.state, EventState::Done);
        assert_eq!(action(&done, "ticket").job.state, JobState::Done);
    }
    assert_eq!(house.sandbox.requests(TICKETS), 6, "each once");
}
