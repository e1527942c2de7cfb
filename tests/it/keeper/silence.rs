//! A source that falls silent is told of once, and once more when it is back.

use std::time::Duration;

use super::yard::Yard;

const SILENT: &str = "hookyard.source_silent";
const BACK: &str = "hookyard.source_back";
const HOUR: Duration = Duration::from_hours(1);

fn listening() -> Yard {
    Yard::with(&[], "silence_ms = 3_600_000")
}

async fn told(yard: &Yard) -> (usize, usize) {
    (yard.alarms(SILENT).await.len(), yard.alarms(BACK).await.len())
}

#[tokio::test]
async fn each_silence_is_one_alarm_also_across_a_restart() {
    let yard = listening();
    yard.accept("e1", Vec::new(), &[]).await;
    yard.look_after(HOUR - Duration::from_millis(1)).await;
    assert_eq!(told(&yard).await, (0, 0));
    yard.look_after(Duration::from_millis(1)).await;
    yard.look_after(HOUR).await;
    assert_eq!(told(&yard).await, (1, 0));
    let yard = yard.restart();
    yard.look_after(HOUR).await;
    assert_eq!(told(&yard).await, (1, 0), "it is the same silence");

    // A redelivery is a sign of life.
    yard.accept("e1", Vec::new(), &[]).await;
    yard.look_after(Duration::from_secs(10)).await;
    yard.look_after(Duration::from_secs(10)).await;
    assert_eq!(told(&yard).await, (1, 1));
    yard.look_after(HOUR).await;
    yard.look_after(HOUR).await;
    assert_eq!(told(&yard).await, (2, 1), "another silence");
    let (_, alarm) = yard.alarms(SILENT).await.remove(0);
    assert_eq!(
        alarm["text"],
        "forms is silent: nothing came for 1h; it was last heard at 2026-01-01T00:00:00.000Z"
    );
    assert_eq!(alarm["data"]["silence_ms"], 3_600_000);
}

#[tokio::test]
async fn a_source_that_was_never_heard_counts_from_the_start() {
    let yard = listening();
    yard.look_after(HOUR).await;
    yard.look_after(HOUR).await;
    let alarms = yard.alarms(SILENT).await;
    let [(_, alarm)] = alarms.as_slice() else { panic!("one alarm: {alarms:?}") };
    assert_eq!((&alarm["data"]["source"], &alarm["data"]["last_heard"]), (&"forms".into(), &().into()));
}

#[tokio::test]
async fn without_the_setting_nobody_is_told() {
    let yard = Yard::new();
    yard.look_after(100 * HOUR).await;
    assert_eq!(told(&yard).await, (0, 0));
}
