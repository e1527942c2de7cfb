//! Actions that follow others: released, skipped, and made to wait again.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    decide::unblock::{Unblock, unblock},
    domain::{ActionPlan, AttemptOutcome, JobState, Name},
    store::state::State,
};

use super::desk::Desk;

impl Desk {
    /// All actions of one route.
    fn actions(&self, route: &Name) -> Vec<(u32, JobState, ActionPlan)> {
        let jobs = self.record.jobs.iter().map(|entry| &entry.job);
        let of_route = |job: &&crate::domain::Job| job.work.plan().is_some_and(|plan| plan.route == *route);
        let told = jobs.filter(of_route).filter_map(|job| {
            let plan = job.work.plan()?.clone();
            Some((job.id.n, job.state, plan))
        });
        told.collect()
    }

    /// Releases or skips the actions that followed one which has just ended, and those that followed them.
    pub fn release(&mut self, ended: u32) {
        let Some(route) =
            self.job(ended).and_then(|job| job.work.plan()).map(|plan| Name::clone(&plan.route))
        else {
            return;
        };
        loop {
            let all = self.actions(&route);
            let mut moved = false;
            for (n, _, plan) in all.iter().filter(|(_, state, _)| *state == JobState::Blocked) {
                let same_plan =
                    |other: &ActionPlan| other.version == plan.version && plan.after.contains(&other.id);
                let predecessors = all
                    .iter()
                    .filter(|(_, _, other)| same_plan(other))
                    .map(|(_, state, other)| (&other.id, *state));
                match unblock(predecessors) {
                    Unblock::Release => {
                        let due = self.now.plus(Duration::from_millis(plan.delay_ms));
                        self.make_ready(*n, due, None);
                        moved = true;
                    }
                    Unblock::Skip { reason } => {
                        self.set_state(*n, &State::with(JobState::Skipped, &reason), self.now);
                        self.remark(*n, AttemptOutcome::Skipped, &reason);
                        self.moved(*n, true);
                        moved = true;
                    }
                    Unblock::Stay => {}
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Takes back the skipping of everything that follows `revived`, near or far.
    pub fn unskip(&mut self, revived: u32) {
        let Some(plan) = self.job(revived).and_then(|job| job.work.plan()).cloned() else { return };
        let all = self.actions(&plan.route);
        let mut open = vec![plan.id];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            for (n, state, other) in &all {
                let follows = other.version == plan.version && other.after.contains(&id);
                if *state == JobState::Skipped && follows && seen.insert(*n) {
                    let due = self.job(*n).map_or(self.now, |job| job.due);
                    self.set_state(*n, &State::plain(JobState::Blocked), due);
                    open.push(other.id.clone());
                }
            }
        }
    }
}
