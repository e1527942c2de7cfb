//! How many events a source, and one sender behind it, may send per minute.
//!
//! Each process holds to that by itself. Where several share a store, they draw on what is allowed together as well
//! ([`shared`]); while that is not answered in time, each goes by itself alone, so that at worst each lets in that much.

mod shared;

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use crate::{
    domain::{Clock, Lane, Name},
    engine::{Engine, Limits, Source},
    rate::{Bucket, Buckets, Cell, Slot},
    store::Store,
    telemetry::{Metrics, SourceMeter},
};

use super::{client, throttle::Throttle};
use shared::{Shared, SharedSenders, Till, Took};

/// Senders of one source and class of lanes that have a share of their own at one time; about 1 KiB each at most.
/// Further ones share one (see [`Buckets`]).
const SENDERS_MAX: usize = 10_000;

/// Who sent an event, beside its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// In the words of the signed delivery.
    Account(Box<str>),
    /// It names nobody.
    Client(IpAddr),
}

impl Sender {
    pub fn new(account: Option<Box<str>>, client: IpAddr) -> Self {
        account.map_or_else(|| Sender::Client(client::customer(client)), Sender::Account)
    }

    /// What it is called in a refusal.
    const fn word(&self) -> &'static str {
        match self {
            Sender::Account(_) => "this account",
            Sender::Client(_) => "this address",
        }
    }
}

/// What a source is called in a refusal.
const SOURCE: &str = "this source";

/// Whose share of the minute is spent, and how long until it has something again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub by: &'static str,
    pub wait: Duration,
}

/// The limit of one source in one class of lanes.
struct Limit {
    source: Bucket,
    /// None if a sender may send as much as the source: then the source's bucket refuses whatever theirs would.
    senders: Option<Buckets<Sender>>,
    /// None where no other process takes in for the same store.
    shared: Option<SharedLimit>,
}

/// The same over all processes.
struct SharedLimit {
    till: Till,
    source: Shared,
    senders: Option<SharedSenders>,
}

/// What one event took.
#[must_use]
pub(super) struct Share<'l> {
    limit: &'l Limit,
    slot: Option<Slot<Sender>>,
    shared: Option<SharedShare<'l>>,
    /// What other processes took could not be asked.
    pub alone: bool,
}

/// What it took of that which all share.
struct SharedShare<'l> {
    limit: &'l SharedLimit,
    source: Option<Cell>,
    sender: Option<(Arc<Shared>, Cell)>,
}

impl Share<'_> {
    /// Undoes the taking: there is no new event after all.
    pub async fn give_back(self) {
        self.limit.source.give_back();
        if let (Some(senders), Some(slot)) = (&self.limit.senders, &self.slot) {
            senders.give_back(slot);
        }
        if let Some(shared) = self.shared {
            shared.give_back().await;
        }
    }
}

impl SharedShare<'_> {
    async fn give_back(self) {
        let till = &self.limit.till;
        if let Some(cell) = self.source {
            self.limit.source.give_back(till, cell).await;
        }
        if let Some((sender, cell)) = self.sender {
            sender.give_back(till, cell).await;
        }
    }
}

impl Limit {
    fn new(source_per_min: u32, sender_per_min: u32) -> Self {
        let per_min = |takes| NonZeroU32::new(takes).unwrap_or(NonZeroU32::MIN);
        Limit {
            source: Bucket::per_minute(per_min(source_per_min)),
            senders: (sender_per_min < source_per_min)
                .then(|| Buckets::per_minute(per_min(sender_per_min), SENDERS_MAX)),
            shared: None,
        }
    }

    /// As [`Limit::new`], and over all processes that draw from the same till.
    fn shared(name: &str, source_per_min: u32, sender_per_min: u32, till: Till) -> Self {
        let limit = Limit::new(source_per_min, sender_per_min);
        let senders = limit.senders.as_ref();
        let shared = SharedLimit {
            source: Shared::per_minute(name.to_owned(), source_per_min.max(1)),
            senders: senders.map(|_| SharedSenders::per_minute(name.to_owned(), sender_per_min.max(1))),
            till,
        };
        Limit { shared: Some(shared), ..limit }
    }

    /// Takes from this process's own, and then from what all share; or from neither.
    async fn take(&self, sender: Sender, elapsed: Duration) -> Result<Share<'_>, Spent> {
        let by = sender.word();
        let share = self.take_own(sender, elapsed)?;
        let Some(shared) = &self.shared else { return Ok(share) };
        match shared.take(share.slot.as_ref(), by, elapsed).await {
            Ok((taken, alone)) => Ok(Share { shared: Some(taken), alone, ..share }),
            Err(spent) => {
                share.give_back().await;
                Err(spent)
            }
        }
    }

    /// Takes from both buckets, or from neither: a sender beyond its share must not eat up its source's, nor lose its
    /// own while the source is beyond. For the moment between taking and giving back another may be refused who would
    /// have had the last of a bucket; a lock around both would cost every delivery more than that is worth.
    fn take_own(&self, sender: Sender, elapsed: Duration) -> Result<Share<'_>, Spent> {
        let share = |slot| Share { limit: self, slot, shared: None, alone: false };
        let source = self.source.take(elapsed).map_err(|wait| Spent { by: SOURCE, wait });
        let Some(senders) = &self.senders else {
            return source.map(|()| share(None));
        };
        let by = sender.word();
        let slot = senders.take(sender, elapsed).map_err(|wait| Spent { by, wait });
        match (source, slot) {
            (Ok(()), Ok(slot)) => Ok(share(Some(slot))),
            (Ok(()), Err(spent)) => {
                self.source.give_back();
                Err(spent)
            }
            (Err(spent), Ok(slot)) => {
                senders.give_back(&slot);
                Err(spent)
            }
            // Before the longer wait is over it would only be refused again.
            (Err(source), Err(sender)) => Err(if source.wait > sender.wait { source } else { sender }),
        }
    }
}

impl SharedLimit {
    /// Takes from both, or from neither, as [`Limit::take_own`] does; and whether one of them could not be asked.
    async fn take(
        &self,
        slot: Option<&Slot<Sender>>,
        by: &'static str,
        elapsed: Duration,
    ) -> Result<(SharedShare<'_>, bool), Spent> {
        let mut share = SharedShare { limit: self, source: None, sender: None };
        let mut alone = false;
        // Of a flood beyond either limit nothing is asked.
        if let Some(wait) = self.source.spent(&self.till) {
            return Err(Spent { by: SOURCE, wait });
        }
        if let (Some(senders), Some(slot)) = (&self.senders, slot) {
            let sender = senders.of(slot, elapsed);
            match sender.take(&self.till).await {
                Took::Cell(cell) => share.sender = Some((sender, cell)),
                Took::Spent { wait } => return Err(Spent { by, wait }),
                Took::Alone => alone = true,
            }
        }
        match self.source.take(&self.till).await {
            Took::Cell(cell) => share.source = Some(cell),
            Took::Spent { wait } => {
                share.give_back().await;
                return Err(Spent { by: SOURCE, wait });
            }
            Took::Alone => alone = true,
        }
        Ok((share, alone))
    }
}

/// One source's limits, counters and throttled log.
pub(super) struct Gate {
    limits: Limits,
    critical: Limit,
    other: Limit,
    pub meter: SourceMeter,
    pub log: Throttle,
}

impl Gate {
    fn new(source: &Source, metrics: &Metrics, till: Option<&Till>) -> Self {
        let Limits {
            critical_per_min, other_per_min, account_critical_per_min, account_other_per_min, ..
        } = source.limits;
        let limit = |class: &str, source_per_min, sender_per_min| match till {
            Some(till) => {
                let name = format!("in/{}/{class}", source.name);
                Limit::shared(&name, source_per_min, sender_per_min, till.clone())
            }
            None => Limit::new(source_per_min, sender_per_min),
        };
        Gate {
            limits: source.limits,
            critical: limit("critical", critical_per_min, account_critical_per_min),
            other: limit("other", other_per_min, account_other_per_min),
            meter: metrics.source(&source.name),
            log: Throttle::default(),
        }
    }

    /// Takes one event of `lane` in. `elapsed` is [`crate::domain::Clock::monotonic`]. Waits for nothing but for what other
    /// processes took, where that has to be asked.
    pub async fn admit(&self, lane: Lane, sender: Sender, elapsed: Duration) -> Result<Share<'_>, Spent> {
        let limit = match lane {
            Lane::Critical => &self.critical,
            Lane::Normal | Lane::Bulk => &self.other,
        };
        let share = limit.take(sender, elapsed).await?;
        if share.alone {
            self.meter.limited_alone.inc();
            if let Some(held_back) = self.log.due(ALONE, elapsed) {
                let why = "the store did not say in time what other processes let in";
                tracing::warn!(
                    reason = ALONE,
                    held_back,
                    "let in by the limits of this process alone: {why}"
                );
            }
        }
        Ok(share)
    }
}

/// The word for deliveries that only this process's own limits were asked about.
const ALONE: &str = "limited_alone";

/// The gates of all sources of an engine that are on.
pub(super) struct Gates {
    engine: Arc<Engine>,
    by_source: BTreeMap<Name, Arc<Gate>>,
}

impl Gates {
    pub fn none(engine: Arc<Engine>) -> Self {
        Gates { engine, by_source: BTreeMap::new() }
    }

    /// Those of `engine`. A source whose limits are as they were in `self` goes on with what it has left of them.
    pub fn of_engine(
        &self,
        engine: &Arc<Engine>,
        metrics: &Metrics,
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let till =
            store.is_shared().then(|| Till { rates: Arc::new(Arc::clone(store)), clock: Arc::clone(clock) });
        let gate = |source: &Arc<Source>| {
            let kept = self.by_source.get(&source.name).filter(|gate| gate.limits == source.limits);
            let gate = kept.map_or_else(|| Arc::new(Gate::new(source, metrics, till.as_ref())), Arc::clone);
            (Name::clone(&source.name), gate)
        };
        Gates { engine: Arc::clone(engine), by_source: engine.sources().map(gate).collect() }
    }

    pub fn are_of(&self, engine: &Arc<Engine>) -> bool {
        Arc::ptr_eq(&self.engine, engine)
    }

    pub fn of(&self, source: &str) -> Option<&Gate> {
        self.by_source.get(source).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);
    const S: Duration = Duration::from_secs(1);

    fn account(name: &str) -> Sender {
        Sender::Account(name.into())
    }

    fn takes(limit: &Limit, name: &str) -> Result<(), Spent> {
        limit.take_own(account(name), NOW).map(drop)
    }

    #[test]
    fn what_a_sender_is_refused_is_not_taken_from_its_source() {
        let limit = Limit::new(3, 1);
        assert_eq!(takes(&limit, "a"), Ok(()));
        for _ in 0..100 {
            assert_eq!(takes(&limit, "a"), Err(Spent { by: "this account", wait: 60 * S }));
        }
        assert_eq!((takes(&limit, "b"), takes(&limit, "c")), (Ok(()), Ok(())));
        assert_eq!(takes(&limit, "d"), Err(Spent { by: "this source", wait: 20 * S }));
    }

    #[test]
    fn what_a_source_is_refused_is_not_taken_from_its_senders() {
        let limit = Limit::new(6, 2);
        for name in ["a", "b", "c"] {
            assert_eq!((takes(&limit, name), takes(&limit, name)), (Ok(()), Ok(())));
        }
        for _ in 0..100 {
            assert_eq!(takes(&limit, "d"), Err(Spent { by: "this source", wait: 10 * S }));
        }
        let later = |seconds| limit.take_own(account("d"), NOW + seconds * S).map(drop);
        assert_eq!((later(10), later(20)), (Ok(()), Ok(())));
    }

    #[test]
    fn beyond_both_the_longer_wait_is_told() {
        let limit = Limit::new(2, 1);
        assert_eq!((takes(&limit, "a"), takes(&limit, "b")), (Ok(()), Ok(())));
        assert_eq!(takes(&limit, "a"), Err(Spent { by: "this account", wait: 60 * S }));
        assert_eq!(takes(&limit, "c"), Err(Spent { by: "this source", wait: 30 * S }));
    }

    #[tokio::test]
    async fn what_is_given_back_is_there_for_the_next() {
        let limit = Limit::new(2, 1);
        for _ in 0..10 {
            limit.take(account("a"), NOW).await.unwrap().give_back().await;
        }
        assert_eq!((takes(&limit, "a"), takes(&limit, "b")), (Ok(()), Ok(())));
    }

    #[test]
    fn senders_are_not_counted_where_the_source_is_as_narrow() {
        for (source, sender) in [(1, 1), (1, 2), (200, 200)] {
            assert!(Limit::new(source, sender).senders.is_none());
        }
    }

    #[test]
    fn however_many_senders_there_are_memory_is_bounded() {
        let limit = Limit::new(100_000_000, 1);
        for n in 0..SENDERS_MAX + 1_000 {
            let outcome = takes(&limit, &n.to_string());
            let shared = n > SENDERS_MAX;
            assert_eq!(
                outcome,
                if shared { Err(Spent { by: "this account", wait: 60 * S }) } else { Ok(()) },
                "{n}"
            );
        }
        assert_eq!(limit.senders.map(|senders| senders.len()), Some(SENDERS_MAX + 1));
    }

    #[test]
    fn accounts_and_addresses_are_told_apart() {
        let client = "192.0.2.1".parse().unwrap();
        assert_eq!(Sender::new(Some("acct_1".into()), client), account("acct_1"));
        assert_eq!(Sender::new(None, client), Sender::Client(client));
        assert_ne!(Sender::new(Some("192.0.2.1".into()), client), Sender::new(None, client));
    }
}
