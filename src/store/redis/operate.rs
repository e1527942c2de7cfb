//! What a person may do.

use crate::{
    decide::replan::{RUN_AGAIN, hinders},
    domain::{AttemptOutcome, Body, EventId, Job, JobId, JobState, Work},
    store::{
        JobQuery, NewJob, Pause, Replayed, Resolution, Resolved, StoreError, state::State, work::undecided,
    },
};

use super::Core;

impl Core {
    pub(super) async fn resolve(&self, id: JobId, resolution: &Resolution) -> Result<(), StoreError> {
        let unknown = || StoreError::Conflict(format!("there is no job {id}"));
        let (shard, _) = self.home(id.event).await?.ok_or_else(unknown)?;
        let note = &resolution.note;
        let told = self.change(&shard, id.event, |desk| {
            let state = desk.job(id.n).ok_or_else(unknown)?.state;
            if state != JobState::Waiting {
                return Err(StoreError::Conflict(format!("{id} does not wait for a person: it is {state}")));
            }
            match &resolution.resolved {
                Resolved::Approve { verdict } => {
                    if let Some(entry) = desk.change(id.n) {
                        (entry.job.approved, entry.job.in_doubt) = (true, false);
                        if let Some(verdict) = verdict {
                            entry.job.verdict = Some((**verdict).clone());
                        }
                    }
                    desk.make_ready(id.n, desk.now, Some(note));
                    desk.remark(id.n, AttemptOutcome::Person, note);
                }
                Resolved::Done => desk.finish(id.n, &State::with(JobState::Done, note)),
                Resolved::Discard => desk.finish(id.n, &State::with(JobState::Discarded, note)),
            }
            Ok(())
        });
        told.await?.ok_or_else(unknown)
    }

    pub(super) async fn redrive(&self, query: &JobQuery) -> Result<u64, StoreError> {
        self.sweep(query, |desk, n| desk.revive(n, "redriven")).await
    }

    pub(super) async fn discard(&self, query: &JobQuery, note: &str) -> Result<u64, StoreError> {
        self.sweep(query, |desk, n| desk.finish(n, &State::with(JobState::Discarded, note))).await
    }

    /// Does something to each dead letter that a query names; how many there were.
    async fn sweep(&self, query: &JobQuery, each: impl Fn(&mut super::Desk, u32)) -> Result<u64, StoreError> {
        let query = JobQuery { state: Some(JobState::Dead), ..query.clone() };
        let mut moved = 0;
        // An event's jobs all at once: each change of it costs as much as the event is large.
        let found = self.jobs(&query).await?;
        for of_one in found.chunk_by(|(_, one), (_, next)| one.id.event == next.id.event) {
            let Some((shard, Job { id, .. })) = of_one.first() else { continue };
            let told = self.change(shard, id.event, |desk| {
                let mut moved = 0;
                for (_, job) in of_one {
                    // Somebody else may have come first.
                    if desk.job(job.id.n).is_some_and(|job| job.state == JobState::Dead) {
                        each(desk, job.id.n);
                        moved += 1;
                    }
                }
                Ok(moved)
            });
            moved += told.await?.unwrap_or(0);
        }
        Ok(moved)
    }

    pub(super) async fn unpark(&self, jobs: &[JobId]) -> Result<u64, StoreError> {
        let mut ids = jobs.to_vec();
        ids.sort_unstable();
        let mut moved = 0;
        for of_one in ids.chunk_by(|one, next| one.event == next.event) {
            let Some(JobId { event, .. }) = of_one.first() else { continue };
            let Some((shard, _)) = self.home(*event).await? else { continue };
            let told = self.change(&shard, *event, |desk| {
                Ok(of_one.iter().filter(|id| desk.unpark(id.n)).count() as u64)
            });
            moved += told.await?.unwrap_or(0);
        }
        Ok(moved)
    }

    pub(super) async fn replay(&self, event: EventId, new: &[NewJob]) -> Result<Replayed, StoreError> {
        let gone = |what: &str| StoreError::Conflict(format!("{event} cannot be replayed: {what}"));
        let sweep = |work: &Work| match work {
            Work::Route { replay: Some(replay), .. } => Some(replay.sweep.clone()),
            Work::Route { replay: None, .. } | Work::Action(_) => None,
        };
        let sweeps: Vec<_> = new.iter().filter_map(|job| sweep(&job.work)).collect();
        let unknown = || gone("it is not on record");
        let (shard, _) = self.home(event).await?.ok_or_else(unknown)?;
        let told = self.change(&shard, event, |desk| {
            let known = desk.record.jobs.iter().filter_map(|entry| sweep(&entry.job.work));
            if known.into_iter().any(|known| sweeps.contains(&known)) {
                return Ok(Replayed::Already);
            }
            for entry in &desk.record.jobs {
                if let Work::Route { route, .. } = &entry.job.work
                    && !entry.job.work.is_shadow()
                    && let Some(why) = hinders(entry.job.state, !entry.history.is_empty())
                {
                    return Err(gone(&format!("its route `{route}` {why}")));
                }
            }
            if desk.record.event.body == Body::Gone {
                return Err(gone("its body is gone"));
            }
            desk.has_room(new.len())?;
            for n in desk.all() {
                if desk.job(n).is_some_and(|job| undecided(job, new)) {
                    desk.finish(n, &State::with(JobState::Discarded, RUN_AGAIN));
                }
            }
            for job in new {
                let n = desk.insert(job, None);
                desk.remark(n, AttemptOutcome::Person, "replayed");
            }
            Ok(Replayed::Queued)
        });
        told.await?.ok_or_else(unknown)
    }

    pub(super) async fn set_pause(&self, pause: &Pause, paused: bool) -> Result<(), StoreError> {
        for shard in self.shards.all() {
            let args = [name(pause), u8::from(paused).to_string()];
            self.call(&self.scripts.pause, shard, args).await?;
        }
        self.news.announce(!paused);
        Ok(())
    }

    pub(super) async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        for shard in self.shards.all() {
            let here: Vec<String> = self.link.run(redis::cmd("SMEMBERS").arg(shard.key("paused"))).await?;
            names.extend(here);
        }
        names.sort_unstable();
        names.dedup();
        Ok(names.iter().filter_map(|name| pause(name)).collect())
    }
}

const EVERYTHING: &str = "everything";

pub(super) fn name(pause: &Pause) -> String {
    match pause {
        Pause::Route(route) => format!("route:{route}"),
        Pause::Destination(destination) => format!("destination:{destination}"),
        Pause::Everything => EVERYTHING.to_owned(),
    }
}

fn pause(name: &str) -> Option<Pause> {
    match name.split_once(':') {
        Some(("route", route)) => Some(Pause::Route(route.into())),
        Some(("destination", destination)) => Some(Pause::Destination(destination.into())),
        Some(_) => None,
        None => (name == EVERYTHING).then_some(Pause::Everything),
    }
}
