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

/// How often a round begins with the oldest event of all, and walks over all dedupe keys. The others begin where nothing
/// was found that is to go: what is older has lost its payload, and waits for its record's time.
const WHOLE_EVERY: Duration = Duration::from_hours(1);

/// Rounds of retention, each beginning where it may find something.
pub struct Rounds<'k> {
    keeper: &'k Keeper,
    /// When a round last began with the oldest event.
    whole: Option<Timestamp>,
    /// The walk over the dedupe keys is to be brought to its end.
    keys_left: bool,
    /// How far each walk came: one looks for what is too old, and one for each source that is beyond its bytes. What is
    /// too old of one source says nothing of where the oldest payloads of another are.
    after: BTreeMap<Option<Name>, EventId>,
}

impl Keeper {
    /// Rounds of which the first begins with the oldest event.
    pub fn rounds(&self) -> Rounds<'_> {
        Rounds { keeper: self, whole: None, keys_left: false, after: BTreeMap::new() }
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
    /// Lets go of what is too old, and then of the oldest payloads of each source that is still beyond its bytes.
    ///
    /// # Errors
    /// The store does not answer; the next round goes on from there.
    pub async fn go(&mut self) -> Result<(), StoreError> {
        let now = self.keeper.clock.now();
        let is_due = |last: Timestamp| last > now || now.since(last) >= WHOLE_EVERY;
        if self.whole.is_none_or(is_due) {
            (self.whole, self.keys_left) = (Some(now), true);
            self.after.clear();
        }
        let kept = self.kept().await?;
        let mut removed = Retained::default();
        let gone = self.remove(&kept, &mut removed).await;
        if removed.payloads + removed.records > 0 {
            tracing::info!(payloads = removed.payloads, records = removed.records, "removed what was old");
        }
        gone?;
        self.forget_keys().await
    }

    async fn remove(
        &mut self,
        kept: &BTreeMap<Name, Retention>,
        removed: &mut Retained,
    ) -> Result<(), StoreError> {
        let by_age = |kept: &Retention| Retention { payload_bytes_max: u64::MAX, ..*kept };
        let all = kept.iter().map(|(name, kept)| (Name::clone(name), by_age(kept))).collect();
        self.walk(None, all, removed).await?;
        let depths = self.keeper.store.depths().await?;
        for (name, bytes) in depths.payload_bytes {
            let Some(Retention { payload_bytes_max, .. }) = kept.get(&name).copied() else { continue };
            if bytes > payload_bytes_max {
                let (payload_age, record_age) = (Duration::MAX, Duration::MAX);
                let by_bytes = Retention { payload_age, record_age, payload_bytes_max };
                let alone = BTreeMap::from([(Name::clone(&name), by_bytes)]);
                self.walk(Some(name), alone, removed).await?;
            }
        }
        Ok(())
    }

    /// Steps from where this walk came to, to where nothing more is to go.
    async fn walk(
        &mut self,
        walk: Option<Name>,
        sources: BTreeMap<Name, Retention>,
        removed: &mut Retained,
    ) -> Result<(), StoreError> {
        while !self.keeper.tasks.is_stopping() {
            let after = self.after.get(&walk).copied();
            let done =
                self.step(RetainStep { sources: sources.clone(), after, events_max: EVENTS_MAX }).await?;
            removed.payloads += done.payloads;
            removed.records += done.records;
            let Some(next) = done.next else { break };
            self.after.insert(walk.clone(), next);
        }
        Ok(())
    }

    /// Brings the walk over the dedupe keys to its end, however many they are: so each is looked at in time, at
    /// whatever rate they come.
    async fn forget_keys(&mut self) -> Result<(), StoreError> {
        while self.keys_left && !self.keeper.tasks.is_stopping() {
            let step = RetainStep { sources: BTreeMap::new(), after: None, events_max: 0 };
            self.keys_left = self.step(step).await?.keys_left;
        }
        Ok(())
    }

    /// One step, and a rest if more are to follow.
    async fn step(&self, step: RetainStep) -> Result<Retained, StoreError> {
        let Keeper { store, clock, .. } = self.keeper;
        let started = clock.monotonic();
        let done = store.retain(step).await?;
        let took = clock.monotonic().saturating_sub(started);
        self.count(&done);
        if done.next.is_some() || done.keys_left {
            self.keeper.rest_until(clock.now().plus(took * RESTS)).await;
        }
        Ok(done)
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
