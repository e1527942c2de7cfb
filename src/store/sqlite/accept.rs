//! Taking events in.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use crate::{
    decide::outcome::outcome,
    domain::{Body, BodyFile, EventId, EventState, Timestamp},
    store::{Accepted, Admission, DedupeKey, OnMatch, Start, state::has_room},
};

use super::{
    jobs,
    key::JobKey,
    rows,
    writer::{Desk, Failed},
};

/// Why the jobs of a suspected replay wait.
fn suspicion(of: EventId) -> String {
    format!("the same body came before as {of}, under another id: perhaps a replay")
}

/// `memory` is how long keys are remembered; `file` holds the body if it is too large for the database.
pub(super) fn accept(
    desk: &mut Desk<'_>,
    admission: &Admission,
    file: Option<&BodyFile>,
    memory: Duration,
) -> Result<Accepted, Failed> {
    let event = &admission.event;
    has_room(event.id, 0, admission.jobs.len())?;
    let seq = *desk.next_seq;
    let suspected_replay_of = match take_keys(desk, &admission.keys, seq, memory)? {
        Keys::New => None,
        Keys::Suspect(of) => Some(event_id(desk, of)?),
        Keys::Known(of) => return duplicate(desk, of, event.received_at),
    };
    *desk.next_seq += 1;
    let body = match &event.body {
        Body::Here(bytes) if file.is_none() => Some(&bytes[..]),
        Body::Here(_) | Body::File(_) | Body::Gone => None,
    };
    let headers = rows::to_json(&event.headers)?;
    desk.db
        .prepare_cached(
            "INSERT INTO event(seq, id, source, type, lane, received_at, test_mode, headers, bytes, file, body)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            seq,
            event.id,
            event.source,
            event.event_type,
            event.lane,
            event.received_at,
            event.test_mode,
            headers,
            event.body.len(),
            file.map(|file| &file.sha256),
            body
        ])?;
    desk.tally.heard(&event.source, event.received_at, event.body.len());
    for (n, job) in (0..).zip(&admission.jobs) {
        match (suspected_replay_of, &job.start) {
            (Some(of), Start::Ready | Start::After { .. } | Start::Blocked) => {
                let mut held = job.clone();
                held.start = Start::Waiting { reason: suspicion(of) };
                jobs::insert(desk, (seq, event.id), n, &held, None)?;
            }
            (Some(_) | None, _) => jobs::insert(desk, (seq, event.id), n, job, None)?,
        }
    }
    Ok(Accepted::Queued { suspected_replay_of })
}

/// What an event's keys say of it.
enum Keys {
    New,
    /// A suspected replay of the event of this `seq`.
    Suspect(i64),
    Known(i64),
}

/// Remembers the keys for the event of `seq`, unless one of them says that it is known. From the store's time on, which
/// their age is told by: the wall clock may have been set back since.
fn take_keys(desk: &Desk<'_>, keys: &[DedupeKey], seq: i64, memory: Duration) -> rusqlite::Result<Keys> {
    // Most events have one key, and most are new: one statement finds out and remembers.
    if let [only] = keys {
        let fresh = desk
            .db
            .prepare_cached("INSERT INTO dedupe(key, event, at) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![only.text, seq, desk.now])?;
        if fresh == 1 {
            return Ok(Keys::New);
        }
    }
    let mut suspect = None;
    for key in keys {
        let Some(of) = lookup(desk, key, memory)? else { continue };
        match key.on_match {
            OnMatch::Duplicate => return Ok(Keys::Known(of)),
            OnMatch::Review => suspect = Some(of),
        }
    }
    for key in keys {
        desk.db
            .prepare_cached("INSERT OR REPLACE INTO dedupe(key, event, at) VALUES(?1, ?2, ?3)")?
            .execute(params![key.text, seq, desk.now])?;
    }
    Ok(suspect.map_or(Keys::New, Keys::Suspect))
}

/// The event that has this key, if it is still remembered.
fn lookup(desk: &Desk<'_>, key: &DedupeKey, memory: Duration) -> rusqlite::Result<Option<i64>> {
    let known: Option<(i64, Timestamp)> = desk
        .db
        // A key may outlive the record of its event; then nothing can be said of it, and the delivery is new.
        .prepare_cached(
            "SELECT d.event, d.at FROM dedupe d JOIN event e ON e.seq = d.event WHERE d.key = ?1",
        )?
        .query_row([&key.text], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(known.filter(|(_, at)| desk.now.since(*at) < memory).map(|(event, _)| event))
}

fn event_id(desk: &Desk<'_>, seq: i64) -> rusqlite::Result<EventId> {
    desk.db.prepare_cached("SELECT id FROM event WHERE seq = ?1")?.query_row([seq], |row| row.get(0))
}

fn duplicate(desk: &mut Desk<'_>, of: i64, at: Timestamp) -> Result<Accepted, Failed> {
    let (id, source) = desk
        .db
        .prepare_cached("SELECT id, source FROM event WHERE seq = ?1")?
        .query_row([of], |row| Ok((row.get::<_, EventId>(0)?, row.get(1)?)))?;
    desk.db
        .prepare_cached(
            "INSERT INTO redelivery(event, at_s, times) VALUES(?1, ?2, 1)
             ON CONFLICT DO UPDATE SET times = times + 1",
        )?
        .execute(params![of, desk.now.as_secs()])?;
    desk.tally.heard(&source, at, 0);
    let mut revived = 0;
    let (first, last) = JobKey::all_of(of);
    let dead: Vec<JobKey> = desk
        .db
        .prepare_cached("SELECT id FROM job WHERE id BETWEEN ?1 AND ?2 AND state = 'dead' ORDER BY id")?
        .query_map([first, last], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for key in dead {
        jobs::revive(desk, key, "the sender delivered the event again")?;
        revived += 1;
    }
    let jobs = jobs::of_event(desk.db, &desk.leases.under_way(), id)?;
    let state = EventState::of(jobs.iter().map(|job| job.state));
    Ok(Accepted::Duplicate { of: id, state, outcome: outcome(&jobs), revived })
}

pub(super) fn knows(desk: &Desk<'_>, keys: &[DedupeKey], memory: Duration) -> Result<bool, Failed> {
    for key in keys {
        if key.on_match == OnMatch::Duplicate && lookup(desk, key, memory)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
