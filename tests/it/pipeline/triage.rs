//! One event's walk: a label, its actions, and what follows what.

use hookyard::{
    config::{ACTIONS, ROUTES},
    domain::{Cause, EventState, JobState, Mode, Sent},
};
use serde_json::{Value, json};

use crate::support::house::{
    Delivery, House, action, find, labelled, lead, log, note, outcomes, payment, route, stripe, ticket,
};

#[tokio::test]
async fn a_rule_decides_and_its_actions_are_done() {
    let house = House::start().await;
    for (label, id) in [("internal", "notice"), ("support", "ticket"), ("spam", "record")] {
        let timeline = house.run(&labelled(id, label)).await;
        assert_eq!(timeline.state, EventState::Done);
        let verdict = route(&timeline).job.verdict.as_ref().unwrap();
        assert_eq!((verdict.label.as_str(), &*verdict.judge, verdict.confidence), (label, "rules", 1.0));
        assert_eq!((verdict.prompt_digest.len(), verdict.schema_digest.len()), (64, 64));
        assert_eq!(timeline.jobs.len(), 2, "the route and one action");
        assert_eq!(outcomes(action(&timeline, id)), ["done"]);
    }
    let kinds: Vec<&str> = house.sandbox.effects().iter().map(|effect| effect.kind).collect();
    assert_eq!(kinds, ["slack.text", "helpdesk.ticket"]);
    assert_eq!(log(&house, "spam").len(), 1);
}

#[tokio::test]
async fn a_reply_uses_the_contacts_id_from_its_receipt() {
    let house = House::start().await;
    let timeline = house.run(&lead("l")).await;
    assert_eq!(timeline.state, EventState::Done);
    let (contact, reply) = (action(&timeline, "contact"), action(&timeline, "reply"));
    let id = &contact.job.receipt.as_ref().unwrap().body["id"];
    assert_eq!(id, "contact_1");
    assert!(reply.history[0].started_at >= contact.history[0].ended_at);
    let effects = house.sandbox.effects();
    let [contact, draft] = effects.as_slice() else { panic!("two effects: {effects:?}") };
    assert_eq!((contact.kind, draft.kind), ("crm.contact", "crm.draft"));
    assert_eq!((&draft.body["contact"], &draft.body["to"]), (id, &contact.body["email"]));
}

#[tokio::test]
async fn what_follows_a_dead_action_is_skipped_and_done_once_that_is_redriven() {
    let house = House::plan().on_dead().start().await;
    house.sandbox.fail_next("/crm/contacts", 1, 422);
    let dead = house.run(&lead("l")).await;
    assert_eq!(dead.state, EventState::Dead);
    assert_eq!(action(&dead, "contact").job.cause, Some(Cause::Refused));
    let reply = action(&dead, "reply");
    assert_eq!(reply.job.state, JobState::Skipped);
    assert_eq!(reply.job.reason.as_deref(), Some("`contact`, which it follows, is dead"));
    assert_eq!(outcomes(reply), ["skipped"]);
    assert_eq!(outcomes(action(&dead, "on_dead.contact")), ["done"]);

    let answer = house.tell("/api/v1/dead/redrive", json!({ "route": "triage" })).await;
    assert_eq!((answer.status, &answer.json["moved"]), (200, &1.into()));
    let done = house.settled(dead.event.id).await;
    assert_eq!(done.state, EventState::Done);
    assert_eq!(outcomes(action(&done, "contact")), ["dead", "person", "done"]);
    assert_eq!(outcomes(action(&done, "reply")), ["skipped", "done"]);
    assert_eq!(house.sandbox.effects().last().unwrap().body["contact"], "contact_1");
}

#[tokio::test]
async fn the_action_that_tells_of_a_death_is_performed_with_its_cause() {
    let house = House::plan().on_dead().start().await;
    house.sandbox.fail_next("/helpdesk/tickets", 1, 422);
    let timeline = house.run(&ticket("t")).await;
    let alert = action(&timeline, "on_dead.ticket");
    assert_eq!(outcomes(alert), ["done"]);
    let effects = house.sandbox.effects();
    let text = effects[0].body["text"].as_str().unwrap();
    for words in ["Dead letter", "route triage, action ticket", "attempts: 1", "refused", "answered 422"] {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
    assert!(text.contains(&timeline.event.id.to_string()));
}

/// A template that this event does not fit.
const UNFIT: &str = r#"
[action.unfit]
kind = "store.append"
with.log = "unfit"
with.line.x = "{{ event.body.data.object.no_such_field }}"
"#;

#[tokio::test]
async fn an_action_that_cannot_be_rendered_is_dead_told_of_and_holds_up_no_other() {
    let house = House::plan()
        .append(ACTIONS, UNFIT)
        .edit(ROUTES, "id = \"crm\"\nuse = \"crm_payment\"", "id = \"crm\"\nuse = \"unfit\"")
        .on_dead()
        .start()
        .await;
    let event = house.queue(&payment("evt_1")).await;
    let timeline = house.settled(event).await;
    let unfit = action(&timeline, "crm");
    assert_eq!((unfit.job.state, unfit.job.cause), (JobState::Dead, Some(Cause::Unrenderable)));
    assert!(unfit.job.reason.as_deref().unwrap().contains("unfit"), "{:?}", unfit.job.reason);
    for id in ["email", "database", "analytics"] {
        assert_eq!(outcomes(action(&timeline, id)), ["done"], "{id}");
    }
    assert!(find(&timeline, "on_dead.crm").is_some(), "its `on_dead` was not performed");
}

#[tokio::test]
async fn a_route_whose_condition_fails_is_dead_and_told_of() {
    let table = "[route.payment]\n";
    let unfit = format!("{table}when = \"event.body.data.object.no_such_field > 1\"\n");
    let house = House::plan().edit(ROUTES, table, &unfit).on_dead().start().await;
    let event = house.queue(&payment("evt_1")).await;
    let timeline = house.settled(event).await;
    assert_eq!(route(&timeline).job.cause, Some(Cause::Unrenderable));
    assert!(find(&timeline, "on_dead.route").is_some(), "its `on_dead` was not performed");
}

#[tokio::test]
async fn what_follows_an_action_that_cannot_be_rendered_is_skipped() {
    let house = House::plan()
        .append(ACTIONS, UNFIT)
        .edit(ROUTES, "use = \"crm_contact\"", "use = \"unfit\"")
        .start()
        .await;
    let event = house.queue(&lead("l")).await;
    let timeline = house.settled(event).await;
    assert_eq!(action(&timeline, "contact").job.cause, Some(Cause::Unrenderable));
    assert_eq!(action(&timeline, "reply").job.state, JobState::Skipped);
}

#[tokio::test]
async fn a_test_event_is_rendered_and_kept_and_nothing_leaves() {
    let house = House::start().await;
    let mut body =
        stripe("evt_1", "payment_intent.succeeded", json!({ "id": "pi_1", "amount": 1, "currency": "eur" }));
    body["livemode"] = Value::Bool(false);
    let timeline = house.run(&Delivery::stripe(body)).await;
    assert_eq!((timeline.state, timeline.event.test_mode), (EventState::Done, true));
    for id in ["email", "crm", "database", "analytics"] {
        let entry = action(&timeline, id);
        let request = entry.job.request.as_ref().unwrap();
        assert_eq!(
            (request.mode, entry.job.receipt.as_ref().unwrap().sent),
            (Mode::DryRun, Sent::DryRun),
            "{id}"
        );
        assert_eq!(request.mode_reason.as_deref(), Some("the sender marked the event as a test"));
    }
    assert!(house.sandbox.effects().is_empty() && log(&house, "payments").is_empty());
}

#[tokio::test]
async fn without_credentials_an_action_is_a_dry_run_that_names_the_variable() {
    let house = House::plan().without("CRM_TOKEN").without("SLACK_WEBHOOK_URL").start().await;
    let timeline = house.run(&payment("evt_1")).await;
    assert_eq!(timeline.state, EventState::Done);
    let crm = action(&timeline, "crm");
    assert_eq!(crm.job.receipt.as_ref().unwrap().sent, Sent::DryRun);
    assert_eq!(crm.history[0].detail.as_deref(), Some("not sent: CRM_TOKEN is not set"));
    let notice = house.run(&note("n")).await;
    let notice = action(&notice, "notice");
    assert_eq!(notice.history[0].detail.as_deref(), Some("not sent: SLACK_WEBHOOK_URL is not set"));
    assert_eq!(house.sandbox.requests("/crm/payments"), 0);
    assert_eq!(house.sandbox.effects().len(), 2, "mail and analytics");
}

#[tokio::test]
async fn what_follows_a_dry_run_is_done() {
    let house = House::plan().without("CRM_URL").start().await;
    let timeline = house.run(&lead("l")).await;
    assert_eq!(timeline.state, EventState::Done);
    for id in ["contact", "reply"] {
        assert_eq!(action(&timeline, id).job.receipt.as_ref().unwrap().sent, Sent::DryRun, "{id}");
    }
}
