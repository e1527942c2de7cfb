//! Cursors and turns.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use crate::{domain::Timestamp, store::StoreError};

use super::writer::{Desk, Failed};

pub(super) fn cursor(desk: &Desk<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    desk.db
        .prepare_cached("SELECT value FROM cursor WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(super) fn move_cursor(
    desk: &mut Desk<'_>,
    name: &str,
    from: Option<&str>,
    to: &str,
) -> Result<(), Failed> {
    let stands = cursor(desk, name)?;
    if stands.as_deref() != from {
        return Err(StoreError::Conflict(format!("somebody else has moved the cursor `{name}`")).into());
    }
    desk.db
        .prepare_cached(
            "INSERT INTO cursor(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
        )?
        .execute([name, to])?;
    Ok(())
}

pub(super) fn take_turn(desk: &mut Desk<'_>, job: &str, every: Duration) -> rusqlite::Result<bool> {
    let last: Option<Timestamp> = desk
        .db
        .prepare_cached("SELECT at FROM turn WHERE job = ?1")?
        .query_row([job], |row| row.get(0))
        .optional()?;
    // A clock that went back must not silence the job until it is there again.
    if last.is_some_and(|last| last <= desk.now && desk.now.since(last) < every) {
        return Ok(false);
    }
    desk.db
        .prepare_cached("INSERT INTO turn(job, at) VALUES(?1, ?2) ON CONFLICT(job) DO UPDATE SET at = ?2")?
        .execute(params![job, desk.now])?;
    Ok(true)
}
