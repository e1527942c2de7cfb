//! Retention: what is old enough goes, in bounded steps. Nothing goes whose event is not at its end.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use crate::{
    domain::{EventId, Name, Timestamp},
    store::{RetainStep, Retained, Retention, bodies::Bodies},
};

use super::{
    key::JobKey,
    spend,
    writer::{Desk, Failed},
};

/// Dedupe keys looked at in one step.
const KEYS_MAX: u32 = 5_000;

/// The cursor under which the walk over the dedupe keys goes on where the last step ended.
pub(super) const KEYS_CURSOR: &str = "dedupe keys";

struct Old {
    seq: i64,
    id: EventId,
    source: Name,
    received_at: Timestamp,
    bytes: u64,
    file: Option<String>,
}

pub(super) fn retain(
    desk: &mut Desk<'_>,
    step: &RetainStep,
    memory: std::time::Duration,
) -> Result<Retained, Failed> {
    let (keys, keys_left) = forget_keys(desk, memory)?;
    let mut done = Retained { keys, keys_left, ..Retained::default() };
    spend::forget(desk)?;
    let old = walk(desk.db, step.after, step.events_max)?;
    if old.len() as u64 == u64::from(step.events_max) {
        done.next = old.last().map(|event| event.id);
    }
    for event in old {
        if let ControlFlow::Break(()) = keep_or_remove(desk, step, event, &mut done)? {
            // All that follow are younger.
            done.next = None;
            break;
        }
    }
    Ok(done)
}

fn walk(db: &Connection, after: Option<EventId>, max: u32) -> rusqlite::Result<Vec<Old>> {
    let mut select = db.prepare_cached(
        "SELECT seq, id, source, received_at, bytes, file FROM event WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = select.query_map(params![after.unwrap_or(EventId::FIRST), max], |row| {
        Ok(Old {
            seq: row.get(0)?,
            id: row.get(1)?,
            source: row.get(2)?,
            received_at: row.get(3)?,
            bytes: row.get(4)?,
            file: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// Removes what `event` has to lose; breaks where neither it nor any later one can have anything to lose.
fn keep_or_remove(
    desk: &mut Desk<'_>,
    step: &RetainStep,
    event: Old,
    done: &mut Retained,
) -> Result<ControlFlow<()>, Failed> {
    // When an event came is a time of the wall clock.
    let age = desk.wall.since(event.received_at);
    // One that came while the clock was ahead says nothing about those behind it.
    let in_order = event.received_at <= desk.wall;
    let too_young = |kept: &Retention| age < kept.payload_age && age < kept.record_age;
    let mut full = step.sources.iter().filter(|(name, kept)| beyond(desk, name, kept));
    if in_order && full.next().is_none() && step.sources.values().all(too_young) {
        return Ok(ControlFlow::Break(()));
    }
    let Some(kept) = step.sources.get(&event.source) else { return Ok(ControlFlow::Continue(())) };
    let record = age >= kept.record_age && !is_newest(desk, event.seq);
    let payload = event.bytes > 0 && (age >= kept.payload_age || beyond(desk, &event.source, kept));
    if !(record || payload) || !is_over(desk.db, event.seq)? {
        return Ok(ControlFlow::Continue(()));
    }
    done.bytes += event.bytes;
    if record {
        remove_record(desk, &event)?;
        done.records += 1;
    } else {
        remove_payload(desk, event.seq, &event.source, event.bytes, event.file)?;
        done.payloads += 1;
    }
    Ok(ControlFlow::Continue(()))
}

fn beyond(desk: &Desk<'_>, source: &str, kept: &Retention) -> bool {
    desk.tally.payload_bytes(source) > kept.payload_bytes_max
}

/// The newest event stays, so that its number is not given out a second time.
fn is_newest(desk: &Desk<'_>, seq: i64) -> bool {
    seq + 1 == *desk.next_seq
}

/// Whether no job of the event can move again.
fn is_over(db: &Connection, seq: i64) -> rusqlite::Result<bool> {
    let (first, last) = JobKey::all_of(seq);
    let left = db
        .prepare_cached(
            "SELECT 1 FROM job WHERE id BETWEEN ?1 AND ?2 AND state NOT IN ('done', 'skipped', 'discarded')",
        )?
        .exists([first, last])?;
    Ok(!left)
}

/// Removes everything that came from outside or was made from it; the record stays.
pub(super) fn remove_payload(
    desk: &mut Desk<'_>,
    seq: i64,
    source: &str,
    bytes: u64,
    file: Option<String>,
) -> rusqlite::Result<()> {
    let (first, last) = JobKey::all_of(seq);
    desk.db
        .prepare_cached(
            "UPDATE event SET body = NULL, file = NULL, bytes = 0, headers = '[]' WHERE seq = ?1",
        )?
        .execute([seq])?;
    desk.db
        .prepare_cached(
            "UPDATE job SET request = NULL, receipt = NULL,
             verdict = json_set(verdict, '$.output', NULL, '$.why', json('[]'), '$.rungs', json('[]'))
             WHERE id BETWEEN ?1 AND ?2",
        )?
        .execute([first, last])?;
    desk.db.prepare_cached("UPDATE purchase SET answer = NULL WHERE event = ?1")?.execute([seq])?;
    desk.tally.removed(source, bytes);
    desk.unwanted.extend(file);
    Ok(())
}

fn remove_record(desk: &mut Desk<'_>, event: &Old) -> rusqlite::Result<()> {
    let (first, last) = JobKey::all_of(event.seq);
    desk.db.prepare_cached("DELETE FROM attempt WHERE job BETWEEN ?1 AND ?2")?.execute([first, last])?;
    desk.db.prepare_cached("DELETE FROM job WHERE id BETWEEN ?1 AND ?2")?.execute([first, last])?;
    desk.db.prepare_cached("DELETE FROM purchase WHERE event = ?1")?.execute([event.seq])?;
    desk.db.prepare_cached("DELETE FROM redelivery WHERE event = ?1")?.execute([event.seq])?;
    desk.db.prepare_cached("DELETE FROM event WHERE seq = ?1")?.execute([event.seq])?;
    desk.tally.removed(&event.source, event.bytes);
    desk.unwanted.extend(event.file.clone());
    Ok(())
}

/// Forgets keys whose window is over, some at each step, round and round: how many, and whether the round goes on.
fn forget_keys(desk: &mut Desk<'_>, memory: std::time::Duration) -> rusqlite::Result<(u64, bool)> {
    let from = super::keep::cursor(desk, KEYS_CURSOR)?.unwrap_or_default();
    let (last, looked): (Option<String>, u32) = desk
        .db
        .prepare_cached(
            "SELECT max(key), count(*) FROM (SELECT key FROM dedupe WHERE key > ?1 ORDER BY key LIMIT ?2)",
        )?
        .query_row(params![from, KEYS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let goes_on = looked == KEYS_MAX;
    let next = last.as_ref().filter(|_| goes_on).cloned().unwrap_or_default();
    if next != from {
        desk.db
            .prepare_cached(
                "INSERT INTO cursor(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
            )?
            .execute(params![KEYS_CURSOR, next])?;
    }
    let Some(last) = last else { return Ok((0, goes_on)) };
    let ms = i64::try_from(memory.as_millis()).unwrap_or(i64::MAX);
    let oldest = Timestamp::from_millis(desk.now.as_millis().saturating_sub(ms));
    let forgotten = desk
        .db
        .prepare_cached("DELETE FROM dedupe WHERE key > ?1 AND key <= ?2 AND at <= ?3")?
        .execute(params![from, last, oldest])?;
    Ok((forgotten as u64, goes_on))
}

/// Removes files of bodies that no event names any more.
pub(super) fn remove_files(db: &Connection, bodies: &Bodies, unwanted: &[String]) {
    for sha256 in unwanted {
        let removed = match is_wanted(db, sha256) {
            Ok(true) => continue,
            Ok(false) => bodies.remove_unless_pinned(sha256).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = removed {
            tracing::warn!(sha256, error, "the file of a body could not be removed; a later sweep will");
        }
    }
}

/// Removes the files that a crash left between their writing and the commit that was to name them.
pub(super) fn sweep(db: &Connection, bodies: &Bodies) -> std::io::Result<()> {
    for folder in 0..=u8::MAX {
        // In doubt it stays.
        let wanted = |sha256: &str| is_wanted(db, sha256).unwrap_or(true);
        let removed = bodies.sweep(folder, wanted)?;
        if removed > 0 {
            tracing::info!(removed, folder, "files of bodies that no event names were removed");
        }
    }
    Ok(())
}

fn is_wanted(db: &Connection, sha256: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM event WHERE file = ?1")?.exists([sha256])
}
