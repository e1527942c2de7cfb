//! What a lease holder may do: begin, buy, extend, and settle.

use std::time::Duration;

use rusqlite::params;

use crate::{
    decide::purchase::{Buy, buy},
    domain::{Answer, FrozenRequest, Job, JobState, Lease, Name, Next, Prior, Purchase, PurchaseState, Work},
    store::{Settlement, Start, StoreError},
};

use super::{
    claim,
    jobs::{self, State},
    rows,
    writer::{Desk, Failed},
};

/// The job under `lease`, or the refusal of whoever no longer holds it.
fn held(desk: &Desk<'_>, lease: Lease) -> Result<Job, Failed> {
    let stale = || Failed::Refused(StoreError::StaleLease(lease.job));
    if !desk.leases.holds(lease) {
        return Err(stale());
    }
    jobs::get(desk.db, lease.job)?.ok_or_else(stale)
}

pub(super) fn begin(
    desk: &mut Desk<'_>,
    lease: Lease,
    request: Option<&FrozenRequest>,
) -> Result<(), Failed> {
    let job = held(desk, lease)?;
    if request.is_some() && job.request.is_some() {
        return Err(StoreError::Conflict(format!("the request of {} is frozen already", job.id)).into());
    }
    let request = request.map(rows::to_json).transpose()?;
    desk.db
        .prepare_cached(
            "UPDATE job SET begun = ?3, first_begun = coalesce(first_begun, ?3), request = coalesce(?4, request)
             WHERE event = ?1 AND n = ?2",
        )?
        .execute(params![job.id.event, job.id.n, desk.now, request])?;
    desk.changed = true;
    Ok(())
}

pub(super) fn begin_purchase(
    desk: &mut Desk<'_>,
    lease: Lease,
    judge: &Name,
    digest: &str,
) -> Result<Prior, Failed> {
    let job = held(desk, lease)?;
    let record = purchases(desk, lease)?;
    match buy(&record, judge, digest) {
        Buy::Reuse(Purchase { answer: Some(answer), .. }) => return Ok(Prior::Answered(answer.clone())),
        Buy::Reuse(_) | Buy::Refuse => return Ok(Prior::Spent),
        Buy::Ask => {}
    }
    desk.db
        .prepare_cached(
            "INSERT INTO purchase(event, n, seq, judge, digest, begun_at, state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            job.id.event,
            job.id.n,
            record.len() as i64,
            judge,
            digest,
            desk.now,
            PurchaseState::MaybeBilled
        ])?;
    desk.changed = true;
    Ok(Prior::Begun)
}

fn purchases(desk: &Desk<'_>, lease: Lease) -> rusqlite::Result<Vec<Purchase>> {
    let mut select = desk.db.prepare_cached(
        "SELECT judge, digest, begun_at, state, answer FROM purchase WHERE event = ?1 AND n = ?2 ORDER BY seq",
    )?;
    let rows = select.query_map(params![lease.job.event, lease.job.n], rows::purchase)?;
    rows.collect()
}

pub(super) fn end_purchase(
    desk: &mut Desk<'_>,
    lease: Lease,
    judge: &Name,
    digest: &str,
    answer: Option<&Answer>,
) -> Result<(), Failed> {
    let job = held(desk, lease)?;
    let state = if answer.is_some() { PurchaseState::Answered } else { PurchaseState::NotBilled };
    let answer = answer.map(rows::to_json).transpose()?;
    let ended = desk
        .db
        .prepare_cached(
            "UPDATE purchase SET state = ?5, answer = ?6 WHERE event = ?1 AND n = ?2 AND seq =
             (SELECT max(seq) FROM purchase
              WHERE event = ?1 AND n = ?2 AND judge = ?3 AND digest = ?4 AND state = 'maybe_billed')",
        )?
        .execute(params![job.id.event, job.id.n, judge, digest, state, answer])?;
    if ended == 0 {
        return Err(StoreError::Conflict(format!("{} never began this purchase", job.id)).into());
    }
    desk.changed = true;
    Ok(())
}

pub(super) fn extend(desk: &mut Desk<'_>, lease: Lease, by: Duration) -> Result<(), Failed> {
    if !desk.leases.holds(lease) {
        return Err(StoreError::StaleLease(lease.job).into());
    }
    desk.leases.extend(lease, desk.monotonic + by);
    Ok(())
}

pub(super) fn settle(desk: &mut Desk<'_>, lease: Lease, settlement: &Settlement) -> Result<(), Failed> {
    let job = held(desk, lease)?;
    let (state, due) = match &settlement.next {
        Next::Done => (State { state: JobState::Done, cause: None, reason: None }, desk.now),
        Next::RetryAt { due, reason } | Next::Park { due, reason } => {
            (State { state: JobState::Ready, cause: None, reason: Some(reason) }, *due)
        }
        Next::Review { reason } => {
            (State { state: JobState::Waiting, cause: None, reason: Some(reason) }, desk.now)
        }
        Next::Skip { reason } => {
            (State { state: JobState::Skipped, cause: None, reason: Some(reason) }, desk.now)
        }
        Next::Dead { cause, reason } => {
            (State { state: JobState::Dead, cause: Some(*cause), reason: Some(reason) }, desk.now)
        }
    };
    let counted = match settlement.next {
        Next::Done | Next::RetryAt { .. } | Next::Dead { .. } => 1,
        Next::Park { .. } | Next::Skip { .. } | Next::Review { .. } => 0,
    };
    let verdict = settlement.verdict.as_ref().map(rows::to_json).transpose()?;
    let receipt = settlement.receipt.as_ref().map(rows::to_json).transpose()?;
    let request = settlement.request.as_ref().map(rows::to_json).transpose()?;
    desk.db
        .prepare_cached(
            "UPDATE job SET state = ?3, due = ?4, cause = ?5, reason = ?6, attempts = attempts + ?7, begun = NULL,
             in_doubt = ?8, verdict = coalesce(?9, verdict), receipt = coalesce(?10, receipt),
             request = coalesce(request, ?11)
             WHERE event = ?1 AND n = ?2",
        )?
        .execute(params![
            job.id.event,
            job.id.n,
            state.state,
            due,
            state.cause,
            state.reason,
            counted,
            settlement.in_doubt,
            verdict,
            receipt,
            request
        ])?;
    jobs::record(desk.db, job.id, &settlement.attempt)?;
    desk.leases.release(job.id);
    jobs::shifted(desk, job.state, state.state, job.lane);
    // A job that must run alone may have waited for this one to end, or all others for it.
    desk.new_work |= desk.leases.is_empty() && claim::any_alone(desk.db)?;
    desk.new_work |= job.lost_leases >= 2;
    if !settlement.follow_up.is_empty() {
        let first = jobs::next_n(desk.db, job.id.event)?;
        for (n, follow_up) in (first..).zip(&settlement.follow_up) {
            jobs::insert(desk, job.id.event, n, follow_up)?;
        }
        for follow_up in &settlement.follow_up {
            if let (Work::Action(plan), Start::Dead { .. }) = (&follow_up.work, &follow_up.start) {
                jobs::release_followers(desk, job.id.event, plan)?;
            }
        }
    }
    if let Work::Action(plan) = &job.work
        && state.state.is_settled()
    {
        jobs::release_followers(desk, job.id.event, plan)?;
    }
    Ok(())
}
