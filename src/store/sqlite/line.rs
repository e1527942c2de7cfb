//! Lines: the jobs of one event end before those of the next event with the same key begin.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    domain::{EventId, JobState},
    store::{OnStuck, Order, state::State},
};

use super::{jobs, key::JobKey, writer::Desk};

/// Stands the event of `seq` at the place that was handed over to it, or else at the end of its line: its place, and
/// who is at the head if that is another.
pub(super) fn join(
    desk: &Desk<'_>,
    order: &Order,
    place: Option<i64>,
    seq: i64,
) -> rusqlite::Result<(i64, Option<EventId>)> {
    let skip = order.on_stuck == OnStuck::Skip;
    let line = match place {
        Some(place) => desk
            .db
            .prepare_cached("UPDATE line SET event = ?2, skip = ?3 WHERE id = ?1 RETURNING id")?
            .query_row(params![place, seq, skip], |row| row.get(0))?,
        None => desk
            .db
            .prepare_cached("INSERT INTO line(key, event, skip) VALUES(?1, ?2, ?3) RETURNING id")?
            .query_row(params![order.key, seq, skip], |row| row.get(0))?,
    };
    Ok((line, ahead(desk.db, line)?))
}

/// Steps out of line and leaves the place to whoever joins there next. Only a route job on which no work has begun may:
/// another has actions that stand there too.
pub(super) fn hand_over(db: &Connection, route: JobKey) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE job SET line = NULL WHERE id = ?1")?.execute([route])?;
    Ok(())
}

/// The event at the head of the line in which `line` is a place, if that is another place.
pub(super) fn ahead(db: &Connection, line: i64) -> rusqlite::Result<Option<EventId>> {
    db.prepare_cached(
        "SELECT e.id FROM line own JOIN line first ON first.key = own.key JOIN event e ON e.seq = first.event
         WHERE own.id = ?1 AND first.id < ?1 ORDER BY first.id LIMIT 1",
    )?
    .query_row([line], |row| row.get(0))
    .optional()
}

/// Why a job that is not at the head waits.
pub(super) fn reason(head: EventId) -> String {
    format!("in line behind {head}, which is not at its end")
}

/// A job at `line` has moved: if nothing of its event is left to do there, or it is stuck and may be passed by, the
/// next event goes.
pub(super) fn moved(desk: &mut Desk<'_>, seq: i64, line: i64, is_final: bool) -> rusqlite::Result<()> {
    let goes = if is_final { is_over(desk.db, seq, line)? } else { may_be_passed(desk.db, line)? };
    if goes { leave(desk, line) } else { Ok(()) }
}

fn is_over(db: &Connection, seq: i64, line: i64) -> rusqlite::Result<bool> {
    let (first, last) = JobKey::all_of(seq);
    let left = db
        .prepare_cached(
            "SELECT 1 FROM job WHERE id BETWEEN ?1 AND ?2 AND line = ?3
             AND state NOT IN ('done', 'skipped', 'discarded')",
        )?
        .exists(params![first, last, line])?;
    Ok(!left)
}

fn may_be_passed(db: &Connection, line: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM line WHERE id = ?1 AND skip")?.exists([line])
}

/// Takes an event out of its line; who is at the head then may go.
fn leave(desk: &mut Desk<'_>, line: i64) -> rusqlite::Result<()> {
    let key: Option<String> = desk
        .db
        .prepare_cached("DELETE FROM line WHERE id = ?1 RETURNING key")?
        .query_row([line], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok(()) };
    let head: Option<(i64, i64)> = desk
        .db
        .prepare_cached("SELECT id, event FROM line WHERE key = ?1 ORDER BY id LIMIT 1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((head, seq)) = head else { return Ok(()) };
    let (first, last) = JobKey::all_of(seq);
    let route: Option<JobKey> = desk
        .db
        .prepare_cached(
            "SELECT id FROM job WHERE id BETWEEN ?1 AND ?2 AND line = ?3 AND plan IS NULL AND state = 'blocked'",
        )?
        .query_row(params![first, last, head], |row| row.get(0))
        .optional()?;
    let Some(row) = route.map(|key| jobs::get(desk.db, key)).transpose()?.flatten() else { return Ok(()) };
    let due = row.job.due.max(desk.now);
    desk.db.prepare_cached("UPDATE job SET fresh_at = ?2 WHERE id = ?1")?.execute(params![row.key, due])?;
    jobs::set_state(desk, &row, &State::plain(JobState::Ready), due)
}
