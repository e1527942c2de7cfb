//! One attempt at a route job.

use std::{sync::Arc, time::Duration};

use crate::{
    decide::retry::Failure,
    domain::{Body, Event, Name, Next, Replay, ReplayMode, Timestamp},
    engine::{self, Engine, Given, RouteEnd},
    host::{self, FailPoint},
    store::{Claimed, StoreError, Timeline},
};

use super::{
    UNKNOWN_PAUSE, Worker,
    action::tried,
    ledger::{self, StoreLedger},
    settlement::End,
};

/// Longest time that a shadow waits for a judge.
const SHADOW_WAIT_MAX: Duration = Duration::from_mins(1);

impl Worker {
    pub(super) async fn route(
        &self,
        engine: &Engine,
        ledger: &StoreLedger<'_>,
        route: &Name,
        replay: Option<&Replay>,
    ) -> Result<End, StoreError> {
        if replay.is_some_and(|replay| replay.mode == ReplayMode::Shadow) {
            return self.shadow(engine, ledger, route).await;
        }
        let claimed = ledger.claimed;
        let job = &claimed.job;
        let mut record = match replay {
            Some(_) => Some(self.record(claimed).await?),
            None => None,
        };
        let recorded = match (replay.map(|replay| replay.mode), &record) {
            (Some(ReplayMode::Reuse), Some(record)) => engine::recorded_verdict(record, route),
            (Some(ReplayMode::Reclassify | ReplayMode::Shadow) | None, _)
            | (Some(ReplayMode::Reuse), None) => None,
        };
        let version = record.as_ref().map_or(1, |record| engine::next_version(record, route));
        let (event, _room) = self.with_body(claimed).await?;
        host::pass(FailPoint::Gathered);
        let decided = Given::of(job).or(recorded);
        let end = engine.run_route(route, &event, decided, version, ledger, self.clock.as_ref()).await;
        let now = self.clock.now();
        Ok(match end.map_err(|error| ledger::found(error, claimed.lease))? {
            RouteEnd::Planned { verdict, jobs, said, faults: _ } => {
                if let Some(verdict) = verdict.as_ref().filter(|_| decided.is_none() && replay.is_none()) {
                    self.metrics.verdict(&verdict.classifier, now.since(event.received_at), verdict.late);
                }
                let planned = End {
                    verdict: verdict.map(|verdict| *verdict),
                    follow_up: jobs,
                    detail: Some(said),
                    ..End::from(Next::Done)
                };
                match &mut record {
                    Some(record) => {
                        record.event = Event::clone(&event);
                        replanned(engine, route, planned, record, now)
                    }
                    None => planned,
                }
            }
            RouteEnd::Person { reason, verdict } => {
                End { verdict: verdict.map(|verdict| *verdict), ..End::from(Next::Review { reason }) }
            }
            RouteEnd::Failed(failure) => {
                let next = engine.schedule_of_route(route).after(tried(claimed), &failure, host::draw());
                // Else the first failure after a month without money would be its last.
                End { afresh: matches!(failure, Failure::Unaffordable { .. }), ..End::from(next) }
            }
            RouteEnd::Unknown { reason } => {
                self.parked(claimed, engine.schedule_of_route(route), UNKNOWN_PAUSE, reason)
            }
        })
    }

    /// Hears what the shadow of the route's classifier says. That it says nothing is no dead letter: nothing hangs on it.
    async fn shadow(
        &self,
        engine: &Engine,
        ledger: &StoreLedger<'_>,
        route: &Name,
    ) -> Result<End, StoreError> {
        let claimed = ledger.claimed;
        let (event, _room) = self.with_body(claimed).await?;
        let end = engine.run_shadow(route, &event, ledger, self.clock.as_ref()).await;
        Ok(match end.map_err(|error| ledger::found(error, claimed.lease))? {
            RouteEnd::Planned { verdict, said, .. } => {
                End { verdict: verdict.map(|verdict| *verdict), detail: Some(said), ..End::from(Next::Done) }
            }
            RouteEnd::Failed(failure) => {
                match engine.schedule_of_route(route).after(tried(claimed), &failure, host::draw()) {
                    Next::Dead { reason, .. } | Next::Review { reason } => Next::Skip { reason }.into(),
                    // Its event stays open as long as it waits.
                    Next::Park { wait, reason } | Next::Retry { wait, reason } if wait > SHADOW_WAIT_MAX => {
                        Next::Skip { reason }.into()
                    }
                    next => next.into(),
                }
            }
            RouteEnd::Person { reason, .. } | RouteEnd::Unknown { reason } => Next::Skip { reason }.into(),
        })
    }

    async fn record(&self, claimed: &Claimed) -> Result<Timeline, StoreError> {
        let timeline = self.insist(claimed, || self.store.timeline(claimed.event.id)).await?;
        timeline.ok_or_else(|| StoreError::Conflict(format!("the event of {} is gone", claimed.job.id)))
    }

    /// The event with its body at hand. Few large bodies are in memory at one time: they are parsed into trees several
    /// times their size.
    pub(super) async fn with_body(
        &self,
        claimed: &Claimed,
    ) -> Result<(Arc<Event>, Option<tokio::sync::OwnedSemaphorePermit>), StoreError> {
        match &claimed.event.body {
            Body::Here(_) | Body::Gone => Ok((Arc::clone(&claimed.event), None)),
            Body::File(_) => {
                let room = Arc::clone(&self.large_bodies).acquire_owned().await.ok();
                let body = self.insist(claimed, || self.store.body(&claimed.event)).await?;
                let body = body.map_or(Body::Gone, Body::Here);
                Ok((Arc::new(Event { body, ..Event::clone(&claimed.event) }), room))
            }
        }
    }
}

/// Holds a replay's plan against what was done before.
fn replanned(engine: &Engine, route: &Name, planned: End, record: &Timeline, now: Timestamp) -> End {
    let verdict = planned.verdict.as_ref();
    let engine::Replanned { jobs, replaces, kept } =
        engine.replan(route, planned.follow_up, record, verdict, now);
    let detail = match (planned.detail, kept.is_empty()) {
        (Some(said), false) => Some(format!("{said}; done already: {}", kept.join(", "))),
        (said, _) => said,
    };
    End { follow_up: jobs, replaces, detail, ..planned }
}
