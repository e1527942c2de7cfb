//! What a person may do.

use rusqlite::params;

use crate::{
    domain::{AttemptOutcome, Job, JobId, JobState, Work},
    store::{JobQuery, Pause, Resolution, Resolved, StoreError},
};

use super::{
    jobs::{self, State},
    read, rows,
    writer::{Desk, Failed},
};

/// The route name under which `paused` keeps the kill switch; no route can be called so.
const EVERYTHING: &str = "*";

pub(super) fn resolve(desk: &mut Desk<'_>, id: JobId, resolution: &Resolution) -> Result<(), Failed> {
    let job = jobs::get(desk.db, id)?.ok_or_else(|| StoreError::Conflict(format!("there is no job {id}")))?;
    if job.state != JobState::Waiting {
        return Err(
            StoreError::Conflict(format!("{id} does not wait for a person: it is {}", job.state)).into()
        );
    }
    let to = match &resolution.resolved {
        Resolved::Approve { verdict } => {
            let verdict = verdict.as_ref().map(rows::to_json).transpose()?;
            desk.db
                .prepare_cached(
                    "UPDATE job SET approved = 1, in_doubt = 0, verdict = coalesce(?3, verdict)
                     WHERE event = ?1 AND n = ?2",
                )?
                .execute(params![id.event, id.n, verdict])?;
            JobState::Ready
        }
        Resolved::Done => JobState::Done,
        Resolved::Discard => JobState::Discarded,
    };
    finish(desk, &job, to, &resolution.note)
}

/// Moves a job by a person's will, with everything that follows from it.
fn finish(desk: &mut Desk<'_>, job: &Job, to: JobState, note: &str) -> Result<(), Failed> {
    jobs::set_state(desk, job, &State { state: to, cause: None, reason: Some(note) }, desk.now)?;
    jobs::record(desk.db, job.id, &jobs::remark(AttemptOutcome::Person, desk.now, note))?;
    if let Work::Action(plan) = &job.work
        && to.is_settled()
    {
        jobs::release_followers(desk, job.id.event, plan)?;
    }
    Ok(())
}

pub(super) fn redrive(desk: &mut Desk<'_>, query: &JobQuery) -> Result<u64, Failed> {
    let dead = read::jobs(desk.db, &JobQuery { state: Some(JobState::Dead), ..query.clone() })?;
    for job in &dead {
        jobs::revive(desk, job.id.event, job.id.n, "redriven")?;
    }
    Ok(dead.len() as u64)
}

pub(super) fn discard(desk: &mut Desk<'_>, query: &JobQuery, note: &str) -> Result<u64, Failed> {
    let dead = read::jobs(desk.db, &JobQuery { state: Some(JobState::Dead), ..query.clone() })?;
    for job in &dead {
        finish(desk, job, JobState::Discarded, note)?;
    }
    Ok(dead.len() as u64)
}

pub(super) fn pause(desk: &mut Desk<'_>, pause: &Pause) -> Result<(), Failed> {
    desk.db.prepare_cached("INSERT OR IGNORE INTO paused(route) VALUES(?1)")?.execute([scope(pause)])?;
    desk.changed = true;
    Ok(())
}

pub(super) fn resume(desk: &mut Desk<'_>, pause: &Pause) -> Result<(), Failed> {
    desk.db.prepare_cached("DELETE FROM paused WHERE route = ?1")?.execute([scope(pause)])?;
    desk.changed = true;
    desk.new_work = true;
    Ok(())
}

fn scope(pause: &Pause) -> &str {
    match pause {
        Pause::Route(route) => route,
        Pause::Everything => EVERYTHING,
    }
}
