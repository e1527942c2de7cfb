//! How an attempt ended, and the settlement that follows from it.

use std::time::Duration;

use crate::{
    decide::retry::PARK_MIN,
    domain::{Attempt, AttemptOutcome, Cause, FrozenRequest, Job, JobId, Next, Receipt, Timestamp, Verdict},
    engine::Engine,
    store::{Claimed, NewJob, Replaced, Settlement},
};

/// The end of an attempt.
pub(super) struct End {
    pub next: Next,
    /// As [`Settlement::afresh`].
    pub afresh: bool,
    /// What to say in the history; the reason of `next` if there is nothing to add.
    pub detail: Option<String>,
    pub status: Option<u16>,
    pub in_doubt: bool,
    /// The request, if it was fixed just now and nothing was begun.
    pub request: Option<FrozenRequest>,
    pub verdict: Option<Verdict>,
    pub receipt: Option<Receipt>,
    pub follow_up: Vec<NewJob>,
    pub replaces: Vec<Replaced>,
}

impl From<Next> for End {
    fn from(next: Next) -> Self {
        End {
            next,
            afresh: false,
            detail: None,
            status: None,
            in_doubt: false,
            request: None,
            verdict: None,
            receipt: None,
            follow_up: Vec::new(),
            replaces: Vec::new(),
        }
    }
}

/// Wait before an event is planned again whose plan was overtaken: what overtook it is under way, or was just now.
const OVERTAKEN_PAUSE: Duration = Duration::from_secs(1);

/// A plan is dropped whole, as `by`, which it replaces, has gone on meanwhile. Planning again costs no attempt, however
/// often that happens: it ends when the schedule of `by` does. What was asked of judges is on record.
pub(super) fn overtaken(by: JobId) -> End {
    let reason = format!("{by} went on while it was planned to replace it; the event is planned again");
    Next::Park { wait: OVERTAKEN_PAUSE, reason }.into()
}

/// A job whose workers keep vanishing is not tried again.
pub(super) fn poison(job: &Job) -> End {
    let reason = job.reason.clone().unwrap_or_default();
    // Nothing hangs on a shadow.
    if job.work.is_shadow() {
        return Next::Skip { reason }.into();
    }
    End { in_doubt: job.in_doubt, ..End::from(Next::Dead { cause: Cause::Poison, reason }) }
}

impl End {
    /// The same of an attempt at a route that went by a configuration which is not today's: what that one had to wait for says little
    /// of today's, so a parked job is looked at again soon. A judge that is the same still knows how long it is to be left alone.
    pub fn outdated(self) -> Self {
        match self.next {
            Next::Park { wait, reason } => {
                End { next: Next::Park { wait: wait.min(PARK_MIN), reason }, ..self }
            }
            _ => self,
        }
    }

    /// The settlement, with the action that tells of a death.
    pub fn settle(
        self,
        engine: &Engine,
        claimed: &Claimed,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Settlement {
        let End {
            next,
            afresh,
            detail,
            status,
            in_doubt,
            request,
            verdict,
            receipt,
            mut follow_up,
            replaces,
        } = self;
        let (outcome, reason) = match &next {
            Next::Done => (AttemptOutcome::Done, None),
            Next::Retry { reason, .. } => (AttemptOutcome::Retry, Some(reason)),
            Next::Park { reason, .. } => (AttemptOutcome::Parked, Some(reason)),
            Next::Review { reason } => (AttemptOutcome::Waiting, Some(reason)),
            Next::Skip { reason } => (AttemptOutcome::Skipped, Some(reason)),
            Next::Dead { cause, reason } => {
                follow_up.extend(engine.on_dead(&claimed.job, &claimed.event, *cause, reason, now));
                (AttemptOutcome::Dead, Some(reason))
            }
        };
        let detail = detail.or_else(|| reason.cloned());
        let attempt = Attempt { started_at, ended_at: now, outcome, detail, status };
        Settlement {
            attempt,
            next,
            afresh,
            request,
            in_doubt,
            verdict,
            receipt,
            follow_up,
            replaces,
            bill: None,
        }
    }
}
