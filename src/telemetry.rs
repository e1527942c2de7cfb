//! Every metric's name, in one place.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Upper bounds in seconds of the commit-time histogram: a local fsync takes about 0.2 ms, a bad disk 1 s.
const COMMIT_BUCKETS_S: [f64; 12] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Upper bounds in seconds of the job-time histogram: from a plain append to a slow model.
const JOB_BUCKETS_S: [f64; 11] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0];

/// Why a delivery is refused, in the words that are counted.
const REFUSALS: [&str; 13] = [
    "bad_signature",
    "broken",
    "busy",
    "bytes",
    "disk",
    "full_jobs",
    "missing_signature",
    "rate_limited",
    "stale_timestamp",
    "store",
    "timed_out",
    "too_large",
    "unsupported_encoding",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceReason {
    source: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabel {
    lane: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlarmLabel {
    r#type: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PurseLabel {
    judge: String,
    purse: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JudgeReason {
    judge: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassifierLabel {
    classifier: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhatLabel {
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GuardedLabel {
    kind: &'static str,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    judge: String,
    outcome: &'static str,
    attempt: &'static str,
}

/// What the service counts. Labels hold names from the configuration and fixed words only, so their number is bounded.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    received: Family<SourceLabel, Counter>,
    accepted: Family<SourceLabel, Counter>,
    duplicates: Family<SourceLabel, Counter>,
    ignored: Family<SourceReason, Counter>,
    refused: Family<SourceReason, Counter>,
    demoted: Family<SourceLabel, Counter>,
    limited_alone: Family<SourceLabel, Counter>,
    asked_alone: Family<GuardedLabel, Counter>,
    jobs: Family<JobLabel, Counter>,
    job_time: Family<JobLabel, Histogram>,
    commits: Histogram,
    committed: Counter,
    depth: Family<LaneLabel, Gauge>,
    age: Family<LaneLabel, Gauge<f64, AtomicU64>>,
    held: Family<StateLabel, Gauge>,
    store_answers: Gauge,
    breakers: Family<GuardedLabel, Gauge>,
    answers: Family<AnswerLabel, Counter>,
    unavailable: Family<JudgeReason, Counter>,
    alarms: Family<AlarmLabel, Counter>,
    own_dead: Counter,
    removed: Family<WhatLabel, Counter>,
    removed_bytes: Counter,
    disk_free: Gauge,
    reloads: Family<OutcomeLabel, Counter>,
    short: Family<PurseLabel, Counter>,
    verdicts: Family<ClassifierLabel, Histogram>,
    late: Family<ClassifierLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hookyard");
        let metrics = Metrics {
            received: Family::default(),
            accepted: Family::default(),
            duplicates: Family::default(),
            ignored: Family::default(),
            refused: Family::default(),
            demoted: Family::default(),
            limited_alone: Family::default(),
            asked_alone: Family::default(),
            jobs: Family::default(),
            job_time: Family::new_with_constructor(|| Histogram::new(JOB_BUCKETS_S)),
            commits: Histogram::new(COMMIT_BUCKETS_S),
            committed: Counter::default(),
            depth: Family::default(),
            age: Family::default(),
            held: Family::default(),
            store_answers: Gauge::default(),
            breakers: Family::default(),
            answers: Family::default(),
            unavailable: Family::default(),
            alarms: Family::default(),
            own_dead: Counter::default(),
            removed: Family::default(),
            removed_bytes: Counter::default(),
            disk_free: Gauge::default(),
            reloads: Family::default(),
            short: Family::default(),
            verdicts: Family::new_with_constructor(|| Histogram::new(JOB_BUCKETS_S)),
            late: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "judge_answers",
            "Answers that language models were paid for, by what was wrong with them",
            metrics.answers.clone(),
        );
        registry.register(
            "judge_unavailable",
            "Turns of judges that were passed over or ended without an answer, by what kept them from it",
            metrics.unavailable.clone(),
        );
        registry.register("received", "Deliveries that arrived", metrics.received.clone());
        registry.register("accepted", "Events accepted with their jobs", metrics.accepted.clone());
        registry.register("duplicates", "Deliveries of events already accepted", metrics.duplicates.clone());
        registry.register("ignored", "Verified deliveries dropped by the filter", metrics.ignored.clone());
        registry.register("refused", "Deliveries refused, by reason", metrics.refused.clone());
        registry.register(
            "demoted",
            "Deliveries beyond a limit, put into the bulk lane as their sender does not try again",
            metrics.demoted.clone(),
        );
        registry.register(
            "limited_alone",
            "Deliveries let in by this process's own limits, as the store did not say in time what others let in",
            metrics.limited_alone.clone(),
        );
        registry.register(
            "asked_alone",
            "Draws on limits of judges and destinations by this process's own count, as the store did not say in time what \
             others ask",
            metrics.asked_alone.clone(),
        );
        registry.register("jobs", "Attempts at jobs by how they ended", metrics.jobs.clone());
        registry.register_with_unit(
            "job",
            "Time of one attempt at a job",
            Unit::Seconds,
            metrics.job_time.clone(),
        );
        registry.register_with_unit(
            "commit",
            "Time of one store commit",
            Unit::Seconds,
            metrics.commits.clone(),
        );
        registry.register(
            "committed_operations",
            "Store operations that were committed",
            metrics.committed.clone(),
        );
        registry.register("lane_depth", "Jobs ready in a lane", metrics.depth.clone());
        registry.register_with_unit(
            "lane_age",
            "Age of a lane's oldest due job",
            Unit::Seconds,
            metrics.age.clone(),
        );
        registry.register(
            "jobs_held",
            "Jobs leased, blocked, waiting for a person, or dead",
            metrics.held.clone(),
        );
        registry.register(
            "breaker",
            "Breakers of destinations and judges: 0 closed, 1 half open, 2 open",
            metrics.breakers.clone(),
        );
        registry.register(
            "store_answers",
            "1 if the store answered when this was asked, and is the one that was opened",
            metrics.store_answers.clone(),
        );
        registry.register("alarms", "Alarms by what became of their events", metrics.alarms.clone());
        registry.register("alarms_dead", "Dead jobs of the service's own events", metrics.own_dead.clone());
        registry.register("removed", "What retention removed", metrics.removed.clone());
        registry.register_with_unit(
            "removed_payload",
            "Payload that retention removed",
            Unit::Bytes,
            metrics.removed_bytes.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Free on the disk of the data directory",
            Unit::Bytes,
            metrics.disk_free.clone(),
        );
        registry.register(
            "reloads",
            "Changed configurations that took effect, or were refused",
            metrics.reloads.clone(),
        );
        registry.register(
            "judge_unaffordable",
            "Questions that were not asked, as a purse had too little left",
            metrics.short.clone(),
        );
        registry.register_with_unit(
            "verdict",
            "Time from an event's receipt to its verdict",
            Unit::Seconds,
            metrics.verdicts.clone(),
        );
        registry.register(
            "verdicts_late",
            "Verdicts that came after their classifier's objective",
            metrics.late.clone(),
        );
        Metrics { registry, ..metrics }
    }
}

/// One source's counters, looked up once.
#[derive(Debug, Clone)]
pub struct SourceMeter {
    pub received: Counter,
    pub accepted: Counter,
    pub duplicates: Counter,
    /// Beyond a limit, and in the bulk lane rather than refused.
    pub demoted: Counter,
    /// Let in without knowing what other processes let in.
    pub limited_alone: Counter,
}

impl Metrics {
    /// Makes a source's counters, those of its refusals at zero, so that they are there before the first refusal.
    pub fn source(&self, source: &str) -> SourceMeter {
        for word in REFUSALS {
            let label = SourceReason { source: source.to_owned(), reason: word.to_owned() };
            drop(self.refused.get_or_create(&label));
        }
        let label = SourceLabel { source: source.to_owned() };
        SourceMeter {
            received: self.received.get_or_create_owned(&label),
            accepted: self.accepted.get_or_create_owned(&label),
            duplicates: self.duplicates.get_or_create_owned(&label),
            demoted: self.demoted.get_or_create_owned(&label),
            limited_alone: self.limited_alone.get_or_create_owned(&label),
        }
    }

    /// `reason` is a fixed word, or the filter's from the configuration.
    pub fn ignored(&self, source: &str, reason: &str) {
        self.ignored
            .get_or_create(&SourceReason { source: source.to_owned(), reason: reason.to_owned() })
            .inc();
    }

    /// `source` is a configured one, or `unknown`; `reason` a fixed word.
    pub fn refused(&self, source: &str, reason: &str) {
        self.refused
            .get_or_create(&SourceReason { source: source.to_owned(), reason: reason.to_owned() })
            .inc();
    }

    /// An attempt ended: `kind` is `route` or `action`.
    pub fn job(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        let label = JobLabel { kind, outcome };
        self.jobs.get_or_create(&label).inc();
        self.job_time.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// A language model was paid for an answer: `outcome` is `valid` or the flaw's word. `again` says that it was told what
    /// was wrong with the one before.
    pub fn answer(&self, judge: &str, outcome: &'static str, again: bool) {
        let attempt = if again { "repair" } else { "first" };
        self.answers.get_or_create(&AnswerLabel { judge: judge.to_owned(), outcome, attempt }).inc();
    }

    /// The turn of `judge` ended without an answer; `reason` is a fixed word.
    pub fn unavailable(&self, judge: &str, reason: &'static str) {
        self.unavailable.get_or_create(&JudgeReason { judge: judge.to_owned(), reason }).inc();
    }

    pub fn commit(&self, took: Duration, operations: usize) {
        self.commits.observe(took.as_secs_f64());
        self.committed.inc_by(operations as u64);
    }

    pub fn lane(&self, lane: &'static str, ready: u64, age: Duration) {
        self.depth.get_or_create(&LaneLabel { lane }).set(i64::try_from(ready).unwrap_or(i64::MAX));
        self.age.get_or_create(&LaneLabel { lane }).set(age.as_secs_f64());
    }

    pub fn held(&self, state: &'static str, jobs: u64) {
        self.held.get_or_create(&StateLabel { state }).set(i64::try_from(jobs).unwrap_or(i64::MAX));
    }

    pub fn store_answers(&self, answers: bool) {
        self.store_answers.set(i64::from(answers));
    }

    /// `kind` is `destination` or `judge`, `name` one of the configuration; 0 closed, 1 half open, 2 open.
    pub fn breaker(&self, kind: &'static str, name: &str, level: i64) {
        self.breakers.get_or_create(&GuardedLabel { kind, name: name.to_owned() }).set(level);
    }

    /// A limit of a judge or destination was drawn on without knowing what other processes ask; `kind` and `name` are as for
    /// [`Metrics::breaker`].
    pub fn asked_alone(&self, kind: &'static str, name: &str) {
        self.asked_alone.get_or_create(&GuardedLabel { kind, name: name.to_owned() }).inc();
    }

    /// An alarm of type `event_type`; `outcome` is a fixed word.
    pub fn alarm(&self, event_type: &'static str, outcome: &'static str) {
        self.alarms.get_or_create(&AlarmLabel { r#type: event_type, outcome }).inc();
    }

    /// Jobs of the service's own events died.
    pub fn own_dead(&self, jobs: u64) {
        self.own_dead.inc_by(jobs);
    }

    /// Retention took a step: `what` was removed is a fixed word.
    pub fn removed(&self, what: &'static str, number: u64) {
        self.removed.get_or_create(&WhatLabel { what }).inc_by(number);
    }

    /// Bytes of payload that retention removed.
    pub fn removed_bytes(&self, bytes: u64) {
        self.removed_bytes.inc_by(bytes);
    }

    /// Bytes free on the disk of the data directory.
    pub fn disk_free(&self, bytes: u64) {
        self.disk_free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A question to `judge` was not asked: a purse of this kind had too little left.
    pub fn short(&self, judge: &str, purse: &'static str) {
        self.short.get_or_create(&PurseLabel { judge: judge.to_owned(), purse }).inc();
    }

    /// An event had its verdict so long after its receipt.
    pub fn verdict(&self, classifier: &str, after: Duration, late: bool) {
        let label = ClassifierLabel { classifier: classifier.to_owned() };
        self.verdicts.get_or_create(&label).observe(after.as_secs_f64());
        if late {
            self.late.get_or_create(&label).inc();
        }
    }

    /// A changed configuration was `applied` or `refused`.
    pub fn reload(&self, outcome: &'static str) {
        self.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// In the OpenMetrics text format, which Prometheus scrapes.
    pub fn render(&self) -> String {
        let mut page = String::new();
        match text::encode(&mut page, &self.registry) {
            Ok(()) => page,
            Err(error) => {
                tracing::error!(%error, "the metrics could not be written");
                String::new()
            }
        }
    }
}
