//! Handing jobs out, and taking them back when their lease is lost.

use std::{fmt::Write, sync::Arc};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    decide::lease::{AfterLoss, Loss, after_loss},
    domain::{Attempt, AttemptOutcome, Event, JobState, Lane, Timestamp, Work},
    store::{Claim, ClaimRequest, Claimed, Limits},
};

use super::{
    jobs,
    key::JobKey,
    leases::Held,
    purchases,
    rows::{self, Row},
    tally::{Queue, QueueId},
    writer::Desk,
};

pub(super) fn claim(desk: &mut Desk<'_>, request: &ClaimRequest) -> rusqlite::Result<Claim> {
    for late in desk.leases.expired(desk.monotonic) {
        if let Some(held) = desk.leases.release(late) {
            desk.tally.lease(held.queue, -1);
            lose(desk, held.key, Loss::Expired)?;
            forget_batch(desk, held.batch)?;
        }
    }
    let mut claim = Claim { jobs: Vec::new(), next_in: None };
    if request.max() == 0 || desk.leases.alone() || desk.tally.everything_paused() {
        return Ok(claim);
    }
    let (keys, alone) = match due_alone(desk, &request.limits)? {
        // Others are let run out first; then it goes by itself.
        Some(_) if !desk.leases.is_empty() => return Ok(claim),
        Some(suspect) => (vec![suspect], true),
        None => (choose(desk, request)?, false),
    };
    if keys.is_empty() {
        claim.next_in = next_due(desk, &request.limits)?.map(|due| due.since(desk.now));
        return Ok(claim);
    }
    hand_out(desk, &keys, request, alone, &mut claim)?;
    Ok(claim)
}

/// Whether jobs of a queue may be handed out, and how many more at the most.
fn room(desk: &Desk<'_>, queue: &Queue, limits: &Limits) -> u64 {
    if queue.paused {
        return 0;
    }
    let limit = match &queue.destination {
        Some(destination) => limits.destinations.get(destination),
        None => limits.routes.get(&queue.route),
    };
    let Some(limit) = limit else { return u64::MAX };
    // A route or destination has a queue in each lane, and a destination one for each route.
    let of_the_same = desk.tally.queues().filter(|(_, other)| match &queue.destination {
        Some(_) => other.destination == queue.destination,
        None => other.destination.is_none() && other.route == queue.route,
    });
    u64::from(*limit).saturating_sub(of_the_same.map(|(_, other)| other.leased).sum())
}

/// Queues of a lane, or of all, that have jobs which may be handed out.
fn open_queues(desk: &Desk<'_>, limits: &Limits, lane: Option<Lane>) -> Vec<QueueId> {
    let queues = desk.tally.queues().filter(|(_, queue)| {
        lane.is_none_or(|lane| queue.lane == lane)
            && queue.ready > queue.leased
            && room(desk, queue, limits) > 0
    });
    queues.map(|(id, _)| id).collect()
}

/// A due job, and in which order it comes.
type Due = (Timestamp, JobKey, QueueId);

/// The jobs to hand out, by the lanes' shares first; what those leave goes to whoever has more.
fn choose(desk: &Desk<'_>, request: &ClaimRequest) -> rusqlite::Result<Vec<JobKey>> {
    let mut lanes = Vec::with_capacity(request.shares.len());
    for (lane, share) in request.shares {
        lanes.push((share as usize, due(desk, lane, request)?));
    }
    let mut chosen = Chosen { desk, limits: &request.limits, keys: Vec::new(), taken: Vec::new() };
    let max = request.max() as usize;
    for (share, due) in &mut lanes {
        let end = (chosen.keys.len() + *share).min(max);
        chosen.take(due, end);
    }
    for (_, due) in &mut lanes {
        chosen.take(due, max);
    }
    Ok(chosen.keys)
}

/// What was chosen so far.
struct Chosen<'a> {
    desk: &'a Desk<'a>,
    limits: &'a Limits,
    keys: Vec<JobKey>,
    taken: Vec<QueueId>,
}

impl Chosen<'_> {
    /// Takes from `due` until `end` are chosen; what does not go now because of a limit is left out.
    fn take(&mut self, due: &mut std::vec::IntoIter<Due>, end: usize) {
        while self.keys.len() < end
            && let Some((_, key, id)) = due.next()
        {
            let queue = self.desk.tally.get(id);
            let limited = match &queue.destination {
                Some(destination) => self.limits.destinations.contains_key(destination),
                None => self.limits.routes.contains_key(&queue.route),
            };
            let same = |other: &&QueueId| {
                let other = self.desk.tally.get(**other);
                other.destination == queue.destination
                    && (queue.destination.is_some() || other.route == queue.route)
            };
            let so_far = if limited { self.taken.iter().filter(same).count() as u64 } else { 0 };
            if so_far < room(self.desk, queue, self.limits) {
                self.keys.push(key);
                self.taken.push(id);
            }
        }
    }
}

/// Due jobs of a lane that nobody holds, oldest first.
fn due(desk: &Desk<'_>, lane: Lane, request: &ClaimRequest) -> rusqlite::Result<std::vec::IntoIter<Due>> {
    let mut due: Vec<Due> = Vec::new();
    let queues = open_queues(desk, &request.limits, Some(lane));
    let several = queues.len() > 1;
    for id in queues {
        let queue = desk.tally.get(id);
        let wanted = u64::from(request.max()).min(room(desk, queue, &request.limits));
        // Those under way are ready in the file, and come first.
        let rows = wanted + queue.leased;
        let mut select = desk.db.prepare_cached(
            "SELECT due, id FROM job WHERE queue = ?1 AND state = 'ready' AND due <= ?2 ORDER BY due, id LIMIT ?3",
        )?;
        let found =
            select.query_map(params![id, desk.now, rows], |row| Ok((row.get(0)?, row.get(1)?, id)))?;
        let held: Vec<JobKey> =
            desk.leases.held().filter(|held| held.queue == id).map(|held| held.key).collect();
        for row in found {
            let row: Due = row?;
            if !held.contains(&row.1) {
                due.push(row);
            }
        }
    }
    if several {
        due.sort_unstable_by_key(|(due, key, _)| (*due, *key));
    }
    Ok(due.into_iter())
}

fn due_alone(desk: &Desk<'_>, limits: &Limits) -> rusqlite::Result<Option<JobKey>> {
    let mut select = desk.db.prepare_cached(
        "SELECT id, queue FROM job WHERE state = 'ready' AND crashes >= 2 AND due <= ?1 ORDER BY due",
    )?;
    let mut rows = select.query([desk.now])?;
    while let Some(row) = rows.next()? {
        let queue = desk.tally.get(row.get(1)?);
        if room(desk, queue, limits) > 0 {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}

/// Whether some ready job must run with nothing beside it.
pub(super) fn any_alone(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM job WHERE state = 'ready' AND crashes >= 2")?.exists([])
}

fn next_due(desk: &Desk<'_>, limits: &Limits) -> rusqlite::Result<Option<Timestamp>> {
    let mut next: Option<Timestamp> = None;
    for id in open_queues(desk, limits, None) {
        let first: Option<Timestamp> = desk
            .db
            .prepare_cached("SELECT min(due) FROM job WHERE queue = ?1 AND state = 'ready' AND due > ?2")?
            .query_row(params![id, desk.now], |row| row.get(0))?;
        next = match (next, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(next)
}

/// Gives out the jobs and notes in one row that this process has them: should it end, the next one knows.
fn hand_out(
    desk: &mut Desk<'_>,
    keys: &[JobKey],
    request: &ClaimRequest,
    alone: bool,
    claim: &mut Claim,
) -> rusqlite::Result<()> {
    let batch = desk.leases.next_token();
    let mut noted = String::new();
    for key in keys {
        let (Row { key, queue, history, line, mut job }, event) = read(desk, *key)?;
        let held = Held {
            key,
            token: 0,
            batch,
            until: desk.monotonic + request.lease,
            alone,
            queue,
            line,
            history,
            is_action: matches!(job.work, Work::Action(_)),
        };
        let lease = desk.leases.grant(job.id, held);
        desk.tally.lease(queue, 1);
        let space = if noted.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(noted, "{space}{}:{}", key.0, lease.token);
        job.state = JobState::Leased;
        // Actions buy nothing.
        let has_bought = !held.is_action && purchases::any(desk.db, key.event())?;
        claim.jobs.push(Claimed { lease, at: desk.now, job, event: Arc::new(event), has_bought });
    }
    desk.db
        .prepare_cached("INSERT INTO lease(token, jobs) VALUES(?1, ?2)")?
        .execute(params![batch, noted])?;
    Ok(())
}

fn read(desk: &Desk<'_>, key: JobKey) -> rusqlite::Result<(Row, Event)> {
    desk.db
        .prepare_cached(&format!(
            "SELECT {}, {} FROM {} WHERE j.id = ?1",
            rows::JOB,
            rows::EVENT,
            rows::JOB_FROM
        ))?
        .query_row([key], |row| Ok((rows::job(row)?, rows::event(row, rows::JOB_COLUMNS)?)))
}

/// Removes a row of `lease` once none of its jobs is under way.
pub(super) fn forget_batch(desk: &mut Desk<'_>, batch: u64) -> rusqlite::Result<()> {
    if desk.leases.is_over(batch) {
        desk.db.prepare_cached("DELETE FROM lease WHERE token = ?1")?.execute([batch])?;
    }
    Ok(())
}

/// Takes a job back from a worker that is gone.
fn lose(desk: &mut Desk<'_>, key: JobKey, loss: Loss) -> rusqlite::Result<()> {
    let Some(row) = jobs::get(desk.db, key)? else { return Ok(()) };
    let crashes = row.job.crashes + u32::from(loss == Loss::Crashed);
    let reason = match after_loss(row.job.lost_leases + 1, crashes) {
        AfterLoss::Ready => loss.why().to_owned(),
        AfterLoss::Alone => format!("{}; it will run with nothing beside it", loss.why()),
        // Whoever claims it settles it as dead without running it, with what its route says about deaths.
        AfterLoss::Dead { reason, .. } => reason,
    };
    desk.db
        .prepare_cached(
            "UPDATE job SET due = ?2, lost = lost + 1, crashes = ?3, in_doubt = in_doubt OR begun IS NOT NULL,
             begun = NULL, reason = ?4, token = ?5, history = history + 1 WHERE id = ?1",
        )?
        .execute(params![key, desk.now, crashes, reason, desk.leases.last_token()])?;
    let at = desk.now;
    let line = Attempt {
        started_at: at,
        ended_at: at,
        outcome: AttemptOutcome::LeaseLost,
        detail: Some(loss.why().to_owned()),
        status: None,
    };
    jobs::record(desk.db, key, row.history, &line)?;
    desk.new_work = true;
    Ok(())
}

/// Takes back what an earlier process was working on when it ended.
pub(super) fn recover(desk: &mut Desk<'_>) -> rusqlite::Result<()> {
    let notes: Vec<String> = desk
        .db
        .prepare("SELECT jobs FROM lease ORDER BY token")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for (key, token) in notes.iter().flat_map(|note| note.split(' ')).filter_map(noted) {
        // What was settled since has a token of its own.
        let under_way: Option<bool> = desk
            .db
            .prepare_cached("SELECT state = 'ready' AND coalesce(token, -1) < ?2 FROM job WHERE id = ?1")?
            .query_row(params![key, token], |row| row.get(0))
            .optional()?;
        if under_way == Some(true) {
            lose(desk, key, Loss::Crashed)?;
        }
    }
    desk.db.execute("DELETE FROM lease", [])?;
    Ok(())
}

fn noted(text: &str) -> Option<(JobKey, i64)> {
    let (key, token) = text.split_once(':')?;
    Some((JobKey(key.parse().ok()?), token.parse().ok()?))
}
