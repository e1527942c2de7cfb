//! Who hears that a vendor is waited for: a run that is silent for a minute looks like one that hangs.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::Clock;

/// A wait that is shorter is nobody's affair.
const SHORT: Duration = Duration::from_millis(500);

/// How often waits are told of at the most, unless one is longer than what was told.
const EVERY: Duration = Duration::from_secs(10);

/// Takes one sentence.
type Tell = dyn Fn(&str) + Send + Sync;

/// Hears of waits, of all cases of a run together. Nobody does by default.
#[derive(Clone, Default)]
pub struct Waits {
    tell: Option<Arc<Tell>>,
    /// Until when it has been told, by the monotonic clock.
    told_until: Arc<Mutex<Duration>>,
}

impl Waits {
    /// `tell` hears one sentence at a time.
    pub fn told_to(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Waits { tell: Some(Arc::new(tell)), told_until: Arc::default() }
    }

    /// From `now` on there is a wait: `says` what for, if it is told.
    pub(super) fn begin(&self, now: Duration, wait: Duration, says: impl FnOnce() -> String) {
        let Some(tell) = &self.tell else { return };
        let mut told_until = self.told_until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now.saturating_add(wait);
        if wait < SHORT || (now < *told_until && until < told_until.saturating_add(EVERY)) {
            return;
        }
        *told_until = until.max(now.saturating_add(EVERY));
        drop(told_until);
        tell(&says());
    }

    /// `work` to its end; `says` what is told of the time that it takes.
    pub(super) async fn during<T>(
        &self,
        work: impl Future<Output = T>,
        clock: &dyn Clock,
        says: impl Fn(Duration) -> String,
    ) -> T {
        let (mut work, begun) = (pin!(work), clock.monotonic());
        loop {
            tokio::select! {
                biased; // what has come is taken
                done = &mut work => return done,
                () = clock.sleep_until(clock.now().plus(EVERY)) => {
                    let now = clock.monotonic();
                    self.begin(now, EVERY, || says(now.saturating_sub(begun)));
                }
            }
        }
    }
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;
    use crate::domain::{Timestamp, Wait};

    /// Whoever sleeps moves it on.
    #[derive(Default)]
    struct Leaping(Mutex<Duration>);

    impl Clock for Leaping {
        fn now(&self) -> Timestamp {
            Timestamp::default().plus(self.monotonic())
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().expect("whole")
        }

        fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
            Box::pin(async move {
                yield_now().await;
                *self.0.lock().expect("whole") = at.since(Timestamp::default());
            })
        }
    }

    type Heard = Arc<Mutex<Vec<String>>>;

    fn listening() -> (Waits, Heard) {
        let heard = Heard::default();
        let ear = Arc::clone(&heard);
        (Waits::told_to(move |text| ear.lock().expect("whole").push(text.to_owned())), heard)
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_told_of_from_time_to_time() {
        let ((waits, heard), clock) = (listening(), Leaping::default());
        let late = async {
            while clock.monotonic() < Duration::from_secs(25) {
                yield_now().await;
            }
            "at last"
        };
        let came = waits.during(late, &clock, |time| time.as_secs().to_string()).await;
        assert_eq!((came, heard.lock().expect("whole").join(" ").as_str()), ("at last", "10 20 30"));
    }

    #[test]
    fn what_all_cases_wait_for_is_told_once_and_again_only_if_it_takes_much_longer() {
        let (waits, heard) = listening();
        let at = Duration::from_millis;
        for (now, wait, says) in [
            (0, 400, "short"),
            (10, 1_000, "a"),
            (20, 1_000, "b"),
            (30, 60_000, "c"),
            (9_000, 1_000, "d"),
            (61_000, 500, "e"),
        ] {
            waits.begin(at(now), at(wait), || says.to_owned());
        }
        assert_eq!(*heard.lock().expect("whole"), ["a", "c", "e"]);
    }
}
