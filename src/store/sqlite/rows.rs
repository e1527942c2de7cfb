//! Between rows and nouns.

use bytes::Bytes;
use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Type, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::domain::{
    ActionPlan, Attempt, AttemptOutcome, Body, BodyFile, Cause, Event, EventId, Job, JobId, JobState, Lane,
    Money, Purchase, PurchaseState, Timestamp, Work,
};

use super::{key::JobKey, tally::QueueId};

/// Where [`JOB`] and [`EVENT`] come from.
pub(super) const JOB_FROM: &str = "job j JOIN queue q ON q.id = j.queue JOIN event e ON e.seq = (j.id >> 16)";

/// The columns that [`job`] reads, in its order.
pub(super) const JOB: &str = "e.id, j.id, q.lane, j.state, j.due, j.fresh_at, q.route, q.destination, j.plan, j.replay, \
                              j.config, j.attempts, j.lost, j.crashes, j.first_begun, j.in_doubt, j.approved, \
                              j.cause, j.reason, j.request, j.verdict, j.receipt, \
                              (SELECT key FROM line WHERE id = j.line), j.queue, j.history, j.line";

/// How many columns [`JOB`] has.
pub(super) const JOB_COLUMNS: usize = 26;

/// The columns that [`event`] reads, in its order.
pub(super) const EVENT: &str =
    "e.id, e.source, e.type, e.lane, e.received_at, e.test_mode, e.headers, e.bytes, e.file, e.body";

/// A job with what only this backend knows of it.
pub(super) struct Row {
    pub key: JobKey,
    pub queue: QueueId,
    /// Lines of its history.
    pub history: u32,
    pub line: Option<i64>,
    pub job: Job,
}

pub(super) fn job(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let key: JobKey = row.get(1)?;
    let plan: Option<ActionPlan> = json(row, 8)?;
    let job = Job {
        id: JobId { event: row.get(0)?, n: key.n() },
        lane: word(row, 2)?,
        state: word(row, 3)?,
        due: row.get(4)?,
        fresh_at: row.get(5)?,
        destination: row.get(7)?,
        work: match plan {
            Some(plan) => Work::Action(plan),
            None => Work::Route { route: row.get(6)?, replay: json(row, 9)? },
        },
        config: row.get(10)?,
        attempts: row.get(11)?,
        lost_leases: row.get(12)?,
        crashes: row.get(13)?,
        first_begun_at: row.get(14)?,
        in_doubt: row.get(15)?,
        approved: row.get(16)?,
        cause: row.get::<_, Option<String>>(17)?.and_then(|word| word.parse().ok()),
        reason: row.get(18)?,
        request: json(row, 19)?,
        verdict: json(row, 20)?,
        receipt: json(row, 21)?,
        order_key: row.get(22)?,
    };
    Ok(Row { key, queue: row.get(23)?, history: row.get(24)?, line: row.get(25)?, job })
}

/// Reads [`EVENT`] from the columns that begin at `at`.
pub(super) fn event(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Event> {
    let body = match (row.get::<_, Option<String>>(at + 8)?, row.get_ref(at + 9)?) {
        (Some(sha256), _) => Body::File(BodyFile { sha256, bytes: row.get(at + 7)? }),
        (None, ValueRef::Null) => Body::Gone,
        (None, body) => Body::Here(Bytes::copy_from_slice(body.as_blob()?)),
    };
    Ok(Event {
        id: row.get(at)?,
        source: row.get(at + 1)?,
        event_type: row.get(at + 2)?,
        lane: word(row, at + 3)?,
        received_at: row.get(at + 4)?,
        test_mode: row.get(at + 5)?,
        headers: json(row, at + 6)?.unwrap_or_default(),
        body,
    })
}

/// `started_at, ended_at, outcome, status, detail`
pub(super) fn attempt(row: &rusqlite::Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        started_at: row.get(0)?,
        ended_at: row.get(1)?,
        outcome: word(row, 2)?,
        status: row.get(3)?,
        detail: row.get(4)?,
    })
}

/// `judge, digest, begun_at, state, cost, answer`
pub(super) fn purchase(row: &rusqlite::Row<'_>) -> rusqlite::Result<Purchase> {
    Ok(Purchase {
        judge: row.get(0)?,
        digest: row.get(1)?,
        begun_at: row.get(2)?,
        state: word(row, 3)?,
        cost: Money(row.get::<_, i64>(4)?.unsigned_abs()),
        answer: json(row, 5)?,
    })
}

/// A column that holds JSON, or NULL.
pub(super) fn json<T: DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        text => serde_json::from_slice(text.as_bytes()?)
            .map(Some)
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e))),
    }
}

/// JSON for a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// A column that holds one of an enum's words.
pub(super) fn word<T: std::str::FromStr>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let unknown = || rusqlite::Error::InvalidColumnType(column, "a known word".to_owned(), Type::Text);
    row.get_ref(column)?.as_str()?.parse().map_err(|_| unknown())
}

macro_rules! text_column {
    ($($word:ty),*) => {$(
        impl ToSql for $word {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_str()))
            }
        }
    )*};
}

text_column!(Lane, JobState, Cause, AttemptOutcome, PurchaseState);

impl ToSql for QueueId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(i64::try_from(self.0).unwrap_or(i64::MAX)))
    }
}

impl FromSql for QueueId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        usize::try_from(value.as_i64()?).map(QueueId).map_err(FromSqlError::other)
    }
}

impl ToSql for EventId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_bytes().as_slice()))
    }
}

impl FromSql for EventId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::from_slice(value.as_blob()?).map(EventId).map_err(FromSqlError::other)
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_millis()))
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Timestamp::from_millis)
    }
}
