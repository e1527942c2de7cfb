//! Before an effect: the request is frozen, and it is on record that it may leave.

use hookyard::{domain::Next, store::NewJob};

use super::{
    backend::Backend,
    bench::{Bench, assert_conflict},
    given::{AT_ONCE, LEASE, action, event, request, retry},
};

pub async fn a_request_is_frozen_once(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([action("mail", &[])])).await;
    b.queue(event(2).jobs([NewJob { request: Some(request("first")), ..action("note", &[]) }])).await;
    let mut claimed = b.take().await;
    b.begin(claimed[0].lease, Some(request("first"))).await.unwrap();
    for _ in 0..2 {
        for one in &claimed {
            assert_conflict(b.begin(one.lease, Some(request("second"))).await);
            b.begin(one.lease, None).await.unwrap();
            assert_eq!(b.job(one.job.id).await.request, Some(request("first")));
            b.end(one, retry(AT_ONCE)).await;
        }
        claimed = b.take().await;
        assert_eq!(claimed.len(), 2);
        assert!(claimed.iter().all(|one| one.job.request == Some(request("first"))));
    }
}

pub async fn a_frozen_request_survives_a_crash_byte_for_byte(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([action("mail", &[])])).await;
    let claimed = b.take_one().await;
    b.begin(claimed.lease, Some(request("k"))).await.unwrap();
    let b = b.crash().await;
    let again = b.take_one().await;
    assert!(again.job.in_doubt);
    let bytes = |request| serde_json::to_string(&request).expect("JSON");
    assert_eq!(bytes(again.job.request), bytes(Some(request("k"))));
    assert_eq!(bytes(b.job(claimed.job.id).await.request), bytes(Some(request("k"))));
}

pub async fn the_first_attempt_is_remembered(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let first = b.take_one().await;
    assert_eq!(first.job.first_begun_at, None);
    let at = b.now();
    b.begin(first.lease, None).await.unwrap();
    assert_eq!(b.job(first.job.id).await.first_begun_at, Some(at));
    b.end(&first, retry(AT_ONCE)).await;
    b.advance(LEASE);
    let second = b.take_one().await;
    b.begin(second.lease, None).await.unwrap();
    b.end(&second, Next::Done).await;
    assert_eq!(b.job(first.job.id).await.first_begun_at, Some(at));
}

pub async fn a_refused_begin_leaves_no_doubt(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([NewJob { request: Some(request("first")), ..action("mail", &[]) }])).await;
    let claimed = b.take_one().await;
    assert_conflict(b.begin(claimed.lease, Some(request("second"))).await);
    b.advance(LEASE);
    let again = b.take_one().await;
    assert_eq!((again.job.in_doubt, again.job.first_begun_at), (false, None));
}
