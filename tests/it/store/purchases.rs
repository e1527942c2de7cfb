//! No answer is bought twice.

use std::time::Duration;

use hookyard::{
    decide::budget::{Budget, Cost},
    domain::{
        Answer, Bill, Charge, Day, JobId, Money, Name, Next, Prior, Purchase, PurchaseOrder, PurchaseState,
        Purse, Spent, Timestamp,
    },
    store::JobQuery,
};
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::{Bench, LANES, assert_conflict},
    given::{AT_ONCE, LEASE, answer, die, event, event_id, retry, route},
};

fn judge() -> Name {
    "large".into()
}

async fn purchases(b: &Bench<impl Backend>, job: JobId) -> Vec<Purchase> {
    b.history(job).await.purchases
}

fn states(purchases: &[Purchase]) -> Vec<PurchaseState> {
    purchases.iter().map(|purchase| purchase.state).collect()
}

pub async fn a_question_without_answer_is_asked_once_more_and_then_never<B: Backend>(mut b: Bench<B>) {
    b.queue(event(1)).await;
    let mut begun_at = Vec::new();
    for prior in [Prior::Begun, Prior::Begun, Prior::Spent, Prior::Spent] {
        let claimed = b.ask(LANES, 1).await.jobs.remove(0);
        assert_eq!(b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(), prior);
        if prior == Prior::Begun {
            begun_at.push(b.now());
        }
        b = b.crash().await;
        b.advance(LEASE);
        let kept = purchases(&b, claimed.job.id).await;
        assert_eq!(kept.iter().map(|p| p.begun_at).collect::<Vec<_>>(), begun_at);
        assert!(kept.iter().all(|p| p.state == PurchaseState::MaybeBilled && p.answer.is_none()));
        assert!(kept.iter().all(|p| p.judge == judge() && p.digest == "q"));
    }
    // Within one lease it is the same.
    b.queue(event(2)).await;
    let jobs = b.take().await;
    b.end(&jobs[0], die()).await;
    let other = b.take_one().await;
    for prior in [Prior::Begun, Prior::Begun, Prior::Spent] {
        assert_eq!(b.begin_purchase(other.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(), prior);
    }
}

pub async fn an_answer_is_read_again_and_never_bought_again<B: Backend>(mut b: Bench<B>) {
    b.queue(event(1)).await;
    // As it came: not even JSON.
    let bought = answer("{\"z\":1,\"a\":\u{0}\r\n\u{10ffff}");
    let claimed = b.take_one().await;
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        Prior::Begun
    );
    b.end_purchase(claimed.lease, &Bill::new(&judge(), "q", Some(&bought))).await.unwrap();
    let again = Prior::Answered(bought.clone());
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        again,
        "in the same lease"
    );

    b = b.crash().await;
    let claimed = b.take_one().await;
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        again,
        "after a crash"
    );
    b.end(&claimed, retry(AT_ONCE)).await;
    let claimed = b.take_one().await;
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        again,
        "in the next attempt"
    );
    b.end(&claimed, die()).await;
    b.redrive(JobQuery::default()).await.unwrap();
    let claimed = b.take_one().await;
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        again,
        "after a redrive"
    );

    let kept = purchases(&b, claimed.job.id).await;
    assert_eq!((states(&kept), kept[0].answer.as_ref()), (vec![PurchaseState::Answered], Some(&bought)));
}

pub async fn an_answer_on_record_is_read_and_nothing_else<B: Backend>(mut b: Bench<B>) {
    let asked = b.queue(event(1)).await;
    let other = b.queue(event(2)).await;
    let bought =
        async |b: &Bench<B>, of, judge: &str, digest| b.bought(of, &judge.into(), digest).await.unwrap();
    assert_eq!(bought(&b, asked, "large", "q").await, None, "nothing was begun");
    let jobs = b.take().await;
    let claimed = jobs.iter().find(|claimed| claimed.event.id == asked).unwrap();
    for (digest, kept) in [("q", Some(answer("yes"))), ("unbilled", None)] {
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), digest)).await.unwrap();
        assert_eq!(bought(&b, asked, "large", digest).await, None, "{digest} has no answer yet");
        b.end_purchase(claimed.lease, &Bill::new(&judge(), digest, kept.as_ref())).await.unwrap();
    }
    b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "open")).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            b = b.crash().await;
        }
        let before = b.record(asked).await;
        assert_eq!(bought(&b, asked, "large", "q").await, Some(answer("yes")), "reopened: {reopened}");
        for (of, judge, digest) in [
            (asked, "large", "open"),
            (asked, "large", "unbilled"),
            (asked, "large", "r"),
            (asked, "other", "q"),
            (other, "large", "q"),
            (event_id(9), "large", "q"),
        ] {
            assert_eq!(bought(&b, of, judge, digest).await, None, "{of} {judge} {digest}, {reopened}");
        }
        assert_eq!(b.record(asked).await, before, "reading leaves no trace");
    }
    // A question that was begun and not answered may have been billed, and has an answer once it is asked again.
    let jobs = b.take().await;
    let claimed = jobs.iter().find(|claimed| claimed.event.id == asked).unwrap();
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "open")).await.unwrap(),
        Prior::Begun
    );
    b.end_purchase(claimed.lease, &Bill::new(&judge(), "open", Some(&answer("late")))).await.unwrap();
    assert_eq!(bought(&b, asked, "large", "open").await, Some(answer("late")));
}

pub async fn an_answer_ends_all_doubt(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let first = b.take_one().await;
    assert_eq!(
        b.begin_purchase(first.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        Prior::Begun
    );
    let b = b.crash().await;
    let second = b.take_one().await;
    assert_eq!(
        b.begin_purchase(second.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        Prior::Begun
    );
    b.end_purchase(second.lease, &Bill::new(&judge(), "q", Some(&answer("yes")))).await.unwrap();
    assert_eq!(
        b.begin_purchase(second.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        Prior::Answered(answer("yes"))
    );
    // The first stays what it was: it may have been billed too.
    let kept = states(&purchases(&b, first.job.id).await);
    assert_eq!(kept, [PurchaseState::MaybeBilled, PurchaseState::Answered]);
}

pub async fn what_another_job_asks_is_waited_for<B: Backend>(b: Bench<B>) {
    b.queue(event(1).jobs([route("triage"), route("again")])).await;
    let jobs = b.take().await;
    let begin = async |b: &Bench<B>, lease, digest| {
        b.begin_purchase(lease, &PurchaseOrder::new(&judge(), digest)).await.unwrap()
    };
    let (one, other) = (jobs[0].lease, jobs[1].lease);
    assert_eq!(begin(&b, one, "q").await, Prior::Begun);
    for _ in 0..3 {
        assert_eq!(begin(&b, other, "q").await, Prior::UnderWay, "however often it is looked at");
    }
    assert_eq!(begin(&b, other, "r").await, Prior::Begun, "another question is its own");
    b.end_purchase(one, &Bill::new(&judge(), "q", Some(&answer("yes")))).await.unwrap();
    assert_eq!(begin(&b, other, "q").await, Prior::Answered(answer("yes")));

    // Whoever waits for a job that is over waits no longer.
    assert_eq!(begin(&b, one, "lost").await, Prior::Begun);
    assert_eq!(begin(&b, other, "lost").await, Prior::UnderWay);
    b.end(&jobs[0], die()).await;
    assert_eq!(begin(&b, other, "lost").await, Prior::Begun);
    assert_eq!(states(&purchases(&b, one.job).await), [PurchaseState::Answered, PurchaseState::MaybeBilled]);
}

pub async fn what_was_not_billed_may_be_asked_again(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    for _ in 0..3 {
        assert_eq!(
            b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
            Prior::Begun
        );
        b.end_purchase(claimed.lease, &Bill::new(&judge(), "q", None)).await.unwrap();
    }
    assert_eq!(states(&purchases(&b, claimed.job.id).await), [PurchaseState::NotBilled; 3]);
    let b = b.crash().await;
    let claimed = b.take_one().await;
    assert_eq!(
        b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        Prior::Begun
    );
    b.end(&claimed, Next::Done).await;
    assert_eq!(purchases(&b, claimed.job.id).await.len(), 4);
}

pub async fn questions_are_told_apart_by_judge_and_digest(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    b.queue(event(2)).await;
    let jobs = b.take().await;
    let lease = jobs[0].lease;
    b.begin_purchase(lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap();
    b.end_purchase(lease, &Bill::new(&judge(), "q", Some(&answer("yes")))).await.unwrap();
    for (of, judge, digest) in [(lease, "other", "q"), (lease, "large", "r"), (jobs[1].lease, "large", "q")] {
        let judge = judge.into();
        assert_eq!(
            b.begin_purchase(of, &PurchaseOrder::new(&judge, digest)).await.unwrap(),
            Prior::Begun,
            "{judge} {digest}"
        );
        let said = answer(&format!("{judge} {digest}"));
        b.end_purchase(of, &Bill::new(&judge, digest, Some(&said))).await.unwrap();
        assert_eq!(
            b.begin_purchase(of, &PurchaseOrder::new(&judge, digest)).await.unwrap(),
            Prior::Answered(said)
        );
    }
    assert_eq!(
        b.begin_purchase(lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap(),
        Prior::Answered(answer("yes"))
    );
}

pub async fn a_purchase_that_was_not_begun_cannot_end(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "q")).await.unwrap();
    b.end_purchase(claimed.lease, &Bill::new(&judge(), "q", Some(&answer("yes")))).await.unwrap();
    b.begin_purchase(claimed.lease, &PurchaseOrder::new(&judge(), "open")).await.unwrap();
    let before = b.record(claimed.event.id).await;
    for (judge, digest) in [("large", "unknown"), ("other", "open"), ("large", "q"), ("other", "q")] {
        for said in [Some(&answer("no")), None] {
            assert_conflict(b.end_purchase(claimed.lease, &Bill::new(&judge.into(), digest, said)).await);
        }
    }
    assert_eq!(b.record(claimed.event.id).await, before);
}

/// A question that may cost as much, out of two purses.
fn order(digest: &str, most: u64) -> PurchaseOrder {
    let charge = |purse, meter: &str, limit| {
        let by = i64::try_from(most).unwrap();
        Charge { purse, meter: meter.to_owned(), by, limit: Some(limit) }
    };
    let charges = vec![
        charge(Purse::Sender, "money/2026-11-24/sender/ab", 60),
        charge(Purse::Day, "money/2026-11-24/judge/large", 100),
    ];
    PurchaseOrder { most: Money(most), charges, ..PurchaseOrder::new(&judge(), digest) }
}

/// What is done when it came to `cost`.
fn bill(order: &PurchaseOrder, answer: Option<&Answer>, cost: u64) -> Bill {
    let by = i64::try_from(cost).unwrap() - i64::try_from(order.most.0).unwrap();
    let charges = order.charges.iter().map(|charge| Charge { by, limit: None, ..charge.clone() }).collect();
    Bill { cost: Money(cost), charges, ..Bill::new(&order.judge, &order.digest, answer) }
}

pub async fn no_purse_is_drawn_on_beyond_its_limit(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let lease = b.take_one().await.lease;
    let begin = async |order: &PurchaseOrder| b.begin_purchase(lease, order).await.unwrap();
    let (first, second) = (order("a", 40), order("b", 40));
    assert_eq!(begin(&first).await, Prior::Begun);
    assert_eq!(begin(&second).await, Prior::Short(Purse::Sender), "80 of 60");
    assert_eq!(states(&purchases(&b, lease.job).await), [PurchaseState::MaybeBilled], "it was not begun");

    // The answer cost less: what is left is enough, and not a millionth more.
    b.end_purchase(lease, &bill(&first, Some(&answer("yes")), 20)).await.unwrap();
    assert_eq!(begin(&order("c", 41)).await, Prior::Short(Purse::Sender));
    assert_eq!(begin(&second).await, Prior::Begun);
    assert_eq!(begin(&order("d", 1)).await, Prior::Short(Purse::Sender));

    // What was refused by the second purse is not drawn from the first.
    b.end_purchase(lease, &bill(&second, None, 0)).await.unwrap();
    let wide = |digest, most| {
        let mut order = order(digest, most);
        order.charges[0].limit = Some(1_000);
        order
    };
    assert_eq!(begin(&wide("e", 81)).await, Prior::Short(Purse::Day));
    assert_eq!(begin(&order("f", 40)).await, Prior::Begun, "20 and 40 of 60");

    // Neither is a question that has its answer, and what was billed stays drawn through a crash.
    assert_eq!(begin(&order("a", 40)).await, Prior::Answered(answer("yes")));
    let b = b.crash().await;
    let lease = b.take_one().await.lease;
    assert_eq!(b.begin_purchase(lease, &order("g", 1)).await.unwrap(), Prior::Short(Purse::Sender));
    let costs: Vec<u64> = purchases(&b, lease.job).await.iter().map(|purchase| purchase.cost.0).collect();
    assert_eq!(costs, [20, 0, 40], "what each cost, or may have cost");
}

pub async fn of_many_questions_at_once_no_more_are_begun_than_a_purse_pays(b: Bench<impl Backend>) {
    let of = |day: &str, digest: &str, by: i64| {
        let meter = format!("money/2026-11-{day}/judge/large");
        let charges = vec![Charge { purse: Purse::Day, meter, by, limit: Some(10) }];
        PurchaseOrder { charges, ..PurchaseOrder::new(&judge(), digest) }
    };
    b.queue(event(1)).await;
    let lease = b.take_one().await.lease;
    let mut begun = JoinSet::new();
    for n in 0..16 {
        let (store, order) = (b.shared(), of("24", &format!("q{n}"), 1));
        begun.spawn(async move { store.begin_purchase(lease, &order).await.unwrap() });
    }
    let begun = begun.join_all().await;
    assert_eq!(begun.iter().filter(|one| **one == Prior::Begun).count(), 10);
    assert_eq!(begun.iter().filter(|one| **one == Prior::Short(Purse::Day)).count(), 6);
    let unbilled = |order: &PurchaseOrder, by: i64| {
        let charge = |charge: &Charge| Charge { by, limit: None, ..charge.clone() };
        Bill {
            charges: order.charges.iter().map(charge).collect(),
            ..Bill::new(&judge(), &order.digest, None)
        }
    };
    let free = of("24", "free", 0);
    assert_eq!(b.begin_purchase(lease, &free).await.unwrap(), Prior::Begun, "nothing is wanted of it");
    b.end_purchase(lease, &unbilled(&free, -4)).await.unwrap();
    let b = b.crash().await;
    let lease = b.take_one().await.lease;
    let begin = async |order: &PurchaseOrder| b.begin_purchase(lease, order).await.unwrap();
    assert_eq!(begin(&of("24", "five", 5)).await, Prior::Short(Purse::Day), "5 do not fit where 4 are left");
    assert_eq!(begin(&of("24", "four", 4)).await, Prior::Begun, "a refusal took nothing");
    let next = of("25", "ten", 10);
    assert_eq!(begin(&next).await, Prior::Begun, "another day");
    b.end_purchase(lease, &unbilled(&next, -99)).await.unwrap();
    assert_eq!(begin(&of("25", "eleven", 11)).await, Prior::Short(Purse::Day));
    assert_eq!(
        begin(&of("25", "ten again", 10)).await,
        Prior::Begun,
        "more than was drawn empties it, and no further"
    );
}

/// Of two questions at one time the larger never fits into the second purse, and the smaller always fits into both.
pub async fn a_question_that_fits_is_not_refused_for_one_that_does_not(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("large"), route("small")])).await;
    let jobs = b.take().await;
    let (store, leases) = (b.shared(), [jobs[0].lease, jobs[1].lease]);
    for round in 0..100 {
        let sized = |digest: &str, most| {
            let mut order = order(&format!("{digest} {round}"), most);
            order.charges[1].limit = Some(50);
            order
        };
        let (large, small) = (sized("large", 55), sized("small", 45));
        let (one, other) =
            tokio::join!(store.begin_purchase(leases[0], &large), store.begin_purchase(leases[1], &small));
        assert!(matches!(one.unwrap(), Prior::Short(_)), "round {round}");
        assert_eq!(other.unwrap(), Prior::Begun, "round {round}");
        store.end_purchase(leases[1], &bill(&small, None, 0)).await.unwrap();
    }
}

pub async fn what_was_spent_stands_in_the_book_of_its_day(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let lease = b.take_one().await.lease;
    let names: (Name, Name) = ("triage".into(), judge());
    let asked_at = Timestamp::from_millis(1_795_564_800_000 - 1);
    let budget = Budget::default();
    let cost =
        Cost { classifier: &names.0, judge: &names.1, budget, sender: None, most: Money(40), asked_at };
    let day = Day::of(asked_at);
    assert_eq!(day.to_string(), "2026-11-24");
    for (digest, outcome) in [("a", Some(15)), ("b", None), ("c", Some(7))] {
        let (charges, entry) = cost.reserve();
        let entry = Some(entry);
        let order = PurchaseOrder { most: cost.most, charges, entry, ..PurchaseOrder::new(&judge(), digest) };
        assert_eq!(b.begin_purchase(lease, &order).await.unwrap(), Prior::Begun);
        let said = answer("yes");
        let ((charges, entry), answer, paid) = match outcome {
            Some(paid) => (cost.answered(Money(paid), said.tokens), Some(&said), Money(paid)),
            None => (cost.not_billed(), None, Money(0)),
        };
        let entry = Some(entry);
        let bill = Bill { cost: paid, charges, entry, ..Bill::new(&judge(), digest, answer) };
        b.end_purchase(lease, &bill).await.unwrap();
    }
    let (charges, entry) = cost.reserve();
    let order =
        PurchaseOrder { charges, entry: Some(entry), most: cost.most, ..PurchaseOrder::new(&judge(), "d") };
    b.begin_purchase(lease, &order).await.unwrap();
    let b = b.crash().await;
    let tokens = answer("yes").tokens;
    let want = Spent {
        classifier: names.0,
        judge: names.1,
        answers: 2,
        cost: Money(22),
        maybe_billed: 1,
        maybe_cost: Money(40),
        tokens: tokens.and(tokens),
    };
    assert_eq!(b.spent(&day).await.unwrap(), [want], "what may have been billed stands apart");
    assert_eq!(b.spent(&Day::of(asked_at.plus(Duration::from_secs(1)))).await.unwrap(), []);
}
