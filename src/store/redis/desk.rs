//! What happens to a record, in memory: nothing here asks Redis. [`super::commit`] writes the difference.

use std::collections::BTreeSet;

use crate::{
    domain::{Attempt, AttemptOutcome, Job, JobId, JobState, Timestamp, Work},
    store::{
        NewJob, OnStuck, StoreError,
        state::{State, has_room},
    },
};

use super::record::{Entry, Errand, Place, Record};

/// A record under change.
pub(super) struct Desk {
    pub record: Record,
    /// As it was read.
    pub before: Vec<Standing>,
    pub now: Timestamp,
    /// Jobs whose entry is not what it was.
    pub touched: BTreeSet<u32>,
    /// The event itself, its purchases, its redeliveries or its errands were changed.
    pub event_changed: bool,
    pub rest_changed: bool,
    /// The bytes of payload that were there before.
    pub bytes_before: u64,
    /// Its record goes as a whole.
    pub removed: bool,
    /// What becomes ready does so a little after others of the same moment, and takes its place among them all the same.
    pub belated: bool,
}

/// What the sets around a record know of a job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub job: Job,
    pub held: Option<super::record::Held>,
}

impl Desk {
    pub fn new(record: Record, now: Timestamp) -> Self {
        let standing = |entry: &Entry| Standing { job: entry.job.clone(), held: entry.held.clone() };
        // A new one was nowhere before.
        let before =
            if record.version == 0 { Vec::new() } else { record.jobs.iter().map(standing).collect() };
        let bytes_before = if record.version == 0 { 0 } else { record.event.body.len() };
        Desk {
            record,
            before,
            now,
            touched: BTreeSet::new(),
            event_changed: false,
            rest_changed: false,
            bytes_before,
            removed: false,
            belated: false,
        }
    }

    pub fn is_changed(&self) -> bool {
        self.event_changed || self.rest_changed || self.removed || !self.touched.is_empty()
    }

    /// The record once it is written.
    pub fn into_record(self, is_written: bool) -> Record {
        let mut record = self.record;
        record.version += u64::from(is_written);
        record
    }

    /// The numbers of all jobs.
    pub fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.record.jobs.len()).unwrap_or(u32::MAX)
    }

    pub fn job(&self, n: u32) -> Option<&Job> {
        self.record.entry(n).map(|entry| &entry.job)
    }

    /// The entry of a job that is about to be changed.
    pub fn change(&mut self, n: u32) -> Option<&mut Entry> {
        self.touched.insert(n);
        self.record.entry_mut(n)
    }

    /// Refuses more jobs than an event can have.
    pub fn has_room(&self, new: usize) -> Result<(), StoreError> {
        has_room(self.record.event.id, self.record.jobs.len(), new)
    }

    /// Adds a job, for which there is room; `line` is the place of the route job that it comes from.
    pub fn insert(&mut self, new: &NewJob, line: Option<Place>) -> u32 {
        let n = u32::try_from(self.record.jobs.len()).unwrap_or(u32::MAX);
        let (state, due) = State::at_start(&new.start, self.now);
        let id = JobId { event: self.record.event.id, n };
        let mut job = Job {
            id,
            lane: new.lane,
            work: new.work.clone(),
            destination: new.destination.clone(),
            state: state.state,
            due,
            fresh_at: due,
            attempts: 0,
            lost_leases: 0,
            crashes: 0,
            order_key: None,
            config: new.config.clone(),
            reason: state.reason.map(str::to_owned),
            request: new.request.clone(),
            first_begun_at: None,
            in_doubt: false,
            approved: false,
            cause: state.cause,
            verdict: None,
            receipt: None,
        };
        let is_open = matches!(job.state, JobState::Ready | JobState::Blocked);
        let newest = new.coalesce.as_ref().filter(|_| is_open);
        let own = new.order.as_ref().map(|order| Place {
            key: order.key.to_string(),
            route: n,
            skip: order.on_stuck == OnStuck::Skip,
        });
        // Until it is known who else is there.
        if job.state == JobState::Ready && (own.is_some() || newest.is_some()) {
            (job.state, job.reason) = (JobState::Blocked, Some(TAKING_ITS_PLACE.to_owned()));
        }
        if let Some(coalesce) = newest {
            job.due = self.now.plus(coalesce.window);
            job.fresh_at = job.due;
            self.errand(Errand::Replace { n });
        }
        if own.is_some() {
            self.errand(Errand::Join { n });
        }
        let line = own.or(line);
        job.order_key = line.as_ref().map(|place| place.key.as_str().into());
        let state = job.state;
        let newest = newest.map(|coalesce| coalesce.key.to_string());
        self.record.jobs.push(Entry { job, history: Vec::new(), begun: false, line, newest, held: None });
        self.touched.insert(n);
        if state.is_settled() {
            // Born stuck: who may be passed by is passed by at once.
            self.moved(n, state.is_final());
        }
        n
    }

    pub fn errand(&mut self, errand: Errand) {
        if !self.record.errands.contains(&errand) {
            self.record.errands.push(errand);
        }
        self.rest_changed = true;
    }

    /// Moves a job that nobody holds to another state.
    pub fn set_state(&mut self, n: u32, to: &State<'_>, due: Timestamp) {
        if let Some(entry) = self.change(n) {
            entry.job.state = to.state;
            entry.job.due = due;
            entry.job.cause = to.cause;
            entry.job.reason = to.reason.map(str::to_owned);
        }
    }

    /// Makes a job ready from `due` on, with its age counting from there; one that stands in a line waits until it is
    /// known whether it is at the head.
    pub fn make_ready(&mut self, n: u32, due: Timestamp, reason: Option<&str>) {
        let Some(entry) = self.change(n) else { return };
        entry.job.fresh_at = due;
        let stands = entry.line.is_some() && matches!(entry.job.work, Work::Route { .. });
        if stands {
            self.set_state(n, &State::with(JobState::Blocked, TAKING_ITS_PLACE), due);
            self.errand(Errand::Ask { n });
        } else {
            self.set_state(n, &State { state: JobState::Ready, cause: None, reason }, due);
        }
    }

    /// Makes a job due at once that is parked; whether it was.
    pub fn unpark(&mut self, n: u32) -> bool {
        let now = self.now;
        let is_parked = |entry: &Entry| {
            let last = entry.history.last().map(|attempt| attempt.outcome);
            entry.job.state == JobState::Ready && entry.job.due > now && last == Some(AttemptOutcome::Parked)
        };
        if !self.record.entry(n).is_some_and(is_parked) {
            return false;
        }
        if let Some(Entry { job, .. }) = self.change(n) {
            (job.due, job.fresh_at) = (now, job.fresh_at.min(now));
        }
        true
    }

    /// Adds a line to a job's history that no worker wrote.
    pub fn remark(&mut self, n: u32, outcome: AttemptOutcome, detail: &str) {
        let at = self.now;
        let line =
            Attempt { started_at: at, ended_at: at, outcome, detail: Some(detail.to_owned()), status: None };
        if let Some(entry) = self.change(n) {
            entry.history.push(line);
        }
    }

    /// A dead letter goes back to its lane with fresh attempts; actions skipped because of it wait for it again.
    pub fn revive(&mut self, n: u32, why: &str) {
        if let Some(entry) = self.change(n) {
            (entry.job.attempts, entry.job.lost_leases, entry.job.crashes) = (0, 0, 0);
        }
        self.make_ready(n, self.now, Some(why));
        self.remark(n, AttemptOutcome::Person, why);
        self.unskip(n);
    }

    /// Ends a job by somebody's will, with everything that follows from it. One that was under way is taken away from
    /// its worker.
    pub fn finish(&mut self, n: u32, to: &State<'_>) {
        if let Some(entry) = self.change(n) {
            entry.held = None;
        }
        self.set_state(n, to, self.now);
        let outcome =
            if to.state == JobState::Skipped { AttemptOutcome::Skipped } else { AttemptOutcome::Person };
        self.remark(n, outcome, to.reason.unwrap_or_default());
        self.ended(n, to.state);
    }

    /// What follows when a job has come to `state`, which no worker will change.
    pub fn ended(&mut self, n: u32, state: JobState) {
        if state.is_settled() {
            self.release(n);
        }
        self.moved(n, state.is_final());
    }

    /// A job has moved: if nothing of its event is left to do at its place in line, or it is stuck and may be passed by,
    /// the next event goes.
    pub fn moved(&mut self, n: u32, is_final: bool) {
        let Some(place) = self.record.entry(n).and_then(|entry| entry.line.clone()) else { return };
        let same = |entry: &&Entry| {
            entry.line.as_ref().is_some_and(|other| (&other.key, other.route) == (&place.key, place.route))
        };
        let is_over = || self.record.jobs.iter().filter(same).all(|entry| entry.job.state.is_final());
        if if is_final { is_over() } else { place.skip } {
            self.errand(Errand::Leave { key: place.key, n: place.route });
        }
    }
}

/// Why a job waits for a moment.
const TAKING_ITS_PLACE: &str = "taking its place";
