//! Questions that change nothing.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use crate::{
    domain::{EventId, EventState, Job, JobState, Lane, Timestamp},
    store::{Depths, EventQuery, EventSummary, JobHistory, JobQuery, LaneDepth, Timeline, query::ROWS_MAX},
};

use super::{counts::Counts, jobs as job_rows, rows};

pub(super) fn timeline(db: &Connection, id: EventId) -> rusqlite::Result<Option<Timeline>> {
    let event = db
        .prepare_cached(&format!("SELECT {} FROM event WHERE id = ?1", rows::EVENT))?
        .query_row([id], rows::event)
        .optional()?;
    let Some(event) = event else { return Ok(None) };
    let mut jobs = Vec::new();
    let mut select =
        db.prepare_cached(&format!("SELECT {} FROM job WHERE event = ?1 ORDER BY n", rows::JOB))?;
    for job in select.query_map([id], rows::job)? {
        let job = job?;
        let history = db
            .prepare_cached(
                "SELECT started_at, ended_at, outcome, status, detail FROM attempt WHERE event = ?1 AND n = ?2 ORDER BY seq",
            )?
            .query_map(params![id, job.id.n], rows::attempt)?
            .collect::<Result<_, _>>()?;
        let purchases = db
            .prepare_cached(
                "SELECT judge, digest, begun_at, state, answer FROM purchase WHERE event = ?1 AND n = ?2 ORDER BY seq",
            )?
            .query_map(params![id, job.id.n], rows::purchase)?
            .collect::<Result<_, _>>()?;
        jobs.push(JobHistory { job, history, purchases });
    }
    let redeliveries = db
        .prepare_cached("SELECT at_s FROM redelivery WHERE event = ?1 ORDER BY at_s")?
        .query_map([id], |row| Ok(Timestamp::from_millis(row.get::<_, i64>(0)? * 1_000)))?
        .collect::<Result<_, _>>()?;
    let state = EventState::of(jobs.iter().map(|entry| entry.job.state));
    Ok(Some(Timeline { event, state, jobs, redeliveries }))
}

pub(super) fn events(db: &Connection, query: &EventQuery) -> rusqlite::Result<Vec<EventSummary>> {
    let mut select = db.prepare_cached(&format!(
        "SELECT {} FROM event WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        rows::EVENT
    ))?;
    let found = select.query_map(params![query.source, query.before, limit(query.limit)], rows::event)?;
    let mut summaries = Vec::new();
    for event in found {
        let event = event?;
        let states = job_rows::states(db, event.id)?;
        let state = EventState::of(states.iter().map(|(_, state)| *state));
        summaries.push(EventSummary { event, state, jobs: states.len() });
    }
    Ok(summaries)
}

pub(super) fn jobs(db: &Connection, query: &JobQuery) -> rusqlite::Result<Vec<Job>> {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    if let Some(state) = query.state {
        // Written out so that the partial index of that state serves.
        conditions.push(format!("state = '{state}'"));
    }
    if let Some(route) = &query.route {
        conditions.push("route = ?".to_owned());
        values.push(Value::Text(route.clone()));
    }
    if let Some(cause) = query.cause {
        conditions.push("cause = ?".to_owned());
        values.push(Value::Text(cause.to_string()));
    }
    if !query.ids.is_empty() {
        for id in &query.ids {
            values.push(Value::Blob(id.event.0.as_bytes().to_vec()));
            values.push(Value::Integer(id.n.into()));
        }
        conditions.push(format!("(event, n) IN (VALUES {})", vec!["(?, ?)"; query.ids.len()].join(", ")));
    }
    values.push(Value::Integer(limit(query.limit).into()));
    let sql =
        format!("SELECT {} FROM job WHERE {} ORDER BY event, n LIMIT ?", rows::JOB, conditions.join(" AND "));
    db.prepare_cached(&sql)?.query_map(params_from_iter(values), rows::job)?.collect()
}

const fn limit(asked: u32) -> u32 {
    if asked == 0 || asked > ROWS_MAX { ROWS_MAX } else { asked }
}

pub(super) fn depths(db: &Connection, counts: &Counts, now: Timestamp) -> rusqlite::Result<Depths> {
    let mut lanes = Vec::new();
    for lane in Lane::ALL.iter().copied() {
        let oldest_due: Option<Timestamp> = db
            .prepare_cached("SELECT min(due) FROM job WHERE state = 'ready' AND lane = ?1")?
            .query_row([lane], |row| row.get(0))?;
        let ready = counts.get(JobState::Ready, lane);
        lanes.push(LaneDepth { lane, ready, oldest_due: oldest_due.filter(|due| *due <= now) });
    }
    let any = |state| counts.get(state, Lane::Normal);
    Ok(Depths {
        lanes,
        leased: any(JobState::Leased),
        blocked: any(JobState::Blocked),
        waiting: any(JobState::Waiting),
        dead: any(JobState::Dead),
    })
}
