//! One attempt at an action job.

use crate::{
    act::{self, Try},
    decide::{
        effect::{AfterUnknown, after_unknown},
        retry::Failure,
    },
    domain::{ActionPlan, Cause, FrozenRequest, Job, Mode, Next, Receipt, Sent, Timestamp},
    engine::Engine,
    host::{self, FailPoint},
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
                let reason = "the action asks for a person's yes".to_owned();
                return Ok(End { request: fresh, ..End::from(Next::Review { reason }) });
            }
            Mode::Live | Mode::Review => {}
        }
        let (Some(act), Some(destination)) =
            (act::act(&request.kind), engine.destination(&request.destination))
        else {
            let reason = format!("no destination is called `{}` today", request.destination);
            return Ok(Next::Park { due: self.clock.now().plus(UNKNOWN_PAUSE), reason }.into());
        };
        let mut look_first = false;
        if job.in_doubt {
            match doubt(job, &request, self.clock.now()) {
                AfterUnknown::SendAgain => {}
                AfterUnknown::LookFirst => look_first = true,
                AfterUnknown::Ask => {
                    return Ok(ask("its worker vanished, and nothing protects from a second effect"));
                }
            }
        }
        if let Err(wait) = destination.ready(self.clock.monotonic()) {
            let reason = format!("the limit of `{}` is reached", request.destination);
            return Ok(Next::Park { due: self.clock.now().plus(wait), reason }.into());
        }
        self.insist(claimed, || self.store.begin(claimed.lease, fresh.clone())).await?;
        host::pass(FailPoint::ActBegun);
        let begun = self.clock.now();
        let performed = act.perform(&request, destination, Try { now: begun, look_first }).await;
        host::pass(FailPoint::Sent);
        Ok(match performed {
            Ok(receipt) => done(receipt),
            Err(failure) => self.failed(engine, job, &request, begun, &failure),
        })
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
            return Ok(Err(Box::new(
                Next::Park { due: self.clock.now().plus(UNKNOWN_PAUSE), reason }.into(),
            )));
        }
        let timeline = self.insist(claimed, || self.store.timeline(claimed.event.id)).await?;
        let gone = || StoreError::Conflict(format!("the event of {} is gone", claimed.job.id));
        let timeline = timeline.ok_or_else(gone)?;
        let frozen = engine.freeze_late(plan, &timeline, self.clock.now());
        Ok(frozen.map_err(|reason| Box::new(Next::Dead { cause: Cause::Unrenderable, reason }.into())))
    }

    fn failed(
        &self,
        engine: &Engine,
        job: &Job,
        request: &FrozenRequest,
        begun: Timestamp,
        failure: &Failure,
    ) -> End {
        let now = self.clock.now();
        let in_doubt = matches!(failure, Failure::Unknown { .. });
        if in_doubt {
            let first = job.first_begun_at.unwrap_or(begun);
            if after_unknown(request.class, first, now, request.retry_unknown) == AfterUnknown::Ask {
                return ask(failure.reason());
            }
        }
        let next =
            engine.schedule_of(&request.destination).after(job.attempts + 1, failure, now, host::draw());
        // An earlier doubt stays until an answer dispels it.
        End { in_doubt: in_doubt || job.in_doubt, ..End::from(next) }
    }
}

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
