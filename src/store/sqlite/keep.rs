//! Cursors, turns and meters.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use crate::{
    domain::Timestamp,
    store::{Draw, Drawn, StoreError},
};

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
    desk.changed = true;
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

/// The window that `now` is in, counted from the epoch, and when the next one begins.
fn period(now: Timestamp, window: Duration) -> (i64, Timestamp) {
    let ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
    let period = now.as_millis().div_euclid(ms);
    (period, Timestamp::from_millis((period + 1).saturating_mul(ms)))
}

fn used(desk: &Desk<'_>, meter: &str, period: i64) -> rusqlite::Result<u64> {
    let used: Option<i64> = desk
        .db
        .prepare_cached("SELECT used FROM meter WHERE name = ?1 AND period = ?2")?
        .query_row(params![meter, period], |row| row.get(0))
        .optional()?;
    Ok(used.unwrap_or_default().unsigned_abs())
}

fn set(desk: &mut Desk<'_>, meter: &str, period: i64, used: u64) -> rusqlite::Result<()> {
    desk.db
        .prepare_cached(
            "INSERT INTO meter(name, period, used) VALUES(?1, ?2, ?3)
             ON CONFLICT(name) DO UPDATE SET period = ?2, used = ?3",
        )?
        .execute(params![meter, period, i64::try_from(used).unwrap_or(i64::MAX)])?;
    desk.changed = true;
    Ok(())
}

pub(super) fn draw(desk: &mut Desk<'_>, draw: &Draw) -> rusqlite::Result<Drawn> {
    let (period, until) = period(desk.now, draw.window);
    let used = used(desk, &draw.meter, period)?.saturating_add(draw.amount);
    if used > draw.limit {
        return Ok(Drawn::Refused { until });
    }
    set(desk, &draw.meter, period, used)?;
    Ok(Drawn::Taken)
}

pub(super) fn give_back(desk: &mut Desk<'_>, draw: &Draw) -> rusqlite::Result<()> {
    let (period, _) = period(desk.now, draw.window);
    let used = used(desk, &draw.meter, period)?.saturating_sub(draw.amount);
    set(desk, &draw.meter, period, used)
}
