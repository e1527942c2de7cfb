//! Limits hold over all processes that share a Redis.

use std::time::Instant;

use hookyard::config::SOURCES;

use crate::support::{
    house::{House, Plan, note},
    redis::RedisServer,
};

fn limited(server: &RedisServer, limit: &str) -> Plan {
    let table = "[source.forms]\n";
    let with_limit = format!("{table}limit = {{ {limit} }}\n");
    House::plan().edit(SOURCES, table, &with_limit).setting("concurrency = 0").on_redis(server)
}

/// How many of so many deliveries are let in, by one process and the other in turns.
async fn let_in(limit: &str, deliveries: usize) -> (usize, f64) {
    let server = RedisServer::start(&[]);
    let plan = limited(&server, limit);
    let house = plan.clone().start().await;
    let other = house.beside(&plan).await;
    let (began, mut accepted) = (Instant::now(), 0);
    for n in 0..deliveries {
        let id = n.to_string();
        let to = if n % 2 == 0 { house.public() } else { other.public() };
        let answer = house.deliver_to(to, &note(&id)).await;
        match answer.status {
            202 => accepted += 1,
            429 => {
                assert!(answer.header("retry-after").is_some_and(|s| s.parse().is_ok_and(|s: u64| s <= 60)))
            }
            _ => panic!("{answer:?}"),
        }
        // What is known is let past by either, and takes nothing.
        let again = if n % 2 == 0 { other.public() } else { house.public() };
        if answer.status == 202 {
            assert_eq!(house.deliver_to(again, &note(&id)).await.word(), "duplicate");
        }
    }
    let metrics = house.ask("/metrics").await.text;
    assert!(metrics.contains("hookyard_limited_alone_total{source=\"forms\"} 0\n"), "{metrics}");
    (accepted, began.elapsed().as_secs_f64() / 60.0)
}

#[tokio::test]
async fn two_processes_let_in_together_what_one_may() {
    let (accepted, minutes) = let_in("other_per_min = 6", 20).await;
    assert!(accepted >= 6 && accepted as f64 <= 6.0 + (6.0 * minutes).ceil(), "{accepted} in {minutes} min");
}

#[tokio::test]
async fn what_a_slice_holds_is_the_most_that_goes_unused() {
    let (accepted, minutes) = let_in("other_per_min = 300", 400).await;
    // A hundredth is kept out of the burst, and each process may hold a slice of as much.
    assert!(
        accepted >= 300 - 3 * 3 && accepted as f64 <= 300.0 + 300.0 * minutes,
        "{accepted} in {minutes} min"
    );
}

#[tokio::test]
async fn one_sender_has_one_share_over_both() {
    let limit = "other_per_min = 100, account_other_per_min = 4";
    let (accepted, minutes) = let_in(limit, 12).await;
    assert!(accepted >= 4 && accepted as f64 <= 4.0 + (4.0 * minutes).ceil(), "{accepted} in {minutes} min");
}
