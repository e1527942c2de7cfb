//! Changes of single jobs that several operations share.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    decide::unblock::{Unblock, unblock},
    domain::{
        ActionPlan, Attempt, AttemptOutcome, Cause, EventId, Job, JobId, JobState, Lane, Name, Timestamp,
        Work,
    },
    store::{NewJob, Start},
};

use super::{rows, writer::Desk};

/// A state with its reason.
pub(super) struct State<'a> {
    pub state: JobState,
    pub cause: Option<Cause>,
    pub reason: Option<&'a str>,
}

pub(super) fn insert(desk: &mut Desk<'_>, event: EventId, n: u32, job: &NewJob) -> rusqlite::Result<()> {
    let start = start(&job.start);
    let plan = match &job.work {
        Work::Route { .. } => None,
        Work::Action(plan) => Some(rows::to_json(plan)?),
    };
    let request = job.request.as_ref().map(rows::to_json).transpose()?;
    desk.db
        .prepare_cached(
            "INSERT INTO job(event, n, lane, state, due, route, plan, config, cause, reason, request)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            event,
            n,
            job.lane,
            start.state,
            desk.now,
            job.work.route(),
            plan,
            job.config,
            start.cause,
            start.reason,
            request
        ])?;
    desk.counts.shift(None, start.state, job.lane);
    desk.new_work |= start.state == JobState::Ready;
    Ok(())
}

/// The state a new job begins in.
fn start(start: &Start) -> State<'_> {
    match start {
        Start::Ready => State { state: JobState::Ready, cause: None, reason: None },
        Start::Blocked => State { state: JobState::Blocked, cause: None, reason: None },
        Start::Waiting { reason } => State { state: JobState::Waiting, cause: None, reason: Some(reason) },
        Start::Dead { cause, reason } => {
            State { state: JobState::Dead, cause: Some(*cause), reason: Some(reason) }
        }
    }
}

pub(super) fn get(db: &Connection, id: JobId) -> rusqlite::Result<Option<Job>> {
    db.prepare_cached(&format!("SELECT {} FROM job WHERE event = ?1 AND n = ?2", rows::JOB))?
        .query_row(params![id.event, id.n], rows::job)
        .optional()
}

/// The number the event's next job gets.
pub(super) fn next_n(db: &Connection, event: EventId) -> rusqlite::Result<u32> {
    db.prepare_cached("SELECT coalesce(max(n) + 1, 0) FROM job WHERE event = ?1")?
        .query_row([event], |row| row.get(0))
}

pub(super) fn states(db: &Connection, event: EventId) -> rusqlite::Result<Vec<(u32, JobState)>> {
    let mut select = db.prepare_cached("SELECT n, state FROM job WHERE event = ?1 ORDER BY n")?;
    let rows = select.query_map([event], |row| Ok((row.get(0)?, rows::word(row, 1)?)))?;
    rows.collect()
}

/// Moves a job that nobody holds to another state.
pub(super) fn set_state(
    desk: &mut Desk<'_>,
    job: &Job,
    to: &State<'_>,
    due: Timestamp,
) -> rusqlite::Result<()> {
    desk.db
        .prepare_cached(
            "UPDATE job SET state = ?3, due = ?4, cause = ?5, reason = ?6 WHERE event = ?1 AND n = ?2",
        )?
        .execute(params![job.id.event, job.id.n, to.state, due, to.cause, to.reason])?;
    shifted(desk, job.state, to.state, job.lane);
    Ok(())
}

/// Keeps the counts, and tells workers of new work.
pub(super) fn shifted(desk: &mut Desk<'_>, from: JobState, to: JobState, lane: Lane) {
    desk.counts.shift(Some(from), to, lane);
    desk.changed = true;
    desk.new_work |= to == JobState::Ready;
}

/// Adds a line to a job's history.
pub(super) fn record(db: &Connection, id: JobId, attempt: &Attempt) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO attempt(event, n, seq, started_at, ended_at, outcome, status, detail)
         SELECT ?1, ?2, (SELECT coalesce(max(seq) + 1, 0) FROM attempt WHERE event = ?1 AND n = ?2), ?3, ?4, ?5, ?6, ?7",
    )?
    .execute(params![
        id.event,
        id.n,
        attempt.started_at,
        attempt.ended_at,
        attempt.outcome,
        attempt.status,
        attempt.detail
    ])?;
    Ok(())
}

/// A line in the history that no worker wrote.
pub(super) fn remark(outcome: AttemptOutcome, at: Timestamp, detail: &str) -> Attempt {
    Attempt { started_at: at, ended_at: at, outcome, detail: Some(detail.to_owned()), status: None }
}

/// A dead letter goes back to its lane with fresh attempts; actions skipped because of it wait for it again.
pub(super) fn revive(desk: &mut Desk<'_>, event: EventId, n: u32, why: &str) -> rusqlite::Result<()> {
    let id = JobId { event, n };
    let Some(job) = get(desk.db, id)? else { return Ok(()) };
    desk.db
        .prepare_cached("UPDATE job SET attempts = 0, lost = 0 WHERE event = ?1 AND n = ?2")?
        .execute(params![event, n])?;
    set_state(desk, &job, &State { state: JobState::Ready, cause: None, reason: Some(why) }, desk.now)?;
    record(desk.db, id, &remark(AttemptOutcome::Person, desk.now, why))?;
    if let Work::Action(plan) = &job.work {
        unskip(desk, event, plan)?;
    }
    Ok(())
}

/// All actions of one route of an event.
fn actions(db: &Connection, event: EventId, route: &Name) -> rusqlite::Result<Vec<(Job, ActionPlan)>> {
    let mut select = db.prepare_cached(&format!(
        "SELECT {} FROM job WHERE event = ?1 AND route = ?2 AND plan IS NOT NULL ORDER BY n",
        rows::JOB
    ))?;
    let jobs = select.query_map(params![event, route], rows::job)?;
    let mut found = Vec::new();
    for job in jobs {
        let job = job?;
        if let Work::Action(plan) = &job.work {
            let plan = plan.clone();
            found.push((job, plan));
        }
    }
    Ok(found)
}

/// Releases or skips the actions that followed one which has just ended, and those that followed them.
pub(super) fn release_followers(
    desk: &mut Desk<'_>,
    event: EventId,
    ended: &ActionPlan,
) -> rusqlite::Result<()> {
    loop {
        let all = actions(desk.db, event, &ended.route)?;
        let mut moved = false;
        for (job, plan) in all.iter().filter(|(job, _)| job.state == JobState::Blocked) {
            let same_plan =
                |other: &ActionPlan| other.version == plan.version && plan.after.contains(&other.id);
            let predecessors =
                all.iter().filter(|(_, other)| same_plan(other)).map(|(job, other)| (&other.id, job.state));
            match unblock(predecessors) {
                Unblock::Release => {
                    set_state(
                        desk,
                        job,
                        &State { state: JobState::Ready, cause: None, reason: None },
                        desk.now,
                    )?;
                    moved = true;
                }
                Unblock::Skip { reason } => {
                    let skipped = State { state: JobState::Skipped, cause: None, reason: Some(&reason) };
                    set_state(desk, job, &skipped, job.due)?;
                    record(desk.db, job.id, &remark(AttemptOutcome::Skipped, desk.now, &reason))?;
                    moved = true;
                }
                Unblock::Stay => {}
            }
        }
        if !moved {
            return Ok(());
        }
    }
}

/// Takes back the skipping of everything that follows `revived`, near or far.
fn unskip(desk: &mut Desk<'_>, event: EventId, revived: &ActionPlan) -> rusqlite::Result<()> {
    let all = actions(desk.db, event, &revived.route)?;
    let mut open = vec![revived.id.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        for (job, plan) in &all {
            let follows = plan.version == revived.version && plan.after.contains(&id);
            if job.state == JobState::Skipped && follows && seen.insert(job.id) {
                set_state(
                    desk,
                    job,
                    &State { state: JobState::Blocked, cause: None, reason: None },
                    job.due,
                )?;
                open.push(plan.id.clone());
            }
        }
    }
    Ok(())
}
