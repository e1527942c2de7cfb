//! Retention, and erasing a person's data: both in bounded steps, in the order of the events' ids.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    decide::erase::Key,
    domain::{AttemptOutcome, Body, EventId, JobState, Name},
    store::{EraseStep, Erased, RetainStep, Retained, Retention, StoreError, state::State},
};

use super::{Core, desk::Desk, keys::Shard, record::Record};

/// Events looked at in one step of erasing.
const EVENTS_MAX: usize = 200;

/// Why jobs end, and what the record says instead of what was said.
const ERASED: &str = "a person's data was erased";

/// What retention does to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    Payload,
    Record,
}

impl Core {
    /// The next events after one, over all shards, in order.
    async fn next_ids(
        &self,
        after: Option<EventId>,
        max: usize,
    ) -> Result<Vec<(Shard, EventId)>, StoreError> {
        let mut found = Vec::new();
        for shard in self.shards.all() {
            let ids = self.ids_after(shard, after, max).await?;
            found.extend(ids.into_iter().map(|id| (shard.clone(), id)));
        }
        found.sort_unstable_by_key(|(_, id)| *id);
        found.truncate(max);
        Ok(found)
    }

    pub(super) async fn retain(&self, step: &RetainStep) -> Result<Retained, StoreError> {
        let mut done = Retained::default();
        let max = step.events_max as usize;
        let found = self.next_ids(step.after, max).await?;
        if found.len() == max {
            done.next = found.last().map(|(_, id)| *id);
        }
        let mut bytes: BTreeMap<Name, u64> = self.depths().await?.payload_bytes.into_iter().collect();
        for (shard, id) in found {
            let Some(record) = self.load(&shard, id).await? else { continue };
            let beyond = |source: &str| {
                let kept = bytes.get(source).copied().unwrap_or(0);
                step.sources.get(source).is_some_and(|of| kept > of.payload_bytes_max)
            };
            let age = self.clock.wall().since(record.event.received_at);
            let in_order = record.event.received_at <= self.clock.wall();
            let young = |kept: &Retention| age < kept.payload_age && age < kept.record_age;
            let full = step.sources.keys().any(|source| beyond(source));
            if in_order && !full && step.sources.values().all(young) {
                // All that follow are younger.
                done.next = None;
                break;
            }
            let Some(kept) = step.sources.get(&record.event.source) else { continue };
            let is_beyond = beyond(&record.event.source);
            let newest = self.next_ids(Some(id), 1).await?.is_empty();
            let goes = |desk: &Desk| {
                let record = age >= kept.record_age && !newest && desk.record.errands.is_empty();
                let bytes = desk.record.event.body.len();
                let payload = bytes > 0 && (age >= kept.payload_age || is_beyond);
                let is_over = desk.record.states().all(JobState::is_final);
                match (is_over, record, payload) {
                    (true, true, _) => Some(Goes::Record),
                    (true, false, true) => Some(Goes::Payload),
                    (true, false, false) | (false, _, _) => None,
                }
            };
            let told = self.change_in(&shard, id, |desk| {
                let goes = goes(desk);
                match goes {
                    Some(Goes::Record) => desk.removed = true,
                    Some(Goes::Payload) => remove_payload(desk),
                    None => {}
                }
                Ok(goes)
            });
            let Some(goes) = told.await?.flatten() else { continue };
            let gone = record.event.body.len();
            done.bytes += gone;
            if let Some(kept) = bytes.get_mut(&record.event.source) {
                *kept = kept.saturating_sub(gone);
            }
            match goes {
                Goes::Record => done.records += 1,
                Goes::Payload => done.payloads += 1,
            }
        }
        Ok(done)
    }

    pub(super) async fn erase(&self, step: &EraseStep) -> Result<Erased, StoreError> {
        let key = Key::new(&step.key);
        let mut erased = Erased::default();
        let found = self.next_ids(step.after, EVENTS_MAX).await?;
        if found.len() == EVENTS_MAX {
            erased.next = found.last().map(|(_, id)| *id);
        }
        for (shard, id) in found {
            let Some(record) = self.load(&shard, id).await? else { continue };
            let body = self.body(id).await?;
            if !body.is_some_and(|body| key.stands_in(&body)) && !stands_in(&record, &key) {
                continue;
            }
            erased.events += 1;
            erased.discarded += if step.dry_run {
                record.states().filter(|state| !state.is_final()).count() as u64
            } else {
                let discarded = self.change(&shard, id, |desk| Ok(erase(desk))).await?.unwrap_or(0);
                self.let_go_of(id).await;
                discarded
            };
        }
        Ok(erased)
    }
}

/// Whether the key stands in what is kept of an event beside its body.
fn stands_in(record: &Record, key: &Key) -> bool {
    let in_headers = record.event.headers.iter().any(|(_, value)| key.stands_in(value.as_bytes()));
    let in_json = |json: Option<Vec<u8>>| json.is_some_and(|json| key.stands_in(&json));
    in_headers
        || record.jobs.iter().any(|entry| in_json(serde_json::to_vec(entry).ok()))
        || in_json(serde_json::to_vec(&record.purchases).ok())
}

/// Removes everything that came from outside or was made from it; the record stays.
fn remove_payload(desk: &mut Desk) {
    desk.record.event.body = Body::Gone;
    desk.record.event.headers.clear();
    desk.event_changed = true;
    for n in desk.all() {
        let Some(entry) = desk.change(n) else { continue };
        (entry.job.request, entry.job.receipt) = (None, None);
        if let Some(verdict) = &mut entry.job.verdict {
            verdict.output = Value::Null;
            verdict.why.clear();
            verdict.rungs.clear();
        }
    }
    for bought in &mut desk.record.purchases {
        bought.purchase.answer = None;
        desk.rest_changed = true;
    }
}

/// Ends what is open of the event and removes what it holds; how many jobs were open.
fn erase(desk: &mut Desk) -> u64 {
    let mut discarded = 0;
    for n in desk.all() {
        if desk.job(n).is_some_and(|job| !job.state.is_final()) {
            desk.finish(n, &State::with(JobState::Discarded, ERASED));
            discarded += 1;
        }
    }
    for n in desk.all() {
        let Some(entry) = desk.change(n) else { continue };
        entry.history.iter_mut().for_each(|attempt| attempt.detail = None);
        entry.job.reason = Some(ERASED.to_owned());
        entry.newest = None;
        if let crate::domain::Work::Action(plan) = &mut entry.job.work {
            plan.dead = None;
        }
    }
    remove_payload(desk);
    if !desk.record.jobs.is_empty() {
        desk.remark(0, AttemptOutcome::Person, ERASED);
    }
    discarded
}
