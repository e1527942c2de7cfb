//! Where there is no room deliveries are refused before they are read, and that is told once.

use std::time::Duration;

use hookyard::store::EraseStep;
use hookyard::{decide::room::Full, domain::EventState, store::Store};

use crate::support::house::{House, action, note, outcomes};

use super::yard::Yard;

const PRESSURE: &str = "hookyard.store_pressure";
/// More than any disk has: a pebibyte.
const NO_DISK: &str = "disk_free_bytes_min = 1125899906842624";

#[tokio::test]
async fn with_too_little_of_the_disk_free_deliveries_are_refused_unread() {
    let house = House::plan().alarmed().setting(NO_DISK).start().await;
    let refused = house.announce(&note("n")).await.answer().await; // no 100 before it: the body was not asked for
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.reason(), "too little of the disk is free");
    let ready = house.ask("/readyz").await;
    assert_eq!((ready.status, ready.text.as_str()), (503, "too little of the disk is free\n"));
    assert_eq!(house.ask("/livez").await.status, 200);
    let counted = house.ask("/metrics").await.text;
    let line = "hookyard_refused_total{source=\"forms\",reason=\"disk\"} 1\n";
    assert!(counted.contains(line), "{counted}");

    let told = house.driven(house.alarm(PRESSURE).await).await;
    assert_eq!(told.state, EventState::Done);
    assert_eq!(outcomes(action(&told, "tell")), ["done"]);
    house.advance(Duration::from_mins(1));
    house.service.keeper.measure().await;
    assert_eq!(house.events().await.len(), 1, "told once");
}

#[tokio::test]
async fn with_too_many_bytes_kept_deliveries_are_refused_until_there_is_room() {
    let house = House::plan().setting("payload_bytes_max = 1000").start().await;
    let mut n = 0;
    while house.service.store.load().payload_bytes < 1_000 {
        house.run(&note(&format!("n-{n}"))).await;
        n += 1;
    }
    house.service.keeper.measure().await;
    let refused = house.deliver(&note("more")).await;
    assert_eq!((refused.status, refused.reason()), (503, "too many bytes are kept"));
    assert_eq!(house.ask("/readyz").await.text, "too many bytes are kept\n");
    let wish = serde_json::json!({ "key": "ada@engines.example" });
    assert_eq!(house.tell("/api/v1/erase", wish).await.status, 200);
    house.service.keeper.measure().await;
    assert_eq!(house.ask("/readyz").await.status, 200);
    assert_eq!(house.deliver(&note("more")).await.status, 202);
}

#[tokio::test]
async fn a_shortage_is_told_once_each_time_also_across_a_restart() {
    let yard = Yard::with(&[("payload_bytes_max = 0", "payload_bytes_max = 10_000")], "");
    let crossing = async |yard: &Yard| {
        let room = yard.keeper.measure().await;
        yard.keeper.tell_of_room(room).await.unwrap();
        (yard.keeper.pressure.get(), yard.alarms(PRESSURE).await.len())
    };
    assert_eq!(crossing(&yard).await, (None, 0));
    yard.accept("large", vec![b'x'; 10_000], &[]).await;
    assert_eq!(crossing(&yard).await, (Some(Full::Bytes), 1));
    assert_eq!(crossing(&yard).await, (Some(Full::Bytes), 1));
    let yard = yard.restart();
    assert_eq!(crossing(&yard).await, (Some(Full::Bytes), 1), "the same shortage");
    yard.store.erase(EraseStep { key: "xxxx".to_owned(), after: None, dry_run: false }).await.unwrap();
    yard.advance(Duration::from_secs(1));
    assert_eq!(crossing(&yard).await, (None, 1));
    yard.accept("another", vec![b'x'; 10_000], &[]).await;
    assert_eq!(crossing(&yard).await, (Some(Full::Bytes), 2), "another one");
    let (_, alarm) = yard.alarms(PRESSURE).await.remove(0);
    assert_eq!((&alarm["data"]["full"], &alarm["data"]["payload_bytes"]), (&"bytes".into(), &10_000.into()));
    assert_eq!(alarm["text"], "deliveries are refused: 10000 bytes of bodies are kept, and 10000 may be");
}
