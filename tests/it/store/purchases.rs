//! No answer is bought twice.

use hookyard::{
    domain::{JobId, Name, Next, Prior, Purchase, PurchaseState},
    store::JobQuery,
};

use super::{
    backend::Backend,
    bench::{Bench, LANES, assert_conflict},
    given::{AT_ONCE, LEASE, answer, die, event, event_id, retry},
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
        assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), prior);
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
        assert_eq!(b.begin_purchase(other.lease, &judge(), "q").await.unwrap(), prior);
    }
}

pub async fn an_answer_is_read_again_and_never_bought_again<B: Backend>(mut b: Bench<B>) {
    b.queue(event(1)).await;
    // As it came: not even JSON.
    let bought = answer("{\"z\":1,\"a\":\u{0}\r\n\u{10ffff}");
    let claimed = b.take_one().await;
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), Prior::Begun);
    b.end_purchase(claimed.lease, &judge(), "q", Some(&bought)).await.unwrap();
    let again = Prior::Answered(bought.clone());
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), again, "in the same lease");

    b = b.crash().await;
    let claimed = b.take_one().await;
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), again, "after a crash");
    b.end(&claimed, retry(AT_ONCE)).await;
    let claimed = b.take_one().await;
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), again, "in the next attempt");
    b.end(&claimed, die()).await;
    b.redrive(JobQuery::default()).await.unwrap();
    let claimed = b.take_one().await;
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), again, "after a redrive");

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
        b.begin_purchase(claimed.lease, &judge(), digest).await.unwrap();
        assert_eq!(bought(&b, asked, "large", digest).await, None, "{digest} has no answer yet");
        b.end_purchase(claimed.lease, &judge(), digest, kept.as_ref()).await.unwrap();
    }
    b.begin_purchase(claimed.lease, &judge(), "open").await.unwrap();
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
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "open").await.unwrap(), Prior::Begun);
    b.end_purchase(claimed.lease, &judge(), "open", Some(&answer("late"))).await.unwrap();
    assert_eq!(bought(&b, asked, "large", "open").await, Some(answer("late")));
}

pub async fn an_answer_ends_all_doubt(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let first = b.take_one().await;
    assert_eq!(b.begin_purchase(first.lease, &judge(), "q").await.unwrap(), Prior::Begun);
    let b = b.crash().await;
    let second = b.take_one().await;
    assert_eq!(b.begin_purchase(second.lease, &judge(), "q").await.unwrap(), Prior::Begun);
    b.end_purchase(second.lease, &judge(), "q", Some(&answer("yes"))).await.unwrap();
    assert_eq!(b.begin_purchase(second.lease, &judge(), "q").await.unwrap(), Prior::Answered(answer("yes")));
    // The first stays what it was: it may have been billed too.
    let kept = states(&purchases(&b, first.job.id).await);
    assert_eq!(kept, [PurchaseState::MaybeBilled, PurchaseState::Answered]);
}

pub async fn what_was_not_billed_may_be_asked_again(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    for _ in 0..3 {
        assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), Prior::Begun);
        b.end_purchase(claimed.lease, &judge(), "q", None).await.unwrap();
    }
    assert_eq!(states(&purchases(&b, claimed.job.id).await), [PurchaseState::NotBilled; 3]);
    let b = b.crash().await;
    let claimed = b.take_one().await;
    assert_eq!(b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap(), Prior::Begun);
    b.end(&claimed, Next::Done).await;
    assert_eq!(purchases(&b, claimed.job.id).await.len(), 4);
}

pub async fn questions_are_told_apart_by_judge_and_digest(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    b.queue(event(2)).await;
    let jobs = b.take().await;
    let lease = jobs[0].lease;
    b.begin_purchase(lease, &judge(), "q").await.unwrap();
    b.end_purchase(lease, &judge(), "q", Some(&answer("yes"))).await.unwrap();
    for (of, judge, digest) in [(lease, "other", "q"), (lease, "large", "r"), (jobs[1].lease, "large", "q")] {
        let judge = judge.into();
        assert_eq!(b.begin_purchase(of, &judge, digest).await.unwrap(), Prior::Begun, "{judge} {digest}");
        let said = answer(&format!("{judge} {digest}"));
        b.end_purchase(of, &judge, digest, Some(&said)).await.unwrap();
        assert_eq!(b.begin_purchase(of, &judge, digest).await.unwrap(), Prior::Answered(said));
    }
    assert_eq!(b.begin_purchase(lease, &judge(), "q").await.unwrap(), Prior::Answered(answer("yes")));
}

pub async fn a_purchase_that_was_not_begun_cannot_end(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    b.begin_purchase(claimed.lease, &judge(), "q").await.unwrap();
    b.end_purchase(claimed.lease, &judge(), "q", Some(&answer("yes"))).await.unwrap();
    b.begin_purchase(claimed.lease, &judge(), "open").await.unwrap();
    let before = b.record(claimed.event.id).await;
    for (judge, digest) in [("large", "unknown"), ("other", "open"), ("large", "q"), ("other", "q")] {
        for said in [Some(&answer("no")), None] {
            assert_conflict(b.end_purchase(claimed.lease, &judge.into(), digest, said).await);
        }
    }
    assert_eq!(b.record(claimed.event.id).await, before);
}
