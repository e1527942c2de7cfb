//! Changes of single jobs that several operations share.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    domain::{Attempt, AttemptOutcome, EventId, Job, JobId, JobState, Timestamp, Work},
    store::{
        NewJob, PARKS_KEPT,
        state::{JOBS_MAX, State},
    },
};

use super::{
    claim, follow,
    key::JobKey,
    leases::UnderWay,
    line, newest,
    rows::{self, Row},
    writer::Desk,
};

/// Adds job `n` of the event of `(seq, id)`, for which there is room. `line` is the place of the route job that it comes
/// from.
pub(super) fn insert(
    desk: &mut Desk<'_>,
    (seq, event): (i64, EventId),
    n: u32,
    job: &NewJob,
    line: Option<i64>,
) -> rusqlite::Result<()> {
    let (mut state, mut due) = State::at_start(&job.start, desk.now);
    let newest = job.coalesce.as_ref().filter(|_| matches!(state.state, JobState::Ready | JobState::Blocked));
    let mut place = None;
    if let Some(coalesce) = newest {
        let order = job.order.as_ref().map(|order| &*order.key);
        newest::Taken { due, place } = newest::replace(desk, coalesce, order, event)?;
    }
    let told;
    let mut in_line = line;
    if let Some(order) = &job.order {
        let (line, ahead) = line::join(desk, order, place, seq)?;
        in_line = Some(line);
        if state.state == JobState::Ready
            && let Some(ahead) = ahead
        {
            told = line::reason(ahead);
            state = State::with(JobState::Blocked, &told);
        }
    }
    let (plan, replay) = match &job.work {
        Work::Route { replay, .. } => (None, replay.as_ref().map(rows::to_json).transpose()?),
        Work::Action(plan) => (Some(rows::to_json(plan)?), None),
    };
    let queue = desk.tally.queue(desk.db, job.lane, job.work.route(), job.destination.as_ref())?;
    let request = job.request.as_ref().map(rows::to_json).transpose()?;
    desk.db
        .prepare_cached(
            "INSERT INTO job(id, queue, state, due, fresh_at, config, line, newest, replay, cause, reason, plan, request)
             VALUES(?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            JobKey::new(seq, n),
            queue,
            state.state,
            due,
            job.config,
            in_line,
            newest.map(|coalesce| &coalesce.key),
            replay,
            state.cause,
            state.reason,
            plan,
            request
        ])?;
    desk.tally.shift(queue, None, Some(state.state));
    desk.new_work |= state.state == JobState::Ready;
    match in_line {
        // Born stuck: who may be passed by is passed by at once.
        Some(line) if state.state.is_settled() => line::moved(desk, seq, line, state.state.is_final()),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn get(db: &Connection, key: JobKey) -> rusqlite::Result<Option<Row>> {
    db.prepare_cached(&format!("SELECT {} FROM {} WHERE j.id = ?1", rows::JOB, rows::JOB_FROM))?
        .query_row([key], rows::job)
        .optional()
}

/// The `seq` of an event.
pub(super) fn seq(db: &Connection, event: EventId) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT seq FROM event WHERE id = ?1")?.query_row([event], |row| row.get(0)).optional()
}

/// The job with this id, as the file has it: one that is under way is ready.
pub(super) fn find(db: &Connection, id: JobId) -> rusqlite::Result<Option<Row>> {
    match seq(db, id.event)? {
        Some(seq) if id.n < JOBS_MAX => get(db, JobKey::new(seq, id.n)),
        Some(_) | None => Ok(None),
    }
}

/// An event's jobs in the order they were made.
pub(super) fn of_event(db: &Connection, under_way: &UnderWay, event: EventId) -> rusqlite::Result<Vec<Job>> {
    let Some(seq) = seq(db, event)? else { return Ok(Vec::new()) };
    let mut jobs: Vec<Job> = rows_of(db, seq)?.into_iter().map(|row| row.job).collect();
    jobs.iter_mut().for_each(|job| mark(job, under_way));
    Ok(jobs)
}

/// The rows of an event's jobs in the order they were made.
pub(super) fn rows_of(db: &Connection, seq: i64) -> rusqlite::Result<Vec<Row>> {
    let (first, last) = JobKey::all_of(seq);
    let sql =
        format!("SELECT {} FROM {} WHERE j.id BETWEEN ?1 AND ?2 ORDER BY j.id", rows::JOB, rows::JOB_FROM);
    let mut select = db.prepare_cached(&sql)?;
    select.query_map([first, last], rows::job)?.collect()
}

/// Tells that a job is under way, which the file does not.
pub(super) fn mark(job: &mut Job, under_way: &UnderWay) {
    if job.state == JobState::Ready && under_way.contains(&job.id) {
        job.state = JobState::Leased;
    }
}

/// The number the event's next job gets.
pub(super) fn next_n(db: &Connection, seq: i64) -> rusqlite::Result<u32> {
    let (first, last) = JobKey::all_of(seq);
    let newest: Option<JobKey> = db
        .prepare_cached("SELECT max(id) FROM job WHERE id BETWEEN ?1 AND ?2")?
        .query_row([first, last], |row| row.get(0))?;
    Ok(newest.map_or(0, |key| key.n() + 1))
}

/// Moves a job that nobody holds to another state.
pub(super) fn set_state(
    desk: &mut Desk<'_>,
    row: &Row,
    to: &State<'_>,
    due: Timestamp,
) -> rusqlite::Result<()> {
    desk.db
        .prepare_cached("UPDATE job SET state = ?2, due = ?3, cause = ?4, reason = ?5 WHERE id = ?1")?
        .execute(params![row.key, to.state, due, to.cause, to.reason])?;
    desk.tally.shift(row.queue, Some(row.job.state), Some(to.state));
    desk.new_work |= to.state == JobState::Ready;
    Ok(())
}

/// Makes a job ready from `due` on, with its age counting from there; one that is not at the head of its line waits on.
pub(super) fn make_ready(
    desk: &mut Desk<'_>,
    row: &Row,
    due: Timestamp,
    reason: Option<&str>,
) -> rusqlite::Result<()> {
    desk.db.prepare_cached("UPDATE job SET fresh_at = ?2 WHERE id = ?1")?.execute(params![row.key, due])?;
    let ahead = match (&row.job.work, row.line) {
        (Work::Route { .. }, Some(line)) => line::ahead(desk.db, line)?,
        (Work::Route { .. }, None) | (Work::Action(_), _) => None,
    };
    match ahead {
        Some(ahead) => set_state(desk, row, &State::with(JobState::Blocked, &line::reason(ahead)), due),
        None => set_state(desk, row, &State { state: JobState::Ready, cause: None, reason }, due),
    }
}

/// Which line of the history of a job that has `history` of them is to tell of `attempt`: the next one, unless so many
/// before it tell of being handed back that another one would tell nothing new.
pub(super) fn line_of(
    db: &Connection,
    key: JobKey,
    history: u32,
    attempt: &Attempt,
) -> rusqlite::Result<u32> {
    let kept = u32::try_from(PARKS_KEPT).unwrap_or(u32::MAX);
    if attempt.outcome != AttemptOutcome::Parked || history < kept {
        return Ok(history);
    }
    let parked: u32 = db
        .prepare_cached("SELECT count(*) FROM attempt WHERE job = ?1 AND seq >= ?2 AND outcome = ?3")?
        .query_row(params![key, history - kept, AttemptOutcome::Parked], |row| row.get(0))?;
    Ok(if parked >= kept { history - 1 } else { history })
}

/// Writes a line of a job's history.
pub(super) fn record(db: &Connection, key: JobKey, line: u32, attempt: &Attempt) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO attempt(job, seq, started_at, ended_at, outcome, status, detail)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        key,
        line,
        attempt.started_at,
        attempt.ended_at,
        attempt.outcome,
        attempt.status,
        attempt.detail
    ])?;
    Ok(())
}

/// Adds a line that no worker wrote.
pub(super) fn remark(
    desk: &Desk<'_>,
    key: JobKey,
    outcome: AttemptOutcome,
    detail: &str,
) -> rusqlite::Result<()> {
    let history: u32 = desk
        .db
        .prepare_cached("UPDATE job SET history = history + 1 WHERE id = ?1 RETURNING history - 1")?
        .query_row([key], |row| row.get(0))?;
    let at = desk.now;
    let line =
        Attempt { started_at: at, ended_at: at, outcome, detail: Some(detail.to_owned()), status: None };
    record(desk.db, key, history, &line)
}

/// A dead letter goes back to its lane with fresh attempts; actions skipped because of it wait for it again.
pub(super) fn revive(desk: &mut Desk<'_>, key: JobKey, why: &str) -> rusqlite::Result<()> {
    let Some(row) = get(desk.db, key)? else { return Ok(()) };
    desk.db
        .prepare_cached("UPDATE job SET attempts = 0, lost = 0, crashes = 0 WHERE id = ?1")?
        .execute([key])?;
    make_ready(desk, &row, desk.now, Some(why))?;
    remark(desk, key, AttemptOutcome::Person, why)?;
    if let Work::Action(plan) = &row.job.work {
        follow::unskip(desk, key.event(), plan)?;
    }
    Ok(())
}

/// Ends a job by somebody's will, with everything that follows from it. One that was under way is taken away from its
/// worker.
pub(super) fn finish(desk: &mut Desk<'_>, row: &Row, to: &State<'_>) -> rusqlite::Result<()> {
    if let Some(held) = desk.leases.release(row.job.id) {
        desk.tally.lease(held.queue, -1);
        claim::forget_batch(desk, held.batch)?;
    }
    set_state(desk, row, to, desk.now)?;
    let outcome =
        if to.state == JobState::Skipped { AttemptOutcome::Skipped } else { AttemptOutcome::Person };
    remark(desk, row.key, outcome, to.reason.unwrap_or_default())?;
    ended(desk, row, to.state)
}

/// What follows when a job has come to `state`, which no worker will change.
pub(super) fn ended(desk: &mut Desk<'_>, row: &Row, state: JobState) -> rusqlite::Result<()> {
    if let Work::Action(plan) = &row.job.work
        && state.is_settled()
    {
        follow::release(desk, row.key.event(), plan)?;
    }
    match row.line {
        Some(line) => line::moved(desk, row.key.event(), line, state.is_final()),
        None => Ok(()),
    }
}
