//! What a flood of refusals leaves in the log.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::house::{Delivery, House, note};

/// What this test's thread logs, which is all of its house: one thread runs both.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Page {
    type Writer = Page;

    fn make_writer(&self) -> Page {
        self.clone()
    }
}

impl Page {
    /// Source, reason and count held back of each refusal logged.
    fn refusals(&self) -> Vec<(String, String, u64)> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take());
        let of = |fields: &Value, name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        lines
            .filter(|fields| fields["message"] == "delivery refused")
            .map(|f| (of(&f, "source"), of(&f, "reason"), f["held_back"].as_u64().unwrap()))
            .collect()
    }
}

#[tokio::test]
async fn refusals_are_logged_once_a_second_for_each_source_and_reason() {
    let page = Page::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(page.clone()).finish();
    // While a process has only one subscriber, tracing asks the thread that first comes to a line whether anybody wants it;
    // that may be another test's, and the line then stays silent for all. With two it asks the subscribers.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _logging = tracing::subscriber::set_default(subscriber);
    let house = House::plan().setting("concurrency = 0").start().await;

    let forged = Delivery { secret: "a stranger's", ..note("n") };
    let unsigned = [("x-webhook-timestamp", "0".to_owned())];
    let long = format!("/webhooks/{}", "x".repeat(3_000));
    for _ in 0..20 {
        assert_eq!(house.deliver(&forged).await.status, 401);
        assert_eq!(house.post("/webhooks/forms", &unsigned, b"{}").await.status, 401);
        assert_eq!(house.post("/webhooks/stripe", &[], b"{}").await.status, 401);
        assert_eq!(house.post(&long, &[], b"{}").await.status, 404);
    }
    let shown = "x".repeat(64);
    let each = |held_back| {
        vec![
            ("forms".to_owned(), "bad_signature".to_owned(), held_back),
            ("forms".to_owned(), "missing_signature".to_owned(), held_back),
            ("stripe".to_owned(), "missing_signature".to_owned(), held_back),
            (shown.clone(), "unknown_source".to_owned(), held_back),
        ]
    };
    assert_eq!(page.refusals(), each(0));

    house.advance(Duration::from_secs(1));
    house.deliver(&forged).await;
    house.post("/webhooks/forms", &unsigned, b"{}").await;
    house.post("/webhooks/stripe", &[], b"{}").await;
    house.post(&long, &[], b"{}").await;
    assert_eq!(page.refusals()[4..], each(19));

    // The metrics count every one.
    let metrics = house.ask("/metrics").await.text;
    let series = "hookyard_refused_total{source=\"forms\",reason=\"bad_signature\"} 21";
    assert!(metrics.lines().any(|line| line == series), "{metrics}");
}
