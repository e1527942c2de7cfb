//! A changed configuration takes effect while the service runs: what has not changed goes on as it was.

use std::time::Duration;

use hookyard::{
    config::{ACTIONS, CLASSIFIERS, JUDGES, SOURCES},
    decide::retry::PARK_MIN,
    domain::EventState,
    sandbox::Reply,
};
use serde_json::json;

use crate::support::{
    house::{House, Plan, form, note, outcomes, route, ticket},
    process::arrived,
    redis::RedisServer,
};

const CLAUDE: &str = "/llm/v1/messages";
const TICKETS: &str = "/helpdesk/tickets";

/// A house in which a destination is left alone after one failure, and a sender may send one event a minute.
fn narrow() -> Plan {
    let (helpdesk, forms) = ("[destination.helpdesk]\n", "[source.forms]\n");
    House::plan().edit(ACTIONS, helpdesk, &format!("{helpdesk}breaker = {{ failures = 1 }}\n")).edit(
        SOURCES,
        forms,
        &format!("{forms}limit = {{ critical_per_min = 2, other_per_min = 2 }}\n"),
    )
}

async fn is_open(house: &House) -> bool {
    house.ask("/api/v1/breakers").await.json["destinations"]["helpdesk"]["state"] == "open"
}

#[tokio::test]
async fn an_open_breaker_stays_open_until_its_destination_is_another() {
    let house = narrow().start().await;
    house.sandbox.fail_next(TICKETS, 1, 503);
    let event = house.queue(&ticket("t")).await;
    house.retrying(event, "ticket", 1).await;
    assert!(is_open(&house).await);

    house.reload(&narrow().edit(JUDGES, "timeout_ms = 20_000", "timeout_ms = 10_000"));
    assert!(is_open(&house).await, "something else has changed");
    let table = "[destination.helpdesk]\n";
    house.reload(&narrow().edit(ACTIONS, table, &format!("{table}timeout_ms = 5_000\n")));
    assert!(!is_open(&house).await, "whoever corrects it wants to see whether that helps");
}

#[tokio::test]
async fn a_judge_whose_money_is_spent_is_not_asked_again_for_a_change_that_gives_it_none() {
    let plan = || House::plan().llm();
    let house = plan().start().await;
    let is_open = async || house.ask("/api/v1/breakers").await.json["judges"]["claude"]["state"] == "open";
    house.sandbox.reply_next(Reply::SpendLimit);
    house.run(&form("f")).await;
    assert!(is_open().await);
    let claude = "[judge.claude]\n";
    for line in ["limit_per_min = 100", "breaker = { failures = 9 }", "concurrency = 7"] {
        house.reload(&plan().edit(JUDGES, claude, &format!("{claude}{line}\n")));
        assert!(is_open().await, "{line}");
    }
    house.reload(&plan().edit(JUDGES, "timeout_ms = 20_000         #", "timeout_ms = 10_000 #"));
    assert!(is_open().await);
    house.reload(&plan().set("ANTHROPIC_API_KEY", "sk-ant-another-one"));
    assert!(!is_open().await, "another account may have money");
}

/// A house with one language model on the ladder.
fn by_claude_alone() -> Plan {
    House::plan().llm().edit(CLASSIFIERS, "    { judge = \"gpt\", confidence_min = 0.6 },\n", "")
}

/// The same with a key that its vendor refuses.
fn of_nobody(plan: &Plan) -> Plan {
    plan.clone().set("ANTHROPIC_API_KEY", "sk-ant-of-nobody")
}

fn support() -> Reply {
    let output =
        json!({ "reason": "it reads like it", "label": "support", "urgency": "low", "confidence": 0.9 });
    Reply::Output(output)
}

#[tokio::test]
async fn what_waits_behind_a_refused_key_is_tried_again_once_the_key_is_another() {
    for redis in [None, Some(RedisServer::start(&[]))] {
        let right = match &redis {
            Some(server) => by_claude_alone().on_redis(server),
            None => by_claude_alone(),
        };
        let wrong = of_nobody(&right);
        let house = wrong.clone().start().await;
        let mut events = Vec::new();
        for id in ["f-1", "f-2"] {
            let event = house.queue(&form(id)).await;
            house.until(event, |timeline| route(timeline).history.len() == 1).await;
            events.push(event);
        }
        assert_eq!(house.sandbox.requests(CLAUDE), 1, "its breaker is open");

        // Something else is not what they wait for.
        let table = "[judge.claude]\n";
        house.reload(&wrong.edit(JUDGES, table, &format!("{table}concurrency = 7\n")));
        let settled = house.run(&ticket("t")).await;
        assert_eq!(settled.state, EventState::Done);
        for _ in &events {
            house.sandbox.reply_next(support());
        }
        house.reload(&right);
        for event in events {
            let judged = house.until(event, |timeline| route(timeline).job.verdict.is_some()).await;
            assert_eq!(outcomes(route(&judged)), ["parked", "done"], "and the clock stands still");
        }
    }
}

#[tokio::test]
async fn a_question_under_way_at_the_reload_that_corrects_its_key_is_asked_again_soon() {
    let right = by_claude_alone();
    let house = of_nobody(&right).start().await;
    let gate = house.sandbox.hold(CLAUDE);
    let event = house.queue(&form("f")).await;
    arrived(&gate, 1).await;
    house.reload(&right);
    gate.release();
    house.until(event, |timeline| outcomes(route(timeline)) == ["parked"]).await;
    house.sandbox.reply_next(support());
    house.advance(PARK_MIN);
    let judged = house.until(event, |timeline| route(timeline).job.verdict.is_some()).await;
    assert_eq!(outcomes(route(&judged)), ["parked", "done"]);
}

#[tokio::test]
async fn what_a_sender_has_left_of_its_limit_stays_unless_the_limit_is_another() {
    let house = narrow().start().await;
    for n in ["n-1", "n-2"] {
        assert_eq!(house.deliver(&note(n)).await.status, 202);
    }
    house.reload(&narrow().edit(JUDGES, "timeout_ms = 20_000", "timeout_ms = 10_000"));
    assert_eq!(house.deliver(&note("n-3")).await.status, 429);
    house.reload(&narrow().edit(SOURCES, "critical_per_min = 2", "critical_per_min = 3"));
    assert_eq!(house.deliver(&note("n-3")).await.status, 202);
}

#[tokio::test]
async fn sources_come_and_go() {
    let house = House::start().await;
    let renamed = House::plan().edit(SOURCES, "[source.forms]", "[source.letters]");
    let renamed = renamed.edit(hookyard::config::ROUTES, "\"forms\"", "\"letters\"");
    house.reload(&renamed);
    assert_eq!(house.deliver(&form("f")).await.status, 404);
    let delivery = form("f");
    let headers = delivery.headers(house.now());
    assert_eq!(house.post("/webhooks/letters", &headers, &delivery.body).await.status, 202);
    house.advance(Duration::from_secs(1));
    house.reload(&House::plan());
    assert_eq!(house.deliver(&form("g")).await.status, 202);
}
