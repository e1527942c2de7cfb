//! Between rows and nouns.

use bytes::Bytes;
use rusqlite::{
    Row, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Type, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::domain::{
    ActionPlan, Attempt, AttemptOutcome, Cause, Event, EventId, Job, JobId, JobState, Lane, Purchase,
    PurchaseState, Timestamp, Work,
};

/// The columns that [`job`] reads, in its order.
pub(super) const JOB: &str = "event, n, lane, state, due, route, plan, config, attempts, lost, first_begun, in_doubt, \
                              approved, cause, reason, request, verdict, receipt";

/// The columns that [`event`] reads, in its order.
pub(super) const EVENT: &str = "id, source, type, lane, received_at, test_mode, headers, body";

pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let plan: Option<ActionPlan> = json(row, 6)?;
    Ok(Job {
        id: JobId { event: row.get(0)?, n: row.get(1)? },
        lane: word(row, 2)?,
        state: word(row, 3)?,
        due: row.get(4)?,
        work: match plan {
            Some(plan) => Work::Action(plan),
            None => Work::Route { route: row.get(5)? },
        },
        config: row.get(7)?,
        attempts: row.get(8)?,
        lost_leases: row.get(9)?,
        first_begun_at: row.get(10)?,
        in_doubt: row.get(11)?,
        approved: row.get(12)?,
        cause: row.get::<_, Option<String>>(13)?.and_then(|word| word.parse().ok()),
        reason: row.get(14)?,
        request: json(row, 15)?,
        verdict: json(row, 16)?,
        receipt: json(row, 17)?,
    })
}

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        source: row.get(1)?,
        event_type: row.get(2)?,
        lane: word(row, 3)?,
        received_at: row.get(4)?,
        test_mode: row.get(5)?,
        headers: json(row, 6)?.unwrap_or_default(),
        body: Bytes::from(row.get::<_, Vec<u8>>(7)?),
    })
}

/// `started_at, ended_at, outcome, status, detail`
pub(super) fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        started_at: row.get(0)?,
        ended_at: row.get(1)?,
        outcome: word(row, 2)?,
        status: row.get(3)?,
        detail: row.get(4)?,
    })
}

/// `judge, digest, begun_at, state, answer`
pub(super) fn purchase(row: &Row<'_>) -> rusqlite::Result<Purchase> {
    Ok(Purchase {
        judge: row.get(0)?,
        digest: row.get(1)?,
        begun_at: row.get(2)?,
        state: word(row, 3)?,
        answer: json(row, 4)?,
    })
}

/// A column that holds JSON, or NULL.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
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
pub(super) fn word<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
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
