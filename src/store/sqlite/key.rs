//! How jobs are numbered in the file: the event's `seq` and the job's own number in one integer.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::store::state::JOBS_MAX;

/// `job.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct JobKey(pub i64);

impl JobKey {
    pub const fn new(event: i64, n: u32) -> Self {
        JobKey((event << 16) | (n & (JOBS_MAX - 1)) as i64)
    }

    /// The event's `seq`.
    pub const fn event(self) -> i64 {
        self.0 >> 16
    }

    /// The job's own number.
    pub const fn n(self) -> u32 {
        (self.0 as u32) & (JOBS_MAX - 1)
    }

    /// The first and the last key an event's jobs can have.
    pub const fn all_of(event: i64) -> (JobKey, JobKey) {
        (JobKey::new(event, 0), JobKey::new(event, JOBS_MAX - 1))
    }
}

impl ToSql for JobKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0))
    }
}

impl FromSql for JobKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(JobKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_both_numbers() {
        let key = JobKey::new(1 << 40, 65_535);
        assert_eq!((key.event(), key.n()), (1 << 40, 65_535));
        assert_eq!(JobKey::all_of(7), (JobKey(7 << 16), JobKey((8 << 16) - 1)));
    }
}
