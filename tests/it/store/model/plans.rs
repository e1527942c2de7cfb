//! Plans: the end of an attempt, actions that follow others, and running an event again.

use hookyard::{
    decide::replan::Past,
    domain::{ActionPlan, Cause, JobState, Next, Work},
    store::{NewJob, Replaced, StoreError},
};

use crate::store::{
    backend::Backend,
    bench::{Bench, with},
    given::{action, job_id},
};

use super::{
    house::{House, SPAN, pick_of, ticks},
    job::{Action, Job, born, destination_name, route_name, state_of},
    steps::{Born, End, NewAction, Plan},
};

impl House {
    /// Ends an attempt, with a plan.
    pub async fn settle(&mut self, b: &Bench<impl Backend>, pick: u8, end: End, plan: &Plan) {
        let Some((at, held)) = self.held(pick) else { return };
        let (next, state, due, counts) = self.end_of(end);
        let beside = |one: &usize| *one != at && self.jobs[*one].id.event == self.jobs[at].id.event;
        let beside: Vec<usize> = (0..self.jobs.len()).filter(beside).collect();
        let replaces = plan.replaces.and_then(|(other, past)| Some((*pick_of(&beside, other)?, past)));
        let planned = self.planned(at, &plan.actions);
        let settlement = with(next, |settlement| {
            settlement.follow_up = planned.iter().map(|(_, new)| new.clone()).collect();
            let replaced = |(other, supposed): (usize, Past)| Replaced { job: self.jobs[other].id, supposed };
            settlement.replaces = replaces.map(replaced).into_iter().collect();
        });
        let told = b.settle(held.lease, settlement).await;
        if let Some((other, _)) = replaces.filter(|(other, supposed)| self.past(*other) != Some(*supposed)) {
            let id = self.jobs[other].id;
            assert!(matches!(told, Err(StoreError::Overtaken(by)) if by == id), "{told:?}");
            return;
        }
        told.expect("held, and as supposed");
        self.stale.push(held.lease);
        let job = &mut self.jobs[at];
        (job.state, job.due, job.lease) = (state, due, None);
        (job.begun, job.in_doubt, job.tried) = (false, false, true);
        job.attempts += u32::from(counts);
        if let Some((other, _)) = replaces
            && !self.jobs[other].state.is_final()
        {
            self.end(other, JobState::Discarded);
        }
        self.add(at, planned.into_iter().map(|(job, _)| job));
        self.release_after(at);
        if matches!(end, End::Park { .. }) {
            self.pass(at);
        }
        self.pass_if_stuck(at);
    }

    /// How an attempt ends: the state it leads to, when it is due, and whether the attempt counts.
    fn end_of(&self, end: End) -> (Next, JobState, u64, bool) {
        let after = |spans: u8| (ticks(SPAN * u64::from(spans)), self.now + SPAN * u64::from(spans));
        let reason = "as the story goes".to_owned();
        match end {
            End::Done => (Next::Done, JobState::Done, self.now, true),
            End::Retry { spans } => {
                (Next::Retry { wait: after(spans).0, reason }, JobState::Ready, after(spans).1, true)
            }
            End::Park { spans } => {
                (Next::Park { wait: after(spans).0, reason }, JobState::Ready, after(spans).1, false)
            }
            End::Review => (Next::Review { reason }, JobState::Waiting, self.now, false),
            End::Skip => (Next::Skip { reason }, JobState::Skipped, self.now, false),
            End::Die => (Next::Dead { cause: Cause::Exhausted, reason }, JobState::Dead, self.now, true),
        }
    }

    /// What is known of a job's effect; `None` while it is under way, when nothing can be supposed of it.
    fn past(&self, at: usize) -> Option<Past> {
        let job = &self.jobs[at];
        match job.state {
            JobState::Leased => None,
            JobState::Done => Some(Past::Effect),
            _ if job.in_doubt => Some(Past::Unknown),
            _ => Some(Past::NoEffect),
        }
    }

    /// The jobs that `by` plans, and how the store is told of them.
    fn planned(&self, by: usize, actions: &[NewAction]) -> Vec<(Job, NewJob)> {
        let Job { id, route, place, .. } = self.jobs[by];
        let of_event = self.jobs.iter().filter(|job| job.id.event == id.event);
        let version =
            1 + of_event.clone().filter_map(|job| Some(job.action.as_ref()?.version)).max().unwrap_or(0);
        let numbers = u32::try_from(of_event.count()).expect("few")..;
        let make = |(index, (n, new)): (usize, (u32, &NewAction))| {
            let after: Vec<usize> =
                (0..index).filter(|other| new.after & (1 << (index - 1 - other)) != 0).collect();
            let names: Vec<String> = after.iter().map(|other| format!("action{other}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let job = action(&format!("action{index}"), &names);
            let Work::Action(plan) = job.work else { unreachable!("an action") };
            let delay = SPAN * u64::from(new.delay);
            let delay_ms = u64::try_from(ticks(delay).as_millis()).expect("short");
            let plan = ActionPlan { route: route_name(route).into(), version, delay_ms, ..plan };
            let destination = new.destination.map(|destination| destination_name(destination).into());
            let job = NewJob { lane: new.lane, work: Work::Action(plan), destination, ..job };
            let (job, state) = match (after.is_empty(), new.born) {
                // One that is to follow others is born blocked, if it is not born dead.
                (false, Born::Ready | Born::Waiting) => (job, JobState::Blocked),
                (_, how) => (born(job, how), state_of(how)),
            };
            let after = after.into_iter().map(|other| self.jobs.len() + other).collect();
            let action = Action { version, after, destination: new.destination, delay };
            let model = Job::new(job_id(id.event, n), new.lane, route, state, self.now);
            (Job { action: Some(action), place, ..model }, job)
        };
        numbers.zip(actions).enumerate().map(make).collect()
    }

    /// Adds actions, which stand where `by` does.
    fn add(&mut self, by: usize, actions: impl Iterator<Item = Job>) {
        let first = self.jobs.len();
        self.jobs.extend(actions);
        (first..self.jobs.len()).for_each(|at| self.pass_if_stuck(at));
        if self.jobs[first..].iter().any(|job| matches!(job.state, JobState::Dead | JobState::Blocked)) {
            self.release(by);
        }
    }

    /// An action that has come to its end, or to where only a person helps, has those that wait looked at.
    pub fn release_after(&mut self, at: usize) {
        if self.jobs[at].action.is_some() && self.jobs[at].state.is_settled() {
            self.release(at);
        }
    }

    /// Of the actions that wait on a route of an event, those go that follow only what is done, and those are skipped
    /// that follow what ended otherwise.
    fn release(&mut self, on: usize) {
        let Job { id, route, .. } = self.jobs[on];
        loop {
            let before = self.now;
            let next = |at: &usize| {
                let job = &self.jobs[*at];
                let action = job.action.as_ref().filter(|_| job.state == JobState::Blocked)?;
                if job.id.event != id.event || job.route != route {
                    return None;
                }
                let states = || action.after.iter().map(|other| self.jobs[*other].state);
                if states().all(|state| state == JobState::Done) {
                    return Some((*at, JobState::Ready, before + action.delay));
                }
                states()
                    .any(|state| matches!(state, JobState::Skipped | JobState::Discarded | JobState::Dead))
                    .then_some((*at, JobState::Skipped, before))
            };
            let Some((at, state, due)) = (0..self.jobs.len()).find_map(|at| next(&at)) else { return };
            (self.jobs[at].state, self.jobs[at].due) = (state, due);
        }
    }

    /// What was skipped because of a job waits for it again, near or far.
    pub fn unskip(&mut self, revived: usize) {
        for at in 0..self.jobs.len() {
            let job = &mut self.jobs[at];
            let follows = job.action.as_ref().is_some_and(|action| action.after.contains(&revived));
            if job.state == JobState::Skipped && follows {
                job.state = JobState::Blocked;
                self.unskip(at);
            }
        }
    }
}
