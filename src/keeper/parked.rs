//! Jobs that are parked behind a judge are not left to wait for it once a changed configuration asks another one, or asks
//! it with another key: whoever has corrected that wants to see whether it helps.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{JobId, JobState, Work},
    store::{JobQuery, StoreError},
};

use super::{Keeper, report};

/// Wait before a store is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(5);

impl Keeper {
    /// Looks at each configuration that takes the place of another one, until the group of tasks is told to stop.
    pub(super) async fn heed_reloads(&self) {
        let mut engines = self.engine.watch();
        let mut before = Arc::clone(&engines.borrow_and_update());
        loop {
            tokio::select! {
                changed = engines.changed() => if changed.is_err() { return },
                () = self.tasks.stopping() => return,
            }
            let now = Arc::clone(&engines.borrow_and_update());
            for route in now.freed_since(&before, self.clock.monotonic()) {
                self.try_again(&route).await;
            }
            before = now;
        }
    }

    /// Has the parked jobs of a route tried again at once.
    async fn try_again(&self, route: &str) {
        while !self.tasks.is_stopping() {
            match self.unpark(route).await {
                Ok(jobs) => {
                    tracing::info!(%route, jobs, "what was parked is tried again, as the configuration has changed");
                    return;
                }
                Err(error) => report("parked jobs", Err(error)),
            }
            self.rest_until(self.clock.now().plus(AGAIN)).await;
        }
    }

    /// Goes once over the jobs of a route that are not due yet: those that are parked are due then. How many those were.
    async fn unpark(&self, route: &str) -> Result<u64, StoreError> {
        let mut query = JobQuery {
            state: Some(JobState::Ready),
            route: Some(route.to_owned()),
            since: Some(self.store.now().await?),
            ..JobQuery::default()
        };
        let mut moved = 0;
        loop {
            let found = self.store.jobs(query.clone()).await?;
            let Some(last) = found.last() else { return Ok(moved) };
            query.after = Some(last.id);
            // Its actions wait for destinations.
            let own = found.iter().filter(|job| matches!(job.work, Work::Route { .. }));
            let ids: Vec<JobId> = own.map(|job| job.id).collect();
            moved += self.store.unpark(&ids).await?;
        }
    }
}
