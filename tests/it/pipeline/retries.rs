//! Again, later, or never: by the clock that the test moves.

use std::{collections::BTreeMap, time::Duration};

use hookyard::{
    config::{ACTIONS, ROUTES},
    domain::{Call, Cause, EventState, JobState},
    sandbox::Fault,
    store::JobHistory,
};
use serde_json::json;

use crate::support::house::{House, action, lead, note, outcomes, payment, route, ticket};

const TICKETS: &str = "/helpdesk/tickets";

fn frozen(entry: &JobHistory) -> (String, String) {
    let request = entry.job.request.clone().unwrap();
    match request.call {
        Call::Http { body, .. } | Call::Post { body, .. } => (request.idempotency_key, body),
        Call::Append { line, .. } => (request.idempotency_key, line),
    }
}

#[tokio::test]
async fn three_failures_are_retried_after_1_4_and_16_s_and_the_fourth_is_the_last() {
    let house = House::plan().on_dead().start().await;
    house.sandbox.fail_next(TICKETS, 4, 503);
    let event = house.queue(&ticket("t")).await;
    for (attempts, wait_s) in [(1, 1.0), (2, 4.0), (3, 16.0)] {
        let timeline = house.retrying(event, "ticket", attempts).await;
        let entry = action(&timeline, "ticket");
        let wait = entry.job.due.since(house.now()).as_secs_f64();
        assert!((wait_s * 0.8..=wait_s * 1.2).contains(&wait), "attempt {attempts} waits {wait} s");
        assert_eq!(usize::try_from(entry.job.attempts).unwrap(), attempts);

        // One moment too early nothing happens; then exactly one attempt.
        house.advance(entry.job.due.since(house.now()) - Duration::from_millis(1));
        assert_eq!(house.run(&note(&format!("n{attempts}"))).await.state, EventState::Done);
        assert_eq!(house.sandbox.requests(TICKETS), attempts as u64);
        house.advance(Duration::from_millis(1));
    }
    let dead = house.settled(event).await;
    let entry = action(&dead, "ticket");
    assert_eq!((entry.job.state, entry.job.cause), (JobState::Dead, Some(Cause::Exhausted)));
    assert_eq!(outcomes(entry), ["retry", "retry", "retry", "dead"]);
    assert!(entry.history.iter().all(|attempt| attempt.ended_at == attempt.started_at));
    assert_eq!(entry.history[3].started_at, house.now());
    let reason = entry.job.reason.as_deref().unwrap();
    assert!(reason.starts_with("gave up after 4 attempts") && reason.contains("503"), "{reason}");
    let alert = house.sandbox.effects().pop().unwrap();
    let text = alert.body["text"].as_str().unwrap();
    assert!(text.contains("exhausted") && text.contains("attempts: 4"), "{text}");
}

#[tokio::test]
async fn a_redriven_action_has_a_whole_schedule_again() {
    let helpdesk = "[destination.helpdesk]\n";
    let patient = format!("{helpdesk}breaker = {{ failures = 100 }}\n");
    let house = House::plan().edit(ACTIONS, helpdesk, &patient).start().await;
    house.sandbox.fail_next(TICKETS, 6, 503);
    let event = house.queue(&ticket("t")).await;
    for attempts in 1..=3 {
        house.retrying(event, "ticket", attempts).await;
        house.advance(Duration::from_secs(20));
    }
    house.settled(event).await;
    house.tell("/api/v1/dead/redrive", json!({ "cause": "exhausted" })).await;
    for attempts in [6, 7] {
        house.retrying(event, "ticket", attempts).await; // four, the person, and these
        house.advance(Duration::from_secs(20));
    }
    let done = house.settled(event).await;
    assert_eq!((done.state, action(&done, "ticket").job.attempts), (EventState::Done, 3));
}

#[tokio::test]
async fn what_is_refused_for_good_is_dead_at_once() {
    let house = House::start().await;
    for (n, status) in [400, 401, 403, 404, 410, 422].into_iter().enumerate() {
        house.sandbox.fail_next(TICKETS, 1, status);
        let timeline = house.run(&ticket(&format!("t{n}"))).await;
        let entry = action(&timeline, "ticket");
        assert_eq!((entry.job.cause, outcomes(entry)), (Some(Cause::Refused), vec!["dead"]), "{status}");
    }
}

#[tokio::test]
async fn asked_to_wait_an_action_is_parked_which_costs_no_attempt() {
    let house = House::start().await;
    let busy = Fault { status: 429, retry_after_s: Some(90), after_effect: false };
    house.sandbox.fail_next_with(TICKETS, 6, busy);
    let event = house.queue(&ticket("t")).await;
    for parked in 1..=6 {
        let timeline = house.retrying(event, "ticket", parked).await;
        let entry = action(&timeline, "ticket");
        assert_eq!(entry.job.due.since(house.now()), Duration::from_secs(90));
        assert_eq!((entry.job.attempts, outcomes(entry)), (0, vec!["parked"; parked]));
        house.advance(Duration::from_secs(90));
    }
    let done = house.settled(event).await;
    assert_eq!((done.state, action(&done, "ticket").job.attempts), (EventState::Done, 1));
}

#[tokio::test]
async fn a_retry_waits_as_long_as_the_destination_asks() {
    let house = House::start().await;
    house.sandbox.fail_next_with(TICKETS, 1, Fault { retry_after_s: Some(300), ..Fault::default() });
    let event = house.queue(&ticket("t")).await;
    let timeline = house.retrying(event, "ticket", 1).await;
    assert_eq!(action(&timeline, "ticket").job.due.since(house.now()), Duration::from_secs(300));
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_and_key() {
    let house = House::start().await;
    let after_effect = Fault { after_effect: true, ..Fault::default() };
    house.sandbox.fail_next_with(TICKETS, 4, after_effect);
    let event = house.queue(&ticket("t")).await;
    let mut sent = Vec::new();
    for attempts in 1..=3 {
        sent.push(frozen(action(&house.retrying(event, "ticket", attempts).await, "ticket")));
        house.advance(Duration::from_secs(20));
    }
    sent.push(frozen(action(&house.settled(event).await, "ticket")));
    house.tell("/api/v1/dead/redrive", json!({})).await;
    let done = house.settled(event).await;
    sent.push(frozen(action(&done, "ticket")));
    sent.dedup();
    assert_eq!((done.state, sent.len()), (EventState::Done, 1));
    let effects = house.sandbox.effects();
    let ticket = effects.iter().find(|effect| effect.kind == "helpdesk.ticket").unwrap();
    assert_eq!((ticket.done, ticket.seen, ticket.key.as_ref()), (1, 5, Some(&sent[0].0)));
}

/// The mail service, whose answers are given up on after so long.
const IMPATIENT: (&str, &str) = ("[destination.mail]\n", "[destination.mail]\ntimeout_ms = 2000\n");

#[tokio::test]
async fn a_lost_answer_of_a_destination_that_knows_keys_is_asked_for_again() {
    let house = House::plan().edit(ACTIONS, IMPATIENT.0, IMPATIENT.1).start().await;
    let answers = house.sandbox.hold_answer("/mail/emails");
    let event = house.queue(&payment("evt_1")).await;
    let timeline = house.retrying(event, "email", 1).await;
    assert!(action(&timeline, "email").job.in_doubt);
    answers.release();
    house.advance(Duration::from_secs(2));
    let done = house.settled(event).await;
    let email = action(&done, "email");
    assert_eq!((outcomes(email), email.job.in_doubt), (vec!["retry", "done"], false));
    let effects = house.sandbox.effects();
    let mail = effects.iter().find(|effect| effect.kind == "mail.email").unwrap();
    assert_eq!((mail.done, mail.seen), (1, 2));
}

/// Pages somebody about a death.
const PAGE_DEAD: &str = r#"
[destination.pager]
url = "${PAGERDUTY_URL}"
credential = "${PAGERDUTY_ROUTING_KEY}"

[action.page_dead]
kind = "pagerduty.event"
to = "pager"
with.summary = "Dead letter on route {{ dead.route }}"
with.severity = "error"
with.details = "{{ dead }}"
"#;

#[tokio::test]
async fn a_lost_answer_of_the_pager_is_asked_for_again_and_one_alert_is_open() {
    let plan = House::plan().append(ACTIONS, PAGE_DEAD);
    let house =
        plan.on_dead().edit(ROUTES, "on_dead = \"slack_dead\"", "on_dead = \"page_dead\"").start().await;
    house.sandbox.fail_next(TICKETS, 1, 422);
    house.sandbox.fail_next_with(
        "/pagerduty/v2/enqueue",
        1,
        Fault { after_effect: true, ..Fault::default() },
    );
    let event = house.queue(&ticket("t")).await;
    house.retrying(event, "on_dead.ticket", 1).await;
    house.advance(Duration::from_secs(2));
    let timeline = house.settled(event).await;
    let page = action(&timeline, "on_dead.ticket");
    assert_eq!(outcomes(page), ["retry", "done"]);
    assert_eq!(house.sandbox.open_alerts(), 1);
    let effects = house.sandbox.effects();
    let alert = effects.iter().find(|effect| effect.kind == "pagerduty.alert").unwrap();
    assert_eq!((alert.done, alert.seen), (1, 2));
    assert_eq!(alert.key.as_deref(), Some(&*frozen(page).0));
    assert_eq!(alert.body["payload"]["custom_details"]["action"], "ticket");
    assert!(!serde_json::to_string(&timeline).unwrap().contains("0123456789abcdef0123456789abcdef"));
}

#[tokio::test]
async fn a_lost_answer_of_slack_is_left_to_a_person_unless_told_otherwise() {
    let house = House::plan().on_dead().start().await;
    let slack = "/slack/services/T/B/x";
    let lost = Fault { after_effect: true, ..Fault::default() };
    house.sandbox.fail_next_with(slack, 1, lost);
    let asked = house.run(&note("n")).await; // slack_internal: on_unknown = ask, the default
    let notice = action(&asked, "notice");
    assert_eq!(
        (asked.state, notice.job.state, notice.job.in_doubt),
        (EventState::Waiting, JobState::Waiting, true)
    );
    assert!(notice.job.reason.as_deref().unwrap().starts_with("it is unknown whether it arrived"));
    assert_eq!(house.sandbox.requests(slack), 1);

    // The person looks into the channel: it is there.
    let done = house.tell(&format!("/api/v1/jobs/{}/done", notice.job.id), json!({})).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(house.settled(asked.event.id).await.state, EventState::Done);
    assert_eq!(house.sandbox.requests(slack), 1);

    // slack_dead: on_unknown = retry.
    house.sandbox.fail_next(TICKETS, 1, 422);
    house.sandbox.fail_next_with(slack, 1, lost);
    let event = house.queue(&ticket("t")).await;
    house.retrying(event, "on_dead.ticket", 1).await;
    house.advance(Duration::from_secs(2));
    let told = house.settled(event).await;
    assert_eq!(outcomes(action(&told, "on_dead.ticket")), ["retry", "done"]);
}

#[tokio::test]
async fn no_key_ever_carries_two_bodies() {
    let house = House::start().await;
    let lost = Fault { after_effect: true, ..Fault::default() };
    for path in
        [TICKETS, "/crm/contacts", "/crm/drafts", "/mail/emails", "/analytics/events", "/crm/payments"]
    {
        house.sandbox.fail_next_with(path, 1, lost);
        house.sandbox.fail_next(path, 1, 422);
    }
    let mut events = Vec::new();
    for n in 0..3 {
        for delivery in [ticket(&format!("t{n}")), payment(&format!("evt_{n}"))] {
            events.push(house.queue(&delivery).await);
        }
        events.push(house.queue(&lead(&format!("l{n}"))).await);
    }
    for event in events {
        if house.driven(event).await.state == EventState::Dead {
            house.tell("/api/v1/dead/redrive", json!({})).await;
            assert_eq!(house.driven(event).await.state, EventState::Done);
        }
    }
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    for effect in house.sandbox.effects() {
        let Some(key) = effect.key else { continue };
        let body = effect.body.to_string();
        let known = bodies.insert(format!("{} {key}", effect.kind), body.clone());
        assert!(known.is_none_or(|known| known == body), "{key} carried two bodies");
        assert_eq!(effect.done, 1, "{key}");
    }
    assert!(bodies.len() >= 15, "{bodies:?}");
}

#[tokio::test]
async fn a_job_whose_route_is_gone_is_handed_back_until_it_is_too_old() {
    let house = House::start().await;
    house.tell("/api/v1/pause", json!({ "route": "triage" })).await;
    let event = house.queue(&ticket("t")).await;
    let renamed = House::plan()
        .edit(ROUTES, "[route.triage]", "[route.desk]")
        .edit(ROUTES, "[[route.triage.action]]", "[[route.desk.action]]")
        .edit(ROUTES, "route = \"triage\"", "route = \"desk\"");
    house.reconfigure(&renamed);
    house.tell("/api/v1/resume", json!({ "route": "triage" })).await;
    let parked = house.until(event, |t| route(t).history.len() == 1).await;
    assert_eq!((outcomes(route(&parked)), route(&parked).job.attempts), (vec!["parked"], 0));
    assert_eq!(route(&parked).job.reason.as_deref(), Some("no route is called `triage` today"));

    house.advance(Duration::from_hours(3 * 24));
    let dead = house.settled(event).await;
    let job = &route(&dead).job;
    assert_eq!((dead.state, job.cause), (EventState::Dead, Some(Cause::Exhausted)));
    let why = job.reason.as_deref().unwrap();
    assert_eq!(
        why,
        "gave up after 259200 s and no attempt that counted; last: no route is called `triage` today"
    );

    // A person's redrive finds the route as it is by then.
    house.reconfigure(&House::plan());
    house.tell("/api/v1/dead/redrive", json!({})).await;
    assert_eq!(house.settled(event).await.state, EventState::Done);
}
