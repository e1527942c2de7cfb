//! Questions that change nothing.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use uuid::Uuid;

use crate::{
    decide::pattern::TypePattern,
    domain::{Event, EventId, EventState, Job, JobId, JobState, Lane, Timestamp},
    store::{
        DeadGroup, Depths, EventQuery, EventSummary, JobHistory, JobQuery, LaneDepth, QueueDepth, ROWS_MAX,
        Redelivery, Timeline,
    },
};

use super::{
    jobs as job_rows,
    leases::UnderWay,
    rows::{self, Row},
    writer::Desk,
};

pub(super) fn event(db: &Connection, id: EventId) -> rusqlite::Result<Option<Event>> {
    db.prepare_cached(&format!("SELECT {} FROM event e WHERE e.id = ?1", rows::EVENT))?
        .query_row([id], |row| rows::event(row, 0))
        .optional()
}

pub(super) fn timeline(
    db: &Connection,
    under_way: &UnderWay,
    id: EventId,
) -> rusqlite::Result<Option<Timeline>> {
    let (Some(event), Some(seq)) = (event(db, id)?, job_rows::seq(db, id)?) else { return Ok(None) };
    let mut jobs = Vec::new();
    for Row { key, mut job, .. } in job_rows::rows_of(db, seq)? {
        job_rows::mark(&mut job, under_way);
        let history = db
            .prepare_cached(
                "SELECT started_at, ended_at, outcome, status, detail FROM attempt WHERE job = ?1 ORDER BY seq",
            )?
            .query_map([key], rows::attempt)?
            .collect::<Result<_, _>>()?;
        let purchases = db
            .prepare_cached(
                "SELECT judge, digest, begun_at, state, cost, answer FROM purchase WHERE event = ?1 AND job = ?2 ORDER BY seq",
            )?
            .query_map(params![seq, key], rows::purchase)?
            .collect::<Result<_, _>>()?;
        jobs.push(JobHistory { job, history, purchases });
    }
    let redeliveries = db
        .prepare_cached("SELECT at_s, times FROM redelivery WHERE event = ?1 ORDER BY at_s")?
        .query_map([seq], |row| {
            let at = Timestamp::from_millis(row.get::<_, i64>(0)? * 1_000);
            Ok(Redelivery { at, times: row.get(1)? })
        })?
        .collect::<Result<_, _>>()?;
    let state = EventState::of(jobs.iter().map(|entry| entry.job.state));
    Ok(Some(Timeline { event, state, jobs, redeliveries }))
}

/// The smallest id that an event accepted at `at` can have: ids begin with the time.
fn first_id(at: Timestamp) -> EventId {
    let ms = u128::try_from(at.as_millis()).unwrap_or_default();
    EventId(Uuid::from_u128(ms << 80))
}

pub(super) fn events(
    db: &Connection,
    under_way: &UnderWay,
    query: &EventQuery,
) -> rusqlite::Result<Vec<EventSummary>> {
    let mut select = db.prepare_cached(&format!(
        "SELECT {} FROM event e WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR type = ?2)
         AND (?8 IS NULL OR substr(type, 1, length(?8)) = ?8) AND id >= ?3 AND (?4 IS NULL OR id < ?4)
         AND received_at >= ?5 AND received_at < ?6
         ORDER BY id DESC LIMIT ?7",
        rows::EVENT
    ))?;
    let since = query.since.unwrap_or_default();
    let until = query.until.unwrap_or(Timestamp::from_millis(i64::MAX));
    let (exact, prefix) = match &query.event_type {
        Some(TypePattern::Exact(exact)) => (Some(exact), None),
        Some(TypePattern::Prefix(prefix)) => (None, Some(prefix)),
        None => (None, None),
    };
    // An id is made when its event was verified, a little after it came.
    let found = select.query_map(
        params![query.source, exact, first_id(since), query.before, since, until, limit(query.limit), prefix],
        |row| rows::event(row, 0),
    )?;
    let mut summaries = Vec::new();
    for event in found {
        let event = event?;
        let jobs = job_rows::of_event(db, under_way, event.id)?;
        let state = EventState::of(jobs.iter().map(|job| job.state));
        summaries.push(EventSummary { event, state, jobs: jobs.len() });
    }
    Ok(summaries)
}

pub(super) fn jobs(db: &Connection, under_way: &UnderWay, query: &JobQuery) -> rusqlite::Result<Vec<Job>> {
    let rows = rows_of(db, under_way, query)?;
    Ok(rows.into_iter().map(|row| row.job).collect())
}

/// The rows a query names, those under way marked as such.
pub(super) fn rows_of(db: &Connection, under_way: &UnderWay, query: &JobQuery) -> rusqlite::Result<Vec<Row>> {
    let (conditions, mut values) = conditions(under_way, query);
    values.push(Value::Integer(limit(query.limit).into()));
    let sql =
        format!("SELECT {} FROM {} WHERE {conditions} ORDER BY j.id LIMIT ?", rows::JOB, rows::JOB_FROM);
    let mut found: Vec<Row> =
        db.prepare_cached(&sql)?.query_map(params_from_iter(values), rows::job)?.collect::<Result<_, _>>()?;
    found.iter_mut().for_each(|row| job_rows::mark(&mut row.job, under_way));
    Ok(found)
}

pub(super) fn count(db: &Connection, under_way: &UnderWay, query: &JobQuery) -> rusqlite::Result<u64> {
    let (conditions, values) = conditions(under_way, &JobQuery { after: None, limit: 0, ..query.clone() });
    let sql = format!("SELECT count(*) FROM {} WHERE {conditions}", rows::JOB_FROM);
    let count: i64 = db.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn blob(id: EventId) -> Value {
    Value::Blob(id.0.as_bytes().to_vec())
}

fn conditions(under_way: &UnderWay, query: &JobQuery) -> (String, Vec<Value>) {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    match query.state {
        // The file does not tell them apart.
        Some(JobState::Leased) => named(under_way.iter().copied(), "IN", &mut conditions, &mut values),
        Some(JobState::Ready) => {
            conditions.push("j.state = 'ready'".to_owned());
            named(under_way.iter().copied(), "NOT IN", &mut conditions, &mut values);
        }
        Some(state @ (JobState::Waiting | JobState::Dead | JobState::Blocked)) => {
            conditions.push(kept(state))
        }
        Some(state) => conditions.push(format!("j.state = '{state}'")),
        None => {}
    }
    let text =
        |column: &str, value: &Option<String>, conditions: &mut Vec<String>, values: &mut Vec<Value>| {
            if let Some(value) = value {
                conditions.push(format!("{column} = ?"));
                values.push(Value::Text(value.clone()));
            }
        };
    text("q.route", &query.route, &mut conditions, &mut values);
    text("q.destination", &query.destination, &mut conditions, &mut values);
    text("j.cause", &query.cause.map(|cause| cause.to_string()), &mut conditions, &mut values);
    for (condition, at) in [("j.due >= ?", query.since), ("j.due < ?", query.until)] {
        if let Some(at) = at {
            conditions.push(condition.to_owned());
            values.push(Value::Integer(at.as_millis()));
        }
    }
    if !query.ids.is_empty() {
        named(query.ids.iter().copied(), "IN", &mut conditions, &mut values);
    }
    if let Some(after) = query.after {
        conditions.push("j.id > ((SELECT seq FROM event WHERE id = ?) << 16 | ?)".to_owned());
        values.extend([blob(after.event), Value::Integer(after.n.into())]);
    }
    (conditions.join(" AND "), values)
}

fn named(
    jobs: impl Iterator<Item = JobId>,
    how: &str,
    conditions: &mut Vec<String>,
    values: &mut Vec<Value>,
) {
    let mut listed = 0;
    for id in jobs {
        values.extend([blob(id.event), Value::Integer(id.n.into())]);
        listed += 1;
    }
    conditions.push(if listed == 0 {
        (if how == "IN" { "0" } else { "1" }).to_owned()
    } else {
        format!("(e.id, j.id & 65535) {how} (VALUES {})", vec!["(?, ?)"; listed].join(", "))
    });
}

/// Jobs in a state of which few are expected among very many, found by the index `job_kept`. SQLite takes it only where
/// the index's own condition is repeated, and nothing bound.
fn kept(state: JobState) -> String {
    format!("j.state = '{state}' AND j.state IN ('waiting', 'dead', 'blocked')")
}

pub(super) fn dead_groups(db: &Connection) -> rusqlite::Result<Vec<DeadGroup>> {
    // Of a bare column beside max() SQLite takes the row that holds the maximum: the last one's reason.
    let mut select = db.prepare_cached(&format!(
        "SELECT j.cause, q.route, q.destination, count(*) jobs, min(j.due), max(j.due), j.reason
         FROM job j JOIN queue q ON q.id = j.queue WHERE {}
         GROUP BY j.cause, q.route, q.destination ORDER BY jobs DESC, q.route",
        kept(JobState::Dead)
    ))?;
    let rows = select.query_map([], |row| {
        Ok(DeadGroup {
            cause: rows::word(row, 0)?,
            route: row.get(1)?,
            destination: row.get(2)?,
            jobs: row.get::<_, i64>(3)?.unsigned_abs(),
            oldest: row.get(4)?,
            newest: row.get(5)?,
            reason: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
        })
    })?;
    rows.collect()
}

const fn limit(asked: u32) -> u32 {
    if asked == 0 || asked > ROWS_MAX { ROWS_MAX } else { asked }
}

pub(super) fn depths(desk: &Desk<'_>) -> rusqlite::Result<Depths> {
    let mut depths = Depths::default();
    for lane in Lane::ALL.iter().copied() {
        let mut all = LaneDepth { lane, ready: 0, oldest_due: None };
        for (id, queue) in desk.tally.queues().filter(|(_, queue)| queue.lane == lane) {
            let ready = queue.ready.saturating_sub(queue.leased);
            depths.leased += queue.leased;
            depths.blocked += queue.blocked;
            depths.waiting += queue.waiting;
            depths.dead += queue.dead;
            if ready == 0 {
                continue;
            }
            all.ready += ready;
            let head = oldest(desk, id, queue.leased)?;
            all.oldest_due = match (all.oldest_due, head) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            let (route, destination) = (queue.route.clone(), queue.destination.clone());
            depths.queues.push(QueueDepth { lane, route, destination, ready });
        }
        depths.lanes.push(all);
    }
    depths.payload_bytes = desk.tally.sources().map(|(name, _, bytes)| (name.clone(), bytes)).collect();
    Ok(depths)
}

/// When the first due job of a queue that nobody holds became due.
fn oldest(desk: &Desk<'_>, queue: super::tally::QueueId, leased: u64) -> rusqlite::Result<Option<Timestamp>> {
    let held: Vec<_> = desk.leases.held().filter(|held| held.queue == queue).map(|held| held.key).collect();
    let mut select = desk.db.prepare_cached(
        "SELECT due, id FROM job WHERE queue = ?1 AND state = 'ready' AND due <= ?2 ORDER BY due, id LIMIT ?3",
    )?;
    let mut rows = select.query(params![queue, desk.now, leased + 1])?;
    while let Some(row) = rows.next()? {
        if !held.contains(&row.get(1)?) {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    #[test]
    fn what_waits_for_people_is_found_without_a_look_at_everything() {
        let db = Connection::open_in_memory().unwrap();
        schema::prepare(&db).unwrap();
        for state in [JobState::Dead, JobState::Waiting, JobState::Blocked] {
            let sql =
                format!("EXPLAIN QUERY PLAN SELECT count(*) FROM {} WHERE {}", rows::JOB_FROM, kept(state));
            let mut select = db.prepare(&sql).unwrap();
            let plan: Vec<String> =
                select.query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
            assert!(plan.iter().any(|step| step.contains("job_kept")), "{state}: {plan:?}");
            assert!(!plan.iter().any(|step| step.contains("SCAN")), "{state}: {plan:?}");
        }
    }
}
