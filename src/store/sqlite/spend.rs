//! Money that is spent on answers: purses, and the book of each day.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    domain::{Charge, Day, Entry, Purse, Spent},
    store::{PURSE_KEPT, SPENT_KEPT},
};

use super::writer::Desk;

/// The window of meters whose names hold their dates.
const DATED: i64 = 0;

/// Draws all charges, or none: then it is this purse that has too little.
pub(super) fn draw(desk: &mut Desk<'_>, charges: &[Charge]) -> rusqlite::Result<Option<Purse>> {
    let mut after = Vec::with_capacity(charges.len());
    for charge in charges {
        let used = drawn(desk, charge)?;
        if charge.by > 0 && charge.limit.is_some_and(|limit| used > limit) {
            return Ok(Some(charge.purse));
        }
        after.push((charge, used));
    }
    for (charge, used) in after {
        set(desk, charge, used)?;
    }
    Ok(None)
}

/// Draws or gives back whatever the limits.
pub(super) fn correct(desk: &mut Desk<'_>, charges: &[Charge]) -> rusqlite::Result<()> {
    for charge in charges {
        let used = drawn(desk, charge)?;
        set(desk, charge, used)?;
    }
    Ok(())
}

/// What its meter would show.
fn drawn(desk: &Desk<'_>, charge: &Charge) -> rusqlite::Result<u64> {
    let used: Option<i64> = desk
        .db
        .prepare_cached("SELECT used FROM meter WHERE name = ?1")?
        .query_row([&charge.meter], |row| row.get(0))
        .optional()?;
    Ok(used.unwrap_or_default().saturating_add(charge.by).max(0).unsigned_abs())
}

fn set(desk: &mut Desk<'_>, charge: &Charge, used: u64) -> rusqlite::Result<()> {
    desk.db
        .prepare_cached(
            "INSERT INTO meter(name, period, used) VALUES(?1, ?2, ?3) ON CONFLICT(name) DO UPDATE SET used = ?3",
        )?
        .execute(params![charge.meter, DATED, i64::try_from(used).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Writes into the book of a day.
pub(super) fn enter(desk: &mut Desk<'_>, entry: Option<&Entry>) -> rusqlite::Result<()> {
    let Some(Entry { day, classifier, judge, change }) = entry else { return Ok(()) };
    let [answers, cost, maybe, maybe_cost, input, cache_write, cache_read, output] = change.0;
    desk.db
        .prepare_cached(
            "INSERT INTO spent VALUES(?1, ?2, ?3, max(?4, 0), max(?5, 0), max(?6, 0), max(?7, 0), max(?8, 0), max(?9, 0),
                                      max(?10, 0), max(?11, 0))
             ON CONFLICT(day, classifier, judge) DO UPDATE SET
                 answers = max(answers + ?4, 0), cost = max(cost + ?5, 0), maybe = max(maybe + ?6, 0),
                 maybe_cost = max(maybe_cost + ?7, 0), input = max(input + ?8, 0),
                 cache_write = max(cache_write + ?9, 0), cache_read = max(cache_read + ?10, 0),
                 output = max(output + ?11, 0)",
        )?
        .execute(params![
            day.to_string(),
            classifier,
            judge,
            answers,
            cost,
            maybe,
            maybe_cost,
            input,
            cache_write,
            cache_read,
            output
        ])?;
    Ok(())
}

/// The columns of the book, the day first.
const BOOK: &str =
    "SELECT day, classifier, judge, answers, cost, maybe, maybe_cost, input, cache_write, cache_read, output
    FROM spent";

fn row(row: &Row<'_>) -> rusqlite::Result<Spent> {
    let column = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    let columns = (3..11).map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(Spent::of(row.get(1)?, row.get(2)?, &columns))
}

pub(super) fn of_day(db: &Connection, day: &Day) -> rusqlite::Result<Vec<Spent>> {
    let mut select = db.prepare_cached(&format!("{BOOK} WHERE day = ?1 ORDER BY classifier, judge"))?;
    select.query_map([day.to_string()], row)?.collect()
}

pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<(Day, Spent)>> {
    let mut select = db.prepare(&format!("{BOOK} ORDER BY day, classifier, judge"))?;
    select.query_map([], |of| Ok((Day::named(of.get(0)?), row(of)?)))?.collect()
}

/// Drops what is too old to be asked for.
pub(super) fn forget(desk: &mut Desk<'_>) -> rusqlite::Result<()> {
    let before = |kept: Duration| Day::of(desk.wall.minus(kept)).to_string();
    let (purses, book) = (before(PURSE_KEPT), before(SPENT_KEPT));
    desk.db
        .prepare_cached("DELETE FROM meter WHERE name >= 'money/' AND name < 'money/' || ?1")?
        .execute([purses])?;
    desk.db.prepare_cached("DELETE FROM spent WHERE day < ?1")?.execute([book])?;
    Ok(())
}
