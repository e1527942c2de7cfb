//! Actions that follow others: released, skipped, and made to wait again.

use std::{collections::BTreeSet, time::Duration};

use rusqlite::{Connection, params};

use crate::{
    decide::unblock::{Unblock, unblock},
    domain::{ActionPlan, AttemptOutcome, JobState, Name, Work},
    store::state::State,
};

use super::{
    jobs,
    key::JobKey,
    line,
    rows::{self, Row},
    writer::Desk,
};

/// All actions of one route of an event.
fn actions(db: &Connection, seq: i64, route: &Name) -> rusqlite::Result<Vec<(Row, ActionPlan)>> {
    let (first, last) = JobKey::all_of(seq);
    let mut select = db.prepare_cached(&format!(
        "SELECT {} FROM {} WHERE j.id BETWEEN ?1 AND ?2 AND q.route = ?3 AND j.plan IS NOT NULL ORDER BY j.id",
        rows::JOB,
        rows::JOB_FROM
    ))?;
    let mut found = Vec::new();
    for row in select.query_map(params![first, last, route], rows::job)? {
        let row = row?;
        if let Work::Action(plan) = &row.job.work {
            let plan = plan.clone();
            found.push((row, plan));
        }
    }
    Ok(found)
}

/// Releases or skips the actions that followed one which has just ended, and those that followed them.
pub(super) fn release(desk: &mut Desk<'_>, seq: i64, ended: &ActionPlan) -> rusqlite::Result<()> {
    loop {
        let all = actions(desk.db, seq, &ended.route)?;
        let mut moved = false;
        for (row, plan) in all.iter().filter(|(row, _)| row.job.state == JobState::Blocked) {
            let same_plan =
                |other: &ActionPlan| other.version == plan.version && plan.after.contains(&other.id);
            let predecessors = all
                .iter()
                .filter(|(_, other)| same_plan(other))
                .map(|(row, other)| (&other.id, row.job.state));
            match unblock(predecessors) {
                Unblock::Release => {
                    let due = desk.now.plus(Duration::from_millis(plan.delay_ms));
                    jobs::make_ready(desk, row, due, None)?;
                    moved = true;
                }
                Unblock::Skip { reason } => {
                    jobs::set_state(desk, row, &State::with(JobState::Skipped, &reason), desk.now)?;
                    jobs::remark(desk, row.key, AttemptOutcome::Skipped, &reason)?;
                    if let Some(line) = row.line {
                        line::moved(desk, seq, line, true)?;
                    }
                    moved = true;
                }
                Unblock::Stay => {}
            }
        }
        if !moved {
            return Ok(());
        }
    }
}

/// Takes back the skipping of everything that follows `revived`, near or far.
pub(super) fn unskip(desk: &mut Desk<'_>, seq: i64, revived: &ActionPlan) -> rusqlite::Result<()> {
    let all = actions(desk.db, seq, &revived.route)?;
    let mut open = vec![revived.id.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        for (row, plan) in &all {
            let follows = plan.version == revived.version && plan.after.contains(&id);
            if row.job.state == JobState::Skipped && follows && seen.insert(row.key) {
                jobs::set_state(desk, row, &State::plain(JobState::Blocked), row.job.due)?;
                open.push(plan.id.clone());
            }
        }
    }
    Ok(())
}
