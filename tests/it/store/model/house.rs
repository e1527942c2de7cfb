//! The model: events, jobs, leases and lines as plain lists.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use hookyard::{
    domain::{EventId, JobState, Lease, Next},
    store::{Accepted, Coalesce, NewJob, OnStuck, Order},
};

use crate::store::{
    backend::Backend,
    bench::{Bench, assert_stale},
    given::{LEASE, event, event_id, job_id, route, same, settlement},
};

use super::{
    job::{Held, Job, born, route_name, state_of},
    lines::Place,
    steps::{NewRoute, Plan, Scope, Step},
};

/// Waits and leaps are multiples of this many ticks. A step takes one tick: the contract does not say which of two jobs
/// goes first that became due in the same moment by different steps.
pub const SPAN: u64 = 10_000;

/// Leases last this many ticks.
pub const LEASE_TICKS: u64 = 3 * SPAN;

/// The first event of a key waits this many ticks for newer ones.
pub const WINDOW_TICKS: u64 = 2 * SPAN;

/// What one tick is to the store's clock.
pub fn tick() -> Duration {
    LEASE / LEASE_TICKS as u32
}

/// So many ticks, to the store.
pub fn ticks(n: u64) -> Duration {
    tick() * u32::try_from(n).expect("few")
}

#[derive(Debug, Default)]
pub struct House {
    /// Each event's key, in the order of acceptance.
    pub keys: Vec<u8>,
    pub jobs: Vec<Job>,
    pub lines: [Vec<Place>; 2],
    pub paused: BTreeSet<Scope>,
    /// Events whose data is gone.
    pub erased: BTreeSet<EventId>,
    pub stale: Vec<Lease>,
    pub now: u64,
}

/// Stands in the body of the events of a key, and in no other.
pub fn person(key: u8) -> String {
    format!("<{key}>")
}

impl House {
    fn pass_time(&mut self, b: &Bench<impl Backend>, n: u64) {
        b.advance(ticks(n));
        self.now += n;
    }

    /// Has the store do what the step says, and does it itself.
    pub async fn take<B: Backend>(&mut self, b: Bench<B>, step: &Step) -> Bench<B> {
        self.pass_time(&b, 1);
        let b = self.take_part(b, step).await;
        self.let_lines_go_on();
        b
    }

    async fn take_part<B: Backend>(&mut self, b: Bench<B>, step: &Step) -> Bench<B> {
        match step {
            Step::Accept { key, jobs } => self.accept(&b, *key, jobs).await,
            Step::Claim { shares, limits } => self.claim(&b, *shares, limits).await,
            Step::Begin { pick } => {
                if let Some((at, held)) = self.held(*pick) {
                    b.begin(held.lease, None).await.expect("held");
                    self.jobs[at].begun = true;
                }
            }
            Step::Extend { pick } => {
                if let Some((at, held)) = self.held(*pick)
                    && (B::PARTS == 1 || !self.is_over(held))
                {
                    b.extend(held.lease, LEASE).await.expect("held");
                    self.jobs[at].lease = Some(Held { until: self.now + LEASE_TICKS, ..held });
                }
            }
            Step::Settle { pick, end } => self.settle(&b, *pick, *end, &Plan::default()).await,
            Step::Plan { pick, end, plan } => self.settle(&b, *pick, *end, plan).await,
            Step::SettleStale { pick } => {
                if let Some(lease) = pick_of(&self.stale, *pick) {
                    assert_stale(b.settle(*lease, settlement(Next::Done)).await, lease.job);
                }
            }
            Step::Advance { spans: n } => {
                self.pass_time(&b, SPAN * u64::from(*n));
            }
            Step::Redrive { only } => {
                let (dead, query) = self.dead(*only);
                assert_eq!(b.redrive(query).await.expect("redriven"), dead.len() as u64);
                dead.into_iter().for_each(|at| self.revive(at));
            }
            Step::Discard { only } => {
                let (dead, query) = self.dead(*only);
                assert_eq!(b.discard(query, "ann").await.expect("let go"), dead.len() as u64);
                dead.into_iter().for_each(|at| self.end(at, JobState::Discarded));
            }
            Step::Resolve { pick, decision } => self.resolve(&b, *pick, *decision).await,
            Step::Replay { pick, routes, sweep } => self.replay(&b, *pick, routes, *sweep).await,
            Step::Pause { scope } => {
                b.pause(scope.to_store()).await.expect("paused");
                self.paused.insert(*scope);
            }
            Step::Resume { pick } => {
                let paused: Vec<Scope> = self.paused.iter().copied().collect();
                let scope = *pick_of(&paused, *pick).unwrap_or(&Scope::Everything);
                b.resume(scope.to_store()).await.expect("resumed");
                self.paused.remove(&scope);
            }
            Step::Erase { key } => self.erase(&b, *key).await,
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
        let id = event_id(self.keys.len() as u64 + 1);
        let new: Vec<NewJob> = jobs.iter().map(new_job).collect();
        let mut draft = event(self.keys.len() as u64 + 1).keys([same(&format!("key{key}"))]).jobs(new);
        draft.event.body = Bytes::from(person(key)).into();
        let told = b.send(draft).await;
        if let Some(of) = self.keys.iter().position(|known| *known == key) {
            let of = event_id(of as u64 + 1);
            let mut dead = self.in_state(JobState::Dead);
            dead.retain(|at| self.jobs[*at].id.event == of);
            dead.iter().for_each(|at| self.revive(*at));
            let (state, revived) = (self.event_state(of), u32::try_from(dead.len()).expect("few"));
            assert_eq!(told, Accepted::Duplicate { of, state, outcome: String::new(), revived });
            return;
        }
        assert_eq!(told, Accepted::Queued { suspected_replay_of: None });
        self.keys.push(key);
        for (n, new) in (0..).zip(jobs) {
            let at = self.jobs.len();
            let state = state_of(new.born);
            let job = Job::new(job_id(id, n), new.lane, new.route, state, self.now);
            let newest = new.newest.filter(|_| state == JobState::Ready);
            self.jobs.push(Job { newest, ..job });
            let mut place = None;
            if newest.is_some() {
                (self.jobs[at].due, place) = self.take_place(at, new.line.map(|(line, _)| line));
            }
            if let Some((line, skip)) = new.line {
                self.join(at, line, skip, place);
            }
        }
    }

    /// Ends a job for good, whoever works on it.
    pub fn end(&mut self, at: usize, state: JobState) {
        let job = &mut self.jobs[at];
        (job.state, job.due) = (state, self.now);
        self.stale.extend(job.lease.take().map(|held| held.lease));
        self.release_after(at);
    }

    pub fn revive(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        (job.attempts, job.lost, job.crashes) = (0, 0, 0);
        self.ready(at);
        self.unskip(at);
    }

    /// Makes a job ready now, unless it is one of a route and others are ahead of it in its line.
    pub fn ready(&mut self, at: usize) {
        let waits = self.jobs[at].action.is_none() && self.is_behind(at);
        let job = &mut self.jobs[at];
        job.state = if waits { JobState::Blocked } else { JobState::Ready };
        (job.due, job.tried) = (self.now, true);
    }

    pub fn lose(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        self.stale.extend(job.lease.take().map(|held| held.lease));
        (job.state, job.due) = (JobState::Ready, self.now);
        (job.lost, job.tried) = (job.lost + 1, true);
        job.in_doubt |= job.begun;
        job.begun = false;
    }

    /// One of the jobs under way.
    pub fn held(&self, pick: u8) -> Option<(usize, Held)> {
        let held = self.jobs.iter().enumerate().filter_map(|(at, job)| Some((at, job.lease?)));
        pick_of(&held.collect::<Vec<_>>(), pick).copied()
    }

    pub fn in_state(&self, state: JobState) -> Vec<usize> {
        (0..self.jobs.len()).filter(|at| self.jobs[*at].state == state).collect()
    }
}

pub fn pick_of<T>(among: &[T], pick: u8) -> Option<&T> {
    if among.is_empty() { None } else { among.get(usize::from(pick) % among.len()) }
}

fn new_job(job: &NewRoute) -> NewJob {
    let on_stuck = |skip| if skip { OnStuck::Skip } else { OnStuck::Block };
    let order =
        job.line.map(|(line, skip)| Order { key: format!("line{line}").into(), on_stuck: on_stuck(skip) });
    let on = route_name(job.route);
    let key = |key| format!("{on}/{key}").into();
    let coalesce = job.newest.map(|newest| Coalesce { key: key(newest), window: ticks(WINDOW_TICKS) });
    born(NewJob { lane: job.lane, order, coalesce, ..route(&on) }, job.born)
}
