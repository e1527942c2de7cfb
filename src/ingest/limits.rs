//! How many events a source may send per minute.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

use crate::{
    domain::{Lane, Name},
    engine::{Engine, Source},
    telemetry::{Metrics, SourceMeter},
};

/// One source's limiters and counters.
pub(super) struct Gate {
    critical: DefaultDirectRateLimiter,
    other: DefaultDirectRateLimiter,
    pub meter: SourceMeter,
}

pub(super) struct Limiters {
    gates: BTreeMap<Name, Gate>,
    clock: DefaultClock,
}

impl Limiters {
    pub fn new(engine: &Engine, metrics: &Metrics) -> Self {
        let gates =
            engine.sources().map(|source| (Name::clone(&source.name), Gate::new(source, metrics))).collect();
        Limiters { gates, clock: DefaultClock::default() }
    }

    pub fn gate(&self, source: &str) -> Option<&Gate> {
        self.gates.get(source)
    }

    /// Takes one event of `lane` in; how long to wait, if the minute's share is spent.
    pub fn admit(&self, gate: &Gate, lane: Lane) -> Result<(), Duration> {
        let limiter = match lane {
            Lane::Critical => &gate.critical,
            Lane::Normal | Lane::Bulk => &gate.other,
        };
        limiter.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

impl Gate {
    fn new(source: &Source, metrics: &Metrics) -> Self {
        let limiter = |per_min| {
            RateLimiter::direct(Quota::per_minute(NonZeroU32::new(per_min).unwrap_or(NonZeroU32::MIN)))
        };
        Gate {
            critical: limiter(source.limits.critical_per_min),
            other: limiter(source.limits.other_per_min),
            meter: metrics.source(&source.name),
        }
    }
}
