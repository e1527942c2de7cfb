//! Clocks that jump: leases and waits go on as if they had not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hookyard::{
    domain::{Clock, JobState, Next, Timestamp, Wait},
    store::Store,
};

use super::{
    backend::open_in,
    bench::{LANES, wanting},
    given::{LEASE, TICK, event, event_id, retry, settlement},
};

const HOUR: Duration = Duration::from_hours(1);

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
    let start = 1_767_225_600_000;
    clock.set(start);
    let store = open_in(dir.path(), Arc::new(|_, _| {}), clock.clone()).unwrap();
    let accept = async |n| store.accept(event(n).received(clock.now())).await.unwrap();
    let take = async || store.claim(wanting(LANES, 9)).await.unwrap().jobs;
    let (day, back) = (86_400_000, |by: i64| start - by);

    accept(1).await;
    let claimed = take().await.remove(0);
    clock.set(start + day);
    assert!(take().await.is_empty(), "forward: the lease is the monotonic clock's");
    clock.set(back(day));
    assert!(take().await.is_empty(), "back: so it is");
    store.settle(claimed.lease, settlement(retry(HOUR))).await.unwrap();
    assert!(take().await.is_empty(), "back: a retry waits as long as it was told to");

    // What was due before the clock went back is due still, and waits go on by the time that really passes.
    accept(2).await;
    assert_eq!(take().await.len(), 1, "what is new is done at once");
    clock.advance(HOUR - TICK);
    assert_eq!(take().await.len(), 1, "the lease of the second has run out; the first waits still");
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
