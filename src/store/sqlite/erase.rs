//! Erasing a person's data.

use bytes::Bytes;
use rusqlite::{Connection, params, types::ValueRef};

use crate::{
    decide::erase::Key,
    domain::{AttemptOutcome, EventId, JobState, Name},
    store::{EraseStep, Erased, state::State},
};

use super::{
    jobs,
    key::JobKey,
    retain,
    writer::{Desk, Failed},
};

/// Events looked at in one step.
const EVENTS_MAX: u32 = 200;

/// Bytes of bodies in files after which a step ends: everybody else waits meanwhile.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Why jobs end, and what the record says instead of what was said.
const ERASED: &str = "a person's data was erased";

struct Found {
    seq: i64,
    id: EventId,
    source: Name,
    bytes: u64,
    file: Option<String>,
}

pub(super) fn erase(desk: &mut Desk<'_>, step: &EraseStep) -> Result<Erased, Failed> {
    // What is freed is overwritten: a person's data must not stay in the file's free space. At other times that would
    // only cost writes.
    desk.db.pragma_update(None, "secure_delete", true)?;
    let erased = erase_step(desk, step);
    desk.db.pragma_update(None, "secure_delete", false)?;
    erased
}

fn erase_step(desk: &mut Desk<'_>, step: &EraseStep) -> Result<Erased, Failed> {
    let key = Key::new(&step.key);
    let from = step.after.unwrap_or(EventId::FIRST);
    let (mut looked, mut read) = (0, 0);
    let mut erased = Erased::default();
    let mut found = Vec::new();
    {
        let mut select = desk.db.prepare_cached(
            "SELECT seq, id, source, bytes, file, headers, body FROM event WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = select.query(params![from, EVENTS_MAX])?;
        while let Some(row) = rows.next()? {
            looked += 1;
            let event = Found {
                seq: row.get(0)?,
                id: row.get(1)?,
                source: row.get(2)?,
                bytes: row.get(3)?,
                file: row.get(4)?,
            };
            erased.next = Some(event.id);
            read += event.file.as_ref().map_or(0, |_| event.bytes);
            let in_file = match &event.file {
                // One that cannot be read is let go as well: better too much than too little.
                Some(sha256) => desk.bodies.read(sha256).map_or(true, |body: Bytes| key.stands_in(&body)),
                None => false,
            };
            if in_file
                || held(row.get_ref(5)?, &key)
                || held(row.get_ref(6)?, &key)
                || elsewhere(desk.db, event.seq, &key)?
            {
                found.push(event);
            }
            if read >= FILE_BYTES_MAX {
                break;
            }
        }
    }
    if looked < EVENTS_MAX && read < FILE_BYTES_MAX {
        erased.next = None;
    }
    erased.events = found.len() as u64;
    if step.dry_run {
        for event in found {
            erased.discarded += open_jobs(desk.db, event.seq)?;
        }
        return Ok(erased);
    }
    // With the last step at the latest, for whoever broke off and asks again.
    desk.erased |= erased.next.is_none() || !found.is_empty();
    for event in found {
        erased.discarded += remove(desk, event)?;
    }
    Ok(erased)
}

fn held(value: ValueRef<'_>, key: &Key) -> bool {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => key.stands_in(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => false,
    }
}

/// Whether the key stands in what was made from the event.
fn elsewhere(db: &Connection, seq: i64, key: &Key) -> rusqlite::Result<bool> {
    let (first, last) = JobKey::all_of(seq);
    let mut select = db.prepare_cached(
        "SELECT request FROM job WHERE id BETWEEN ?1 AND ?2
         UNION ALL SELECT verdict FROM job WHERE id BETWEEN ?1 AND ?2
         UNION ALL SELECT receipt FROM job WHERE id BETWEEN ?1 AND ?2
         UNION ALL SELECT plan FROM job WHERE id BETWEEN ?1 AND ?2
         UNION ALL SELECT reason FROM job WHERE id BETWEEN ?1 AND ?2
         UNION ALL SELECT detail FROM attempt WHERE job BETWEEN ?1 AND ?2
         UNION ALL SELECT answer FROM purchase WHERE event = ?3",
    )?;
    let mut rows = select.query(params![first, last, seq])?;
    while let Some(row) = rows.next()? {
        if held(row.get_ref(0)?, key) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many jobs of an event have not come to their end.
fn open_jobs(db: &Connection, seq: i64) -> rusqlite::Result<u64> {
    let (first, last) = JobKey::all_of(seq);
    let open: i64 = db
        .prepare_cached(
            "SELECT count(*) FROM job WHERE id BETWEEN ?1 AND ?2 AND state NOT IN ('done', 'skipped', 'discarded')",
        )?
        .query_row([first, last], |row| row.get(0))?;
    Ok(open.unsigned_abs())
}

/// Ends what is open of the event and removes what it holds; how many jobs were open.
fn remove(desk: &mut Desk<'_>, event: Found) -> Result<u64, Failed> {
    let (first, last) = JobKey::all_of(event.seq);
    let mut discarded = 0;
    let keys: Vec<JobKey> = jobs::rows_of(desk.db, event.seq)?.into_iter().map(|row| row.key).collect();
    for key in &keys {
        // Read anew: the end of one may have moved another.
        let Some(row) = jobs::get(desk.db, *key)? else { continue };
        if !row.job.state.is_final() {
            jobs::finish(desk, &row, &State::with(JobState::Discarded, ERASED))?;
            discarded += 1;
        }
    }
    desk.db
        .prepare_cached("UPDATE attempt SET detail = NULL WHERE job BETWEEN ?1 AND ?2")?
        .execute([first, last])?;
    desk.db
        .prepare_cached(
            "UPDATE job SET reason = ?3, newest = NULL, plan = json_remove(plan, '$.dead') WHERE id BETWEEN ?1 AND ?2",
        )?
        .execute(params![first, last, ERASED])?;
    retain::remove_payload(desk, event.seq, &event.source, event.bytes, event.file)?;
    if let Some(first) = keys.first() {
        jobs::remark(desk, *first, AttemptOutcome::Person, ERASED)?;
    }
    Ok(discarded)
}
