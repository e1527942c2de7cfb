//! Taking in the work of another store. Until all of it is there, the store is closed to everybody else: its epoch is
//! another one, so that who has it open already can change nothing, and nobody opens it.
//!
//! Whatever is taken in may come again: an event that is there is left as it is, and all else is written as it was. So a
//! run that was cut off at any moment is simply repeated.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bytes::Bytes;

use crate::{
    domain::{Clock, Timestamp},
    store::{Carried, CarriedJob, Household, Inventory, PURSE_KEPT, SPENT_KEPT, StoreError},
};

use super::{
    Core,
    accept::Known,
    commit::{self, Commands, Word, command},
    desk::Desk,
    keys::Shard,
    lines::Stander,
    memory,
    open::{OpenError, Reached, RedisOptions},
    operate,
    record::{Bought, Entry, Place, Record},
    spend,
};

/// What the epoch of a closed shard begins with.
const CLOSED: &str = "migration ";

/// Records counted at one time.
const CHUNK: usize = 500;

/// Whether a shard of this epoch is closed.
pub(super) fn is_closed(epoch: &str) -> bool {
    epoch.starts_with(CLOSED)
}

/// Where work may be moved to; nothing was changed so far.
pub struct Target(Reached);

/// What the target says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The migration that was begun, if one was.
    pub migration: Option<String>,
    /// What came of it, once everything was there.
    pub result: Option<String>,
    pub events: u64,
}

/// The store, open for one migration.
pub struct Import {
    core: Core,
    name: String,
    memory: Option<PathBuf>,
    fresh: String,
}

impl Target {
    /// Reaches the servers, and sees whether they are fit.
    ///
    /// # Errors
    /// They cannot be reached, or are not fit to keep what was promised.
    pub async fn reach(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Reached::reach(options, clock).await.map(Target)
    }

    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let Reached { link, shards, .. } = &self.0;
        let mut events = 0;
        for shard in shards.all() {
            events += link.run::<u64>(redis::cmd("ZCARD").arg(shard.key("events"))).await?;
        }
        let Some(first) = shards.get(0) else { return Err(foreign()) };
        let mut fields = redis::cmd("HMGET");
        fields.arg(first.key("migration")).arg("name").arg("result");
        let (migration, result) = link.run(&fields).await?;
        Ok(Standing { migration, result, events })
    }

    /// The store as the migration `name` sees it.
    pub fn of(self, name: &str) -> Import {
        let (fresh, memory) = (self.0.fresh(), self.0.options.memory.clone());
        let epochs = self.0.shards.all().map(|_| format!("{CLOSED}{name}")).collect();
        let (core, _) = self.0.core(epochs);
        Import { core, name: name.to_owned(), memory, fresh }
    }
}

impl Import {
    /// Closes the store to everybody else, or finds it closed. The first shard tells what the others are about.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there are events of another origin.
    pub async fn begin(&self) -> Result<(), StoreError> {
        for shard in self.core.shards.all() {
            self.ask(shard, "begin", &self.fresh).await?;
        }
        Ok(())
    }

    /// Puts on record that everything is there, and what came of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_whole(&self, result: &str) -> Result<(), StoreError> {
        let Some(first) = self.core.shards.get(0) else { return Err(foreign()) };
        self.ask(first, "whole", result).await
    }

    /// Opens the store to everybody, and remembers it as the one that belongs to the data directory.
    ///
    /// # Errors
    /// It cannot be reached, or the file cannot be written.
    pub async fn open(&self) -> Result<(), OpenError> {
        if let Some(path) = &self.memory {
            let mut epochs = Vec::new();
            for shard in self.core.shards.all() {
                let mut kept = redis::cmd("HGET");
                kept.arg(shard.key("migration")).arg("epoch");
                epochs.push(self.core.link.run::<String>(&kept).await?);
            }
            memory::keep(path, &self.core.shards, &epochs)?;
        }
        // The first one last: what it says counts.
        let all: Vec<&Shard> = self.core.shards.all().collect();
        for shard in all.into_iter().rev() {
            self.ask(shard, "open", "").await?;
        }
        Ok(())
    }

    async fn ask(&self, shard: &Shard, wish: &str, word: &str) -> Result<(), StoreError> {
        let reply = self.core.call(&self.core.scripts.migration, shard, [&*self.name, wish, word]).await?;
        if reply.word == "done" { Ok(()) } else { Err(foreign()) }
    }

    /// Takes in an event, with its body if that is not in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put(&self, carried: &Carried, body: Option<&Bytes>) -> Result<(), StoreError> {
        let core = &self.core;
        let id = carried.event.id;
        // By what never changes: its keys go one by one.
        let home = core.shards.home_of(&id.to_string()).clone();
        let mut around = self.around(carried, &home);
        if let Some(bytes) = body {
            core.write_ahead(&home, id, bytes).await?;
            around.entry(home.n).or_default().persist(home.body(id));
        }
        let at_home = around.remove(&home.n).unwrap_or_default();
        for (n, commands) in around {
            if let Some(shard) = core.shards.get(n) {
                self.write(shard, None, commands).await?;
            }
        }
        let mut desk = Desk::new(record(carried), core.clock.now());
        desk.touched = desk.all().collect();
        desk.rest_changed = true;
        // In the order of due times among all that wait.
        desk.belated = true;
        let made = commit::commands(&desk, &home)?;
        self.write(&home, Some((home.event(id), made)), at_home).await
    }

    /// What stands elsewhere for an event, by shard: keys that are remembered, places in lines, who is the newest.
    fn around(&self, carried: &Carried, home: &Shard) -> BTreeMap<u16, Commands> {
        let core = &self.core;
        let (id, now) = (carried.event.id, core.clock.now());
        let mut around: BTreeMap<u16, Commands> = BTreeMap::new();
        for (text, at) in &carried.keys {
            let left = i64::try_from(at.plus(core.dedupe).since(now).as_millis()).unwrap_or(i64::MAX);
            if left > 0 {
                let shard = core.shards.home_of(text);
                let known = Known { event: id, at: *at, shard: home.n, reserved: false };
                around.entry(shard.n).or_default().remember(&shard.dedupe(text), &known.text(), left);
            }
        }
        for CarriedJob { job, place, newest, .. } in &carried.jobs {
            let who = || Stander::new(home, id, job.id.n).to_string();
            if let Some(place) = place.as_ref().filter(|place| place.route == job.id.n) {
                let shard = core.shards.home_of(&format!("line:{}", place.key));
                let line = shard.key(format_args!("line:{}", place.key));
                command!(around.entry(shard.n).or_default(), "ZADD", line, place.at, who());
            }
            if let Some((key, true)) = newest {
                let shard = core.shards.home_of(&format!("newest:{key}"));
                let newest = shard.key(format_args!("newest:{key}"));
                command!(around.entry(shard.n).or_default(), "HSET", newest, "is", who(), "was", "");
            }
        }
        around
    }

    /// Takes in what is no event's. `at` is when it was read, roughly.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn furnish(&self, household: &Household, at: Timestamp) -> Result<(), StoreError> {
        let core = &self.core;
        let mut by_shard: BTreeMap<u16, Commands> = BTreeMap::new();
        for shard in core.shards.all() {
            let to = by_shard.entry(shard.n).or_default();
            for pause in &household.pauses {
                command!(to, "SADD", shard.key("paused"), operate::name(pause));
            }
            let place: Option<i64> = core.link.run(redis::cmd("GET").arg(shard.key("place"))).await?;
            command!(to, "SET", shard.key("place"), household.last_place.max(place.unwrap_or(0)));
        }
        for (name, value) in &household.cursors {
            let shard = core.shards.home_of(&format!("cursor:{name}"));
            let to = by_shard.entry(shard.n).or_default();
            command!(to, "SET", shard.key(format_args!("cursor:{name}")), value);
        }
        for (job, at) in &household.turns {
            let shard = core.shards.home_of(&format!("turn:{job}"));
            let to = by_shard.entry(shard.n).or_default();
            command!(to, "SET", shard.key(format_args!("turn:{job}")), *at);
        }
        for (name, period, used) in &household.meters {
            let shard = core.shards.home_of(&format!("meter:{name}"));
            let meter = shard.key(format_args!("meter:{name}"));
            let to = by_shard.entry(shard.n).or_default();
            command!(to, "HSET", &meter, "period", *period, "used", used.to_string());
            // How long the window lasts is known to who draws; from its number follows how long at the least.
            // Those of purses hold their dates.
            let kept = match name.starts_with("money/") {
                true => i64::try_from(PURSE_KEPT.as_millis()).unwrap_or(i64::MAX),
                false => (at.as_millis() / period.saturating_add(1).max(1) + 1).saturating_mul(2),
            };
            command!(to, "PEXPIRE", meter, kept);
        }
        for (day, spent) in &household.spent {
            let shard = core.shards.home_of(&spend::name(day));
            let to = by_shard.entry(shard.n).or_default();
            for (field, value) in spend::fields(spent) {
                command!(
                    to,
                    "HSET",
                    shard.key(format_args!("{}", spend::name(day))),
                    field,
                    value.to_string()
                );
            }
            let kept = i64::try_from(SPENT_KEPT.as_millis()).unwrap_or(i64::MAX);
            command!(to, "PEXPIRE", shard.key(format_args!("{}", spend::name(day))), kept);
        }
        for (source, at) in &household.heard {
            let shard = core.shards.home_of(source);
            by_shard.entry(shard.n).or_default().heard(shard, source, *at, *at);
        }
        for (n, commands) in by_shard {
            if let Some(shard) = core.shards.get(n) {
                self.write(shard, None, commands).await?;
            }
        }
        Ok(())
    }

    /// Counts what is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn inventory(&self) -> Result<Inventory, StoreError> {
        let mut inventory = Inventory::default();
        for shard in self.core.shards.all() {
            let mut after = None;
            loop {
                let ids = self.core.ids_after(shard, after, CHUNK).await?;
                let Some(last) = ids.last() else { break };
                after = Some(*last);
                for record in self.core.records(shard, &ids).await? {
                    inventory.events += 1;
                    for entry in &record.jobs {
                        *inventory.jobs.entry(entry.job.state.to_string()).or_default() += 1;
                        inventory.attempts += entry.history.len() as u64;
                    }
                    inventory.purchases += record.purchases.len() as u64;
                }
            }
        }
        Ok(inventory)
    }

    async fn write(
        &self,
        shard: &Shard,
        made: Option<(String, Commands)>,
        again: Commands,
    ) -> Result<(), StoreError> {
        let (event, made) = made.unwrap_or_default();
        let mut args = vec![event.into_bytes(), made.0.len().to_string().into_bytes()];
        args.extend(made.0);
        args.extend(again.0);
        self.core.call(&self.core.scripts.import, shard, args).await.map(drop)
    }
}

fn foreign() -> StoreError {
    StoreError::Conflict("it holds events of another origin".to_owned())
}

/// An event as it is kept here.
fn record(carried: &Carried) -> Record {
    let jobs = carried.jobs.iter().map(|CarriedJob { job, history, place, newest }| Entry {
        job: job.clone(),
        history: history.clone(),
        begun: false,
        line: place.as_ref().map(|place| Place {
            key: place.key.clone(),
            route: place.route,
            skip: place.skip,
        }),
        newest: newest.as_ref().map(|(key, _)| key.clone()),
        held: None,
    });
    let purchases =
        carried.purchases.iter().map(|(n, purchase)| Bought { n: *n, id: None, purchase: purchase.clone() });
    Record {
        jobs: jobs.collect(),
        purchases: purchases.collect(),
        redeliveries: carried.redeliveries.iter().map(|again| (again.at.as_secs(), again.times)).collect(),
        ..Record::new(carried.event.clone())
    }
}
