//! How many events a source, and one sender behind it, may send per minute.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32, time::Duration};

use crate::{
    domain::{Lane, Name},
    engine::{Engine, Limits, Source},
    rate::{Bucket, Buckets, Slot},
    telemetry::{Metrics, SourceMeter},
};

use super::{client, throttle::Throttle};

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
}

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
}

/// What one event took.
#[must_use]
pub(super) struct Share<'l> {
    limit: &'l Limit,
    slot: Option<Slot<Sender>>,
}

impl Share<'_> {
    /// Undoes the taking: there is no new event after all.
    pub fn give_back(self) {
        self.limit.source.give_back();
        if let (Some(senders), Some(slot)) = (&self.limit.senders, &self.slot) {
            senders.give_back(slot);
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
        }
    }

    /// Takes from both buckets, or from neither: a sender beyond its share must not eat up its source's, nor lose its
    /// own while the source is beyond. For the moment between taking and giving back another may be refused who would
    /// have had the last of a bucket; a lock around both would cost every delivery more than that is worth.
    fn take(&self, sender: Sender, elapsed: Duration) -> Result<Share<'_>, Spent> {
        let source = self.source.take(elapsed).map_err(|wait| Spent { by: "this source", wait });
        let Some(senders) = &self.senders else {
            return source.map(|()| Share { limit: self, slot: None });
        };
        let by = match sender {
            Sender::Account(_) => "this account",
            Sender::Client(_) => "this address",
        };
        let slot = senders.take(sender, elapsed).map_err(|wait| Spent { by, wait });
        match (source, slot) {
            (Ok(()), Ok(slot)) => Ok(Share { limit: self, slot: Some(slot) }),
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

/// One source's limits, counters and throttled log.
pub(super) struct Gate {
    critical: Limit,
    other: Limit,
    pub meter: SourceMeter,
    pub log: Throttle,
}

impl Gate {
    fn new(source: &Source, metrics: &Metrics) -> Self {
        let Limits {
            critical_per_min, other_per_min, account_critical_per_min, account_other_per_min, ..
        } = source.limits;
        Gate {
            critical: Limit::new(critical_per_min, account_critical_per_min),
            other: Limit::new(other_per_min, account_other_per_min),
            meter: metrics.source(&source.name),
            log: Throttle::default(),
        }
    }

    /// Takes one event of `lane` in. `elapsed` is [`crate::domain::Clock::monotonic`].
    pub fn admit(&self, lane: Lane, sender: Sender, elapsed: Duration) -> Result<Share<'_>, Spent> {
        let limit = match lane {
            Lane::Critical => &self.critical,
            Lane::Normal | Lane::Bulk => &self.other,
        };
        limit.take(sender, elapsed)
    }
}

/// The gates of all sources that are on.
pub(super) struct Gates(BTreeMap<Name, Gate>);

impl Gates {
    pub fn new(engine: &Engine, metrics: &Metrics) -> Self {
        let gate = |source: &std::sync::Arc<Source>| (Name::clone(&source.name), Gate::new(source, metrics));
        Gates(engine.sources().map(gate).collect())
    }

    pub fn of(&self, source: &str) -> Option<&Gate> {
        self.0.get(source)
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
        limit.take(account(name), NOW).map(drop)
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
        let later = |seconds| limit.take(account("d"), NOW + seconds * S).map(drop);
        assert_eq!((later(10), later(20)), (Ok(()), Ok(())));
    }

    #[test]
    fn beyond_both_the_longer_wait_is_told() {
        let limit = Limit::new(2, 1);
        assert_eq!((takes(&limit, "a"), takes(&limit, "b")), (Ok(()), Ok(())));
        assert_eq!(takes(&limit, "a"), Err(Spent { by: "this account", wait: 60 * S }));
        assert_eq!(takes(&limit, "c"), Err(Spent { by: "this source", wait: 30 * S }));
    }

    #[test]
    fn what_is_given_back_is_there_for_the_next() {
        let limit = Limit::new(2, 1);
        for _ in 0..10 {
            limit.take(account("a"), NOW).map(Share::give_back).unwrap();
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
