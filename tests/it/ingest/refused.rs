//! What never becomes an event.

use std::time::Duration;

use crate::support::house::{Delivery, House, Wire, lead, note, payment, stripe};
use serde_json::json;

const STRANGER: &str = "whsec_c29tZWJvZHkgZWxzZSwgMDEyMzQ1Njc4OWFi";

async fn nothing_is_stored(house: &House) {
    assert_eq!(house.events().await.len(), 0);
}

#[tokio::test]
async fn a_source_that_is_not_there_is_not_found() {
    let house = House::plan().without("STRIPE_WEBHOOK_SECRET").start().await;
    let nobody = Delivery { source: "nobody", ..note("n") };
    for delivery in [nobody, payment("evt_1")] {
        let answer = house.deliver(&delivery).await;
        assert_eq!((answer.status, answer.reason()), (404, "no such source"), "{}", delivery.source);
    }
    nothing_is_stored(&house).await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_signature_the_answer_is_the_same() {
    let house = House::start().await;
    let pull = Delivery::github("d-1", "pull_request", json!({ "action": "opened" }));
    let mut told = Vec::new();
    for delivery in [payment("evt_1"), note("n"), Delivery::partners("m", "{}"), pull] {
        let path = format!("/webhooks/{}", delivery.source);
        let good = delivery.headers(house.now());
        let signature = |name: &str| name.contains("signature");
        let missing: Vec<_> = good.iter().filter(|(name, _)| !signature(name)).cloned().collect();
        let mut bad = good.clone();
        bad.iter_mut().filter(|(name, _)| signature(name)).for_each(|(_, value)| *value = "x".to_owned());
        let forged = Delivery { secret: STRANGER, ..delivery.clone() }.headers(house.now());
        for headers in [&missing, &bad, &forged] {
            told.push(house.post(&path, headers, &delivery.body).await);
        }
        let mut altered = delivery.body.clone();
        altered.push(b' ');
        told.push(house.post(&path, &good, &altered).await);
    }
    let texts: Vec<_> = told.iter().map(|answer| (answer.status, answer.text.as_str())).collect();
    let want = (401, r#"{"status":"refused","reason":"the delivery could not be verified"}"#);
    assert_eq!(texts, vec![want; 16]);
    nothing_is_stored(&house).await;
}

#[tokio::test]
async fn a_signed_time_too_far_off_is_refused_in_both_directions() {
    let house = House::start().await;
    house.advance(Duration::from_secs(3_600));
    let at = |s: i64| Some(hookyard::domain::Timestamp::from_millis(house.now().as_millis() + s * 1_000));
    let failed = json!({ "type": "payment.failed", "data": {} });
    for delivery in [payment("evt_1"), note("n"), Delivery::partners("m", failed)] {
        for (off_s, status) in [(-301, 401), (301, 401), (-299, 202), (299, 200)] {
            let answer = house.deliver(&Delivery { at: at(off_s), ..delivery.clone() }).await;
            assert_eq!(answer.status, status, "{} {off_s} s: {answer:?}", delivery.source);
        }
    }
}

#[tokio::test]
async fn each_of_several_live_secrets_may_sign() {
    let house = House::plan()
        .edit(
            hookyard::config::SOURCES,
            r#"secrets = ["${FORMS_WEBHOOK_SECRET}"]"#,
            r#"secrets = ["${FORMS_WEBHOOK_SECRET}", "${FORMS_NEXT_SECRET}"]"#,
        )
        .set("FORMS_NEXT_SECRET", "the next one")
        .start()
        .await;
    for (id, secret, status) in
        [("a", note("").secret, 202), ("b", "the next one", 202), ("c", "one that was never there", 401)]
    {
        assert_eq!(house.deliver(&Delivery { secret, ..note(id) }).await.status, status, "{secret}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_its_length() {
    let house = House::plan().setting("body_bytes_max = 2048").start().await;
    let of_length = |id, length: usize| {
        let mut delivery = note(id);
        delivery.body.resize(length, b' ');
        delivery
    };
    assert_eq!(house.deliver(&of_length("fits", 2_048)).await.status, 202);
    let over = of_length("over", 2_049);
    let headers = over.headers(house.now());

    let mut announced = Wire::open(house.public()).await;
    announced.head_of("POST", "/webhooks/forms", &headers, Some(over.body.len())).await;
    let announced = announced.answer().await;

    let mut chunked = Wire::open(house.public()).await;
    let mut in_chunks = headers.clone();
    in_chunks.push(("transfer-encoding", "chunked".to_owned()));
    chunked.head_of("POST", "/webhooks/forms", &in_chunks, None).await;
    chunked.say(format!("{:x}\r\n", over.body.len()).as_bytes()).await;
    chunked.say(&over.body).await;
    for answer in [announced, chunked.answer().await] {
        assert_eq!((answer.status, answer.reason()), (413, "the body is larger than 2048 bytes"));
    }
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test]
async fn a_body_in_chunks_is_taken_like_any_other() {
    let house = House::start().await;
    let delivery = note("n");
    let mut headers = delivery.headers(house.now());
    headers.push(("transfer-encoding", "chunked".to_owned()));
    let mut wire = Wire::open(house.public()).await;
    wire.head_of("POST", "/webhooks/forms", &headers, None).await;
    for part in delivery.body.chunks(7) {
        wire.say(format!("{:x}\r\n", part.len()).as_bytes()).await;
        wire.say(part).await;
        wire.say(b"\r\n").await;
    }
    wire.say(b"0\r\n\r\n").await;
    let answer = wire.answer().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let stored = house.service.store.timeline(answer.event()).await.unwrap().unwrap();
    assert_eq!(stored.event.body, delivery.body.into());
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let house = House::start().await;
    let delivery = note("n");
    for (coding, status) in [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("identity", 202)] {
        let mut headers = delivery.headers(house.now());
        headers.push(("content-encoding", coding.to_owned()));
        assert_eq!(house.post("/webhooks/forms", &headers, &delivery.body).await.status, status, "{coding}");
    }
}

#[tokio::test]
async fn a_ping_is_answered_and_not_stored() {
    let house = House::start().await;
    let answer = house.deliver(&Delivery::github("p", "ping", json!({ "zen": "Keep it simple." }))).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"status":"pong"}"#));
    let forged = Delivery { secret: STRANGER, ..Delivery::github("p", "ping", "{}") };
    assert_eq!(house.deliver(&forged).await.status, 401);
    nothing_is_stored(&house).await;
}

#[tokio::test]
async fn what_the_filter_ignores_is_told_why_and_not_stored() {
    let house = House::start().await;
    let pushed = json!({ "action": "synchronize" });
    for (delivery, reason) in [
        (Delivery::stripe(stripe("evt_1", "invoice.created", json!({}))), "no filter rule takes it"),
        (Delivery::github("d", "pull_request", pushed), "only newly opened pull requests are read"),
    ] {
        for _ in 0..2 {
            let answer = house.deliver(&delivery).await;
            assert_eq!((answer.status, answer.word()), (200, "ignored"));
            assert_eq!(answer.reason(), reason);
        }
    }
    nothing_is_stored(&house).await;
}

#[tokio::test]
async fn other_paths_and_methods_do_nothing() {
    let house = House::start().await;
    let delivery = lead("l");
    let headers = delivery.headers(house.now());
    for (method, path, status) in [
        ("GET", "/webhooks/forms", 405),
        ("PUT", "/webhooks/forms", 405),
        ("DELETE", "/webhooks/forms", 405),
        ("POST", "/", 404),
        ("POST", "/webhooks", 404),
        ("POST", "/webhooks/", 404),
        ("POST", "/webhooks/forms/", 404),
        ("POST", "/webhooks/forms/more", 404),
        ("POST", "/webhooks/../webhooks/forms", 404),
        ("POST", "/webhooks/FORMS", 404),
        // The admin listener's, which are not here.
        ("GET", "/metrics", 404),
        ("GET", "/livez", 404),
        ("GET", "/readyz", 404),
        ("GET", "/api/v1/events", 404),
        ("POST", "/api/v1/pause", 404),
    ] {
        let answer = Wire::call(house.public(), method, path, &headers, &delivery.body).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    nothing_is_stored(&house).await;
    assert_eq!(house.deliver(&delivery).await.status, 202);
}
