//! A replayed event's plan, held against what was planned and done before.

use crate::{
    decide::replan::{Replan, hinders, past, replan},
    domain::{ActionPlan, Call, Job, JobState, Name, Timestamp, Verdict, Work},
    store::{JobHistory, NewJob, Replaced, Start, Timeline},
};

use super::{Engine, INTAKE};

/// A plan, and what it puts an end to.
#[derive(Debug)]
pub struct Replanned {
    pub jobs: Vec<NewJob>,
    /// Jobs of earlier plans whose place is taken.
    pub replaces: Vec<Replaced>,
    /// Actions that need not be done again: the same request had its effect.
    pub kept: Vec<Name>,
}

/// A verdict that was given before.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub verdict: &'a Verdict,
    /// A person has said yes to it: no gate holds it.
    pub approved: bool,
}

impl<'a> Given<'a> {
    /// That of a job, if it has one.
    pub fn of(job: &'a Job) -> Option<Self> {
        Some(Given { verdict: job.verdict.as_ref()?, approved: job.approved })
    }
}

/// The verdict on record for a route, the newest if there are several.
pub fn recorded_verdict<'t>(timeline: &'t Timeline, route: &str) -> Option<Given<'t>> {
    timeline.jobs.iter().rev().find_map(|entry| match &entry.job.work {
        work @ Work::Route { route: of, .. } if &**of == route && !work.is_shadow() => Given::of(&entry.job),
        Work::Route { .. } | Work::Action(_) => None,
    })
}

/// Whether the event can be run again now, as [`crate::store::Store::replay`] will see it.
///
/// # Errors
/// Why not.
pub(super) fn replayable(timeline: &Timeline) -> Result<(), String> {
    for JobHistory { job, history, .. } in &timeline.jobs {
        if let Work::Route { route, .. } = &job.work
            && !job.work.is_shadow()
            && let Some(why) = hinders(job.state, !history.is_empty())
        {
            return Err(format!("its route `{route}` {why}"));
        }
    }
    Ok(())
}

/// Whether `sweep` has run the event already.
pub fn was_replayed(timeline: &Timeline, sweep: &str) -> bool {
    timeline.jobs.iter().any(|entry| match &entry.job.work {
        Work::Route { replay: Some(replay), .. } => &*replay.sweep == sweep,
        Work::Route { replay: None, .. } | Work::Action(_) => false,
    })
}

/// Other jobs of a route that would run it once more: a replay, which itself is under way, takes their place. So it does
/// that of an intake, which would add the route anew.
fn superseded(timeline: &Timeline, route: &str) -> impl Iterator<Item = Replaced> {
    let open = |state: JobState| !state.is_final() && state != JobState::Leased;
    timeline.jobs.iter().filter_map(move |entry| match &entry.job.work {
        work @ Work::Route { route: of, .. }
            if (&**of == route || &**of == INTAKE) && open(entry.job.state) && !work.is_shadow() =>
        {
            Some(Replaced::of(&entry.job))
        }
        Work::Route { .. } | Work::Action(_) => None,
    })
}

/// The version that the next plan of a route gets.
pub fn next_version(timeline: &Timeline, route: &str) -> u32 {
    earlier(timeline, route).map(|(_, plan)| plan.version).max().unwrap_or_default() + 1
}

fn earlier<'t>(
    timeline: &'t Timeline,
    route: &str,
) -> impl Iterator<Item = (&'t JobHistory, &'t ActionPlan)> {
    timeline.jobs.iter().filter_map(move |entry| match &entry.job.work {
        Work::Action(plan) if &*plan.route == route && plan.dead.is_none() => Some((entry, plan)),
        Work::Action(_) | Work::Route { .. } => None,
    })
}

impl Engine {
    /// Holds freshly planned `jobs` of `route` against the record: what certainly had no effect goes with its new
    /// version's key, what had it with the same bytes is left, and of the rest a person decides. `verdict` is the one
    /// they were planned for; the event's body must be at hand.
    pub fn replan(
        &self,
        route: &str,
        jobs: Vec<NewJob>,
        timeline: &Timeline,
        verdict: Option<&Verdict>,
        now: Timestamp,
    ) -> Replanned {
        let replaces = superseded(timeline, route).collect();
        let mut replanned = Replanned { jobs: Vec::new(), replaces, kept: Vec::new() };
        for mut job in jobs {
            let Work::Action(plan) = &job.work else { continue };
            if job.request.is_none() && plan.after.iter().all(|id| replanned.kept.contains(id)) {
                // What it follows is done already, so its request can be told now. A fault is found by its own job.
                job.request = self.freeze_late(plan, timeline, verdict, now).ok();
                job.start = Start::Ready;
            }
            let call = job.request.as_ref().map(|request| &request.call);
            let before: Vec<_> = earlier(timeline, route)
                .filter(|(_, old)| old.id == plan.id)
                .map(|(entry, _)| entry)
                .collect();
            let same = |old: &Call| call == Some(old);
            let same = before.iter().any(|entry| entry.job.request.as_ref().is_some_and(|r| same(&r.call)));
            match replan(before.iter().map(|entry| past(&entry.job)), same) {
                Replan::Keep => {
                    replanned.kept.push(Name::clone(&plan.id));
                    continue;
                }
                Replan::Go => {}
                Replan::Ask { why } => job.start = Start::Waiting { reason: why.to_owned() },
            }
            replanned.replaces.extend(before.iter().map(|entry| Replaced::of(&entry.job)));
            replanned.jobs.push(job);
        }
        replanned
    }
}
