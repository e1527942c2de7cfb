//! Taking events in.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use crate::{
    domain::{EventId, EventState, JobState, Timestamp},
    store::{Accepted, Admission, DedupeKey, OnMatch, Start},
};

use super::{
    jobs, rows,
    writer::{Desk, Failed},
};

/// Why the jobs of a suspected replay wait.
fn suspicion(of: EventId) -> String {
    format!("the same body came before as {of}, under another id: perhaps a replay")
}

pub(super) fn accept(
    desk: &mut Desk<'_>,
    admission: &Admission,
    memory: Duration,
) -> Result<Accepted, Failed> {
    let mut suspected_replay_of = None;
    for key in &admission.keys {
        let Some(of) = lookup(desk, key, memory)? else { continue };
        match key.on_match {
            OnMatch::Duplicate => return duplicate(desk, of),
            OnMatch::Review => suspected_replay_of = Some(of),
        }
    }
    let event = &admission.event;
    for key in &admission.keys {
        desk.db
            .prepare_cached("INSERT OR REPLACE INTO dedupe(key, event, at) VALUES(?1, ?2, ?3)")?
            .execute(params![key.text, event.id, event.received_at])?;
    }
    let headers = rows::to_json(&event.headers)?;
    desk.db
        .prepare_cached(
            "INSERT INTO event(id, source, type, lane, received_at, test_mode, headers, body)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            event.id,
            event.source,
            event.event_type,
            event.lane,
            event.received_at,
            event.test_mode,
            headers,
            &event.body[..]
        ])?;
    for (n, job) in (0..).zip(&admission.jobs) {
        match (suspected_replay_of, &job.start) {
            (Some(of), Start::Ready | Start::Blocked) => {
                let mut held = job.clone();
                held.start = Start::Waiting { reason: suspicion(of) };
                jobs::insert(desk, event.id, n, &held)?;
            }
            _ => jobs::insert(desk, event.id, n, job)?,
        }
    }
    desk.changed = true;
    Ok(Accepted::Queued { suspected_replay_of })
}

/// The event that has this key, if it is still remembered.
fn lookup(desk: &Desk<'_>, key: &DedupeKey, memory: Duration) -> rusqlite::Result<Option<EventId>> {
    let known: Option<(EventId, Timestamp)> = desk
        .db
        .prepare_cached("SELECT event, at FROM dedupe WHERE key = ?1")?
        .query_row([&key.text], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(known.filter(|(_, at)| desk.now.since(*at) < memory).map(|(event, _)| event))
}

fn duplicate(desk: &mut Desk<'_>, of: EventId) -> Result<Accepted, Failed> {
    desk.db
        .prepare_cached("INSERT OR IGNORE INTO redelivery(event, at_s) VALUES(?1, ?2)")?
        .execute(params![of, desk.now.as_secs()])?;
    desk.changed = true;
    let mut revived = 0;
    for (n, state) in jobs::states(desk.db, of)? {
        if state == JobState::Dead {
            jobs::revive(desk, of, n, "the sender delivered the event again")?;
            revived += 1;
        }
    }
    let state = EventState::of(jobs::states(desk.db, of)?.into_iter().map(|(_, state)| state));
    Ok(Accepted::Duplicate { of, state, revived })
}

pub(super) fn knows(desk: &Desk<'_>, keys: &[DedupeKey], memory: Duration) -> Result<bool, Failed> {
    for key in keys {
        if key.on_match == OnMatch::Duplicate && lookup(desk, key, memory)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
