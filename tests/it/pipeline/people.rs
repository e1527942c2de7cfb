//! What waits for a person, and what a person may do.

use std::time::Duration;

use hookyard::{
    config::{ACTIONS, SOURCES},
    domain::{EventState, JobId, JobState},
    store::Timeline,
};
use serde_json::{Value, json};

use crate::support::house::{
    Answer, House, action, find, form, lead, note, outcomes, payment, route, ticket,
};

async fn decide(house: &House, job: JobId, verb: &str, with: Value) -> Answer {
    house.tell(&format!("/api/v1/jobs/{job}/{verb}"), with).await
}

#[tokio::test]
async fn an_action_that_asks_for_a_yes_is_sent_after_it() {
    let house = House::plan().review("helpdesk_ticket").start().await;
    let asked = house.run(&ticket("t")).await;
    let entry = action(&asked, "ticket");
    assert_eq!((asked.state, entry.job.state), (EventState::Waiting, JobState::Waiting));
    assert_eq!(entry.job.reason.as_deref(), Some("the action asks for a person's yes"));
    assert!(entry.job.request.is_some(), "what would be sent can be read beforehand");
    assert_eq!(house.sandbox.requests("/helpdesk/tickets"), 0);

    let yes = decide(&house, entry.job.id, "approve", json!({ "note": "looks right, Kim" })).await;
    assert_eq!(yes.status, 200, "{yes:?}");
    let done = house.settled(asked.event.id).await;
    let sent = action(&done, "ticket");
    assert_eq!((done.state, outcomes(sent)), (EventState::Done, vec!["waiting", "person", "done"]));
    assert_eq!(sent.history[1].detail.as_deref(), Some("looks right, Kim"));
    assert_eq!(sent.job.request, entry.job.request);
    assert_eq!(house.sandbox.effects().len(), 1);
    assert_eq!(decide(&house, entry.job.id, "approve", json!({})).await.status, 409, "only once");
}

#[tokio::test]
async fn asking_a_person_costs_none_of_the_attempts() {
    let house = House::plan().review("helpdesk_ticket").start().await;
    house.sandbox.fail_next("/helpdesk/tickets", 1, 503);
    let asked = house.run(&ticket("t")).await;
    decide(&house, action(&asked, "ticket").job.id, "approve", json!({})).await;
    let retried = house.retrying(asked.event.id, "ticket", 3).await; // the question, the answer, and one attempt
    let job = &action(&retried, "ticket").job;
    assert_eq!(job.attempts, 1);
    let wait = job.due.since(house.now());
    assert!(wait <= Duration::from_millis(1_200), "the first wait of the schedule, not {wait:?}");
}

#[tokio::test]
async fn an_idempotency_key_lives_from_the_first_request_not_from_the_question() {
    let house = House::plan()
        .review("helpdesk_ticket")
        .edit(ACTIONS, "[destination.helpdesk]\n", "[destination.helpdesk]\ntimeout_ms = 2000\n")
        .start()
        .await;
    let asked = house.run(&ticket("t")).await;
    house.advance(Duration::from_secs(3 * 3_600)); // the helpdesk remembers keys for two hours
    let answers = house.sandbox.hold_answer("/helpdesk/tickets");
    decide(&house, action(&asked, "ticket").job.id, "approve", json!({})).await;
    let tried = house.until(asked.event.id, |t| action(t, "ticket").history.len() == 3).await;
    drop(answers);
    assert_eq!(outcomes(action(&tried, "ticket")), ["waiting", "person", "retry"]);
}

#[tokio::test]
async fn what_follows_an_action_that_a_person_did_is_done_too() {
    let house = House::plan().review("crm_contact").start().await;
    let asked = house.run(&lead("l")).await;
    assert_eq!(action(&asked, "reply").job.state, JobState::Blocked);
    decide(&house, action(&asked, "contact").job.id, "done", json!({ "note": "she is in the CRM" })).await;
    let done = house.settled(asked.event.id).await;
    let reply = action(&done, "reply");
    assert_eq!(reply.job.state, JobState::Done, "{:?}", reply.job.reason);
    assert_eq!(house.sandbox.requests("/crm/contacts"), 0);
}

#[tokio::test]
async fn what_follows_a_discarded_action_is_skipped() {
    let house = House::plan().review("crm_contact").start().await;
    let asked = house.run(&lead("l")).await;
    decide(&house, action(&asked, "contact").job.id, "discard", json!({})).await;
    let done = house.settled(asked.event.id).await;
    assert_eq!(action(&done, "contact").job.state, JobState::Discarded);
    assert_eq!(action(&done, "reply").job.state, JobState::Skipped);
    assert!(house.sandbox.effects().is_empty());
}

#[tokio::test]
async fn a_discarded_dead_letter_is_gone_for_good() {
    let house = House::start().await;
    house.sandbox.fail_next("/helpdesk/tickets", 1, 422);
    let dead = house.run(&ticket("t")).await;
    let gone = decide(&house, action(&dead, "ticket").job.id, "discard", json!({ "note": "a test" })).await;
    assert_eq!((gone.status, &gone.json["state"]), (200, &"discarded".into()));
    let answer = house.tell("/api/v1/dead/redrive", json!({})).await;
    assert_eq!(answer.json["moved"], 0);
    assert_eq!(house.deliver(&ticket("t")).await.json["state"], "done");
    assert_eq!(house.sandbox.requests("/helpdesk/tickets"), 1);
}

/// An event that no judge could place.
async fn unsure(house: &House) -> Timeline {
    let timeline = house.run(&form("f")).await;
    assert_eq!((timeline.state, timeline.jobs.len()), (EventState::Waiting, 1));
    let reason = route(&timeline).job.reason.clone().unwrap();
    for words in
        ["no judge decided", "rules abstained", "ANTHROPIC_API_KEY is not set", "OPENAI_API_KEY is not set"]
    {
        assert!(reason.contains(words), "{reason}");
    }
    timeline
}

#[tokio::test]
async fn past_the_last_judge_a_person_gives_the_label_and_its_actions_are_done() {
    let house = House::start().await;
    let waiting = unsure(&house).await;
    let job = route(&waiting).job.id;
    let with = json!({ "label": "support", "output": { "urgency": "urgent" }, "note": "Kim" });
    assert_eq!(decide(&house, job, "approve", with).await.status, 200);
    let done = house.settled(waiting.event.id).await;
    assert_eq!(done.state, EventState::Done);
    let verdict = route(&done).job.verdict.as_ref().unwrap();
    assert_eq!((verdict.label.as_str(), verdict.judged_by.as_str()), ("support", "a person"));
    assert_eq!(outcomes(action(&done, "ticket")), ["done"]);
    assert_eq!(outcomes(action(&done, "urgent")), ["done"]);
    assert!(find(&done, "contact").is_none());
    // The two go out in any order.
    let effects = house.sandbox.effects();
    let priorities: Vec<_> = effects.iter().filter_map(|effect| effect.body.get("priority")).collect();
    assert_eq!(priorities, ["urgent"]);
}

#[tokio::test]
async fn a_yes_alone_is_refused_where_no_judge_could_tell_and_a_label_is_not() {
    let house = House::start().await;
    let waiting = unsure(&house).await;
    let job = route(&waiting).job.id;
    let refused = decide(&house, job, "approve", json!({ "note": "fine" })).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    for part in [&job.to_string(), "--label", "lead, support, internal, spam"] {
        assert!(refused.json["error"].as_str().unwrap().contains(part), "{part} is not in {refused:?}");
    }
    assert_eq!(house.settled(waiting.event.id).await, waiting);
    let label = json!({ "label": "internal", "output": { "urgency": "low" } });
    assert_eq!(decide(&house, job, "approve", label).await.status, 200);
    assert_eq!(house.settled(waiting.event.id).await.state, EventState::Done);
    assert_eq!(decide(&house, job, "approve", json!({})).await.status, 409, "it waits no more");
}

#[tokio::test]
async fn a_yes_alone_lets_a_suspected_replay_in_and_is_not_taken_again_if_no_judge_can_tell() {
    let house = House::plan().edit(SOURCES, "same_body = \"accept\"", "same_body = \"review\"").start().await;
    unsure(&house).await;
    let suspect = house.run(&form("another id")).await;
    let job = route(&suspect).job.id;
    assert!(route(&suspect).job.reason.as_deref().unwrap().contains("perhaps a replay"));
    assert_eq!(decide(&house, job, "approve", json!({})).await.status, 200);
    let judged = house.settled(suspect.event.id).await;
    assert_eq!(outcomes(route(&judged)), ["person", "waiting"]);
    assert_eq!(decide(&house, job, "approve", json!({})).await.status, 400);
    assert_eq!(house.settled(suspect.event.id).await, judged);
}

#[tokio::test]
async fn a_decision_that_the_schema_does_not_admit_is_refused_and_changes_nothing() {
    let house = House::start().await;
    let waiting = unsure(&house).await;
    let job = route(&waiting).job.id;
    for (job, with, status) in [
        (job, json!({ "label": "no such label" }), 400),
        (job, json!({ "label": "support", "output": { "urgency": "at once" } }), 400),
        (job, json!({ "label": "support", "output": { "no_such_field": 1 } }), 400),
        (JobId { n: 7, ..job }, json!({ "label": "support" }), 404),
        (JobId { n: 7, ..job }, json!({}), 409),
    ] {
        let answer = decide(&house, job, "approve", with.clone()).await;
        assert_eq!(answer.status, status, "{with}: {answer:?}");
        assert!(!answer.json["error"].as_str().unwrap().is_empty());
    }
    assert_eq!(decide(&house, job, "approve", json!({ "lable": "support" })).await.status, 422);
    assert_eq!(house.tell("/api/v1/jobs/nonsense/approve", json!({})).await.status, 400);
    assert_eq!(house.settled(waiting.event.id).await, waiting);

    let plain = house.run(&payment("evt_1")).await;
    let answer = decide(&house, action(&plain, "crm").job.id, "approve", json!({ "label": "support" })).await;
    assert_eq!(answer.status, 400, "an action has no label");
}

#[tokio::test]
async fn a_paused_route_takes_events_and_leaves_them_until_it_is_resumed() {
    let house = House::start().await;
    house.tell("/api/v1/pause", json!({ "route": "triage" })).await;
    let held = house.queue(&ticket("t")).await;
    assert_eq!(house.run(&payment("evt_1")).await.state, EventState::Done, "other routes go on");
    let timeline = house.service.store.timeline(held).await.unwrap().unwrap();
    assert_eq!((timeline.state, route(&timeline).history.len()), (EventState::Open, 0));
    house.tell("/api/v1/resume", json!({ "route": "triage" })).await;
    assert_eq!(house.settled(held).await.state, EventState::Done);
}

#[tokio::test]
async fn the_kill_switch_stops_all_acting_and_no_accepting() {
    let house = House::start().await;
    house.sandbox.fail_next("/helpdesk/tickets", 1, 503);
    let retried = house.queue(&ticket("t")).await;
    house.retrying(retried, "ticket", 1).await;
    house.tell("/api/v1/pause", json!({})).await;
    house.advance(Duration::from_secs(60));
    let held = [house.queue(&payment("evt_1")).await, house.queue(&note("n")).await, retried];
    let known = house.deliver(&ticket("t")).await;
    assert_eq!((known.word(), known.event()), ("duplicate", retried));
    // A route's own pause and resume do not lift it.
    house.tell("/api/v1/resume", json!({ "route": "payment" })).await;
    let answer = house.ask("/api/v1/depths").await;
    assert_eq!((&answer.json["leased"], answer.status), (&0.into(), 200));
    assert_eq!(house.sandbox.requests("/helpdesk/tickets") + house.sandbox.requests("/mail/emails"), 1);
    house.tell("/api/v1/resume", json!({})).await;
    for event in held {
        assert_eq!(house.settled(event).await.state, EventState::Done);
    }
}
