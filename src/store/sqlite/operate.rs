//! What a person may do.

use rusqlite::{OptionalExtension, params};

use crate::{
    decide::replan::{RUN_AGAIN, hinders},
    domain::{AttemptOutcome, Body, EventId, JobId, JobState, Work},
    store::{
        JobQuery, NewJob, Pause, Replayed, Resolution, Resolved, StoreError,
        state::{State, has_room},
        work::undecided,
    },
};

use super::{
    jobs,
    key::JobKey,
    read,
    rows::{self, Row},
    tally,
    writer::{Desk, Failed},
};

pub(super) fn resolve(desk: &mut Desk<'_>, id: JobId, resolution: &Resolution) -> Result<(), Failed> {
    let row =
        jobs::find(desk.db, id)?.ok_or_else(|| StoreError::Conflict(format!("there is no job {id}")))?;
    let mut job = row.job.clone();
    jobs::mark(&mut job, &desk.leases.under_way());
    if job.state != JobState::Waiting {
        let told = format!("{id} does not wait for a person: it is {}", job.state);
        return Err(StoreError::Conflict(told).into());
    }
    let note = &resolution.note;
    match &resolution.resolved {
        Resolved::Approve { verdict } => {
            let verdict = verdict.as_ref().map(rows::to_json).transpose()?;
            desk.db
                .prepare_cached(
                    "UPDATE job SET approved = 1, in_doubt = 0, verdict = coalesce(?2, verdict) WHERE id = ?1",
                )?
                .execute(params![row.key, verdict])?;
            jobs::make_ready(desk, &row, desk.now, Some(note))?;
            jobs::remark(desk, row.key, AttemptOutcome::Person, note)?;
        }
        Resolved::Done => jobs::finish(desk, &row, &State::with(JobState::Done, note))?,
        Resolved::Discard => jobs::finish(desk, &row, &State::with(JobState::Discarded, note))?,
    }
    Ok(())
}

fn dead(desk: &Desk<'_>, query: &JobQuery) -> rusqlite::Result<Vec<Row>> {
    read::rows_of(
        desk.db,
        &desk.leases.under_way(),
        &JobQuery { state: Some(JobState::Dead), ..query.clone() },
    )
}

pub(super) fn redrive(desk: &mut Desk<'_>, query: &JobQuery) -> Result<u64, Failed> {
    let dead = dead(desk, query)?;
    for row in &dead {
        jobs::revive(desk, row.key, "redriven")?;
    }
    Ok(dead.len() as u64)
}

pub(super) fn discard(desk: &mut Desk<'_>, query: &JobQuery, note: &str) -> Result<u64, Failed> {
    let dead = dead(desk, query)?;
    for row in &dead {
        jobs::finish(desk, row, &State::with(JobState::Discarded, note))?;
    }
    Ok(dead.len() as u64)
}

pub(super) fn unpark(desk: &mut Desk<'_>, ids: &[JobId]) -> rusqlite::Result<u64> {
    let mut moved = 0;
    for id in ids {
        let Some(row) = jobs::find(desk.db, *id)?.filter(|row| row.job.state == JobState::Ready) else {
            continue;
        };
        if row.job.due <= desk.now || desk.leases.holds(*id) || !is_parked(desk, &row)? {
            continue;
        }
        desk.db
            .prepare_cached("UPDATE job SET due = ?2, fresh_at = min(fresh_at, ?2) WHERE id = ?1")?
            .execute(params![row.key, desk.now])?;
        moved += 1;
    }
    desk.new_work |= moved > 0;
    Ok(moved)
}

/// Whether the last that became of a job was to be handed back without an attempt.
fn is_parked(desk: &Desk<'_>, row: &Row) -> rusqlite::Result<bool> {
    let last: Option<bool> = desk
        .db
        .prepare_cached("SELECT outcome = ?3 FROM attempt WHERE job = ?1 AND seq = ?2 - 1")?
        .query_row(params![row.key, row.history, AttemptOutcome::Parked], |row| row.get(0))
        .optional()?;
    Ok(last == Some(true))
}

pub(super) fn replay(desk: &mut Desk<'_>, event: EventId, new: &[NewJob]) -> Result<Replayed, Failed> {
    let gone = |what: &str| StoreError::Conflict(format!("{event} cannot be replayed: {what}"));
    let seq = jobs::seq(desk.db, event)?.ok_or_else(|| gone("it is not on record"))?;
    let sweep = |work: &Work| match work {
        Work::Route { replay: Some(replay), .. } => Some(replay.sweep.clone()),
        Work::Route { replay: None, .. } | Work::Action(_) => None,
    };
    let sweeps: Vec<_> = new.iter().filter_map(|job| sweep(&job.work)).collect();
    let known = jobs::rows_of(desk.db, seq)?;
    if known.iter().filter_map(|row| sweep(&row.job.work)).any(|known| sweeps.contains(&known)) {
        return Ok(Replayed::Already);
    }
    for Row { job, history, .. } in &known {
        if let Work::Route { route, .. } = &job.work
            && !job.work.is_shadow()
            && let Some(why) = hinders(job.state, *history > 0)
        {
            return Err(gone(&format!("its route `{route}` {why}")).into());
        }
    }
    if matches!(read::event(desk.db, event)?.map(|event| event.body), None | Some(Body::Gone)) {
        return Err(gone("its body is gone").into());
    }
    let first = jobs::next_n(desk.db, seq)?;
    has_room(event, first as usize, new.len())?;
    for row in known.iter().filter(|row| undecided(&row.job, new)) {
        jobs::finish(desk, row, &State::with(JobState::Discarded, RUN_AGAIN))?;
    }
    for (n, job) in (first..).zip(new) {
        jobs::insert(desk, (seq, event), n, job, None)?;
        jobs::remark(desk, JobKey::new(seq, n), AttemptOutcome::Person, "replayed")?;
    }
    Ok(Replayed::Queued)
}

pub(super) fn pause(desk: &mut Desk<'_>, pause: &Pause) -> Result<(), Failed> {
    let (kind, name) = scope(pause);
    desk.db
        .prepare_cached("INSERT OR IGNORE INTO paused(kind, name) VALUES(?1, ?2)")?
        .execute([kind, name])?;
    desk.tally.pauses_changed(desk.db)?;
    Ok(())
}

pub(super) fn resume(desk: &mut Desk<'_>, pause: &Pause) -> Result<(), Failed> {
    let (kind, name) = scope(pause);
    desk.db.prepare_cached("DELETE FROM paused WHERE kind = ?1 AND name = ?2")?.execute([kind, name])?;
    desk.tally.pauses_changed(desk.db)?;
    desk.new_work = true;
    Ok(())
}

fn scope(pause: &Pause) -> (&str, &str) {
    match pause {
        Pause::Route(route) => (tally::ROUTE, route),
        Pause::Destination(destination) => (tally::DESTINATION, destination),
        Pause::Everything => (tally::EVERYTHING, ""),
    }
}
