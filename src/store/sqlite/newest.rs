//! Coalescing: of the waiting events of one key only the newest is worked on.

use rusqlite::params;

use crate::{
    domain::{EventId, JobState, Timestamp},
    store::{Coalesce, state::State},
};

use super::{jobs, key::JobKey, line, writer::Desk};

/// What a newer event gets from those that it takes the place of.
pub(super) struct Taken {
    /// When it is due.
    pub due: Timestamp,
    /// The place in its line that stands open for it.
    pub place: Option<i64>,
}

/// Lets `newer`, which is to stand in line `order`, take the place of older events of the key on which no work has
/// begun. It must be done before `newer` joins its line: the place it gets may be the head.
pub(super) fn replace(
    desk: &mut Desk<'_>,
    coalesce: &Coalesce,
    order: Option<&str>,
    newer: EventId,
) -> rusqlite::Result<Taken> {
    let waiting: Vec<JobKey> = desk
        .db
        .prepare_cached(
            "SELECT id FROM job WHERE newest = ?1 AND state IN ('ready', 'blocked') AND history = 0 ORDER BY id",
        )?
        .query_map(params![coalesce.key], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut taken = Taken { due: desk.now.plus(coalesce.window), place: None };
    for key in waiting {
        let Some(mut row) = jobs::get(desk.db, key)? else { continue };
        if desk.leases.holds(row.job.id) {
            continue;
        }
        // The first one's time stays: a stream of events must not put off the work for ever.
        taken.due = taken.due.min(row.job.due);
        if taken.place.is_none() && order.is_some() && row.job.order_key.as_deref() == order {
            taken.place = row.line.take();
            line::hand_over(desk.db, key)?;
        }
        let reason = format!("{newer}, which came later, took its place");
        jobs::finish(desk, &row, &State::with(JobState::Skipped, &reason))?;
    }
    Ok(taken)
}
