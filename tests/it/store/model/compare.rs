//! What the store tells, against the model.

use std::collections::{BTreeMap, BTreeSet};

use hookyard::{
    domain::{EventId, EventState, Job as Told, JobId, JobState, Lane, Name, Timestamp},
    store::{Depths, JobQuery, LaneDepth, Pause, QueueDepth},
};

use crate::store::{backend::Backend, bench::Bench, given::event_id};

use super::{
    house::{House, tick},
    job::{Job, destination_name, route_name},
    steps::{DESTINATIONS, ROUTES, Step},
};

impl House {
    /// Compares every job and every count. Done after each step.
    pub async fn compare(&self, b: &Bench<impl Backend>, step: &Step) {
        let told = b.find(JobQuery::default()).await;
        let jobs = self.jobs_where(|_| true);
        let ids = |told: &[Told]| told.iter().map(|job| job.id).collect::<Vec<_>>();
        assert_eq!(ids(&told), jobs.iter().map(|job| job.id).collect::<Vec<_>>(), "after {step:?}");
        for (told, job) in told.iter().zip(jobs) {
            let seen = (told.state, told.attempts, told.lost_leases, told.crashes, told.in_doubt);
            let wanted = (job.state, job.attempts, job.lost, job.crashes, job.in_doubt);
            assert_eq!(seen, wanted, "{} after {step:?}", job.id);
            // When what is blocked would be due is nobody's business.
            if job.state != JobState::Blocked {
                assert_eq!(told.due, self.time(b, job.due), "{} after {step:?}", job.id);
            }
        }
        let mut depths = b.depths().await.expect("an answer");
        depths.payload_bytes.clear();
        depths.queues.sort_by_key(|queue| (queue.lane, queue.route.clone(), queue.destination.clone()));
        assert_eq!(depths, self.depths(b), "after {step:?}");
        let open = |job: &Job| matches!(job.state, JobState::Ready | JobState::Leased | JobState::Blocked);
        assert_eq!(b.load().open_jobs, self.count(open), "after {step:?}");
    }

    /// Compares what is asked for in other ways. Done when the story is over.
    pub async fn compare_all(&self, b: &Bench<impl Backend>) {
        for n in 1..=self.keys.len() as u64 {
            let (id, timeline) = (event_id(n), b.record(event_id(n)).await);
            assert_eq!(timeline.state, self.event_state(id));
            let told: Vec<_> = timeline.jobs.iter().map(|entry| (entry.job.id, entry.job.state)).collect();
            let of_event = self.jobs_where(|job| job.id.event == id);
            assert_eq!(told, of_event.iter().map(|job| (job.id, job.state)).collect::<Vec<_>>());
        }
        for state in JobState::ALL.iter().copied() {
            let query = JobQuery { state: Some(state), ..JobQuery::default() };
            self.compare_query(b, query, |job| job.state == state).await;
        }
        for route in 0..ROUTES {
            let query = JobQuery { route: Some(route_name(route)), ..JobQuery::default() };
            self.compare_query(b, query, |job| job.route == route).await;
        }
        for destination in 0..DESTINATIONS {
            let name = Some(destination_name(destination));
            let query = JobQuery { destination: name, ..JobQuery::default() };
            self.compare_query(b, query, |job| job.destination() == Some(destination)).await;
        }
        let paused: BTreeSet<Pause> = b.pauses().await.expect("an answer").into_iter().collect();
        assert_eq!(paused, self.paused.iter().map(|scope| scope.to_store()).collect());
    }

    async fn compare_query(&self, b: &Bench<impl Backend>, query: JobQuery, which: impl Fn(&Job) -> bool) {
        let wanted: Vec<JobId> = self.jobs_where(&which).iter().map(|job| job.id).collect();
        let told: Vec<JobId> = b.find(query.clone()).await.iter().map(|job| job.id).collect();
        assert_eq!(told, wanted, "{query:?}");
        assert_eq!(b.count(query.clone()).await.expect("an answer"), wanted.len() as u64, "{query:?}");
    }

    /// The oldest event first, each with its jobs in the order they were made.
    fn jobs_where(&self, which: impl Fn(&Job) -> bool) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.jobs.iter().filter(|job| which(job)).collect();
        jobs.sort_by_key(|job| job.id);
        jobs
    }

    fn count(&self, which: impl Fn(&Job) -> bool) -> u64 {
        self.jobs.iter().filter(|job| which(job)).count() as u64
    }

    fn depths(&self, b: &Bench<impl Backend>) -> Depths {
        let mut queues: BTreeMap<(Lane, Name, Option<Name>), u64> = BTreeMap::new();
        for job in self.jobs.iter().filter(|job| job.state == JobState::Ready) {
            let destination = job.destination().map(|destination| destination_name(destination).into());
            *queues.entry((job.lane, route_name(job.route).into(), destination)).or_default() += 1;
        }
        let queue = |((lane, route, destination), ready)| QueueDepth { lane, route, destination, ready };
        let lane = |lane: Lane| {
            let ready = |job: &Job| job.lane == lane && job.state == JobState::Ready;
            let due = self.jobs.iter().filter(|job| ready(job) && job.due <= self.now).map(|job| job.due);
            LaneDepth { lane, ready: self.count(ready), oldest_due: due.min().map(|due| self.time(b, due)) }
        };
        let in_state = |state: JobState| self.count(|job| job.state == state);
        Depths {
            lanes: Lane::ALL.iter().copied().map(lane).collect(),
            leased: in_state(JobState::Leased),
            blocked: in_state(JobState::Blocked),
            waiting: in_state(JobState::Waiting),
            dead: in_state(JobState::Dead),
            queues: queues.into_iter().map(queue).collect(),
            payload_bytes: Vec::new(),
        }
    }

    pub fn event_state(&self, event: EventId) -> EventState {
        let of = self.jobs.iter().filter(|job| job.id.event == event);
        EventState::of(of.map(|job| job.state))
    }

    /// The store's time at a tick.
    fn time(&self, b: &Bench<impl Backend>, at: u64) -> Timestamp {
        let ms = |ticks: u64| i64::try_from(tick().as_millis()).expect("short") * ticks.cast_signed();
        Timestamp::from_millis(b.now().as_millis() + ms(at) - ms(self.now))
    }
}
