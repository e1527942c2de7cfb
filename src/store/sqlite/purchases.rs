//! Paid questions: recorded before they are asked, their answers before they are read.

use rusqlite::{Connection, params};

use crate::{
    decide::purchase::{Buy, answer, buy},
    domain::{Answer, EventId, Lease, Name, Prior, Purchase, PurchaseState},
    store::StoreError,
};

use super::{
    jobs, rows,
    settle::held,
    writer::{Desk, Failed},
};

/// The answer on record to a question about an event.
pub(super) fn bought(
    db: &Connection,
    event: EventId,
    judge: &Name,
    digest: &str,
) -> rusqlite::Result<Option<Answer>> {
    let Some(seq) = jobs::seq(db, event)? else { return Ok(None) };
    Ok(answer(&of_event(db, seq)?, judge, digest).cloned())
}

pub(super) fn begin(desk: &mut Desk<'_>, lease: Lease, judge: &Name, digest: &str) -> Result<Prior, Failed> {
    let held = held(desk, lease)?;
    let seq = held.key.event();
    let record = of_event(desk.db, seq)?;
    match buy(&record, judge, digest) {
        Buy::Reuse(Purchase { answer: Some(answer), .. }) => return Ok(Prior::Answered(answer.clone())),
        Buy::Reuse(_) | Buy::Refuse => return Ok(Prior::Spent),
        Buy::Ask => {}
    }
    desk.db
        .prepare_cached(
            "INSERT INTO purchase(event, seq, job, judge, digest, begun_at, state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            seq,
            record.len() as i64,
            held.key,
            judge,
            digest,
            desk.now,
            PurchaseState::MaybeBilled
        ])?;
    desk.changed = true;
    Ok(Prior::Begun)
}

/// What the event's jobs bought so far: an answer serves every job that asks the same.
fn of_event(db: &Connection, seq: i64) -> rusqlite::Result<Vec<Purchase>> {
    let mut select = db.prepare_cached(
        "SELECT judge, digest, begun_at, state, answer FROM purchase WHERE event = ?1 ORDER BY seq",
    )?;
    let rows = select.query_map([seq], rows::purchase)?;
    rows.collect()
}

pub(super) fn end(
    desk: &mut Desk<'_>,
    lease: Lease,
    judge: &Name,
    digest: &str,
    answer: Option<&Answer>,
) -> Result<(), Failed> {
    let held = held(desk, lease)?;
    let state = if answer.is_some() { PurchaseState::Answered } else { PurchaseState::NotBilled };
    let answer = answer.map(rows::to_json).transpose()?;
    let ended = desk
        .db
        .prepare_cached(
            "UPDATE purchase SET state = ?5, answer = ?6 WHERE event = ?1 AND seq =
             (SELECT max(seq) FROM purchase
              WHERE event = ?1 AND job = ?2 AND judge = ?3 AND digest = ?4 AND state = 'maybe_billed')",
        )?
        .execute(params![held.key.event(), held.key, judge, digest, state, answer])?;
    if ended == 0 {
        return Err(StoreError::Conflict(format!("{} never began this purchase", lease.job)).into());
    }
    desk.changed = true;
    Ok(())
}
