//! Erasing a person's data.

use bytes::Bytes;
use rusqlite::{Connection, params, types::ValueRef};

use crate::{
    domain::{AttemptOutcome, EventId, JobState, Name},
    store::Erased,
};

use super::{
    jobs::{self, State},
    key::JobKey,
    retain,
    writer::{Desk, Failed},
};

/// Events looked at in one step.
const EVENTS_MAX: u32 = 200;

/// Why jobs end, and what the record says instead of what was said.
const ERASED: &str = "a person's data was erased";

struct Found {
    seq: i64,
    id: EventId,
    source: Name,
    bytes: u64,
    file: Option<String>,
}

pub(super) fn erase(desk: &mut Desk<'_>, key: &str, after: Option<EventId>) -> Result<Erased, Failed> {
    let needles = needles(key);
    let from = match after {
        Some(event) => jobs::seq(desk.db, event)?.unwrap_or_default(),
        None => 0,
    };
    let mut looked = 0;
    let mut erased = Erased::default();
    let mut found = Vec::new();
    {
        let mut select = desk.db.prepare_cached(
            "SELECT seq, id, source, bytes, file, headers, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
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
            let in_file = match &event.file {
                // One that cannot be read is let go as well: better too much than too little.
                Some(sha256) => desk.bodies.read(sha256).map_or(true, |body: Bytes| holds(&body, &needles)),
                None => false,
            };
            if in_file
                || held(row.get_ref(5)?, &needles)
                || held(row.get_ref(6)?, &needles)
                || elsewhere(desk.db, event.seq, &needles)?
            {
                found.push(event);
            }
        }
    }
    if looked < EVENTS_MAX {
        erased.next = None;
    }
    for event in found {
        erased.discarded += remove(desk, event)?;
        erased.events += 1;
    }
    Ok(erased)
}

/// The forms in which a key may stand in JSON, forms and URLs.
fn needles(key: &str) -> Vec<Vec<u8>> {
    let plain = key.to_ascii_lowercase();
    let quoted = serde_json::to_string(&plain).unwrap_or_default();
    let quoted = quoted.trim_matches('"').to_owned();
    let mut encoded = String::new();
    for byte in plain.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    let mut forms = vec![plain, quoted, encoded];
    forms.sort();
    forms.dedup();
    forms.into_iter().map(String::into_bytes).collect()
}

/// Whether one of the needles, in lower case, stands in `text`, whatever its case.
fn holds(text: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().filter(|needle| !needle.is_empty()).any(|needle| {
        text.windows(needle.len())
            .any(|part| part[0].eq_ignore_ascii_case(&needle[0]) && part.eq_ignore_ascii_case(needle))
    })
}

fn held(value: ValueRef<'_>, needles: &[Vec<u8>]) -> bool {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => holds(bytes, needles),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => false,
    }
}

/// Whether a needle stands in what was made from the event.
fn elsewhere(db: &Connection, seq: i64, needles: &[Vec<u8>]) -> rusqlite::Result<bool> {
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
        if held(row.get_ref(0)?, needles) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends what is open of the event and removes what it holds; how many jobs were open.
fn remove(desk: &mut Desk<'_>, event: Found) -> Result<u64, Failed> {
    let (first, last) = JobKey::all_of(event.seq);
    let mut discarded = 0;
    for key in jobs::rows_of(desk.db, event.seq)?.into_iter().map(|row| row.key) {
        // Read anew: the end of one may have moved another.
        let Some(row) = jobs::get(desk.db, key)? else { continue };
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
    jobs::remark(desk, first, AttemptOutcome::Person, ERASED)?;
    Ok(discarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_each_of_its_forms_and_whatever_its_case() {
        let needles = needles("Ada@Engines.example");
        for (text, want) in [
            ("{\"email\":\"ada@engines.example\"}", true),
            ("ADA@ENGINES.EXAMPLE", true),
            ("from=ada%40engines.example&x=1", true),
            ("from=ada%40ENGINES.example", true),
            ("ada@engines", false),
            ("", false),
        ] {
            assert_eq!(holds(text.as_bytes(), &needles), want, "{text}");
        }
    }
}
