//! A store under test, and the steps that most tests take.

use std::{ops::Deref, sync::Arc, time::Duration};

use hookyard::{
    domain::{Clock, EventId, Job, JobId, JobState, Lane, Next, Timestamp, Work},
    store::{
        Accepted, Claim, ClaimRequest, Claimed, Depths, JobHistory, JobQuery, LaneDepth, Limits, Settlement,
        Store, StoreError, Timeline,
    },
};

use super::{
    backend::Backend,
    given::{Draft, LEASE, settlement},
};

/// Lanes in the order most claims ask for them.
pub const LANES: [Lane; 3] = [Lane::Critical, Lane::Normal, Lane::Bulk];

/// More jobs than any claim of a test should find.
const PLENTY: u32 = 100;

/// A store with its clock. Dereferences to the store.
pub struct Bench<B> {
    store: Arc<dyn Store>,
    backend: B,
}

impl<B: Backend> Bench<B> {
    pub async fn open() -> Self {
        Bench::new(B::open().await)
    }

    pub fn new(backend: B) -> Self {
        Bench { store: backend.store(), backend }
    }

    pub async fn crash(self) -> Self {
        Bench::new(self.into_backend().crash_and_reopen().await)
    }

    /// Lets go of every handle but the backend's own.
    pub fn into_backend(self) -> B {
        self.backend
    }

    /// A handle for tasks of their own. Must be gone before a crash.
    pub fn shared(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub fn backend(&self) -> &B {
        &self.backend
    }

    pub fn now(&self) -> Timestamp {
        self.backend.clock().now()
    }

    pub fn advance(&self, by: Duration) {
        self.backend.clock().advance(by);
    }

    /// Receives `draft` now. What a duplicate's outcome says in words is a test's of its own.
    pub async fn send(&self, draft: Draft) -> Accepted {
        let mut accepted = self.accept(draft.received(self.now())).await.expect("accepted");
        if let Accepted::Duplicate { outcome, .. } = &mut accepted {
            outcome.clear();
        }
        accepted
    }

    /// Receives `draft` now, as a new event.
    pub async fn queue(&self, draft: Draft) -> EventId {
        let id = draft.event.id;
        assert_eq!(self.send(draft).await, Accepted::Queued { suspected_replay_of: None });
        id
    }

    pub async fn ask(&self, lanes: [Lane; 3], max: u32) -> Claim {
        self.claim(wanting(lanes, max)).await.expect("a claim")
    }

    /// All that is handed out now.
    pub async fn take(&self) -> Vec<Claimed> {
        self.ask(LANES, PLENTY).await.jobs
    }

    /// The one job that is handed out now.
    pub async fn take_one(&self) -> Claimed {
        let mut jobs = self.take().await;
        assert_eq!(jobs.len(), 1, "one job should be handed out, not {:?}", names(&jobs));
        jobs.remove(0)
    }

    pub async fn end(&self, claimed: &Claimed, next: Next) {
        self.settle(claimed.lease, settlement(next)).await.expect("settled");
    }

    /// Takes what is handed out now, which must be these, and ends each as told.
    pub async fn step(&self, ends: &[(&str, Next)]) {
        let jobs = self.take().await;
        let mut expected: Vec<&str> = ends.iter().map(|(name, _)| *name).collect();
        expected.sort_unstable();
        assert_eq!(names(&jobs), expected);
        for (name, next) in ends {
            let claimed = jobs.iter().find(|claimed| name_of(&claimed.job) == *name).expect("compared above");
            self.end(claimed, next.clone()).await;
        }
    }

    /// Takes the one job that is ready and lets its lease run out, so many times.
    pub async fn lose(&self, times: u32) {
        for _ in 0..times {
            self.take_one().await;
            self.advance(LEASE);
        }
    }

    pub async fn record(&self, event: EventId) -> Timeline {
        self.timeline(event).await.expect("an answer").expect("a known event")
    }

    pub async fn history(&self, job: JobId) -> JobHistory {
        let mut jobs = self.record(job.event).await.jobs;
        let at = jobs.iter().position(|entry| entry.job.id == job).expect("a known job");
        jobs.swap_remove(at)
    }

    pub async fn job(&self, job: JobId) -> Job {
        self.history(job).await.job
    }

    /// An event's jobs by name and state, in the order they were made.
    pub async fn states(&self, event: EventId) -> Vec<(String, JobState)> {
        let jobs = self.record(event).await.jobs;
        jobs.iter().map(|entry| (name_of(&entry.job).to_owned(), entry.job.state)).collect()
    }

    pub async fn find(&self, query: JobQuery) -> Vec<Job> {
        self.jobs(query).await.expect("an answer")
    }

    /// Compares the counts with the jobs they count.
    pub async fn audit(&self) {
        let mut counted = Depths::default();
        let in_state = async |state| self.find(JobQuery { state: Some(state), ..JobQuery::default() }).await;
        let ready = in_state(JobState::Ready).await;
        for lane in Lane::ALL.iter().copied() {
            let due: Vec<Timestamp> =
                ready.iter().filter(|job| job.lane == lane).map(|job| job.due).collect();
            let oldest_due = due.iter().min().copied().filter(|due| *due <= self.now());
            counted.lanes.push(LaneDepth { lane, ready: due.len() as u64, oldest_due });
        }
        counted.leased = in_state(JobState::Leased).await.len() as u64;
        counted.blocked = in_state(JobState::Blocked).await.len() as u64;
        counted.waiting = in_state(JobState::Waiting).await.len() as u64;
        counted.dead = in_state(JobState::Dead).await.len() as u64;
        let mut depths = self.depths().await.expect("an answer");
        let queued: u64 = depths.queues.drain(..).map(|queue| queue.ready).sum();
        assert_eq!(queued, ready.len() as u64);
        depths.payload_bytes.clear();
        assert_eq!(depths, counted);
        assert_eq!(self.load().open_jobs, ready.len() as u64 + counted.leased + counted.blocked);
    }
}

impl<B> Deref for Bench<B> {
    type Target = dyn Store;

    fn deref(&self) -> &(dyn Store + 'static) {
        &*self.store
    }
}

/// A request that looks for up to `max` jobs in these lanes, in this order.
pub fn wanting(lanes: [Lane; 3], max: u32) -> ClaimRequest {
    let [first, second, third] = lanes;
    ClaimRequest { shares: [(first, max), (second, 0), (third, 0)], lease: LEASE, limits: Limits::default() }
}

/// What a test calls a job: the action's id, or the route.
pub fn name_of(job: &Job) -> &str {
    match &job.work {
        Work::Route { route, .. } => route,
        Work::Action(plan) => &plan.id,
    }
}

/// The names of what was handed out, sorted.
pub fn names(jobs: &[Claimed]) -> Vec<&str> {
    let mut names: Vec<&str> = jobs.iter().map(|claimed| name_of(&claimed.job)).collect();
    names.sort_unstable();
    names
}

/// `settlement` refused because the lease is gone.
#[track_caller]
pub fn assert_stale<T: std::fmt::Debug>(result: Result<T, StoreError>, job: JobId) {
    assert!(matches!(result, Err(StoreError::StaleLease(of)) if of == job), "{result:?}");
}

#[track_caller]
pub fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
}

/// A settlement with a verdict, receipt or follow-up jobs, from the plain one of `next`.
pub fn with(next: Next, change: impl FnOnce(&mut Settlement)) -> Settlement {
    let mut changed = settlement(next);
    change(&mut changed);
    changed
}
