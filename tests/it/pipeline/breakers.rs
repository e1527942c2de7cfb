//! A destination or judge that fails is left alone for a while; what waits for it waits at no cost.

use std::time::Duration;

use hookyard::{
    config::{ACTIONS, CLASSIFIERS, JUDGES, ROUTES},
    decide::objective::PATIENCE,
    domain::{AttemptOutcome, EventState, JobState, RungOutcome},
    sandbox::Reply,
    store::Timeline,
};
use serde_json::{Value, json};

use crate::support::{
    house::{GUARD, House, action, form, note, outcomes, route, ticket},
    process::arrived,
};

const TICKETS: &str = "/helpdesk/tickets";
const CLAUDE: &str = "/llm/v1/messages";
const GPT: &str = "/llm/v1/chat/completions";
const MINUTE: Duration = Duration::from_secs(60);

/// A house whose helpdesk is tried again at once, so that its breaker is what holds it.
async fn impatient() -> House {
    let table = "[destination.helpdesk]\n";
    let retry = "retry = { schedule_ms = [0], attempts_max = 50 }\n";
    House::plan().edit(ACTIONS, table, &format!("{table}{retry}")).start().await
}

#[tokio::test]
async fn five_failures_hold_the_rest_until_one_finds_out_that_it_works() {
    let house = impatient().await;
    house.sandbox.fail_next(TICKETS, 5, 503);
    let first = house.queue(&ticket("t-1")).await;
    let held = house.until(first, |t| attempts(t) == 5 && action(t, "ticket").job.state == JobState::Ready);
    let held = held.await;
    assert_eq!(outcomes(action(&held, "ticket")), ["retry"; 5]);

    // Others that come meanwhile wait where they are: nothing is tried, nothing is counted.
    let mut others = Vec::new();
    for n in 2..=4 {
        let event = house.queue(&ticket(&format!("t-{n}"))).await;
        house.until(event, |t| t.jobs.len() == 2).await;
        others.push(event);
    }
    house.advance(MINUTE - Duration::from_millis(1));
    let lead = house.run(&crate::support::house::lead("l")).await;
    assert_eq!(action(&lead, "contact").job.state, JobState::Done, "other destinations go on");
    assert_eq!(house.sandbox.requests(TICKETS), 5, "no request leaves while it is open");
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["destinations"]["helpdesk"]["state"], "open", "{breakers}");
    assert!(
        house
            .ask("/metrics")
            .await
            .text
            .contains("hookyard_breaker{kind=\"destination\",name=\"helpdesk\"} 2")
    );

    house.advance(Duration::from_millis(1));
    for event in others.into_iter().chain([first]) {
        let done = house.settled(event).await;
        let entry = action(&done, "ticket");
        assert_eq!(entry.job.state, JobState::Done);
        assert!(entry.history.iter().all(|line| line.outcome != AttemptOutcome::Parked), "{}", json!(entry));
    }
    assert_eq!(house.sandbox.requests(TICKETS), 9);
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["destinations"]["helpdesk"]["state"], "closed", "{breakers}");
}

#[tokio::test]
async fn one_request_finds_out_and_its_failure_opens_it_for_another_minute() {
    let house = impatient().await;
    house.sandbox.fail_next(TICKETS, 6, 503);
    let event = house.queue(&ticket("t")).await;
    house.until(event, |t| attempts(t) == 5).await;
    house.advance(MINUTE);
    house.until(event, |t| attempts(t) == 6).await;
    assert_eq!(house.sandbox.requests(TICKETS), 6);
    house.advance(MINUTE - Duration::from_millis(1));
    house.run(&crate::support::house::lead("l")).await;
    assert_eq!(house.sandbox.requests(TICKETS), 6, "exactly one request found out");
    house.advance(Duration::from_millis(1));
    house.settled(event).await;
    assert_eq!(house.sandbox.requests(TICKETS), 7);
}

#[tokio::test]
async fn a_429_is_no_failure() {
    let house = impatient().await;
    house.sandbox.fail_next(TICKETS, 9, 429);
    let event = house.queue(&ticket("t")).await;
    house.driven(event).await;
    assert_eq!(house.sandbox.requests(TICKETS), 10);
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["destinations"]["helpdesk"]["state"], "closed", "{breakers}");
}

/// How often the ticket was tried.
fn attempts(timeline: &Timeline) -> usize {
    crate::support::house::find(timeline, "ticket").map_or(0, |entry| entry.history.len())
}

/// How a breaker is shown.
async fn shown(house: &House, kind: &str, name: &str) -> Value {
    house.ask("/api/v1/breakers").await.json[kind][name].clone()
}

/// Waits until a breaker is closed.
async fn closes(house: &House, kind: &str, name: &str) {
    let mut changes = house.service.store.changes();
    let closed = async {
        while shown(house, kind, name).await["state"] != "closed" {
            // Whatever closes it ends an attempt.
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(GUARD, closed).await.expect("it closes");
}

#[tokio::test]
async fn it_says_why_without_quoting_the_answer_and_refusals_leave_it_closed() {
    let once =
        "[destination.helpdesk]\nretry.attempts_max = 1\nbreaker = { calls_min = 4, open_ms = 5_000 }\n";
    let house = House::plan().edit(ACTIONS, "[destination.helpdesk]\n", once).start().await;
    for n in 0..8 {
        house.sandbox.fail_next(TICKETS, 1, 422);
        house.run(&ticket(&format!("refused-{n}"))).await;
        assert_eq!(shown(&house, "destinations", "helpdesk").await["state"], "closed");
    }
    house.advance(2 * MINUTE);
    for (n, fails) in [0, 1, 0, 1].into_iter().enumerate() {
        assert_eq!(shown(&house, "destinations", "helpdesk").await["state"], "closed");
        house.sandbox.fail_next(TICKETS, fails, 500);
        house.run(&ticket(&format!("t-{n}"))).await;
    }
    let open = shown(&house, "destinations", "helpdesk").await;
    let reason = "2 of 4 calls within 60 s failed; the last one: answered 500";
    assert_eq!(open, json!({ "state": "open", "left_ms": 5_000, "reason": reason }));
}

#[tokio::test]
async fn a_judge_that_fails_is_passed_over_and_the_last_one_is_waited_for() {
    let house = House::plan().llm().start().await;
    house.sandbox.fail_next(CLAUDE, 5, 529);
    for n in 0..6 {
        house.sandbox.reply_next(says("internal"));
        let timeline = house.run(&form(&format!("f{n}"))).await;
        assert_eq!(timeline.state, EventState::Done);
        let rung = &route(&timeline).job.verdict.as_ref().unwrap().rungs[1];
        assert_eq!((&*rung.judge, rung.outcome), ("claude", RungOutcome::Unavailable));
        let is_open =
            rung.said.contains("its breaker is open: 5 failures in a row; the last one: answered 529");
        assert_eq!(is_open, n == 5, "{}", rung.said);
    }
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), (5, 6));
    assert_eq!(shown(&house, "judges", "gpt").await["state"], "closed");

    // The second one fails as well: what is left waits until the first may be asked again.
    house.advance(Duration::from_secs(20));
    house.sandbox.fail_next(GPT, 5, 503);
    for n in 0..5 {
        let event = house.queue(&form(&format!("g{n}"))).await;
        house.until(event, |t| route(t).history.len() == 1).await;
    }
    let event = house.queue(&form("last")).await;
    let parked = house.until(event, |t| route(t).history.len() == 1).await;
    let job = &route(&parked).job;
    assert_eq!((outcomes(route(&parked)), job.attempts), (vec!["parked"], 0));
    assert_eq!(job.due.since(house.now()), Duration::from_secs(40), "as soon as one of them may be asked");
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), (5, 11));

    // Six events wait by now, and one of them finds out.
    let probe = house.sandbox.hold(CLAUDE);
    house.advance(Duration::from_secs(40));
    arrived(&probe, 1).await;
    assert_eq!(shown(&house, "judges", "claude").await["state"], "half_open");
    probe.release();
    closes(&house, "judges", "claude").await;
    let done = house.driven(event).await;
    let verdict = route(&done).job.verdict.as_ref().unwrap();
    assert_eq!((&*verdict.judge, route(&done).job.attempts), ("claude", 1));
}

#[tokio::test]
async fn an_answer_on_record_is_read_though_the_breaker_is_open() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("spam"));
    let first = house.run(&form("f")).await;
    house.sandbox.fail_next(CLAUDE, 5, 529);
    for n in 0..5 {
        house.sandbox.reply_next(says("internal"));
        house.run(&form(&format!("f{n}"))).await;
    }
    assert_eq!(shown(&house, "judges", "claude").await["state"], "open");
    answers_from_the_record(&house, &first).await;
}

#[tokio::test]
async fn an_answer_on_record_is_read_though_the_limit_is_spent() {
    let limit = "[judge.claude]\nlimit_per_min = 1\n";
    let house = House::plan().llm().edit(JUDGES, "[judge.claude]\n", limit).start().await;
    house.sandbox.reply_next(says("spam"));
    let first = house.run(&form("f")).await;
    answers_from_the_record(&house, &first).await;
}

fn says(label: &str) -> Reply {
    Reply::Output(json!({ "reason": "so it reads", "label": label, "urgency": "low", "confidence": 0.9 }))
}

/// What claude said of an event serves when it is judged again, and nobody is asked.
async fn answers_from_the_record(house: &House, first: &Timeline) {
    assert_eq!(&*route(first).job.verdict.as_ref().unwrap().judge, "claude");
    let asked = (house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT));
    let wish = json!({ "event": first.event.id, "mode": "reclassify" });
    assert_eq!(house.tell("/api/v1/replay", wish).await.word(), "queued");
    let again = house.settled(first.event.id).await;
    let last = again.jobs.iter().rev().find_map(|entry| entry.job.verdict.as_ref()).unwrap();
    assert_eq!((&*last.judge, &*last.label), ("claude", "spam"));
    assert_eq!(again.jobs.iter().filter(|entry| entry.job.verdict.is_some()).count(), 2);
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), asked);
}

#[tokio::test]
async fn beyond_a_judges_concurrency_jobs_wait_at_no_attempt() {
    let plan = ["[judge.claude]\n", "[judge.gpt]\n"].into_iter().fold(House::plan().llm(), |plan, table| {
        plan.edit(JUDGES, table, &format!("{table}concurrency = 1\n"))
    });
    // Without an objective nobody is cut short.
    let house = plan.edit(CLASSIFIERS, "objective_ms = 3_000\n", "").start().await;
    let gates = [house.sandbox.hold(CLAUDE), house.sandbox.hold(GPT)];
    let first = house.queue(&form("a")).await;
    arrived(&gates[0], 1).await;
    // For a moment it is waited for, then the next one is asked, and past the last one it waits again.
    let second = house.queue(&form("b")).await;
    house.until(second, |t| outcomes(route(t)) == ["parked"]).await;
    house.advance(PATIENCE);
    arrived(&gates[1], 1).await;
    let third = house.queue(&form("c")).await;
    house.until(third, |t| outcomes(route(t)) == ["parked"]).await;
    house.advance(PATIENCE);
    let parked = house.until(third, |t| route(t).history.len() == 2).await;
    let job = &route(&parked).job;
    assert_eq!((outcomes(route(&parked)), job.attempts), (vec!["parked"; 2], 0));
    assert!(job.reason.as_deref().unwrap().contains("1 calls under way"), "{:?}", job.reason);
    gates.iter().for_each(hookyard::sandbox::Gate::release);
    for event in [first, second, third] {
        house.driven(event).await;
    }
}

#[tokio::test]
async fn a_destinations_concurrency_holds_its_actions_and_no_others() {
    let one = "[destination.helpdesk]\nconcurrency = 1\n";
    let house = House::plan().edit(ACTIONS, "[destination.helpdesk]\n", one).start().await;
    let gate = house.sandbox.hold(TICKETS);
    let events = [house.queue(&ticket("a")).await, house.queue(&ticket("b")).await];
    arrived(&gate, 1).await;
    assert_eq!(house.run(&note("n")).await.state, EventState::Done);
    assert_eq!(house.sandbox.requests(TICKETS), 1);
    gate.release();
    for event in events {
        let done = house.settled(event).await;
        assert_eq!((done.state, outcomes(action(&done, "ticket"))), (EventState::Done, vec!["done"]));
    }
}

#[tokio::test]
async fn actions_and_routes_have_schedules_of_their_own() {
    let retry = "retry = { schedule_ms = [30_000], jitter = 0.0, attempts_max = 3 }\n";
    let plan = House::plan().llm().append_to_action("helpdesk_ticket", retry);
    let own = format!("[route.triage]\n{retry}");
    let house = plan.edit(ROUTES, "[route.triage]\n", &own).start().await;
    house.sandbox.fail_next(TICKETS, 3, 503);
    let event = house.queue(&ticket("t")).await;
    for attempts in 1..=2 {
        let timeline = house.retrying(event, "ticket", attempts).await;
        let wait = action(&timeline, "ticket").job.due.since(house.now());
        assert_eq!(wait, Duration::from_secs(30), "the last wait is repeated");
        house.advance(wait);
    }
    let dead = house.settled(event).await;
    assert_eq!(outcomes(action(&dead, "ticket")), ["retry", "retry", "dead"]);

    house.sandbox.fail_next(CLAUDE, 1, 500);
    house.sandbox.fail_next(GPT, 1, 500);
    let event = house.queue(&form("f")).await;
    let timeline = house.until(event, |t| route(t).history.len() == 1).await;
    assert_eq!(route(&timeline).job.due.since(house.now()), Duration::from_secs(30));
}
