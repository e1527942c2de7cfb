//! What a person does: dead letters, decisions, running an event again, and erasing.

use hookyard::{
    domain::{JobState, Lane, Replay, ReplayMode, Work},
    store::{EraseStep, Erased, JobQuery, NewJob, Replayed, Resolution, Resolved},
};

use crate::store::{
    backend::Backend,
    bench::{Bench, assert_conflict},
    given::{event_id, job_id, route},
};

use super::{
    house::{House, person, pick_of},
    job::{Job, route_name},
    steps::Decision,
};

impl House {
    /// All dead letters, or one of them, in the order of the store, and the query that names them.
    pub fn dead(&self, only: Option<u8>) -> (Vec<usize>, JobQuery) {
        let mut dead = self.in_state(JobState::Dead);
        dead.sort_by_key(|at| self.jobs[*at].id);
        match only.and_then(|pick| pick_of(&dead, pick).copied()) {
            Some(at) => (vec![at], JobQuery { ids: vec![self.jobs[at].id], ..JobQuery::default() }),
            None => (dead, JobQuery::default()),
        }
    }

    pub async fn resolve(&mut self, b: &Bench<impl Backend>, pick: u8, decision: Decision) {
        let resolved = match decision {
            Decision::Approve => Resolved::Approve { verdict: None },
            Decision::Done => Resolved::Done,
            Decision::Discard => Resolved::Discard,
        };
        let resolution = Resolution { resolved, note: "ann".to_owned() };
        if let Some(at) = pick_of(&self.in_state(JobState::Waiting), pick).copied() {
            b.resolve(self.jobs[at].id, resolution).await.expect("it waits");
            match decision {
                Decision::Approve => {
                    self.jobs[at].in_doubt = false;
                    self.ready(at);
                }
                Decision::Done => self.end(at, JobState::Done),
                Decision::Discard => self.end(at, JobState::Discarded),
            }
        } else if let Some(job) = self.jobs.first() {
            assert_conflict(b.resolve(job.id, resolution).await);
        }
    }

    /// Runs an event again, unless the sweep was there or another run is open.
    pub async fn replay(&mut self, b: &Bench<impl Backend>, pick: u8, routes: &[u8], sweep: u8) {
        let events: Vec<u64> = (1..=self.keys.len() as u64).collect();
        let n = pick_of(&events, pick).copied();
        let id = event_id(n.unwrap_or(1));
        let wish = Replay { mode: ReplayMode::Reuse, sweep: format!("sweep{sweep}").into() };
        let again = |on: &u8| {
            let work = Work::Route { route: route_name(*on).into(), replay: Some(wish.clone()) };
            NewJob { work, ..route("") }
        };
        let told = b.replay(id, routes.iter().map(again).collect()).await;
        let of_event = || self.jobs.iter().filter(|job| job.id.event == id);
        let open = of_event().filter(|job| job.action.is_none()).any(|job| match job.state {
            JobState::Ready | JobState::Leased | JobState::Blocked => true,
            JobState::Waiting => !job.tried,
            _ => false,
        });
        if n.is_some() && of_event().any(|job| job.sweep == Some(sweep)) {
            assert_eq!(told.expect("an answer"), Replayed::Already);
        } else if n.is_none() || open || self.erased.contains(&id) {
            assert_conflict(told);
        } else {
            assert_eq!(told.expect("an answer"), Replayed::Queued);
            // The question is put anew.
            for at in 0..self.jobs.len() {
                let job = &self.jobs[at];
                let undecided = job.state == JobState::Waiting && job.action.is_none();
                if job.id.event == id && undecided && routes.contains(&job.route) {
                    self.end(at, JobState::Discarded);
                }
            }
            for on in routes {
                let n =
                    u32::try_from(self.jobs.iter().filter(|job| job.id.event == id).count()).expect("few");
                let job = Job::new(job_id(id, n), Lane::Normal, *on, JobState::Ready, self.now);
                self.jobs.push(Job { sweep: Some(sweep), tried: true, ..job });
            }
        }
    }

    /// Erases the data of the event of a key, and ends what is open of it.
    pub async fn erase(&mut self, b: &Bench<impl Backend>, key: u8) {
        let told =
            b.erase(EraseStep { key: person(key), after: None, dry_run: false }).await.expect("erased");
        let mut wanted = Erased::default();
        if let Some(of) = self.keys.iter().position(|known| *known == key)
            && self.erased.insert(event_id(of as u64 + 1))
        {
            wanted.events = 1;
            for at in 0..self.jobs.len() {
                if self.jobs[at].id.event == event_id(of as u64 + 1) && !self.jobs[at].state.is_final() {
                    self.end(at, JobState::Discarded);
                    wanted.discarded += 1;
                }
            }
        }
        assert_eq!(told, wanted);
    }
}
