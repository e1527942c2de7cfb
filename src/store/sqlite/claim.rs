//! Handing jobs out, and taking them back when their lease is lost.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    decide::lease::{AfterLoss, after_loss},
    domain::{AttemptOutcome, Event, EventId, Job, JobId, JobState, Lane, Timestamp},
    store::{Claim, ClaimRequest, Claimed},
};

use super::{
    jobs, rows,
    writer::{Desk, Failed},
};

pub(super) fn claim(desk: &mut Desk<'_>, request: ClaimRequest) -> Result<Claim, Failed> {
    for late in desk.leases.expired(desk.monotonic) {
        lose(desk, late, "its worker did not report back in time")?;
    }
    let mut claim = Claim { jobs: Vec::new(), next_due: None };
    if request.max == 0 || desk.leases.alone() || everything_paused(desk)? {
        return Ok(claim);
    }
    if let Some(job) = due_alone(desk)? {
        // Others are let run out first; then it goes by itself.
        if desk.leases.is_empty() {
            claim.jobs.push(hand_out(desk, job, request, true)?);
        }
        return Ok(claim);
    }
    for lane in request.lanes {
        let taken = u32::try_from(claim.jobs.len()).unwrap_or(u32::MAX);
        for job in due(desk, lane, request.max.saturating_sub(taken))? {
            claim.jobs.push(hand_out(desk, job, request, false)?);
        }
    }
    if claim.jobs.is_empty() {
        claim.next_due = next_due(desk)?;
    }
    Ok(claim)
}

fn due(desk: &Desk<'_>, lane: Lane, max: u32) -> rusqlite::Result<Vec<Job>> {
    if max == 0 {
        return Ok(Vec::new());
    }
    let mut select = desk.db.prepare_cached(&format!(
        "SELECT {} FROM job
         WHERE state = 'ready' AND lane = ?1 AND due <= ?2 AND route NOT IN (SELECT route FROM paused)
         ORDER BY due LIMIT ?3",
        rows::JOB
    ))?;
    select.query_map(params![lane, desk.now, max], rows::job)?.collect()
}

fn due_alone(desk: &Desk<'_>) -> rusqlite::Result<Option<Job>> {
    desk.db
        .prepare_cached(&format!(
            "SELECT {} FROM job WHERE state = 'ready' AND lost >= 2 AND due <= ?1
             AND route NOT IN (SELECT route FROM paused) ORDER BY due LIMIT 1",
            rows::JOB
        ))?
        .query_row([desk.now], rows::job)
        .optional()
}

/// Whether some ready job must run with nothing beside it.
pub(super) fn any_alone(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM job WHERE state = 'ready' AND lost >= 2")?.exists([])
}

fn everything_paused(desk: &Desk<'_>) -> rusqlite::Result<bool> {
    desk.db.prepare_cached("SELECT 1 FROM paused WHERE route = '*'")?.exists([])
}

fn next_due(desk: &Desk<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let mut next = None;
    for lane in Lane::ALL {
        let first: Option<Timestamp> = desk
            .db
            .prepare_cached("SELECT min(due) FROM job WHERE state = 'ready' AND lane = ?1 AND due > ?2")?
            .query_row(params![lane, desk.now], |row| row.get(0))?;
        next = match (next, first) {
            (Some(a), Some(b)) => Some(std::cmp::min::<Timestamp>(a, b)),
            (a, b) => a.or(b),
        };
    }
    Ok(next)
}

fn hand_out(
    desk: &mut Desk<'_>,
    mut job: Job,
    request: ClaimRequest,
    alone: bool,
) -> Result<Claimed, Failed> {
    let event = event(desk, job.id.event)?;
    desk.db
        .prepare_cached("UPDATE job SET state = 'leased' WHERE event = ?1 AND n = ?2")?
        .execute(params![job.id.event, job.id.n])?;
    jobs::shifted(desk, job.state, JobState::Leased, job.lane);
    job.state = JobState::Leased;
    let lease = desk.leases.grant(job.id, desk.monotonic + request.lease, alone);
    Ok(Claimed { lease, job, event: Arc::new(event) })
}

fn event(desk: &Desk<'_>, id: EventId) -> rusqlite::Result<Event> {
    desk.db
        .prepare_cached(&format!("SELECT {} FROM event WHERE id = ?1", rows::EVENT))?
        .query_row([id], rows::event)
}

/// Takes a job back from a worker that is gone.
pub(super) fn lose(desk: &mut Desk<'_>, id: JobId, why: &str) -> rusqlite::Result<()> {
    desk.leases.release(id);
    let Some(job) = jobs::get(desk.db, id)? else { return Ok(()) };
    let reason = match after_loss(job.lost_leases + 1) {
        AfterLoss::Ready => why.to_owned(),
        AfterLoss::Alone => format!("{why}; it will run with nothing beside it"),
        // Whoever claims it settles it as dead without running it, with what its route says about deaths.
        AfterLoss::Dead { reason, .. } => reason,
    };
    desk.db
        .prepare_cached(
            "UPDATE job SET state = 'ready', due = ?3, lost = lost + 1, in_doubt = in_doubt OR begun IS NOT NULL,
             begun = NULL, reason = ?4 WHERE event = ?1 AND n = ?2",
        )?
        .execute(params![id.event, id.n, desk.now, reason])?;
    jobs::shifted(desk, job.state, JobState::Ready, job.lane);
    jobs::record(desk.db, id, &jobs::remark(AttemptOutcome::LeaseLost, desk.now, why))?;
    Ok(())
}
