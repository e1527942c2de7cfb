//! Retention: round after round, in bounded steps with rests between them.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    domain::{EventId, Name, Timestamp},
    store::{RetainStep, Retained, Retention, StoreError},
};

use super::{Keeper, TURN_TENTHS, report};

/// Events looked at in one step.
const EVENTS_MAX: u32 = 500;

/// After a step it rests this many times as long as the step took: retention gets a fifth of the store's time at most.
const RESTS: u32 = 4;

/// How often a round begins with the oldest event of all. The others begin where nothing was found that is young: what
/// is older has lost its payload, and waits for its record's time.
const WHOLE_EVERY: Duration = Duration::from_hours(1);

/// Rounds of retention, each beginning where it may find something.
pub struct Rounds<'k> {
    keeper: &'k Keeper,
    /// When a round last began with the oldest event.
    whole: Option<Timestamp>,
    /// Everything up to this event was looked at.
    after: Option<EventId>,
}

impl Keeper {
    /// Rounds of which the first begins with the oldest event.
    pub fn rounds(&self) -> Rounds<'_> {
        Rounds { keeper: self, whole: None, after: None }
    }

    pub(super) async fn remove_what_is_old(&self) {
        let mut rounds = self.rounds();
        while !self.tasks.is_stopping() {
            let began = self.clock.monotonic();
            let every = Duration::from_millis(self.engine().settings.retention.every_ms);
            match self.store.take_turn("retention", every * TURN_TENTHS / 10).await {
                Ok(true) => report("retention", rounds.go().await),
                Ok(false) => {}
                Err(error) => report("retention", Err(error)),
            }
            self.rest_since(began, every).await;
        }
    }
}

impl Rounds<'_> {
    /// Steps from where the round begins to where everything is young.
    ///
    /// # Errors
    /// The store does not answer; the next round goes on from there.
    pub async fn go(&mut self) -> Result<(), StoreError> {
        let Keeper { store, clock, tasks, .. } = self.keeper;
        let now = clock.now();
        let is_due = |last: Timestamp| last > now || now.since(last) >= WHOLE_EVERY;
        if self.whole.is_none_or(is_due) {
            (self.whole, self.after) = (Some(now), None);
        }
        let sources = self.kept().await?;
        let mut removed = Retained::default();
        while !tasks.is_stopping() {
            let step = RetainStep { sources: sources.clone(), after: self.after, events_max: EVENTS_MAX };
            let started = clock.monotonic();
            let done = store.retain(step).await?;
            let took = clock.monotonic().saturating_sub(started);
            self.count(&done);
            removed.payloads += done.payloads;
            removed.records += done.records;
            let Some(next) = done.next else { break };
            self.after = Some(next);
            self.keeper.rest_until(clock.now().plus(took * RESTS)).await;
        }
        if removed.payloads + removed.records > 0 {
            tracing::info!(payloads = removed.payloads, records = removed.records, "removed what was old");
        }
        Ok(())
    }

    fn count(&self, done: &Retained) {
        let metrics = &self.keeper.metrics;
        let removed = [("payloads", done.payloads), ("records", done.records), ("keys", done.keys)];
        removed.into_iter().for_each(|(what, number)| metrics.removed(what, number));
        metrics.removed_bytes(done.bytes);
    }

    /// How long things are kept of every source that is configured, or was when it was heard.
    async fn kept(&self) -> Result<BTreeMap<Name, Retention>, StoreError> {
        let engine = self.keeper.engine();
        let heard = self.keeper.store.last_heard().await?;
        let names = engine.named_sources().chain(heard.iter().map(|(name, _)| name));
        Ok(names.map(|name| (Name::clone(name), engine.retention(name))).collect())
    }
}
