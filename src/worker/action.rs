//! One attempt at an action job.

use std::time::Duration;

use crate::{
    act::{self, Destination, Try},
    classify::PerMinute,
    decide::{
        breaker::Change,
        effect::{AfterUnknown, after_unknown},
        retry::{Failure, Schedule, Tried},
    },
    domain::{
        ActionPlan, Cause, Event, FrozenRequest, Job, Mode, Next, OWN_SOURCE, Receipt, Sent, Timestamp,
    },
    engine::{self, Engine},
    host::{self, FailPoint},
    remote::{Busy, Pass},
    store::{Claimed, StoreError},
};

use super::{UNKNOWN_PAUSE, Worker, settlement::End};

impl Worker {
    pub(super) async fn action(
        &self,
        engine: &Engine,
        claimed: &Claimed,
        plan: &ActionPlan,
    ) -> Result<End, StoreError> {
        let job = &claimed.job;
        let (request, fresh) = match &job.request {
            Some(frozen) => (frozen.clone(), None),
            None => match self.freeze(engine, claimed, plan).await? {
                Ok(request) => (request.clone(), Some(request)),
                Err(end) => return Ok(*end),
            },
        };
        match request.mode {
            Mode::DryRun => return Ok(End { request: fresh, ..dry_run(&request) }),
            Mode::Review if !job.approved => {
                let reason = engine::ASKS_FOR_A_YES.to_owned();
                return Ok(End { request: fresh, ..End::from(Next::Review { reason }) });
            }
            Mode::Live | Mode::Review => {}
        }
        let (Some(act), Some(destination)) =
            (act::act(&request.kind), engine.destination(&request.destination))
        else {
            let reason = format!("no destination is called `{}` today", request.destination);
            return Ok(self.parked(claimed, engine.schedule_of(&plan.uses), UNKNOWN_PAUSE, reason));
        };
        let mut look_first = false;
        if job.in_doubt {
            match doubt(job, &request, claimed.at) {
                AfterUnknown::SendAgain => {}
                AfterUnknown::LookFirst => look_first = true,
                AfterUnknown::Ask => {
                    return Ok(ask("its worker vanished, and nothing protects from a second effect"));
                }
            }
        }
        let pass = match self.ready(destination).await {
            Ok(pass) if *claimed.event.source == *OWN_SOURCE => pass.map(Pass::for_alarm),
            Ok(pass) => pass,
            Err(Busy { wait, reason, .. }) => {
                let reason = format!("`{}` {reason}", request.destination);
                return Ok(self.parked(claimed, engine.schedule_of(&plan.uses), wait, reason));
            }
        };
        self.insist(claimed, || self.store.begin(claimed.lease, fresh.clone())).await?;
        host::pass(FailPoint::ActBegun);
        let attempt = Try { now: self.clock.now(), look_first, pass };
        let performed = act.perform(&request, destination, &attempt).await;
        self.tell(attempt.pass, destination);
        host::pass(FailPoint::Sent);
        Ok(match performed {
            Ok(receipt) => done(receipt),
            Err(failure) => failed(engine, claimed, plan, &request, &failure),
        })
    }

    /// Takes the right to make an attempt, also of what all processes may make together; one that is to find out whether
    /// the destination works again is made by one process at a time.
    async fn ready(&self, destination: &Destination) -> Result<Option<Pass>, Busy> {
        let pass = destination.ready(self.clock.monotonic())?;
        let (Some(pass), Some(remote)) = (pass, destination.remote()) else { return Ok(None) };
        if pass.is_probe()
            && !self.may_find_out("destination", destination.name(), remote.probe_every()).await
        {
            return Err(pass.put_off(self.clock.monotonic()));
        }
        let per_min = remote.limit_per_min().map(|requests| PerMinute { requests, counted_here: true });
        if let Err(wait) = self.may_ask("destination", destination.name(), per_min).await {
            return Err(pass.no_room(wait, self.clock.monotonic()));
        }
        Ok(Some(pass))
    }

    /// Fixes the request of an action that followed others, from what they left on record.
    async fn freeze(
        &self,
        engine: &Engine,
        claimed: &Claimed,
        plan: &ActionPlan,
    ) -> Result<Result<FrozenRequest, Box<End>>, StoreError> {
        if !engine.has_action(&plan.uses) {
            let reason = format!("no action is called `{}` today", plan.uses);
            return Ok(Err(Box::new(self.parked(
                claimed,
                engine.schedule_of(&plan.uses),
                UNKNOWN_PAUSE,
                reason,
            ))));
        }
        let timeline = self.insist(claimed, || self.store.timeline(claimed.event.id)).await?;
        let gone = || StoreError::Conflict(format!("the event of {} is gone", claimed.job.id));
        let mut timeline = timeline.ok_or_else(gone)?;
        let (event, _room) = self.with_body(claimed).await?;
        timeline.event = Event::clone(&event);
        let verdict = engine::recorded_verdict(&timeline, &plan.route).map(|decided| decided.verdict);
        let frozen = engine.freeze_late(plan, &timeline, verdict, self.clock.now());
        Ok(frozen.map_err(|reason| Box::new(Next::Dead { cause: Cause::Unrenderable, reason }.into())))
    }

    /// Hands a job back without an attempt, unless it is too old for that. What was in doubt still is.
    pub(super) fn parked(
        &self,
        claimed: &Claimed,
        schedule: &Schedule,
        wait: Duration,
        reason: String,
    ) -> End {
        let busy = Failure::Throttled { reason, retry_after: Some(wait) };
        let next = schedule.after(tried(claimed), &busy, host::draw());
        End { in_doubt: claimed.job.in_doubt, ..End::from(next) }
    }

    /// Tells the destination's breaker how an attempt went.
    fn tell(&self, pass: Option<Pass>, destination: &Destination) {
        let name = destination.name();
        match pass.and_then(|pass| pass.end(self.clock.monotonic())) {
            Some(Change::Opened { reason }) => {
                tracing::warn!(destination = %name, reason, "the breaker of a destination has opened");
            }
            Some(Change::Closed) => {
                tracing::info!(destination = %name, "the breaker of a destination has closed")
            }
            None => {}
        }
    }
}

fn failed(
    engine: &Engine,
    claimed: &Claimed,
    plan: &ActionPlan,
    request: &FrozenRequest,
    failure: &Failure,
) -> End {
    let job = &claimed.job;
    let in_doubt = matches!(failure, Failure::Unknown { .. });
    if in_doubt && doubt(job, request, claimed.at) == AfterUnknown::Ask {
        return ask(failure.reason());
    }
    let next = engine.schedule_of(&plan.uses).after(tried(claimed), failure, host::draw());
    // An earlier doubt stays until an answer dispels it.
    End { in_doubt: in_doubt || job.in_doubt, ..End::from(next) }
}

/// What a job has behind it with the attempt that ends now.
pub(super) fn tried(claimed: &Claimed) -> Tried {
    let Claimed { job, at, .. } = claimed;
    Tried { attempts: job.attempts + 1, age: at.since(job.fresh_at) }
}

/// `now` is the store's, as the time that the first attempt began at is: a key must not seem to live longer than it does.
fn doubt(job: &Job, request: &FrozenRequest, now: Timestamp) -> AfterUnknown {
    after_unknown(request.class, job.first_begun_at.unwrap_or(now), now, request.retry_unknown)
}

fn ask(why: &str) -> End {
    let reason = format!("it is unknown whether it arrived: {why}");
    End { in_doubt: true, ..End::from(Next::Review { reason }) }
}

fn dry_run(request: &FrozenRequest) -> End {
    let why = request.mode_reason.as_deref().unwrap_or("its mode is dry_run");
    let receipt = Receipt { sent: Sent::DryRun, status: None, body: serde_json::Value::Null };
    End { receipt: Some(receipt), detail: Some(format!("not sent: {why}")), ..End::from(Next::Done) }
}

fn done(receipt: Receipt) -> End {
    let detail = match receipt.sent {
        Sent::AlreadyThere => Some("an earlier attempt had arrived".to_owned()),
        Sent::Sent | Sent::DryRun => None,
    };
    End { status: receipt.status, receipt: Some(receipt), detail, ..End::from(Next::Done) }
}
