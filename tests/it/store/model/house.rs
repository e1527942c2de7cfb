//! The model: events, jobs and leases as plain lists.

use std::{collections::BTreeSet, time::Duration};

use hookyard::{
    decide::replan::Past,
    domain::{Cause, JobId, JobState, Lane, Lease, Next},
    store::{
        Accepted, Coalesce, JobQuery, NewJob, OnStuck, Order, Pause, Replaced, Resolution, Resolved,
        StoreError,
    },
};

use crate::store::{
    backend::Backend,
    bench::{Bench, LANES, assert_conflict, assert_stale, wanting, with},
    given::{LEASE, dead, event, event_id, job_id, route, same, settlement},
};

use super::steps::{End, NewRoute, Step};

/// Leases last this many ticks.
const LEASE_TICKS: u64 = 3;

/// The first event of a key waits this many ticks for newer ones.
const WINDOW_TICKS: u64 = 2;

/// What one tick is to the store's clock.
fn tick() -> Duration {
    LEASE / LEASE_TICKS as u32
}

#[derive(Debug, Clone)]
struct Job {
    id: JobId,
    lane: Lane,
    state: JobState,
    due: u64,
    attempts: u32,
    lost: u32,
    crashes: u32,
    begun: bool,
    in_doubt: bool,
    line: Option<u8>,
    newest: Option<u8>,
    /// Something is in its history.
    tried: bool,
    lease: Option<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    lease: Lease,
    until: u64,
    alone: bool,
}

#[derive(Debug, Default)]
pub struct House {
    /// Each event's key, in the order of acceptance.
    keys: Vec<u8>,
    jobs: Vec<Job>,
    /// Who stands in which line: indexes of jobs, in order.
    lines: [Vec<usize>; 2],
    paused: BTreeSet<u8>,
    stale: Vec<Lease>,
    now: u64,
}

/// Job `n` of an event is on this route.
fn route_of(n: u32) -> u8 {
    u8::try_from(n % 3).expect("below 3")
}

fn route_name(route: u8) -> String {
    format!("route{route}")
}

impl House {
    /// Has the store do what the step says, and does it itself.
    pub async fn take<B: Backend>(&mut self, b: Bench<B>, step: &Step) -> Bench<B> {
        match step {
            Step::Accept { key, jobs } => self.accept(&b, *key, jobs).await,
            Step::Claim { max } => self.claim(&b, *max).await,
            Step::Begin { pick } => {
                if let Some(at) = self.held(*pick)
                    && let Some(held) = self.jobs[at].lease
                {
                    b.begin(held.lease, None).await.expect("held");
                    self.jobs[at].begun = true;
                }
            }
            Step::Extend { pick } => {
                if let Some(at) = self.held(*pick)
                    && let Some(held) = &mut self.jobs[at].lease
                {
                    b.extend(held.lease, LEASE).await.expect("held");
                    held.until = self.now + LEASE_TICKS;
                }
            }
            Step::Settle { pick, end } => self.settle(&b, *pick, *end).await,
            Step::Replace { pick, other, supposed } => self.replace(&b, *pick, *other, *supposed).await,
            Step::SettleStale { pick } => {
                if let Some(lease) = pick_of(&self.stale, *pick) {
                    assert_stale(b.settle(*lease, settlement(Next::Done)).await, lease.job);
                }
            }
            Step::Advance { ticks } => {
                b.advance(tick() * u32::from(*ticks));
                self.now += u64::from(*ticks);
            }
            Step::Redrive => {
                let dead = self.in_state(JobState::Dead);
                assert_eq!(b.redrive(JobQuery::default()).await.expect("redriven"), dead.len() as u64);
                dead.into_iter().for_each(|at| self.revive(at));
            }
            Step::Discard => {
                let dead = self.in_state(JobState::Dead);
                assert_eq!(b.discard(JobQuery::default(), "ann").await.expect("let go"), dead.len() as u64);
                dead.into_iter().for_each(|at| self.end(at, JobState::Discarded));
            }
            Step::Approve { pick } => self.approve(&b, *pick).await,
            Step::Pause { route } => {
                b.pause(Pause::Route(route_name(*route).into())).await.expect("paused");
                self.paused.insert(*route);
            }
            Step::Resume { route } => {
                b.resume(Pause::Route(route_name(*route).into())).await.expect("resumed");
                self.paused.remove(route);
            }
            Step::Crash => {
                for at in 0..self.jobs.len() {
                    if self.jobs[at].lease.is_some() {
                        self.lose(at);
                        self.jobs[at].crashes += 1;
                    }
                }
                return b.crash().await;
            }
        }
        b
    }

    async fn accept(&mut self, b: &Bench<impl Backend>, key: u8, jobs: &[NewRoute]) {
        let event_n = self.keys.len() as u64 + 1;
        let new = (0..).zip(jobs).map(|(n, job)| new_job(n, job));
        let draft = event(event_n).keys([same(&format!("key{key}"))]).jobs(new.collect::<Vec<_>>());
        let told = b.send(draft).await;
        if let Some(of) = self.keys.iter().position(|known| *known == key) {
            let id = event_id(of as u64 + 1);
            let dead = self.in_state(JobState::Dead).into_iter().filter(|at| self.jobs[*at].id.event == id);
            let dead: Vec<usize> = dead.collect();
            dead.iter().for_each(|at| self.revive(*at));
            let state = self.event_state(id);
            let revived = u32::try_from(dead.len()).expect("few");
            assert_eq!(told, Accepted::Duplicate { of: id, state, outcome: String::new(), revived });
            return;
        }
        assert_eq!(told, Accepted::Queued { suspected_replay_of: None });
        self.keys.push(key);
        for (n, job) in (0..).zip(jobs) {
            let mut made = Job {
                id: job_id(event_id(event_n), n),
                lane: job.lane,
                state: if job.dead { JobState::Dead } else { JobState::Ready },
                due: self.now,
                attempts: 0,
                lost: 0,
                crashes: 0,
                begun: false,
                in_doubt: false,
                line: job.line,
                newest: job.newest.filter(|_| !job.dead),
                tried: false,
                lease: None,
            };
            let mut place = None;
            if made.newest.is_some() {
                (made.due, place) = self.take_place(&made);
            }
            if let Some(line) = job.line {
                let line = &mut self.lines[usize::from(line)];
                let place = place.unwrap_or(line.len());
                if place > 0 && !job.dead {
                    made.state = JobState::Blocked;
                }
                line.insert(place, self.jobs.len());
            }
            self.jobs.push(made);
        }
    }

    /// Skips the jobs whose place `newer` takes: when it is due, and where it stands in its line.
    fn take_place(&mut self, newer: &Job) -> (u64, Option<usize>) {
        let (mut due, mut place) = (self.now + WINDOW_TICKS, None);
        for at in 0..self.jobs.len() {
            let older = &mut self.jobs[at];
            let same = older.newest == newer.newest && route_of(older.id.n) == route_of(newer.id.n);
            let waits = matches!(older.state, JobState::Ready | JobState::Blocked) && !older.tried;
            if !same || !waits {
                continue;
            }
            due = due.min(older.due);
            if let Some(line) = older.line
                && newer.line == Some(line)
                && place.is_none()
            {
                let line = &mut self.lines[usize::from(line)];
                place = line.iter().position(|other| *other == at);
                line.retain(|other| *other != at);
                older.line = None;
            }
            self.end(at, JobState::Skipped);
        }
        (due, place)
    }

    async fn claim(&mut self, b: &Bench<impl Backend>, max: u32) {
        for at in 0..self.jobs.len() {
            if self.jobs[at].lease.is_some_and(|held| held.until <= self.now) {
                self.lose(at);
            }
        }
        let (expected, alone) = self.due(max);
        let given = b.claim(wanting(LANES, max)).await.expect("a claim").jobs;
        let ids: BTreeSet<JobId> = given.iter().map(|claimed| claimed.job.id).collect();
        assert_eq!(ids, expected.iter().map(|at| self.jobs[*at].id).collect::<BTreeSet<_>>());
        for claimed in given {
            let at = self.jobs.iter().position(|job| job.id == claimed.job.id).expect("compared above");
            let job = &mut self.jobs[at];
            job.state = JobState::Leased;
            job.lease = Some(Held { lease: claimed.lease, until: self.now + LEASE_TICKS, alone });
        }
    }

    /// What is handed out now, and whether it is to run alone.
    fn due(&self, max: u32) -> (Vec<usize>, bool) {
        let under_way = || self.jobs.iter().filter_map(|job| job.lease);
        let open = |at: &usize| {
            let job = &self.jobs[*at];
            job.state == JobState::Ready && job.due <= self.now && !self.paused.contains(&route_of(job.id.n))
        };
        if max == 0 || under_way().any(|held| held.alone) {
            return (Vec::new(), false);
        }
        let all: Vec<usize> = (0..self.jobs.len()).filter(open).collect();
        let suspects = all.iter().copied().filter(|at| self.jobs[*at].crashes >= 2);
        if let Some(suspect) = suspects.min_by_key(|at| (self.jobs[*at].due, *at)) {
            return if under_way().next().is_none() { (vec![suspect], true) } else { (Vec::new(), false) };
        }
        let mut sorted = all;
        sorted.sort_by_key(|at| (self.jobs[*at].lane, self.jobs[*at].due, *at));
        sorted.truncate(max as usize);
        (sorted, false)
    }

    async fn settle(&mut self, b: &Bench<impl Backend>, pick: u8, end: End) {
        let Some(at) = self.held(pick) else { return };
        let Some(held) = self.jobs[at].lease.take() else { return };
        let after = |ticks: u8| (tick() * u32::from(ticks), self.now + u64::from(ticks));
        let reason = "as the story goes".to_owned();
        let (next, state, due, counts) = match end {
            End::Done => (Next::Done, JobState::Done, self.now, true),
            End::Retry { ticks } => {
                (Next::Retry { wait: after(ticks).0, reason }, JobState::Ready, after(ticks).1, true)
            }
            End::Park { ticks } => {
                (Next::Park { wait: after(ticks).0, reason }, JobState::Ready, after(ticks).1, false)
            }
            End::Review => (Next::Review { reason }, JobState::Waiting, self.now, false),
            End::Die => (Next::Dead { cause: Cause::Exhausted, reason }, JobState::Dead, self.now, true),
        };
        b.settle(held.lease, settlement(next)).await.expect("held");
        self.stale.push(held.lease);
        let job = &mut self.jobs[at];
        (job.due, job.begun, job.in_doubt, job.tried) = (due, false, false, true);
        job.attempts += u32::from(counts);
        if state.is_final() {
            self.end(at, state);
        } else {
            self.jobs[at].state = state;
        }
    }

    /// Settles as done, in the place of another job of the event, if that is what the plan supposed.
    async fn replace(&mut self, b: &Bench<impl Backend>, pick: u8, other: u8, supposed: Past) {
        let Some(at) = self.held(pick) else { return };
        let Some(held) = self.jobs[at].lease else { return };
        let beside = |one: &usize| *one != at && self.jobs[*one].id.event == self.jobs[at].id.event;
        let beside: Vec<usize> = (0..self.jobs.len()).filter(beside).collect();
        let Some(other) = pick_of(&beside, other).copied() else { return };
        let job = &self.jobs[other];
        let not_done = if job.in_doubt { Past::Unknown } else { Past::NoEffect };
        let is = if job.state == JobState::Done { Past::Effect } else { not_done };
        let id = job.id;
        let end = with(Next::Done, |end| end.replaces = vec![Replaced { job: id, supposed }]);
        let told = b.settle(held.lease, end).await;
        if job.lease.is_some() || is != supposed {
            assert!(matches!(told, Err(StoreError::Overtaken(by)) if by == id), "{told:?}");
            return;
        }
        told.expect("as supposed");
        self.stale.push(held.lease);
        let job = &mut self.jobs[at];
        (job.due, job.begun, job.in_doubt, job.lease) = (self.now, false, false, None);
        job.attempts += 1;
        self.end(at, JobState::Done);
        if !self.jobs[other].state.is_final() {
            self.end(other, JobState::Discarded);
        }
    }

    async fn approve(&mut self, b: &Bench<impl Backend>, pick: u8) {
        let yes = Resolution { resolved: Resolved::Approve { verdict: None }, note: "ann".to_owned() };
        if let Some(at) = pick_of(&self.in_state(JobState::Waiting), pick).copied() {
            b.resolve(self.jobs[at].id, yes).await.expect("it waits");
            self.jobs[at].in_doubt = false;
            self.ready(at);
        } else if let Some(job) = self.jobs.first() {
            assert_conflict(b.resolve(job.id, yes).await);
        }
    }

    /// Ends a job for good, and lets the next one in its line go.
    fn end(&mut self, at: usize, state: JobState) {
        self.jobs[at].state = state;
        let Some(line) = self.jobs[at].line else { return };
        let line = &mut self.lines[usize::from(line)];
        line.retain(|other| *other != at);
        if let Some(head) = line.first().copied()
            && self.jobs[head].state == JobState::Blocked
        {
            self.jobs[head].state = JobState::Ready;
            self.jobs[head].due = self.jobs[head].due.max(self.now);
        }
    }

    fn revive(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        (job.attempts, job.lost, job.crashes) = (0, 0, 0);
        self.ready(at);
    }

    /// Makes a job ready now, unless others are ahead of it in its line.
    fn ready(&mut self, at: usize) {
        let ahead = self.jobs[at].line.is_some_and(|line| self.lines[usize::from(line)].first() != Some(&at));
        let job = &mut self.jobs[at];
        job.state = if ahead { JobState::Blocked } else { JobState::Ready };
        (job.due, job.tried) = (self.now, true);
    }

    fn lose(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        self.stale.extend(job.lease.take().map(|held| held.lease));
        (job.state, job.due) = (JobState::Ready, self.now);
        (job.lost, job.tried) = (job.lost + 1, true);
        job.in_doubt |= job.begun;
        job.begun = false;
    }

    /// One of the jobs under way whose lease has not run out.
    fn held(&self, pick: u8) -> Option<usize> {
        let held: Vec<usize> = (0..self.jobs.len()).filter(|at| self.jobs[*at].lease.is_some()).collect();
        pick_of(&held, pick).copied()
    }

    fn in_state(&self, state: JobState) -> Vec<usize> {
        (0..self.jobs.len()).filter(|at| self.jobs[*at].state == state).collect()
    }

    fn event_state(&self, event: hookyard::domain::EventId) -> hookyard::domain::EventState {
        let of = self.jobs.iter().filter(|job| job.id.event == event);
        hookyard::domain::EventState::of(of.map(|job| job.state))
    }

    /// Compares every job and every count with the store's.
    pub async fn compare(&self, b: &Bench<impl Backend>, step: &Step) {
        for n in 1..=self.keys.len() as u64 {
            for entry in b.record(event_id(n)).await.jobs {
                let job = entry.job;
                let model = self.jobs.iter().find(|one| one.id == job.id).expect("a job of the model");
                let seen = (job.state, job.attempts, job.lost_leases, job.crashes, job.in_doubt);
                let wanted = (model.state, model.attempts, model.lost, model.crashes, model.in_doubt);
                assert_eq!(seen, wanted, "{} after {step:?}", job.id);
            }
        }
        b.audit().await;
    }
}

fn pick_of<T>(among: &[T], pick: u8) -> Option<&T> {
    if among.is_empty() { None } else { among.get(usize::from(pick) % among.len()) }
}

fn new_job(n: u32, job: &NewRoute) -> NewJob {
    let order = job.line.map(|line| Order { key: format!("line{line}").into(), on_stuck: OnStuck::Block });
    let on = route_name(route_of(n));
    let window = tick() * u32::try_from(WINDOW_TICKS).expect("few");
    let coalesce = job.newest.map(|key| Coalesce { key: format!("{on}/{key}").into(), window });
    let made = NewJob { lane: job.lane, order, coalesce, ..route(&on) };
    if job.dead { dead(made, Cause::Unrenderable) } else { made }
}
