//! Running stored events again: what is bought, sent and asked anew, and what is not.

use hookyard::{
    config::{ACTIONS, Files},
    domain::{EventId, EventState, JobState, Work},
    sandbox::Reply,
    store::{EventQuery, Timeline},
};
use serde_json::{Value, json};

use crate::support::house::{
    Answer, Delivery, House, Plan, action, find, form, lead, outcomes, route, ticket, versions,
};

const TICKETS: &str = "/helpdesk/tickets";

async fn replay(house: &House, event: EventId, mode: &str, sweep: &str) -> Answer {
    house.tell("/api/v1/replay", json!({ "event": event, "mode": mode, "sweep": sweep })).await
}

/// Replays what must be queued, and waits for its end.
async fn replayed(house: &House, event: EventId, mode: &str) -> Timeline {
    let answer = replay(house, event, mode, mode).await;
    assert_eq!((answer.status, answer.word()), (200, "queued"), "{answer:?}");
    house.settled(event).await
}

async fn preview(house: &House, event: EventId, reclassify: bool) -> Value {
    let wish = json!({ "event": event, "mode": "dry_run", "reclassify": reclassify });
    let answer = house.tell("/api/v1/replay", wish).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

fn says(label: &str) -> Reply {
    let output = json!({ "reason": "it reads like it", "label": label, "urgency": "low", "confidence": 0.9 });
    Reply::Output(output)
}

/// The ticket's subject reads otherwise.
fn other_subject(plan: Plan) -> Plan {
    plan.edit(ACTIONS, "with.body.ticket.subject = \"{{", "with.body.ticket.subject = \"Ticket: {{")
}

/// The question to the language models reads otherwise.
fn other_question(plan: Plan) -> Plan {
    plan.edit("prompts/triage/event.j2", "Form: ", "The form: ")
}

fn version(timeline: &Timeline, id: &str, n: usize) -> u32 {
    match &versions(timeline, id)[n].job.work {
        Work::Action(plan) => plan.version,
        Work::Route { .. } => panic!("an action"),
    }
}

#[tokio::test]
async fn reuse_buys_nothing_and_repeats_no_effect() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("lead"));
    let first = house.run(&form("f")).await;
    let effects = house.sandbox.effects();
    assert_eq!((first.state, effects.len()), (EventState::Done, 2));
    let again = replayed(&house, first.event.id, "reuse").await;
    assert_eq!((house.sandbox.asked().len(), house.sandbox.effects()), (1, effects));
    assert_eq!(again.jobs.len(), first.jobs.len() + 1, "the route alone ran again");
    let job = again.jobs.last().unwrap();
    assert_eq!(job.job.verdict, route(&first).job.verdict);
    let said = job.history.last().unwrap().detail.as_deref().unwrap();
    assert!(said.ends_with("done already: contact, reply"), "{said}");
}

#[tokio::test]
async fn a_question_that_was_answered_is_not_paid_for_again() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("lead"));
    let first = house.run(&form("f")).await;
    let again = replayed(&house, first.event.id, "reclassify").await;
    assert_eq!((house.sandbox.asked().len(), house.sandbox.effects().len()), (1, 2));
    let verdict = again.jobs.last().unwrap().job.verdict.as_ref().unwrap();
    assert_eq!((verdict.label.as_str(), &*verdict.judge), ("lead", "claude"));
}

#[tokio::test]
async fn a_changed_question_is_asked_and_what_follows_late_sees_the_new_verdict() {
    let told = |plan: Plan| {
        let text = "with.body.text = \"\"\"\n{%- set d = event.body.data -%}\nHello";
        plan.llm().edit(ACTIONS, text, &text.replace("Hello", "{{ verdict.label }}: Hello"))
    };
    let house = told(House::plan()).start().await;
    house.sandbox.reply_next(says("spam"));
    let spam = house.run(&form("f")).await;
    assert!(find(&spam, "record").is_some() && find(&spam, "reply").is_none());
    house.reconfigure(&other_question(told(House::plan())));
    house.sandbox.reply_next(says("lead"));
    let lead = replayed(&house, spam.event.id, "reclassify").await;
    assert_eq!((lead.state, house.sandbox.asked().len()), (EventState::Done, 2));
    let draft = house.sandbox.effects().pop().unwrap();
    assert!(draft.body.to_string().contains("lead: Hello"), "{draft:?}");
    assert_eq!(action(&lead, "record").job.state, JobState::Done, "what it did stays done");
}

#[tokio::test]
async fn where_the_first_request_had_its_effect_another_one_waits_for_a_person() {
    let house = House::start().await;
    let first = house.run(&ticket("t")).await;
    house.reconfigure(&other_subject(House::plan()));
    let again = replayed(&house, first.event.id, "reuse").await;
    let [old, new] = versions(&again, "ticket")[..] else { panic!("two versions") };
    assert_eq!((old.job.state, new.job.state), (JobState::Done, JobState::Waiting));
    assert_eq!(new.job.reason.as_deref(), Some("an earlier request had its effect, and this one differs"));
    assert_eq!(house.sandbox.requests(TICKETS), 1);
    house.tell(&format!("/api/v1/jobs/{}/approve", new.job.id), json!({})).await;
    let done = house.settled(first.event.id).await;
    assert_eq!((done.state, house.sandbox.effects().len()), (EventState::Done, 2));
    let keys: Vec<String> =
        versions(&done, "ticket").iter().map(|v| v.job.request.clone().unwrap().idempotency_key).collect();
    assert!(keys[0].ends_with("-v1") && keys[1].ends_with("-v2"), "{keys:?}");
}

#[tokio::test]
async fn where_it_certainly_had_none_the_new_request_goes_with_a_new_key() {
    let house = House::start().await;
    house.sandbox.fail_next(TICKETS, 1, 422);
    let dead = house.run(&ticket("t")).await;
    assert_eq!(dead.state, EventState::Dead);
    house.reconfigure(&other_subject(House::plan()));
    let done = replayed(&house, dead.event.id, "reuse").await;
    assert_eq!(done.state, EventState::Done);
    let [old, new] = versions(&done, "ticket")[..] else { panic!("two versions") };
    assert_eq!((old.job.state, new.job.state), (JobState::Discarded, JobState::Done));
    assert_eq!((version(&done, "ticket", 0), version(&done, "ticket", 1)), (1, 2));
    assert_eq!(outcomes(new), ["done"]);
    let effect = house.sandbox.effects().into_iter().find(|e| e.kind == "helpdesk.ticket").unwrap();
    assert!(effect.key.unwrap().ends_with("-v2"));
}

#[tokio::test]
async fn the_same_sweep_twice_is_once() {
    let house = House::start().await;
    let first = house.run(&ticket("t")).await;
    let mut words = Vec::new();
    for sweep in ["s1", "s1", "s2"] {
        let answer = replay(&house, first.event.id, "reuse", sweep).await;
        words.push((answer.word().to_owned(), answer.json["jobs"].clone()));
        house.settled(first.event.id).await;
    }
    let queued = ("queued".to_owned(), json!(1));
    assert_eq!(words, [queued.clone(), ("already".to_owned(), json!(0)), queued]);
    assert_eq!(house.settled(first.event.id).await.jobs.len(), first.jobs.len() + 2);
}

#[tokio::test]
async fn a_dry_run_shows_the_difference_and_does_nothing() {
    let house = House::start().await;
    let done = house.run(&ticket("done")).await;
    house.sandbox.fail_next(TICKETS, 1, 422);
    let dead = house.run(&ticket("dead")).await;
    let same = preview(&house, done.event.id, false).await;
    assert_eq!(same["routes"][0]["actions"][0]["fate"], "keep");

    house.reconfigure(&other_subject(House::plan()));
    let requests = house.sandbox.requests(TICKETS);
    for (timeline, fate, before) in [(&done, "ask", "done"), (&dead, "go", "dead")] {
        let shown = preview(&house, timeline.event.id, false).await;
        assert_eq!((&shown["mode"], &shown["gone"]), (&json!("reuse"), &json!([])));
        let route = &shown["routes"][0];
        assert_eq!((&route["route"], &route["stopped"]), (&json!("triage"), &Value::Null));
        assert_eq!(route["verdict_before"], route["verdict_after"]);
        let ticket = &route["actions"][0];
        assert_eq!((&ticket["action"], &ticket["fate"]), (&json!("ticket"), &json!(fate)), "{shown}");
        assert_eq!((&ticket["before"], &ticket["mode"]), (&json!(before), &json!("live")));
        let change = json!({ "path": "/body/ticket/subject", "before": "Hello", "after": "Ticket: Hello" });
        assert_eq!(ticket["request"], json!({ "changes": [change], "more": 0 }));
    }
    assert_eq!(house.sandbox.requests(TICKETS), requests);
    for before in [done, dead] {
        assert_eq!(house.settled(before.event.id).await, before, "nothing was stored");
    }
}

/// What became of each action that a replay planned or left, in the words of a preview.
fn fates(before: &Timeline, after: &Timeline) -> Vec<(String, String)> {
    let new = &after.jobs[before.jobs.len()..];
    let told = |state: JobState| match state {
        JobState::Waiting => "ask",
        JobState::Done | JobState::Blocked => "go",
        _ => state.as_str(),
    };
    let mut fates: Vec<_> = new
        .iter()
        .filter_map(|entry| Some((entry.job.work.plan()?.id.to_string(), told(entry.job.state).to_owned())))
        .collect();
    for entry in &before.jobs {
        let Some(plan) = entry.job.work.plan() else { continue };
        if !fates.iter().any(|(id, _)| **id == *plan.id) {
            fates.push((plan.id.to_string(), "keep".to_owned()));
        }
    }
    fates.sort();
    fates
}

#[tokio::test]
async fn what_a_dry_run_tells_is_what_a_replay_does() {
    let same = |plan: Plan| plan;
    let review = |plan: Plan| plan.review("helpdesk_ticket");
    let reviewed = |plan: Plan| other_subject(plan.review("helpdesk_ticket"));
    let first = |plan: Plan| plan.review("crm_contact");
    let changes: [(&str, &dyn Fn(Plan) -> Plan); 5] = [
        ("same", &same),
        ("other subject", &other_subject),
        ("review", &review),
        ("review and other subject", &reviewed),
        ("review of what others follow", &first),
    ];
    let house = House::start().await;
    let mut ran = Vec::new();
    for n in 0..changes.len() {
        for fails in [false, true] {
            let id = format!("{n} {fails}");
            for (delivery, path) in [(ticket(&id), TICKETS), (lead(&format!("lead {id}")), "/crm/contacts")] {
                if fails {
                    house.sandbox.fail_next(path, 1, 422);
                }
                ran.push((n, format!("{path}, fails: {fails}"), house.run(&delivery).await));
            }
        }
    }
    for (at, (change, plan)) in changes.into_iter().enumerate() {
        house.reconfigure(&plan(House::plan()));
        for (_, which, before) in ran.iter().filter(|(n, ..)| *n == at) {
            let shown = preview(&house, before.event.id, false).await;
            let told = shown["routes"][0]["actions"].as_array().unwrap().iter();
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            let mut told: Vec<_> = told.map(|one| (word(&one["action"]), word(&one["fate"]))).collect();
            told.sort();
            let after = replayed(&house, before.event.id, "reuse").await;
            assert_eq!(told, fates(before, &after), "{change}, {which}");
        }
    }
}

#[tokio::test]
async fn a_dry_reclassification_reads_bought_answers_and_says_who_would_be_asked() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("support"));
    let first = house.run(&form("f")).await;
    let shown = preview(&house, first.event.id, true).await;
    let route = &shown["routes"][0];
    assert_eq!((&route["would_ask"], &route["verdict_after"]["judge"]), (&json!([]), &json!("claude")));
    assert_eq!(
        (&route["actions"][0]["action"], &route["actions"][0]["fate"]),
        (&json!("ticket"), &json!("keep"))
    );

    house.reconfigure(&other_question(House::plan().llm()));
    let shown = preview(&house, first.event.id, true).await;
    let route = &shown["routes"][0];
    assert_eq!((&route["would_ask"], &route["verdict_after"]), (&json!(["claude", "gpt"]), &Value::Null));
    assert!(route["stopped"].as_str().unwrap().starts_with("a person decides: "), "{route}");
    assert_eq!(house.sandbox.asked().len(), 1);
    assert_eq!(house.settled(first.event.id).await, first, "nothing was bought or stored");
}

#[tokio::test]
async fn actions_and_routes_that_are_not_planned_any_more_are_told() {
    let house = House::start().await;
    let first = house.run(&ticket("t")).await;
    let rule = "when = \"event.body.data.is | default('') == 'support'\"\nlabel = \"support\"";
    let swapped = rule.replace("label = \"support\"", "label = \"spam\"");
    house.reconfigure(&House::plan().edit(hookyard::config::CLASSIFIERS, rule, &swapped));
    let shown = preview(&house, first.event.id, true).await;
    let fates: Vec<(&Value, &Value)> = shown["routes"][0]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| (&action["action"], &action["fate"]))
        .collect();
    assert_eq!(fates, [(&json!("record"), &json!("go")), (&json!("ticket"), &json!("not_planned"))]);
    let new = &shown["routes"][0]["actions"][0];
    assert_eq!((&new["before"], &new["request"]["changes"][0]["path"]), (&Value::Null, &json!("")));

    let other = "[route.other]\ntypes = [\"support.ticket.created\"]\n";
    house.reconfigure(
        &House::plan()
            .edit(
                hookyard::config::ROUTES,
                "types = [\"lead.form.submitted\", \"support.ticket.created\"]",
                "types = [\"lead.form.submitted\"]",
            )
            .append(hookyard::config::ROUTES, other),
    );
    let shown = preview(&house, first.event.id, false).await;
    assert_eq!((&shown["gone"], &shown["routes"][0]["route"]), (&json!(["triage"]), &json!("other")));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_refused_with_the_reason() {
    let house = House::start().await;
    let first = house.run(&ticket("t")).await;
    let id = first.event.id;
    let unknown = "evt_00000000000000000000000000000001";
    for (wish, status, why) in [
        (json!({ "event": unknown, "mode": "reuse" }), 404, "no event"),
        (json!({ "event": "nonsense", "mode": "reuse" }), 400, "no id of ours"),
        (json!({ "event": id, "mode": "reuse", "sweep": "" }), 400, "sweep"),
        (json!({ "event": id, "mode": "reuse", "reclassify": true }), 400, "dry run"),
        (json!({ "event": id, "mode": "again" }), 422, ""),
    ] {
        let answer = house.tell("/api/v1/replay", wish.clone()).await;
        assert_eq!(answer.status, status, "{wish}: {answer:?}");
        assert!(answer.text.contains(why), "{wish}: {answer:?}");
    }
    let nothing = Files::embedded();
    let routes = nothing.get(hookyard::config::ROUTES).unwrap();
    let types = "types = [\"lead.form.submitted\", \"support.ticket.created\"]";
    assert!(routes.contains(types));
    house.reconfigure(&House::plan().edit(
        hookyard::config::ROUTES,
        types,
        "types = [\"lead.form.submitted\"]",
    ));
    for mode in ["reuse", "dry_run"] {
        let answer = house.tell("/api/v1/replay", json!({ "event": id, "mode": mode })).await;
        assert_eq!(answer.status, 409);
        let why = answer.json["error"].as_str().unwrap();
        assert!(why.contains("cannot be replayed: today it is ignored: no route takes it"), "{why}");
    }
    let events = house.service.store.events(EventQuery::default()).await.unwrap();
    assert_eq!((events.len(), events[0].jobs), (1, first.jobs.len()));
}

#[tokio::test]
async fn a_body_in_a_file_is_there_for_what_follows_and_for_replays() {
    let house = House::start().await;
    let message = "x".repeat(400_000);
    let data = json!({ "is": "lead", "name": "Ada", "email": "ada@engines.example", "subject": "Hello", "message": message });
    let large = json!({ "type": "support.ticket.created", "data": data });
    let first = house.run(&Delivery::forms("large", large)).await;
    assert_eq!((first.state, outcomes(action(&first, "reply"))), (EventState::Done, vec!["done"]));
    let shown = preview(&house, first.event.id, true).await;
    let fates: Vec<&Value> =
        shown["routes"][0]["actions"].as_array().unwrap().iter().map(|action| &action["fate"]).collect();
    assert_eq!(fates, ["keep", "keep"]);
    let again = replayed(&house, first.event.id, "reclassify").await;
    assert_eq!((again.state, house.sandbox.effects().len()), (EventState::Done, 2));
}

#[tokio::test]
async fn a_paused_route_holds_replays_and_one_at_a_time_is_enough() {
    let house = House::start().await;
    let first = house.run(&lead("l")).await;
    house.tell("/api/v1/pause", json!({ "route": "triage" })).await;
    replay(&house, first.event.id, "reuse", "s").await;
    assert_eq!(replay(&house, first.event.id, "reuse", "s").await.word(), "already");
    let second = replay(&house, first.event.id, "reuse", "s2").await;
    assert_eq!(second.status, 409);
    assert!(second.text.contains("its route `triage` has not ended yet"), "{second:?}");
    let held = house.until(first.event.id, |t| t.jobs.len() == first.jobs.len() + 1).await;
    assert_eq!(held.jobs.last().unwrap().job.state, JobState::Ready);
    house.tell("/api/v1/resume", json!({ "route": "triage" })).await;
    assert_eq!(house.settled(first.event.id).await.state, EventState::Done);
}

#[tokio::test]
async fn what_a_replay_has_overtaken_cannot_be_done_a_second_time() {
    let house = House::plan().start().await;
    let broken = House::plan().edit(
        hookyard::config::ROUTES,
        "when = \"verdict.label == 'support'\"",
        "when = \"verdict.label == 'support' and event.body.no.such.field\"",
    );
    house.reconfigure(&broken);
    let dead = house.run(&ticket("t")).await;
    assert_eq!((dead.state, route(&dead).job.state), (EventState::Dead, JobState::Dead));
    house.reconfigure(&House::plan());
    let done = replayed(&house, dead.event.id, "reuse").await;
    assert_eq!((done.state, route(&done).job.state), (EventState::Done, JobState::Discarded));
    let again = house.tell("/api/v1/dead/redrive", json!({})).await;
    assert_eq!(again.json["moved"], 0);
    assert_eq!(house.sandbox.requests(TICKETS), 1);
}

#[tokio::test]
async fn a_suspected_replay_is_not_let_in_by_a_replay() {
    let house = House::start().await;
    let github = |id| {
        Delivery::github(
            id,
            "pull_request",
            json!({ "action": "opened", "is": "security", "pull_request": {} }),
        )
    };
    house.run(&github("g1")).await;
    let suspected = house.run(&github("g2")).await;
    assert_eq!(suspected.state, EventState::Waiting);
    let refused = replay(&house, suspected.event.id, "reuse", "s").await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("waits for a person: decide that first"), "{refused:?}");
    assert_eq!(house.settled(suspected.event.id).await, suspected);
}

#[tokio::test]
async fn an_event_that_no_judge_placed_is_placed_by_a_replay_and_waits_no_more() {
    let house = House::start().await;
    let unsure = house.run(&form("f")).await;
    assert_eq!(unsure.state, EventState::Waiting);
    house.reconfigure(&House::plan().llm());
    house.sandbox.reply_next(says("internal"));
    let done = replayed(&house, unsure.event.id, "reclassify").await;
    assert_eq!((done.state, route(&done).job.state), (EventState::Done, JobState::Discarded));
    assert_eq!(outcomes(action(&done, "notice")), ["done"]);
}
