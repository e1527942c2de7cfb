//! Paid questions: recorded before they are asked, their answers before anything follows from them.

use rusqlite::{Connection, params};

use crate::{
    decide::purchase::{Buy, answer, buy},
    domain::{Answer, Bill, EventId, JobId, Lease, Name, Prior, Purchase, PurchaseOrder, PurchaseState},
    store::StoreError,
};

use super::{
    jobs,
    key::JobKey,
    rows,
    settle::held,
    spend,
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
    let record: Vec<_> = of_event(db, seq)?.into_iter().map(|(_, purchase)| purchase).collect();
    Ok(answer(&record, judge, digest).cloned())
}

/// Whether anything was ever begun for an event.
pub(super) fn any(db: &Connection, seq: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM purchase WHERE event = ?1")?.exists([seq])
}

pub(super) fn begin(desk: &mut Desk<'_>, lease: Lease, order: &PurchaseOrder) -> Result<Prior, Failed> {
    let PurchaseOrder { judge, digest, .. } = order;
    let held = held(desk, lease)?;
    let seq = held.key.event();
    let record = of_event(desk.db, seq)?;
    let is_held = |job: JobKey| desk.leases.holds(JobId { event: lease.job.event, n: job.n() });
    let so_far = record.iter().map(|(job, purchase)| (purchase, *job != held.key && is_held(*job)));
    match buy(so_far, judge, digest) {
        Buy::Reuse(Purchase { answer: Some(answer), .. }) => return Ok(Prior::Answered(answer.clone())),
        Buy::Reuse(_) | Buy::Refuse => return Ok(Prior::Spent),
        Buy::Wait => return Ok(Prior::UnderWay),
        Buy::Ask => {}
    }
    if let Some(purse) = spend::draw(desk, &order.charges)? {
        return Ok(Prior::Short(purse));
    }
    spend::enter(desk, order.entry.as_ref())?;
    desk.db
        .prepare_cached(
            "INSERT INTO purchase(event, seq, job, judge, digest, begun_at, state, cost) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            seq,
            record.len() as i64,
            held.key,
            judge,
            digest,
            desk.now,
            PurchaseState::MaybeBilled,
            i64::try_from(order.most.0).unwrap_or(i64::MAX)
        ])?;
    Ok(Prior::Begun)
}

/// What the event's jobs bought so far, and which did: an answer serves every job that asks the same.
fn of_event(db: &Connection, seq: i64) -> rusqlite::Result<Vec<(JobKey, Purchase)>> {
    let mut select = db.prepare_cached(
        "SELECT judge, digest, begun_at, state, cost, answer, job FROM purchase WHERE event = ?1 ORDER BY seq",
    )?;
    let rows = select.query_map([seq], |row| Ok((row.get(6)?, rows::purchase(row)?)))?;
    rows.collect()
}

pub(super) fn end(desk: &mut Desk<'_>, lease: Lease, bill: &Bill) -> Result<(), Failed> {
    if end_if_open(desk, lease, bill)? {
        return Ok(());
    }
    Err(StoreError::Conflict(format!("{} never began this purchase", lease.job)).into())
}

/// Whether it was open until now.
pub(super) fn end_if_open(desk: &mut Desk<'_>, lease: Lease, bill: &Bill) -> Result<bool, Failed> {
    let held = held(desk, lease)?;
    let Bill { judge, digest, cost, charges, entry, .. } = bill;
    let answer = bill.answer.as_ref();
    let state = if answer.is_some() { PurchaseState::Answered } else { PurchaseState::NotBilled };
    let answer = answer.map(rows::to_json).transpose()?;
    let ended = desk
        .db
        .prepare_cached(
            "UPDATE purchase SET state = ?5, answer = ?6, cost = ?7 WHERE event = ?1 AND seq =
             (SELECT max(seq) FROM purchase
              WHERE event = ?1 AND job = ?2 AND judge = ?3 AND digest = ?4 AND state = 'maybe_billed')",
        )?
        .execute(params![
            held.key.event(),
            held.key,
            judge,
            digest,
            state,
            answer,
            i64::try_from(cost.0).unwrap_or(i64::MAX)
        ])?;
    if ended == 0 {
        return Ok(false);
    }
    spend::correct(desk, charges)?;
    spend::enter(desk, entry.as_ref())?;
    Ok(true)
}
