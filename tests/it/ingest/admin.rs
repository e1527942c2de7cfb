//! The admin listener: what it counts, and who may ask.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::support::house::{Delivery, House, Wire, note, payment, stripe};

/// The value of one line of `/metrics`.
fn metric(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {series} in\n{page}"))
}

#[tokio::test]
async fn metrics_count_what_came_in() {
    let house = House::plan().setting("concurrency = 0").start().await;
    for _ in 0..3 {
        house.deliver(&note("n")).await;
    }
    house.deliver(&Delivery { secret: "a stranger's", ..note("x") }).await;
    house.deliver(&Delivery { source: "nobody", ..note("x") }).await;
    house.deliver(&payment("evt_1")).await;
    house.deliver(&Delivery::stripe(stripe("evt_2", "invoice.created", json!({})))).await;
    house.deliver(&Delivery::stripe("{")).await;
    house.advance(Duration::from_secs(7));
    let page = house.ask("/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for (series, want) in [
        (r#"hookyard_received_total{source="forms"}"#, 4.0),
        (r#"hookyard_received_total{source="stripe"}"#, 3.0),
        (r#"hookyard_received_total{source="github"}"#, 0.0),
        (r#"hookyard_accepted_total{source="forms"}"#, 1.0),
        (r#"hookyard_accepted_total{source="stripe"}"#, 2.0),
        (r#"hookyard_duplicates_total{source="forms"}"#, 2.0),
        (r#"hookyard_ignored_total{source="stripe",reason="no filter rule takes it"}"#, 1.0),
        (r#"hookyard_refused_total{source="forms",reason="bad_signature"}"#, 1.0),
        (r#"hookyard_refused_total{source="unknown",reason="unknown_source"}"#, 1.0),
        (r#"hookyard_lane_depth{lane="critical"}"#, 1.0),
        (r#"hookyard_lane_depth{lane="normal"}"#, 1.0),
        (r#"hookyard_lane_depth{lane="bulk"}"#, 0.0),
        (r#"hookyard_lane_age_seconds{lane="critical"}"#, 7.0),
        (r#"hookyard_lane_age_seconds{lane="bulk"}"#, 0.0),
        (r#"hookyard_jobs_held{state="dead"}"#, 1.0),
    ] {
        assert_eq!(metric(&page.text, series), want, "{series}");
    }
    assert!(metric(&page.text, "hookyard_commit_seconds_count") >= 3.0);
    assert!(page.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn metrics_count_how_jobs_end() {
    let house = House::start().await;
    house.run(&payment("evt_1")).await;
    house.sandbox.fail_next("/crm/payments", 1, 422);
    house.run(&payment("evt_2")).await;
    let metrics = Arc::clone(&house.service.metrics);
    house.service.stop().await; // an attempt is counted just after its end is on record
    let page = metrics.render();
    for (series, want) in [
        (r#"hookyard_jobs_total{kind="route",outcome="done"}"#, 2.0),
        (r#"hookyard_jobs_total{kind="action",outcome="done"}"#, 7.0), // seven branches
        (r#"hookyard_jobs_total{kind="action",outcome="dead"}"#, 1.0),
    ] {
        assert_eq!(metric(&page, series), want, "{series}");
    }
}

#[tokio::test]
async fn the_service_says_that_it_lives_and_is_ready() {
    let house = House::plan().token("open sesame").start().await;
    for path in ["/livez", "/readyz"] {
        let answer = house.ask(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "ok\n"), "{path}");
    }
}

#[tokio::test]
async fn with_a_token_only_its_bearer_may_ask() {
    let house = House::plan().token("open sesame").start().await;
    for (given, status) in [
        (None, 401),
        (Some("Bearer open"), 401),
        (Some("Bearer open sesame "), 200), // white space around a header's value is not part of it
        (Some("Bearer open sesame!"), 401),
        (Some("open sesame"), 401),
        (Some("Basic open sesame"), 401),
        (Some("Bearer open sesame"), 200),
    ] {
        let headers: Vec<_> = given.map(|given| ("authorization", given.to_owned())).into_iter().collect();
        for path in ["/metrics", "/api/v1/events", "/api/v1/depths", "/api/v1/jobs"] {
            let answer = Wire::call(house.service.admin, "GET", path, &headers, b"").await;
            assert_eq!(answer.status, status, "{given:?} {path}");
        }
    }
    assert_eq!(house.tell("/api/v1/pause", json!({})).await.status, 401);
}

#[tokio::test]
async fn without_a_token_a_browser_that_was_led_here_may_not_ask() {
    let house = House::start().await;
    for (host, status) in [
        ("127.0.0.1:9090", 200),
        ("127.0.0.1", 200),
        ("localhost:9090", 200),
        ("[::1]:9090", 200),
        ("ourcompany.example", 401),
        ("localhost.attacker.example", 401),
        ("attacker.example:127", 401),
        // Names that a stranger's name server can point at this machine.
        ("127.attacker.example", 401),
        ("127.0.0.1.attacker.example:9090", 401),
    ] {
        let headers = [("host", host.to_owned())];
        let answer = Wire::call(house.service.admin, "GET", "/api/v1/events", &headers, b"").await;
        assert_eq!(answer.status, status, "{host}");
    }
    for origin in ["https://attacker.example", "null", "http://localhost:9090"] {
        let headers = [("origin", origin.to_owned()), ("content-type", "application/json".to_owned())];
        let answer = Wire::call(house.service.admin, "POST", "/api/v1/pause", &headers, b"{}").await;
        assert_eq!(answer.status, 401, "{origin}");
    }
    assert_eq!(house.run(&note("n")).await.state.as_str(), "done", "nothing was paused");
}

#[tokio::test]
async fn an_ipv6_address_of_this_machine_needs_no_port() {
    let house = House::start().await;
    let headers = [("host", "[::1]".to_owned())];
    assert_eq!(Wire::call(house.service.admin, "GET", "/api/v1/events", &headers, b"").await.status, 200);
}

#[tokio::test]
async fn the_public_listeners_paths_are_not_here() {
    let house = House::start().await;
    let delivery = note("n");
    let headers = delivery.headers(house.now());
    let answer = Wire::call(house.service.admin, "POST", "/webhooks/forms", &headers, &delivery.body).await;
    assert_eq!((answer.status, house.events().await.len()), (404, 0));
}
