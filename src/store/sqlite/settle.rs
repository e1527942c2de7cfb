//! What a lease holder may do: begin, extend, and settle.

use std::time::Duration;

use rusqlite::params;

use crate::{
    domain::{FrozenRequest, JobId, JobState, Lease, Next, Work},
    store::{
        Replaced, Settlement, Start, StoreError,
        state::{State, has_room},
    },
};

use super::{
    claim, follow, jobs,
    key::JobKey,
    leases::Held,
    line, purchases, rows,
    writer::{Desk, Failed},
};

/// What is held under `lease`, or the refusal of whoever no longer holds it.
pub(super) fn held(desk: &Desk<'_>, lease: Lease) -> Result<Held, Failed> {
    desk.leases.get(lease).ok_or(Failed::Refused(StoreError::StaleLease(lease.job)))
}

pub(super) fn begin(
    desk: &mut Desk<'_>,
    lease: Lease,
    request: Option<&FrozenRequest>,
) -> Result<(), Failed> {
    let held = held(desk, lease)?;
    let text = request.map(rows::to_json).transpose()?;
    let begun = desk
        .db
        .prepare_cached(
            "UPDATE job SET begun = ?2, first_begun = coalesce(first_begun, ?2), request = coalesce(?3, request)
             WHERE id = ?1 AND (?3 IS NULL OR request IS NULL)",
        )?
        .execute(params![held.key, desk.now, text])?;
    if begun == 0 {
        return Err(StoreError::Conflict(format!("the request of {} is frozen already", lease.job)).into());
    }
    Ok(())
}

pub(super) fn extend(desk: &mut Desk<'_>, lease: Lease, by: Duration) -> Result<(), Failed> {
    held(desk, lease)?;
    desk.leases.extend(lease.job, desk.monotonic + by);
    Ok(())
}

pub(super) fn settle(desk: &mut Desk<'_>, lease: Lease, settlement: &Settlement) -> Result<(), Failed> {
    let held = held(desk, lease)?;
    let replaced = replaced(desk, lease.job, &settlement.replaces)?;
    let first_new = first_follow_up(desk, lease.job, &held, settlement)?;
    if let Some(bill) = &settlement.bill {
        // Where it was handed in before, and is on record, there is nothing to do.
        purchases::end_if_open(desk, lease, bill)?;
    }
    let (to, due, counted) = State::after(&settlement.next, desk.now);
    let verdict = settlement.verdict.as_ref().map(rows::to_json).transpose()?;
    let receipt = settlement.receipt.as_ref().map(rows::to_json).transpose()?;
    let request = settlement.request.as_ref().map(rows::to_json).transpose()?;
    let line = jobs::line_of(desk.db, held.key, held.history, &settlement.attempt)?;
    desk.db
        .prepare_cached(
            "UPDATE job SET state = ?2, due = ?3, cause = ?4, reason = ?5, attempts = attempts + ?6, begun = NULL,
             in_doubt = ?7, verdict = coalesce(?8, verdict), receipt = coalesce(?9, receipt),
             request = coalesce(request, ?10), token = ?11, history = ?12,
             fresh_at = CASE WHEN ?13 THEN ?3 ELSE fresh_at END
             WHERE id = ?1",
        )?
        .execute(params![
            held.key,
            to.state,
            due,
            to.cause,
            to.reason,
            counted,
            settlement.in_doubt,
            verdict,
            receipt,
            request,
            lease.token,
            line + 1,
            settlement.afresh
        ])?;
    jobs::record(desk.db, held.key, line, &settlement.attempt)?;
    let ran_alone = held.alone;
    give_up(desk, lease.job, &held, to.state)?;
    // A job that must run alone may have waited for this one to end, or all others for it.
    desk.new_work |= ran_alone || (desk.leases.is_empty() && claim::any_alone(desk.db)?);
    // Before those that it replaces go: its place in a line may be theirs, and must not be given up between.
    follow_up(desk, lease.job, &held, first_new, settlement)?;
    discard(desk, lease.job, &replaced)?;
    release_new(desk, held.key.event(), settlement)?;
    if held.is_action
        && to.state.is_settled()
        && let Some(row) = jobs::get(desk.db, held.key)?
        && let Work::Action(plan) = &row.job.work
    {
        follow::release(desk, held.key.event(), plan)?;
    }
    if let Some(line) = held.line {
        let stuck = matches!(settlement.next, Next::Park { .. }) || to.state.is_settled();
        if stuck {
            line::moved(desk, held.key.event(), line, to.state.is_final())?;
        }
    }
    Ok(())
}

fn give_up(desk: &mut Desk<'_>, job: JobId, held: &Held, to: JobState) -> rusqlite::Result<()> {
    desk.leases.release(job);
    desk.tally.lease(held.queue, -1);
    desk.tally.shift(held.queue, Some(JobState::Ready), Some(to));
    // One that may be claimed again, and one that made room within a limit.
    desk.new_work |= to == JobState::Ready;
    claim::forget_batch(desk, held.batch)
}

/// The jobs whose place the follow-up takes, each as it was planned for. Changes nothing.
fn replaced(desk: &Desk<'_>, by: JobId, replaces: &[Replaced]) -> Result<Vec<JobKey>, Failed> {
    let mut keys = Vec::with_capacity(replaces.len());
    for replaced in replaces.iter().filter(|replaced| replaced.job.event == by.event) {
        let Some(row) = jobs::find(desk.db, replaced.job)? else { continue };
        if desk.leases.holds(replaced.job) || replaced.has_gone_on(&row.job) {
            return Err(StoreError::Overtaken(replaced.job).into());
        }
        keys.push(row.key);
    }
    Ok(keys)
}

/// Ends those of them that have not come to their end.
fn discard(desk: &mut Desk<'_>, by: JobId, replaced: &[JobKey]) -> rusqlite::Result<()> {
    let reason = format!("replaced by a newer plan, of {by}");
    for key in replaced {
        // As it is now: the end of another one may have released or skipped it.
        if let Some(row) = jobs::get(desk.db, *key)?.filter(|row| !row.job.state.is_final()) {
            jobs::finish(desk, &row, &State::with(JobState::Discarded, &reason))?;
        }
    }
    Ok(())
}

/// The number that the first of the follow-up jobs gets, if there is room for all of them.
fn first_follow_up(desk: &Desk<'_>, job: JobId, held: &Held, settlement: &Settlement) -> Result<u32, Failed> {
    if settlement.follow_up.is_empty() {
        return Ok(0);
    }
    let first = jobs::next_n(desk.db, held.key.event())?;
    has_room(job.event, first as usize, settlement.follow_up.len())?;
    Ok(first)
}

fn follow_up(
    desk: &mut Desk<'_>,
    job: JobId,
    held: &Held,
    first: u32,
    settlement: &Settlement,
) -> rusqlite::Result<()> {
    let seq = held.key.event();
    for (n, new) in (first..).zip(&settlement.follow_up) {
        // A shadow holds nobody up.
        let line = held.line.filter(|_| !new.work.is_shadow());
        jobs::insert(desk, (seq, job.event), n, new, line)?;
    }
    Ok(())
}

fn release_new(desk: &mut Desk<'_>, seq: i64, settlement: &Settlement) -> rusqlite::Result<()> {
    for new in &settlement.follow_up {
        // What follows one that is born dead is skipped; what follows only what is done already goes at once.
        if let (Work::Action(plan), Start::Dead { .. } | Start::Blocked) = (&new.work, &new.start) {
            follow::release(desk, seq, plan)?;
        }
    }
    Ok(())
}
