//! Taking events in.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    decide::outcome::outcome,
    domain::{Body, BodyFile, EventId, JobState, Timestamp},
    store::{Accepted, Admission, DedupeKey, OnMatch, Start, StoreError, bodies::INLINE_BYTES_MAX},
};

use super::{
    Core, commit,
    desk::Desk,
    keys::{self, Shard},
    link::text,
    record::{Errand, Record},
    script::DONE_WORDS,
};

/// How long a body that was written ahead waits for its event.
const AHEAD: Duration = Duration::from_hours(1);

/// How long a key in another shard is held for an event that is about to be accepted.
const RESERVED: Duration = Duration::from_mins(1);

/// How often a key is asked for again that is held for another event, before the sender is told to come again.
const ASKS_MAX: u32 = 500;

/// Why the jobs of a suspected replay wait.
fn suspicion(of: EventId) -> String {
    format!("the same body came before as {of}, under another id: perhaps a replay")
}

/// What a dedupe key holds: the event, when it came, and the shard that it is at home in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub event: EventId,
    pub at: Timestamp,
    pub shard: u16,
    /// It is about to be accepted, and perhaps never was.
    pub reserved: bool,
}

impl Known {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Known {
            event: keys::event_id(words.next()?)?,
            at: Timestamp::from_millis(words.next()?.parse().ok()?),
            shard: words.next()?.parse().ok()?,
            reserved: words.next().is_some(),
        })
    }

    pub fn text(&self) -> String {
        let reserved = if self.reserved { " ?" } else { "" };
        format!("{} {} {}{reserved}", self.event.0.simple(), self.at.as_millis(), self.shard)
    }
}

/// What became of the keys that are at home in other shards.
enum Elsewhere {
    Reserved { suspect: Option<EventId> },
    Known(Known),
}

impl Core {
    pub(super) async fn accept(&self, mut admission: Admission) -> Result<Accepted, StoreError> {
        let id = admission.event.id;
        let shard = match admission.keys.first() {
            Some(key) => self.shards.home_of(&key.text).clone(),
            None => self.shards.home_of(&id.to_string()).clone(),
        };
        let (here, there): (Vec<DedupeKey>, Vec<DedupeKey>) =
            admission.keys.iter().cloned().partition(|key| *self.shards.home_of(&key.text) == shard);
        let own = Known { event: id, at: self.clock.now(), shard: shard.n, reserved: true };
        let mut suspect = match self.reserve(&there, own).await? {
            Elsewhere::Known(known) => return self.redelivered(known, &admission).await,
            Elsewhere::Reserved { suspect } => suspect,
        };
        let large = match &admission.event.body {
            Body::Here(bytes) if bytes.len() > INLINE_BYTES_MAX => Some(Bytes::clone(bytes)),
            Body::Here(_) | Body::File(_) | Body::Gone => None,
        };
        if let Some(bytes) = &large {
            self.write_ahead(&shard, id, bytes).await?;
            let sha256 = hex::encode(Sha256::digest(bytes));
            admission.event.body = Body::File(BodyFile { sha256, bytes: bytes.len() as u64 });
        }
        let mut asks = 0;
        let known = loop {
            let mut desk = self.new_record(&admission, suspect)?;
            if !there.is_empty() {
                let keys = there.iter().map(|key| key.text.clone()).collect();
                desk.errand(Errand::Remember { keys, at: desk.now });
            }
            let told = self.put(&shard, &here, &desk, suspect, large.is_some()).await?;
            let (word, rest) = told.split_once(' ').unwrap_or((&told, ""));
            match word {
                // The answer to an earlier word of it was lost.
                "known" if keys::event_id(rest) == Some(id) => {
                    self.run_errands(&shard, id).await?;
                    return Ok(Accepted::Queued { suspected_replay_of: suspect });
                }
                "known" => {
                    let event = keys::event_id(rest).ok_or_else(|| wrong(rest))?;
                    break Known { event, at: desk.now, shard: shard.n, reserved: false };
                }
                "elsewhere" => {
                    let (n, held) = rest.split_once(' ').ok_or_else(|| wrong(rest))?;
                    let known = Known::read(held).ok_or_else(|| wrong(held))?;
                    if self.is_there(known).await? {
                        break known;
                    }
                    if self.is_in_flight(known) {
                        asks += 1;
                        if asks > ASKS_MAX {
                            self.release(&there, own).await?;
                            return Err(in_flight());
                        }
                        tokio::task::yield_now().await;
                        continue;
                    }
                    // Its record is gone: nothing can be said of it.
                    let n: usize = n.parse().map_err(|_| wrong(rest))?;
                    let key = here.get(n.wrapping_sub(1)).ok_or_else(|| wrong(rest))?;
                    self.hold(&shard, &shard.dedupe(&key.text), "", held).await?;
                }
                "suspect" => suspect = keys::event_id(rest),
                _ => {
                    if !desk.record.errands.is_empty() {
                        self.run_errands(&shard, id).await?;
                    }
                    return Ok(Accepted::Queued { suspected_replay_of: suspect });
                }
            }
        };
        self.release(&there, own).await?;
        if large.is_some() {
            let _: i64 = self.link.run(redis::cmd("DEL").arg(shard.body(id))).await?;
        }
        self.redelivered(known, &admission).await
    }

    /// Holds the keys that are at home in other shards for an event, unless one of them says that it is known.
    async fn reserve(&self, keys: &[DedupeKey], own: Known) -> Result<Elsewhere, StoreError> {
        let mut suspect = None;
        for (at, key) in keys.iter().enumerate() {
            let home = self.shards.home_of(&key.text).clone();
            let name = home.dedupe(&key.text);
            let (mut held, mut asks) = (String::new(), 0);
            loop {
                held = self.hold(&home, &name, &own.text(), &held).await?;
                let Some(known) = Known::read(&held).filter(|known| known.event != own.event) else { break };
                let remembered = self.clock.now().since(known.at) < self.dedupe;
                match key.on_match {
                    OnMatch::Duplicate if remembered && self.is_there(known).await? => {
                        self.release(&keys[..at], own).await?;
                        return Ok(Elsewhere::Known(known));
                    }
                    OnMatch::Duplicate if self.is_in_flight(known) => {
                        asks += 1;
                        if asks > ASKS_MAX {
                            self.release(&keys[..at], own).await?;
                            return Err(in_flight());
                        }
                        held.clear();
                        tokio::task::yield_now().await;
                    }
                    OnMatch::Review if remembered && self.is_there(known).await? => {
                        suspect = Some(known.event);
                    }
                    // Nothing can be said of it any more: in its place.
                    OnMatch::Duplicate | OnMatch::Review => {}
                }
            }
        }
        Ok(Elsewhere::Reserved { suspect })
    }

    /// Whether a key is held for an event that another call is about to accept. To take it away would make two events.
    fn is_in_flight(&self, known: Known) -> bool {
        known.reserved && self.clock.now().since(known.at) < RESERVED
    }

    /// Gives keys in other shards up that were held for an event.
    async fn release(&self, keys: &[DedupeKey], own: Known) -> Result<(), StoreError> {
        for key in keys {
            let home = self.shards.home_of(&key.text).clone();
            self.hold(&home, &home.dedupe(&key.text), "", &own.text()).await?;
        }
        Ok(())
    }

    /// Has a key hold `value` (nothing, if that is empty) if it holds `instead` now; what else it holds.
    async fn hold(
        &self,
        shard: &Shard,
        name: &str,
        value: &str,
        instead: &str,
    ) -> Result<String, StoreError> {
        let ms = RESERVED.as_millis().to_string();
        let reply = self.call(&self.scripts.reserve, shard, [name, value, &ms, instead]).await?;
        Ok(reply.rest.get(DONE_WORDS).map(text).transpose()?.unwrap_or_default())
    }

    /// The event was accepted: a key of it in another shard is remembered as long as the others.
    pub(super) async fn remember(&self, key: &str, own: Known) -> Result<(), StoreError> {
        let left = own.at.plus(self.dedupe).since(self.clock.now());
        let home = self.shards.home_of(key);
        let args = [home.dedupe(key), own.text(), left.as_millis().max(1).to_string()];
        self.call(&self.scripts.remember, home, args).await.map(drop)
    }

    async fn is_there(&self, known: Known) -> Result<bool, StoreError> {
        let Some(shard) = self.shards.get(known.shard) else { return Ok(false) };
        self.link.run(redis::cmd("EXISTS").arg(shard.event(known.event))).await
    }

    /// A large body is there before the event that names it; should that never come, it goes by itself.
    pub(super) async fn write_ahead(
        &self,
        shard: &Shard,
        id: EventId,
        bytes: &Bytes,
    ) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(shard.body(id)).arg(&bytes[..]).arg("EX").arg(AHEAD.as_secs());
        self.link.run(&set).await
    }

    /// The event as it is to be kept, with its jobs.
    fn new_record(&self, admission: &Admission, suspect: Option<EventId>) -> Result<Desk, StoreError> {
        let mut desk = Desk::new(Record::new(admission.event.clone()), self.clock.now());
        desk.has_room(admission.jobs.len())?;
        for job in &admission.jobs {
            match (suspect, &job.start) {
                (Some(of), Start::Ready | Start::After { .. } | Start::Blocked) => {
                    let mut held = job.clone();
                    held.start = Start::Waiting { reason: suspicion(of) };
                    desk.insert(&held, None);
                }
                (Some(_) | None, _) => drop(desk.insert(job, None)),
            }
        }
        Ok(desk)
    }

    /// What the script says of an event.
    async fn put(
        &self,
        shard: &Shard,
        keys: &[DedupeKey],
        desk: &Desk,
        suspect: Option<EventId>,
        large: bool,
    ) -> Result<String, StoreError> {
        let event = &desk.record.event;
        let memory = i64::try_from(self.dedupe.as_millis()).unwrap_or(i64::MAX);
        let suspect = suspect.map(|of| of.0.simple().to_string()).unwrap_or_default();
        let own = event.id.0.simple().to_string();
        let mut args: Vec<Vec<u8>> =
            vec![own.into(), memory.to_string().into(), suspect.into(), keys.len().to_string().into()];
        let value = Known { event: event.id, at: desk.now, shard: shard.n, reserved: false }.text();
        let mut to = commit::commands(desk, shard)?;
        for key in keys {
            let name = shard.dedupe(&key.text);
            let on_match = match key.on_match {
                OnMatch::Duplicate => "duplicate",
                OnMatch::Review => "review",
            };
            to.remember(&name, &value, memory);
            args.extend([name.into_bytes(), on_match.into()]);
        }
        if large {
            to.persist(shard.body(event.id));
        }
        to.heard(shard, &event.source, event.received_at, desk.now);
        args.extend(to.0);
        self.part(shard)?.arrivals.ask(desk.now, args).await
    }

    /// A known event came again: that is put on its record, and its dead jobs get another chance.
    async fn redelivered(&self, known: Known, admission: &Admission) -> Result<Accepted, StoreError> {
        let of = known.event;
        let lost = || wrong(&of.to_string());
        let shard = self.shards.get(known.shard).ok_or_else(lost)?.clone();
        let told = self.change(&shard, of, |desk| {
            *desk.record.redeliveries.entry(desk.now.as_secs()).or_default() += 1;
            desk.rest_changed = true;
            let mut revived = 0;
            for n in desk.all() {
                if desk.job(n).is_some_and(|job| job.state == JobState::Dead) {
                    desk.revive(n, "the sender delivered the event again");
                    revived += 1;
                }
            }
            Ok(revived)
        });
        let revived = told.await?.ok_or_else(lost)?;
        // That goes without saying where there is no room; the delivery is on record.
        if let Err(error) = self.heard(&shard, &admission.event.source, admission.event.received_at).await {
            tracing::warn!(%error, "that a source was heard of could not be noted");
        }
        let record = self.load(&shard, of).await?.ok_or_else(lost)?;
        let state = record.state();
        let jobs: Vec<_> = record.jobs.into_iter().map(|entry| entry.job).collect();
        Ok(Accepted::Duplicate { of, state, outcome: outcome(&jobs), revived })
    }

    pub(super) async fn knows(&self, keys: &[DedupeKey]) -> Result<bool, StoreError> {
        for key in keys.iter().filter(|key| key.on_match == OnMatch::Duplicate) {
            let shard = self.shards.home_of(&key.text);
            let value: Option<String> = self.link.run(redis::cmd("GET").arg(shard.dedupe(&key.text))).await?;
            if let Some(known) = value.as_deref().and_then(Known::read)
                && self.clock.now().since(known.at) < self.dedupe
                && self.is_there(known).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn body(&self, id: EventId) -> Result<Option<Bytes>, StoreError> {
        let Some((shard, _)) = self.home(id).await? else { return Ok(None) };
        let body: Option<Vec<u8>> = self.link.run(redis::cmd("GET").arg(shard.body(id))).await?;
        Ok(body.map(Bytes::from))
    }
}

fn in_flight() -> StoreError {
    StoreError::Unavailable("another delivery of the same event is being taken in".to_owned())
}

fn wrong(told: &str) -> StoreError {
    StoreError::Unavailable(format!("a dedupe key names `{told}`, which is not there"))
}
