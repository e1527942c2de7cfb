//! Claims jobs, has the engine decide, performs what was decided, and settles.

mod action;
mod frequency;
mod idle;
mod ledger;
mod probe;
mod route;
mod settlement;

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use self::{
    idle::{Idle, Signals},
    ledger::StoreLedger,
};
use crate::{
    decide::lanes::Turns,
    domain::{AttemptOutcome, Clock, Timestamp, Work},
    engine::{Engine, Live},
    host::{self, FailPoint, Tasks},
    store::{ClaimRequest, Claimed, Rates, Store, StoreError},
    telemetry::Metrics,
};

/// Wait before asking a store again that did not answer.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// Longest wait between two looks for work, whatever the store announces.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Wait before a job is looked at again whose route, action or destination is not in today's configuration.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);

/// Jobs with a body in a file that are worked on at one time.
pub const LARGE_BODIES_MAX: usize = 2;

/// What a worker needs. Clones share everything.
#[derive(Clone)]
pub struct Worker {
    pub engine: Live,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    /// Jobs whose body is a file may be worked on so many at one time.
    pub large_bodies: Arc<Semaphore>,
    /// What this process has drawn of rates that it shares with others: it goes by that where the store does not say in time
    /// what they have drawn.
    pub rates: Arc<Rates>,
    /// Told at the end of a job: it may have made room within a limit.
    pub freed: Arc<Notify>,
}

impl Worker {
    /// Works until the group of tasks is told to stop; jobs under way are finished by their own tasks.
    pub async fn run(self) {
        let settings = self.engine().settings.worker.clone();
        if settings.concurrency == 0 {
            tracing::warn!("worker.concurrency is 0: events are accepted, and wait");
            return;
        }
        let lease = Duration::from_millis(settings.lease_ms);
        let slots = Arc::new(Semaphore::new(settings.concurrency as usize));
        let mut turns = Turns::new(settings.lane_weights);
        let mut signals = Signals::of(&self);
        while !self.tasks.is_stopping() {
            // Waits for a free slot first: what is claimed is worked on at once.
            let Ok(first) = Arc::clone(&slots).acquire_owned().await else { return };
            if self.tasks.is_stopping() {
                return;
            }
            let mut free = vec![first];
            while let Ok(another) = Arc::clone(&slots).try_acquire_owned() {
                free.push(another);
            }
            signals.clear();
            let shares = turns.shares(u32::try_from(free.len()).unwrap_or(u32::MAX));
            // One moment for the limits and for how long they hold: between two a breaker's time could end unseen.
            let elapsed = self.clock.monotonic();
            let limits = self.engine().limits(elapsed);
            let request = ClaimRequest { shares, lease, limits: limits.clone() };
            // The store keeps this: it must not hold the store in turn.
            let (engine, clock) = (self.engine.clone(), Arc::clone(&self.clock));
            let now = Arc::new(move || engine.now().limits(clock.monotonic()));
            let (mut claim, coming) = match self.store.claim_or_wait(request, now).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::error!(%error, "no work could be claimed");
                    self.pause(STORE_PAUSE).await;
                    continue;
                }
            };
            if claim.jobs.is_empty() {
                if coming.is_none() {
                    free.clear();
                }
                let held = self.engine().held_for(elapsed);
                let wait = claim.next_in.into_iter().chain(held).fold(LOOK_EVERY, Duration::min);
                // Both waits count from the asking on, which was a moment ago.
                let now = self.clock.now();
                let asked_ago = self.clock.monotonic().saturating_sub(elapsed);
                let until = now.plus(wait.saturating_sub(asked_ago));
                match self.idle(Idle { coming, limits: &limits, until }, &mut signals).await {
                    Some(came) => claim = came,
                    None => continue,
                }
            }
            for claimed in claim.jobs {
                let worker = self.clone();
                // What is handed out once more, since the answer was lost, may be more than was asked for now: it waits for
                // a slot under its lease.
                let (slot, slots) = (free.pop(), Arc::clone(&slots));
                self.tasks.spawn("job", async move {
                    worker.work_on(&claimed, lease, slot, slots).await;
                    worker.freed.notify_one();
                });
            }
        }
    }

    fn engine(&self) -> Arc<Engine> {
        self.engine.now()
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = self.clock.sleep_until(self.clock.now().plus(wait)) => {}
            () = self.tasks.stopping() => {}
        }
    }

    /// Works on one job, holding its lease for as long as that takes.
    async fn work_on(
        &self,
        claimed: &Claimed,
        lease: Duration,
        slot: Option<OwnedSemaphorePermit>,
        slots: Arc<Semaphore>,
    ) {
        let job = claimed.job.id;
        let begun = self.clock.monotonic();
        let kind = match &claimed.job.work {
            work @ Work::Route { .. } if work.is_shadow() => "shadow",
            Work::Route { .. } => "route",
            Work::Action(_) => "action",
        };
        let mut work = pin!(async {
            let _slot = match slot {
                Some(slot) => Some(slot),
                None => slots.acquire_owned().await.ok(),
            };
            self.attempt(claimed).await
        });
        // Beside the work, which others may wait for: a store that does not answer here must not hold it up.
        let hold = async {
            let mut wait = lease / 2;
            loop {
                self.clock.sleep_until(self.clock.now().plus(wait)).await;
                wait = lease / 2;
                if let Err(error) = self.store.extend(claimed.lease, lease).await {
                    tracing::warn!(%job, %error, "the lease could not be extended");
                    if matches!(error, StoreError::Unavailable(_)) {
                        wait = wait.min(STORE_PAUSE);
                    }
                }
            }
        };
        let result = tokio::select! {
            result = &mut work => result,
            never = hold => never,
        };
        let outcome = match result {
            Ok(outcome) => outcome.as_str(),
            Err(StoreError::StaleLease(_)) => {
                tracing::warn!(%job, "took longer than its lease; another worker has it now");
                "stale"
            }
            Err(error) => {
                tracing::error!(%job, %error, "the end of an attempt could not be recorded; its lease will run out");
                "unrecorded"
            }
        };
        self.metrics.job(kind, outcome, self.clock.monotonic().saturating_sub(begun));
    }

    async fn attempt(&self, claimed: &Claimed) -> Result<AttemptOutcome, StoreError> {
        host::pass(FailPoint::Claimed);
        let engine = self.engine();
        let started_at = self.clock.now();
        let ledger = StoreLedger::new(self, claimed);
        let end = match &claimed.job.work {
            _ if claimed.job.lost_leases >= crate::decide::lease::LOST_LEASES_MAX => {
                settlement::poison(&claimed.job)
            }
            Work::Route { route, replay } => {
                let end = self.route(&engine, &ledger, route, replay.as_ref()).await?;
                if Arc::ptr_eq(&engine, &self.engine()) { end } else { end.outdated() }
            }
            Work::Action(plan) => self.action(&engine, claimed, plan).await?,
        };
        // Larger than all that comes before, which may wait for long.
        let settle = |end| Box::pin(self.settle(&engine, &ledger, started_at, end));
        match settle(end).await {
            Err(StoreError::Overtaken(by)) => settle(settlement::overtaken(by)).await,
            settled => settled,
        }
    }

    async fn settle(
        &self,
        engine: &Engine,
        ledger: &StoreLedger<'_>,
        started_at: Timestamp,
        end: settlement::End,
    ) -> Result<AttemptOutcome, StoreError> {
        let claimed = ledger.claimed;
        let settlement = end.settle(engine, claimed, started_at, self.clock.now());
        let outcome = settlement.attempt.outcome;
        let (job, route) = (claimed.job.id, claimed.job.work.route());
        tracing::info!(%job, %route, outcome = outcome.as_str(), "attempt ended");
        // Vendors like to quote what they were sent: that belongs into the record, where it can be erased.
        let detail = settlement.attempt.detail.as_deref().unwrap_or_default();
        tracing::debug!(%job, detail, "what the attempt ended with");
        // What has been done must not be forgotten.
        host::pass(FailPoint::Settling);
        ledger.settle(settlement).await?;
        host::pass(FailPoint::Settled);
        Ok(outcome)
    }

    /// Asks the store again and again while it does not answer: an outage must cost neither a lease nor what has been
    /// done already.
    async fn insist<T, Asked: Future<Output = Result<T, StoreError>>>(
        &self,
        claimed: &Claimed,
        ask: impl Fn() -> Asked,
    ) -> Result<T, StoreError> {
        loop {
            match ask().await {
                Err(StoreError::Unavailable(reason)) if !self.tasks.is_stopping() => {
                    tracing::error!(job = %claimed.job.id, reason, "the store does not answer; it is asked again");
                    self.pause(STORE_PAUSE).await;
                }
                answered => return answered,
            }
        }
    }
}
