//! What became of an event, in one line for its sender.

use crate::domain::{Job, Work};

/// How its jobs stand: routes with their verdicts, actions by their ids.
pub fn outcome(jobs: &[Job]) -> String {
    let told: Vec<String> = jobs
        .iter()
        .filter(|job| !job.work.is_shadow())
        .map(|job| match (&job.work, &job.verdict) {
            (Work::Route { route, .. }, Some(verdict)) => {
                format!("{route} {} ({})", job.state, verdict.label)
            }
            (Work::Route { route, .. }, None) => format!("{route} {}", job.state),
            (Work::Action(plan), _) => format!("{} {}", plan.id, job.state),
        })
        .collect();
    told.join(", ")
}
