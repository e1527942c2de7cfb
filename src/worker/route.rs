//! One attempt at a route job.

use crate::{
    domain::{Name, Next},
    engine::{Engine, RouteEnd},
    host,
    store::{Claimed, StoreError},
};

use super::{
    UNKNOWN_PAUSE, Worker,
    ledger::{self, StoreLedger},
    settlement::End,
};

impl Worker {
    pub(super) async fn route(
        &self,
        engine: &Engine,
        claimed: &Claimed,
        route: &Name,
    ) -> Result<End, StoreError> {
        let job = &claimed.job;
        let ledger = StoreLedger { worker: self, claimed };
        let end =
            engine.run_route(route, &claimed.event, job.verdict.as_ref(), &ledger, self.clock.as_ref()).await;
        let now = self.clock.now();
        Ok(match end.map_err(|error| ledger::found(error, claimed.lease))? {
            RouteEnd::Planned { verdict, jobs, said, faults: _ } => End {
                verdict: verdict.map(|verdict| *verdict),
                follow_up: jobs,
                detail: Some(said),
                ..End::from(Next::Done)
            },
            RouteEnd::Person { reason } => Next::Review { reason }.into(),
            RouteEnd::Failed(failure) => {
                engine.schedule().after(job.attempts + 1, &failure, now, host::draw()).into()
            }
            RouteEnd::Unknown { reason } => Next::Park { due: now.plus(UNKNOWN_PAUSE), reason }.into(),
        })
    }
}
