//! Clocks that jump: leases and waits go on as if they had not.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use hookyard::{
    domain::{Body, Clock, JobState, Next, Timestamp, Wait},
    store::{Accepted, RetainStep, Retained, Retention, Store, sqlite::SqliteStore},
};

use super::{
    backend::open_in,
    bench::{LANES, wanting},
    given::{LEASE, TICK, event, event_id, retry, same, settlement},
};

const HOUR: Duration = Duration::from_hours(1);

const START_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;

/// A wall clock that can be set, over a monotonic one that cannot.
#[derive(Debug, Default)]
struct Settable(Mutex<(i64, Duration)>);

impl Settable {
    fn set(&self, ms: i64) {
        self.0.lock().unwrap().0 = ms;
    }

    fn advance(&self, by: Duration) {
        let mut both = self.0.lock().unwrap();
        both.0 += by.as_millis() as i64;
        both.1 += by;
    }
}

impl Clock for Settable {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.lock().unwrap().0)
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }

    fn sleep_until(&self, _at: Timestamp) -> Wait<'_> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_clock_that_jumps_takes_no_lease_and_holds_no_work_up() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::<Settable>::default());
    clock.set(START_MS);
    let store = open_in(dir.path(), Arc::new(|_, _| {}), clock.clone()).unwrap();
    let accept = async |n| store.accept(event(n).received(clock.now())).await.unwrap();
    let take = async || store.claim(wanting(LANES, 9)).await.unwrap().jobs;
    accept(1).await;
    let claimed = take().await.remove(0);
    clock.set(START_MS + DAY_MS);
    assert!(take().await.is_empty(), "forward: the lease is the monotonic clock's");
    clock.set(START_MS - DAY_MS);
    assert!(take().await.is_empty(), "back: so it is");
    store.settle(claimed.lease, settlement(retry(HOUR))).await.unwrap();
    assert!(take().await.is_empty(), "back: a retry waits as long as it was told to");

    // What was due before the clock went back is due still, and waits go on by the time that really passes.
    accept(2).await;
    assert_eq!(take().await.len(), 1, "what is new is done at once");
    clock.advance(HOUR - TICK);
    let second = take().await;
    assert_eq!(second.len(), 1, "the lease of the second has run out; the first waits still");
    assert_eq!(second[0].at.since(second[0].job.fresh_at), HOUR - TICK, "its age is the time that passed");
    clock.advance(TICK);
    assert_eq!(take().await.len(), 1, "the hour is over");
    clock.advance(LEASE);
    let again = take().await;
    assert_eq!(again.len(), 2, "leases run out by the time that passes");
    for claimed in again {
        store.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
    }
    accept(3).await;
    clock.advance(TICK);
    assert_eq!(take().await.len(), 1);
    let states = store.timeline(event_id(3)).await.unwrap().unwrap().jobs;
    assert_eq!(states[0].job.state, JobState::Leased);
}

/// A store whose clock was 40 days ahead for a while: an event came then.
async fn was_ahead(dir: &Path, clock: &Arc<Settable>) -> SqliteStore {
    clock.set(START_MS);
    let store = open_in(dir, Arc::new(|_, _| {}), Arc::<Settable>::clone(clock)).unwrap();
    clock.set(START_MS + 40 * DAY_MS);
    store.accept(event(1).received(clock.now())).await.unwrap();
    clock.set(START_MS);
    clock.advance(HOUR);
    store
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_makes_no_duplicate_new() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::<Settable>::default());
    let store = was_ahead(dir.path(), &clock).await;
    let send = async |n| store.accept(event(n).keys([same("k")]).received(clock.now())).await.unwrap();
    assert_eq!(send(2).await, Accepted::Queued { suspected_replay_of: None });
    clock.advance(TICK);
    assert!(matches!(send(3).await, Accepted::Duplicate { of, .. } if of == event_id(2)));
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_makes_nothing_old() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::<Settable>::default());
    let store = was_ahead(dir.path(), &clock).await;
    for n in [2, 3] {
        store.accept(event(n).received(clock.now())).await.unwrap();
    }
    for claimed in store.claim(wanting(LANES, 9)).await.unwrap().jobs {
        store.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
    }
    let kept = Retention { payload_age: 24 * HOUR, record_age: 48 * HOUR, payload_bytes_max: u64::MAX };
    let sources = [(event(1).event.source, kept)].into_iter().collect();
    let step = RetainStep { sources, after: None, events_max: 9 };
    for after in [None, Some(event_id(1))] {
        let step = RetainStep { after, ..step.clone() };
        assert_eq!(store.retain(step).await.unwrap(), Retained::default(), "an hour old");
    }

    // What came while the clock was ahead stays longer, and holds nothing up.
    clock.advance(24 * HOUR);
    assert_eq!(store.retain(step).await.unwrap().payloads, 2);
    let body = async |n| store.timeline(event_id(n)).await.unwrap().unwrap().event.body.clone();
    assert!(matches!((body(1).await, body(2).await), (Body::Here(_), Body::Gone)));
}
