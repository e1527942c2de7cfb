//! Errands: what follows from a change elsewhere. Each is done in steps that may be repeated, and forgotten by its event
//! once it is done; one that a crash left behind is done by whoever finds it.

use crate::{
    decide::lease::{Loss, SUSPECT_CRASHES},
    domain::{EventId, JobId, JobState, Work},
    store::{StoreError, state::State},
};

use super::{
    Core,
    accept::Known,
    desk::Desk,
    keys::{self, Shard},
    link::text,
    record::{Errand, Held, Record},
    script::DONE_WORDS,
};

/// Who stands in a line, or waits to be replaced: the shard of its event, and its route job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stander {
    shard: u16,
    job: JobId,
}

impl Stander {
    pub fn new(shard: &Shard, event: EventId, n: u32) -> Self {
        Stander { shard: shard.n, job: JobId { event, n } }
    }

    fn read(text: &str) -> Option<Self> {
        let (shard, job) = text.split_once('/')?;
        Some(Stander { shard: shard.parse().ok()?, job: keys::job_id(job)? })
    }
}

impl std::fmt::Display for Stander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.shard, keys::member(self.job))
    }
}

impl Core {
    /// Does what is left to be done of an event.
    pub(super) async fn run_errands(&self, shard: &Shard, id: EventId) -> Result<(), StoreError> {
        loop {
            let Some(record) = self.load(shard, id).await? else { return Ok(()) };
            let Some(errand) = record.errands.first().cloned() else { return Ok(()) };
            match &errand {
                Errand::Join { n } => self.stand(shard, &record, *n, "join", &errand).await?,
                Errand::Ask { n } => self.stand(shard, &record, *n, "ask", &errand).await?,
                Errand::Leave { key, n } => {
                    let own = Stander::new(shard, id, *n);
                    let head = self.line(key, "leave", &own, None).await?;
                    if let Some(head) = head {
                        self.let_go(&head, key).await?;
                    }
                    self.done(shard, id, &errand).await?;
                }
                Errand::HandOver { key, n, to } => {
                    let head = self.line(key, "hand over", &Stander::new(shard, id, *n), Some(to)).await?;
                    if let Some(head) = head {
                        self.let_go(&head, key).await?;
                    }
                    self.done(shard, id, &errand).await?;
                }
                Errand::Replace { n } => {
                    Box::pin(self.replace(shard, &record, *n, &errand)).await?;
                }
                Errand::Remember { keys, at } => {
                    let known = Known { event: id, at: *at, shard: shard.n, reserved: false };
                    for key in keys {
                        self.remember(key, known).await?;
                    }
                    self.done(shard, id, &errand).await?;
                }
                Errand::Account { .. } => {
                    self.account(&errand).await?;
                    self.done(shard, id, &errand).await?;
                }
            }
        }
    }

    async fn done(&self, shard: &Shard, id: EventId, errand: &Errand) -> Result<(), StoreError> {
        self.change_in(shard, id, |desk| {
            forget(desk, errand);
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Asks the line `key`; who is at its head then.
    async fn line(
        &self,
        key: &str,
        wish: &str,
        who: &Stander,
        heir: Option<&str>,
    ) -> Result<Option<Stander>, StoreError> {
        let shard = self.shards.home_of(&format!("line:{key}"));
        let args = [key.to_owned(), wish.to_owned(), who.to_string(), heir.unwrap_or_default().to_owned()];
        let reply = self.call(&self.scripts.line, shard, args).await?;
        let head = reply.rest.get(DONE_WORDS).map(text).transpose()?.unwrap_or_default();
        Ok(Stander::read(&head))
    }

    /// Stands a route job in its line, or asks whether it may go; it goes if nobody is before it.
    async fn stand(
        &self,
        shard: &Shard,
        record: &Record,
        n: u32,
        wish: &str,
        errand: &Errand,
    ) -> Result<(), StoreError> {
        let id = record.event.id;
        let place = record.entry(n).and_then(|entry| entry.line.clone());
        let own = Stander::new(shard, id, n);
        let head = match &place {
            Some(place) => self.line(&place.key, wish, &own, None).await?,
            None => None,
        };
        let ahead = head.filter(|head| *head != own);
        self.change_in(shard, id, |desk| {
            desk.belated = true;
            forget(desk, errand);
            if let Some(state) = desk.job(n).map(|job| job.state).filter(|state| state.is_settled()) {
                // It has left its line meanwhile, and was put there again.
                desk.moved(n, state.is_final());
            }
            if desk.job(n).is_some_and(|job| job.state == JobState::Blocked) {
                match &ahead {
                    Some(ahead) => {
                        let reason = format!("in line behind {}, which is not at its end", ahead.job.event);
                        let due = desk.job(n).map_or(desk.now, |job| job.due);
                        desk.set_state(n, &State::with(JobState::Blocked, &reason), due);
                    }
                    None => go(desk, n),
                }
            }
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Who has come to the head of the line `key` may go.
    async fn let_go(&self, head: &Stander, key: &str) -> Result<(), StoreError> {
        let Some(shard) = self.shards.get(head.shard) else { return Ok(()) };
        let n = head.job.n;
        let told = self
            .change_in(shard, head.job.event, |desk| {
                desk.belated = true;
                let stands = desk.record.entry(n).and_then(|entry| entry.line.as_ref());
                let waits = desk.job(n).is_some_and(|job| {
                    job.state == JobState::Blocked && matches!(job.work, Work::Route { .. })
                });
                let replaces = |errand: &Errand| matches!(errand, Errand::Replace { n: of } if *of == n);
                if waits
                    && stands.is_some_and(|place| place.key == key)
                    && !desk.record.errands.iter().any(replaces)
                {
                    let due = desk.job(n).map_or(desk.now, |job| job.due.max(desk.now));
                    if let Some(entry) = desk.change(n) {
                        entry.job.fresh_at = due;
                    }
                    desk.set_state(n, &State::plain(JobState::Ready), due);
                }
                Ok(())
            })
            .await;
        told.map(drop)
    }

    /// Lets route job `n` take the place of the one that was the newest before it.
    async fn replace(
        &self,
        shard: &Shard,
        record: &Record,
        n: u32,
        errand: &Errand,
    ) -> Result<(), StoreError> {
        let id = record.event.id;
        let own = Stander::new(shard, id, n);
        let (key, place) = match record.entry(n) {
            Some(entry) => (entry.newest.clone(), entry.line.clone()),
            None => (None, None),
        };
        let mut due = None;
        if let Some(key) = key {
            let home = self.shards.home_of(&format!("newest:{key}"));
            let reply = self.call(&self.scripts.newest, home, [key.clone(), own.to_string()]).await?;
            let older = reply.rest.get(DONE_WORDS).map(text).transpose()?.unwrap_or_default();
            if let Some(older) = Stander::read(&older)
                && let Some(home) = self.shards.get(older.shard)
            {
                let told = self.change_in(home, older.job.event, |desk| {
                    let line = place.as_ref().map(|place| place.key.as_str());
                    Ok(give_way(desk, older.job.n, &key, line, &own))
                });
                due = told.await?.flatten();
                if older.job.event != id {
                    self.run_errands(home, older.job.event).await?;
                }
            }
        }
        self.change_in(shard, id, |desk| {
            desk.belated = true;
            forget(desk, errand);
            let joins = desk.record.errands.contains(&Errand::Join { n });
            if desk.job(n).is_some_and(|job| job.state == JobState::Blocked) {
                if let (Some(entry), Some(due)) = (desk.change(n), due) {
                    entry.job.due = entry.job.due.min(due);
                    entry.job.fresh_at = entry.job.due;
                }
                if !joins {
                    go(desk, n);
                }
            }
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Takes back what a process was working on that is gone, or what was not reported back in time.
    pub(super) async fn lose(
        &self,
        shard: &Shard,
        job: JobId,
        of: impl Fn(&Held) -> bool,
        loss: Loss,
    ) -> Result<(), StoreError> {
        self.change_in(shard, job.event, |desk| {
            let held = desk.record.entry(job.n).and_then(|entry| entry.held.as_ref());
            if held.is_some_and(&of) {
                desk.lose(job.n, loss);
            }
            let alone = desk.job(job.n).is_some_and(|job| job.crashes >= SUSPECT_CRASHES);
            if alone {
                self.gathering.suspect(shard, true);
            }
            Ok(())
        })
        .await
        .map(drop)
    }
}

pub(super) fn forget(desk: &mut Desk, errand: &Errand) {
    desk.record.errands.retain(|one| one != errand);
    desk.rest_changed = true;
}

fn go(desk: &mut Desk, n: u32) {
    let due = desk.job(n).map_or(desk.now, |job| job.due);
    desk.set_state(n, &State::plain(JobState::Ready), due);
}

/// Skips job `n`, if no work on it has begun and it goes by `key`: when it was due. Its place in `line` is left to `heir`.
fn give_way(
    desk: &mut Desk,
    n: u32,
    key: &str,
    line: Option<&str>,
    heir: &Stander,
) -> Option<crate::domain::Timestamp> {
    let entry = desk.record.entry(n)?;
    let waits = matches!(entry.job.state, JobState::Ready | JobState::Blocked) && entry.history.is_empty();
    if !waits || entry.newest.as_deref() != Some(key) {
        return None;
    }
    let due = entry.job.due;
    let place = entry.line.clone().filter(|place| Some(place.key.as_str()) == line);
    if let Some(place) = place {
        if let Some(entry) = desk.change(n) {
            entry.line = None;
        }
        desk.errand(Errand::HandOver { key: place.key, n, to: heir.to_string() });
    }
    let reason = format!("{}, which came later, took its place", heir.job.event);
    desk.finish(n, &State::with(JobState::Skipped, &reason));
    Some(due)
}
