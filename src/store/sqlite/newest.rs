//! Coalescing: of the waiting events of one key only the newest is worked on.

use rusqlite::params;

use crate::{
    domain::{EventId, JobState, Timestamp},
    store::Coalesce,
};

use super::{
    jobs::{self, State},
    key::JobKey,
    writer::Desk,
};

/// Lets `newer` take the place of older events of the key on which no work has begun; when it is due.
pub(super) fn replace(
    desk: &mut Desk<'_>,
    coalesce: &Coalesce,
    newer: EventId,
) -> rusqlite::Result<Timestamp> {
    let waiting: Vec<JobKey> = desk
        .db
        .prepare_cached(
            "SELECT id FROM job WHERE newest = ?1 AND state IN ('ready', 'blocked') AND history = 0 ORDER BY id",
        )?
        .query_map(params![coalesce.key], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut due = desk.now.plus(coalesce.window);
    for key in waiting {
        let Some(row) = jobs::get(desk.db, key)? else { continue };
        if desk.leases.holds(row.job.id) {
            continue;
        }
        // The first one's time stays: a stream of events must not put off the work for ever.
        due = due.min(row.job.due);
        let reason = format!("{newer}, which came later, took its place");
        jobs::finish(desk, &row, &State::with(JobState::Skipped, &reason))?;
    }
    Ok(due)
}
