//! What judges may cost, and how much they may be asked: beyond it the next one is asked, or the event waits.

use std::{num::NonZeroU32, time::Duration};

use hookyard::{
    config::{CLASSIFIERS, JUDGES},
    decide::breaker::Outcome,
    domain::{
        Bill, Charge, Clock, Day, EventState, JobState, Lane, Lease, Prior, PurchaseOrder, Purse,
        RungOutcome, Spent, Timestamp,
    },
    sandbox::{Limits, Reply},
    store::{self, ClaimRequest, JobHistory, Timeline},
};
use serde_json::json;

use crate::support::{
    house::{House, Plan, form, outcomes, route, ticket},
    process::arrived,
    redis::RedisServer,
};

const CLAUDE: &str = "/llm/v1/messages";
const GPT: &str = "/llm/v1/chat/completions";
const MINUTE: Duration = Duration::from_mins(1);
const DAY_MS: i64 = 86_400_000;

/// Adds a line to a judge's table.
fn with(plan: Plan, judge: &str, line: &str) -> Plan {
    let table = format!("[judge.{judge}]\n");
    plan.edit(JUDGES, &table, &format!("{table}{line}\n"))
}

/// Gives a judge so little for the day that no question can be paid from it.
fn poor(plan: Plan, judge: &str) -> Plan {
    let shipped = "budget = { day_usd = 10.0, month_usd = 100.0 }";
    // A remark follows the first judge's.
    let after = if judge == "claude" { "   #" } else { "\n" };
    plan.edit(JUDGES, &format!("{shipped}{after}"), &format!("budget = {{ day_usd = 0.0001 }}{after}"))
}

/// All that a judge may cost today.
fn purse(house: &House, judge: &str) -> Charge {
    let meter = format!("money/{}/judge/{judge}", Day::of(house.now()));
    Charge { purse: Purse::Day, meter, by: 10_000_000, limit: None }
}

/// All that a judge may cost this month.
fn months_purse(house: &House, judge: &str) -> Charge {
    let meter = format!("money/{}/judge/{judge}", Day::of(house.now()).month());
    Charge { purse: Purse::Month, meter, by: 100_000_000, limit: None }
}

/// A question under way, as far as the store knows.
struct Taken {
    lease: Lease,
    order: PurchaseOrder,
}

/// Has the question of another job take all that is in a purse: of an action, which the workers leave where it is while the
/// breaker of its destination is open.
async fn take(house: &House, purse: Charge) -> Taken {
    let (store, engine) = (&house.service.store, house.service.engine.now());
    let helpdesk = engine.destination("helpdesk").expect("there is one");
    while let Ok(Some(pass)) = helpdesk.ready(house.clock.monotonic()) {
        pass.tell(&Outcome::Failed { reason: "503".to_owned() }, house.clock.monotonic());
    }
    let event = house.queue(&ticket(&purse.meter)).await;
    house.until(event, |timeline| timeline.jobs.len() == 2 && route(timeline).job.state.is_settled()).await;
    let shares = [(Lane::Critical, 1), (Lane::Normal, 0), (Lane::Bulk, 0)];
    let request =
        ClaimRequest { shares, lease: Duration::from_hours(24 * 365), limits: store::Limits::default() };
    let lease = store.claim(request).await.unwrap().jobs.remove(0).lease;
    assert_eq!(lease.job.event, event);
    let order = PurchaseOrder { charges: vec![purse], ..PurchaseOrder::new(&"other".into(), "q") };
    assert_eq!(store.begin_purchase(lease, &order).await.unwrap(), Prior::Begun);
    Taken { lease, order }
}

/// It was not billed after all.
async fn give_back(house: &House, Taken { lease, order }: Taken) {
    let back = |charge: Charge| Charge { by: -charge.by, ..charge };
    let bill = Bill::new(&order.judge, &order.digest, None);
    let bill = Bill { charges: order.charges.into_iter().map(back).collect(), ..bill };
    house.service.store.end_purchase(lease, &bill).await.unwrap();
}

/// Leaves a judge no money for the day.
async fn spend(house: &House, judge: &str) -> Taken {
    take(house, purse(house, judge)).await
}

fn says(label: &str) -> Reply {
    Reply::Output(
        json!({ "reason": "it reads like it", "label": label, "urgency": "low", "confidence": 0.9 }),
    )
}

fn judge(timeline: &Timeline) -> &str {
    &route(timeline).job.verdict.as_ref().expect("a verdict").judge
}

/// What the record says of a judge that did not decide.
fn said<'t>(timeline: &'t Timeline, judge: &str) -> (RungOutcome, &'t str) {
    let verdict = route(timeline).job.verdict.as_ref().expect("a verdict");
    let rung = verdict.rungs.iter().find(|rung| &*rung.judge == judge).expect("it was asked");
    (rung.outcome, &rung.said)
}

#[tokio::test]
async fn where_the_days_money_is_spent_the_next_judge_is_asked_and_past_the_last_the_event_waits() {
    let house = House::plan().llm().start().await;
    spend(&house, "claude").await;
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("f")).await;
    assert_eq!(judge(&timeline), "gpt");
    assert_eq!(
        said(&timeline, "claude"),
        (RungOutcome::Unavailable, "what it may cost in a day is spent, or taken for questions under way")
    );
    assert_eq!(house.sandbox.requests(CLAUDE), 0);
    let metrics = house.ask("/metrics").await.text;
    assert!(
        metrics.contains("hookyard_judge_unaffordable_total{judge=\"claude\",purse=\"day\"} 1"),
        "{metrics}"
    );

    spend(&house, "gpt").await;
    let event = house.queue(&form("g")).await;
    let parked = house.until(event, |timeline| !route(timeline).history.is_empty()).await;
    assert_eq!((outcomes(route(&parked)), route(&parked).job.attempts), (vec!["parked"], 0));
    let wait = |timeline: &Timeline| route(timeline).job.due.since(house.now());
    assert_eq!(wait(&parked), Duration::from_secs(1), "it may only be taken for questions under way");
    house.advance(10 * MINUTE);
    let parked = house.until(event, |timeline| route(timeline).history.len() == 2).await;
    let midnight = Timestamp::from_millis((house.now().as_millis() / DAY_MS + 1) * DAY_MS);
    let most = (10 * MINUTE).min(midnight.since(house.now()));
    assert_eq!(wait(&parked), most, "somebody may raise the budget");
    assert_eq!(route(&parked).job.state, JobState::Ready);
}

#[tokio::test]
async fn where_the_months_money_is_spent_the_event_waits_as_long_as_that_takes_and_begins_afresh() {
    let house = House::plan().llm().start().await;
    let mut taken = Vec::new();
    for judge in ["claude", "gpt"] {
        taken.push(take(&house, months_purse(&house, judge)).await);
    }
    let event = house.queue(&form("f")).await;
    for times in 1..=3 {
        let parked = house.until(event, |timeline| route(timeline).history.len() == times).await;
        assert_eq!((outcomes(route(&parked)), route(&parked).job.attempts), (vec!["parked"; times], 0));
        // Each time longer than a job may be put off for other reasons.
        if Day::of(house.now().plus(Duration::from_hours(4 * 24))).month() == Day::of(house.now()).month() {
            house.advance(Duration::from_hours(4 * 24));
        } else {
            house.advance(10 * MINUTE);
        }
    }
    house.until(event, |timeline| route(timeline).history.len() == 4).await;
    for taken in taken {
        give_back(&house, taken).await;
    }
    // The first failure after it is not its last.
    house.sandbox.fail_next(CLAUDE, 1, 529);
    house.sandbox.fail_next(GPT, 1, 503);
    house.advance(10 * MINUTE);
    let failed = house.until(event, |timeline| route(timeline).history.len() == 5).await;
    assert_eq!(outcomes(route(&failed))[4], "retry");
    house.sandbox.reply_next(says("lead"));
    assert_eq!(house.driven(event).await.state, EventState::Done);
}

#[tokio::test]
async fn a_question_dearer_than_a_purse_ever_holds_is_not_waited_for() {
    let house = poor(House::plan().llm(), "claude").start().await;
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("f")).await;
    assert_eq!(judge(&timeline), "gpt");
    let (outcome, why) = said(&timeline, "claude");
    assert_eq!(outcome, RungOutcome::Unavailable);
    assert!(why.contains("may cost $0.00") && why.contains("in a day: $0.000100"), "{why}");

    house.reload(&poor(poor(House::plan().llm(), "claude"), "gpt"));
    let event = house.queue(&form("g")).await;
    let timeline = house.until(event, |timeline| !route(timeline).history.is_empty()).await;
    assert_eq!(timeline.state, EventState::Waiting, "for a person: nothing else helps");
    assert_eq!(house.sandbox.requests(CLAUDE), 0);
}

#[tokio::test]
async fn one_sender_does_not_spend_the_money_of_all() {
    let shipped = "who = \"{{ event.body.data.email | default('', true) | lower }}\", day_usd = 0.10";
    // Mallory leaves it out, which makes nobody of all who do.
    let who = "{{ '' if 'mallory' in event.body.data.email else event.body.data.email }}";
    // Enough for one question at a time.
    let budget = format!("who = \"{who}\", day_usd = 0.0014");
    let house = House::plan().llm().edit(CLASSIFIERS, shipped, &budget).start().await;
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("f")).await), "claude", "nobody has spent anything of this one's");

    let of_mallory = |id| {
        let mut letter = form(id);
        letter.body = String::from_utf8_lossy(&letter.body).replace("ada@", "mallory@").into_bytes();
        letter
    };
    let gate = house.sandbox.hold(CLAUDE);
    house.queue(&of_mallory("m")).await;
    arrived(&gate, 1).await;
    let event = house.queue(&of_mallory("n")).await;
    let parked = house.until(event, |timeline| !route(timeline).history.is_empty()).await;
    assert_eq!(outcomes(route(&parked)), ["parked"]);
    let reason = route(&parked).job.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("what this sender's events may cost in a day is spent"), "{reason}");
    assert_eq!(house.sandbox.requests(CLAUDE) + house.sandbox.requests(GPT), 2);
}

#[tokio::test]
async fn tokens_of_a_minute_are_shared_out_and_come_back_with_time() {
    // Any question takes the whole minute.
    let house = with(House::plan().llm(), "claude", "input_tokens_per_min = 100").start().await;
    for (id, decides) in [("a", "claude"), ("b", "gpt")] {
        house.sandbox.reply_next(says("lead"));
        assert_eq!(judge(&house.run(&form(id)).await), decides);
    }
    house.advance(MINUTE);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("c")).await), "claude");
}

#[tokio::test]
async fn tokens_of_a_minute_are_kept_to_where_nobody_can_say_what_others_have_taken() {
    let server = RedisServer::start(&[]);
    let plan = with(House::plan().llm(), "claude", "input_tokens_per_min = 100").on_redis(&server);
    let house = plan.start().await;
    // As where no answer comes in time.
    let _: String = server.ask(&["SET", "{hookyard:0}:rate:tokens/claude/input", "not a rate"]).await;
    for (id, decides) in [("a", "claude"), ("b", "gpt")] {
        house.sandbox.reply_next(says("lead"));
        assert_eq!(judge(&house.run(&form(id)).await), decides);
    }
    let metrics = house.ask("/metrics").await.text;
    assert!(metrics.contains("hookyard_asked_alone_total{kind=\"judge\",name=\"claude\"}"), "{metrics}");
    house.advance(MINUTE);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("c")).await), "claude");
}

/// How often each of so many events was handed back before it was decided, where a minute holds tokens for a few of them
/// and nobody else is asked. The clock is moved on to the next one that is due, again and again.
async fn handed_back(events: usize, tokens_per_min: u32) -> Vec<usize> {
    let plan = with(House::plan().llm(), "claude", &format!("input_tokens_per_min = {tokens_per_min}"));
    let alone = plan.edit(CLASSIFIERS, "    { judge = \"gpt\", confidence_min = 0.6 },\n", "");
    let house = alone.start().await;
    let mut open = Vec::new();
    for n in 0..events {
        let id = format!("f{n}");
        let mut letter = form(&id);
        letter.body = String::from_utf8_lossy(&letter.body).replace("ada@", &format!("ada{n}@")).into_bytes();
        open.push(house.queue(&letter).await);
    }
    let mut counts = Vec::new();
    while !open.is_empty() {
        let (now, mut next) = (house.now(), Vec::new());
        for event in std::mem::take(&mut open) {
            let idle = |entry: &JobHistory| match entry.job.state {
                JobState::Ready => entry.job.due > now,
                state => state.is_settled() || state == JobState::Blocked,
            };
            let wanted = |t: &Timeline| t.state != EventState::Open || t.jobs.iter().all(idle);
            let timeline = house.until(event, wanted).await;
            let waits = timeline.jobs.iter().filter(|entry| entry.job.state == JobState::Ready);
            next.extend(waits.map(|entry| entry.job.due));
            match timeline.state {
                EventState::Open => open.push(event),
                EventState::Done => counts.push(outcomes(route(&timeline)).len() - 1),
                other => panic!("{other:?}: {}", json!(timeline)),
            }
        }
        if let Some(due) = next.into_iter().min() {
            house.advance(due.since(now));
        }
    }
    counts
}

#[tokio::test]
async fn those_that_wait_for_tokens_come_back_in_turn_and_not_all_at_once() {
    let counts = handed_back(40, 12_000).await;
    let (most, all) = (counts.iter().max().copied(), counts.iter().sum::<usize>());
    assert!(all > 20, "most of them had to wait: {counts:?}");
    assert!(most <= Some(4) && all <= 60, "{all} times in all: {counts:?}");
}

#[tokio::test]
async fn tokens_of_a_question_that_never_left_are_given_back() {
    let house = with(House::plan().llm(), "claude", "tokens_per_min = 100").start().await;
    let spent = spend(&house, "claude").await;
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("a")).await), "gpt");
    give_back(&house, spent).await;
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("b")).await), "claude", "its minute is whole");
}

#[tokio::test]
async fn whoever_asks_to_be_left_alone_is_left_alone_by_all() {
    let house = with(House::plan().llm(), "claude", "concurrency = 1").start().await;
    house.sandbox.reply_next(Reply::RateLimited { retry_after_s: Some(30) });
    for id in ["a", "b", "c"] {
        house.sandbox.reply_next(says("lead"));
        assert_eq!(judge(&house.run(&form(id)).await), "gpt");
    }
    assert_eq!(house.sandbox.requests(CLAUDE), 1, "what it said to one holds for all");
    house.advance(Duration::from_secs(10));
    let stats = house.ask("/api/v1/stats").await.json;
    let rest = &stats["rests"]["judges"]["claude"];
    let until = house.now().plus(Duration::from_secs(20)).as_millis();
    assert_eq!((&rest["until"], &rest["left_ms"]), (&json!(until), &json!(20_000)), "{stats}");
    assert!(rest["reason"].as_str().is_some_and(|reason| reason.contains("429")), "{stats}");
    assert_eq!(stats["breakers"]["judges"]["claude"]["state"], "closed");
    house.advance(Duration::from_secs(20));
    assert_eq!(house.ask("/api/v1/stats").await.json["rests"]["judges"], json!({}));
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("d")).await), "claude");
}

#[tokio::test]
async fn a_vendor_whose_money_is_spent_is_not_asked_again_and_the_house_is_told() {
    let house = House::plan().llm().alarmed().start().await;
    house.sandbox.reply_next(Reply::SpendLimit);
    for id in ["a", "b"] {
        house.sandbox.reply_next(says("lead"));
        assert_eq!(judge(&house.run(&form(id)).await), "gpt");
    }
    assert_eq!(house.sandbox.requests(CLAUDE), 1);
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["judges"]["claude"]["state"], "open", "{breakers}");
    let alarm = house.alarm("hookyard.breaker_opened").await;
    let told = house.service.store.timeline(alarm).await.unwrap().unwrap();
    let body = String::from_utf8_lossy(told.event.body.bytes().expect("it is here")).into_owned();
    assert!(body.contains("claude") && body.contains("enforced_spend_limit_reached"), "{body}");
}

#[tokio::test]
async fn what_waits_for_money_at_the_vendor_does_not_die_of_age() {
    let alone = House::plan().llm().edit(CLASSIFIERS, "    { judge = \"gpt\", confidence_min = 0.6 },\n", "");
    let house = alone.start().await;
    house.sandbox.reply_next(Reply::SpendLimit);
    let mut events = Vec::new();
    for id in ["a", "b"] {
        events.push(house.queue(&form(id)).await);
        house.until(events[events.len() - 1], |timeline| !route(timeline).history.is_empty()).await;
    }
    for times in 1..=3 {
        for event in &events {
            let parked = house.until(*event, |timeline| route(timeline).history.len() == times).await;
            assert_eq!((outcomes(route(&parked)), route(&parked).job.attempts), (vec!["parked"; times], 0));
            let reason = route(&parked).job.reason.as_deref().unwrap_or_default();
            assert!(reason.contains("enforced_spend_limit_reached"), "{reason}");
        }
        assert_eq!(house.sandbox.requests(CLAUDE), times as u64, "one of them finds out");
        // Each time longer than a job may be put off for other reasons.
        house.sandbox.reply_next(if times < 3 { Reply::SpendLimit } else { says("lead") });
        house.advance(Duration::from_hours(4 * 24));
    }
    house.sandbox.reply_next(says("lead"));
    for event in events {
        assert_eq!(house.driven(event).await.state, EventState::Done);
    }
}

#[tokio::test]
async fn a_limit_that_the_account_has_set_itself_holds_all_events_and_the_house_is_told() {
    let alone =
        House::plan().llm().edit(CLASSIFIERS, "    { judge = \"claude\", confidence_min = 0.6 },\n", "");
    let house = alone.alarmed().start().await;
    house.sandbox.reply_next(Reply::OwnLimit);
    for id in ["a", "b"] {
        let event = house.queue(&form(id)).await;
        let parked = house.until(event, |timeline| !route(timeline).history.is_empty()).await;
        assert_eq!((outcomes(route(&parked)), route(&parked).job.attempts), (vec!["parked"], 0));
    }
    assert_eq!(house.sandbox.requests(GPT), 1);
    let alarm = house.alarm("hookyard.breaker_opened").await;
    let told = house.service.store.timeline(alarm).await.unwrap().unwrap();
    let body = String::from_utf8_lossy(told.event.body.bytes().expect("it is here")).into_owned();
    assert!(body.contains("gpt") && body.contains("billing_hard_limit_reached"), "{body}");
}

#[tokio::test]
async fn a_page_that_forbids_one_question_does_not_shut_the_judge_for_all() {
    let house = House::plan().llm().start().await;
    house.sandbox.fail_next(CLAUDE, 1, 403);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("a")).await), "gpt");
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("b")).await), "claude");
}

#[tokio::test]
async fn what_was_spent_is_in_the_book_of_the_day_and_on_the_events_record() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("f")).await;
    let bought = &route(&timeline).purchases[0];
    assert!(bought.cost.0 > 0);
    let book = house.ask("/api/v1/spend?days=2").await.json;
    assert_eq!(book["days"][0]["cost"], json!(bought.cost), "{book}");
    let rows: Vec<Spent> = serde_json::from_value(book["days"][0]["judges"].clone()).expect("rows");
    assert_eq!(rows.len(), 1);
    assert_eq!((&*rows[0].classifier, &*rows[0].judge, rows[0].answers), ("triage", "claude", 1));
    assert_eq!(rows[0].tokens, route(&timeline).job.verdict.as_ref().expect("a verdict").tokens);
    assert_eq!((rows[0].maybe_billed, rows[0].maybe_cost.0), (0, 0));
    assert_eq!(house.ask("/api/v1/spend?days=0").await.status, 400);
}

#[tokio::test]
async fn what_the_vendor_says_is_left_holds_whatever_our_own_count_says() {
    let house = House::plan().llm().start().await;
    // Others use up the account: of ours there is no limit.
    let requests_per_min = NonZeroU32::new(1);
    house.sandbox.limit_llm(Limits { requests_per_min, ..Limits::default() });
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("a")).await), "claude");
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("b")).await), "gpt");
    assert_eq!(house.sandbox.requests(CLAUDE), 1, "it was not asked to be told no");
    house.advance(MINUTE);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("c")).await), "claude");
}

#[tokio::test]
async fn what_the_vendor_says_is_left_holds_for_those_too_whom_it_did_not_tell() {
    let plan = with(House::plan().llm(), "claude", "input_tokens_per_min = 4000");
    let house = plan.clone().start().await;
    // Others use up the account.
    let (input_tokens_per_min, output_tokens_per_min) = (NonZeroU32::new(2_500), NonZeroU32::new(100_000));
    house.sandbox.limit_llm(Limits { input_tokens_per_min, output_tokens_per_min, ..Limits::default() });
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("a")).await), "claude");
    // Another process has been told nothing, but draws on the same rate.
    house.reconfigure(&plan);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("b")).await), "gpt");
    assert_eq!(house.sandbox.requests(CLAUDE), 1, "it was not asked to be told no");
    house.advance(MINUTE);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("c")).await), "claude");
}

#[tokio::test]
async fn a_limit_that_only_the_vendor_has_told_of_is_kept() {
    let house = House::plan().llm().start().await;
    let requests_per_min = NonZeroU32::new(10);
    house.sandbox.limit_llm(Limits { requests_per_min, ..Limits::default() });
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("first")).await), "claude");
    // One after the other: a clock that is moved on while a question is on its way would give the vendor less than us.
    for n in 0..20 {
        let event = house.queue(&form(&format!("f-{n}"))).await;
        house.driven(event).await;
    }
    let refused = house.sandbox.llm_calls().into_iter().filter(|call| call.status == 429).count();
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_of_and_not_tried_with_every_event() {
    let house = House::plan().llm().alarmed().start().await;
    house.sandbox.fail_next(CLAUDE, 1, 401);
    for id in ["a", "b"] {
        house.sandbox.reply_next(says("lead"));
        assert_eq!(judge(&house.run(&form(id)).await), "gpt");
    }
    assert_eq!(house.sandbox.requests(CLAUDE), 1);
    let alarm = house.alarm("hookyard.breaker_opened").await;
    let told = house.service.store.timeline(alarm).await.unwrap().unwrap();
    let body = String::from_utf8_lossy(told.event.body.bytes().expect("it is here")).into_owned();
    assert!(body.contains("claude") && body.contains("401"), "{body}");
}
