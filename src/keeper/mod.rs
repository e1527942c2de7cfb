//! Leased periodic work: alarms about dead letters, silent sources, breakers and judges that refuse, retention, and whether there is room.
//!
//! An alarm is an event that the service gives itself, of the source [`OWN_SOURCE`]. It goes the way of any other: routes
//! take it, actions tell of it, with retries and receipts. Each occurrence has a dedupe key, and what was told stands in
//! a cursor that moves after the event is accepted: a crash neither loses nor repeats it.

mod alarm;
mod breakers;
mod dead;
mod hints;
mod parked;
mod refusals;
mod retention;
mod room;
mod silence;

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    domain::{Clock, OWN_SOURCE, Timestamp},
    engine::{Engine, Live},
    host::{self, Pressure, Tasks},
    store::{Accepted, Admission, DedupeKey, OnMatch, Store, StoreError},
    telemetry::Metrics,
};

pub use alarm::{Alarm, DeadLetters, Group, Guarded};
pub use hints::Hints;
pub use retention::Rounds;

/// The turns of periodic work are a tenth shorter than the time between two looks, so that a look that comes a little
/// early does not lose its turn.
const TURN_TENTHS: u32 = 9;

/// What the keeper needs. Clones share everything.
#[derive(Clone)]
pub struct Keeper {
    pub engine: Live,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    /// Where it is told whether there is room.
    pub pressure: Arc<Pressure>,
    /// When the service began to listen.
    pub started: Timestamp,
    /// What was said to other processes of breakers, and heard.
    pub hints: Arc<Hints>,
    /// Told when a breaker closed that another process found to work: there may be something to do.
    pub freed: Arc<Notify>,
}

impl Keeper {
    /// Keeps house until the group of tasks is told to stop; unless `whole`, it only sees whether there is room, what other
    /// processes know of breakers, whether judges refuse what its own workers ask, and what a changed configuration need not wait
    /// for.
    pub async fn run(self, whole: bool) {
        let every_process = async {
            tokio::join!(
                self.watch_the_room(),
                self.share_breakers(),
                self.watch_for_refusals(),
                self.heed_reloads()
            );
        };
        if whole {
            tokio::join!(self.watch(), self.remove_what_is_old(), every_process);
        } else {
            every_process.await;
        }
    }

    async fn watch(&self) {
        while !self.tasks.is_stopping() {
            let began = self.clock.monotonic();
            let every = Duration::from_millis(self.engine().settings.alerts.check_ms);
            match self.store.take_turn("alerts", every * TURN_TENTHS / 10).await {
                Ok(true) => self.look().await,
                Ok(false) => {}
                Err(error) => report("alarms", Err(error)),
            }
            self.rest_since(began, every).await;
        }
    }

    /// Looks for judges that refuse, which only the process knows whose workers ask them.
    async fn watch_for_refusals(&self) {
        while !self.tasks.is_stopping() {
            let began = self.clock.monotonic();
            self.look_for_refusals().await;
            let every = Duration::from_millis(self.engine().settings.alerts.check_ms);
            self.rest_since(began, every).await;
        }
    }

    /// Looks once for dead letters, silent sources and breakers that opened or closed, and tells of what is new.
    pub async fn look(&self) {
        report("dead letters", self.look_for_dead_letters().await);
        report("breakers", self.look_at_breakers().await);
        report("silent sources", self.look_for_silence().await);
    }

    fn engine(&self) -> Arc<Engine> {
        self.engine.now()
    }

    /// Rests until `every` has passed since `began`, by the monotonic clock: one that is set back in between puts nothing
    /// off.
    async fn rest_since(&self, began: Duration, every: Duration) {
        let now = self.clock.now();
        let passed = self.clock.monotonic().saturating_sub(began);
        self.rest_until(now.plus(every.saturating_sub(passed))).await;
    }

    async fn rest_until(&self, at: Timestamp) {
        tokio::select! {
            () = self.clock.sleep_until(at) => {}
            () = self.tasks.stopping() => {}
        }
    }

    /// Gives the event of an alarm; `occurrence` tells it from others of its kind. When it was first given: earlier than
    /// `now`, if whoever gave it could not remember having done so.
    async fn give(&self, alarm: &Alarm, occurrence: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        let event_type = alarm.event_type();
        tracing::warn!(alarm = event_type, "{}", alarm.text());
        let Some((event, jobs)) = self.engine().admit_own(event_type, &alarm.body(), now, host::event_id())
        else {
            self.metrics.alarm(event_type, "no_route");
            return Ok(now);
        };
        let key = DedupeKey { text: format!("{OWN_SOURCE}/{occurrence}"), on_match: OnMatch::Duplicate };
        match self.store.accept(Admission::of_our_own(event, vec![key], jobs)).await? {
            Accepted::Queued { .. } => {
                self.metrics.alarm(event_type, "queued");
                Ok(now)
            }
            Accepted::Duplicate { of, .. } => {
                self.metrics.alarm(event_type, "duplicate");
                let given = self.store.timeline(of).await?;
                Ok(given.map_or(now, |timeline| timeline.event.received_at))
            }
        }
    }
}

/// What failed is tried again at the next look.
fn report(what: &'static str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, what, "the keeper could not do its work; it tries again");
    }
}
