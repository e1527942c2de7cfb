//! A ready configuration, and the one pipeline it runs: filter and route an event, classify it, plan its actions,
//! freeze their requests. The worker, `check` and `eval` all run this.

mod action;
mod admit;
mod affordable;
mod altered;
mod arrival;
mod compile;
mod context;
mod examples;
mod freed;
mod live;
mod outdated;
mod preview;
mod rehearsal;
mod replan;
mod route;
mod sources;
mod tried;
mod trust;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

pub use admit::Admitted;
pub use affordable::unaffordable;
pub use altered::RULES;
pub use arrival::{Arrival, Keys};
pub use compile::{CompileOptions, Reach, compile};
pub use examples::{offline, run_examples};
pub use live::Live;
pub use outdated::outdated;
pub use preview::{ActionPreview, Foreseen, Preview, RoutePreview, Ruling};
pub use rehearsal::{Rehearsal, Rehearsed};
pub use replan::{Given, Replanned, next_version, recorded_verdict, was_replayed};
pub use route::RouteEnd;
pub use sources::{Limits, Source};
pub use tried::untried;
pub use trust::Origin;

pub(crate) use action::Action;

use crate::{
    act::Destination,
    classify::{Classifier, Llm},
    config::{Case, tables::SettingsFile},
    decide::{
        breaker::{Own, Shown, Word},
        filter::{Fate, Rule},
        pattern::Selector,
        refusals::Refused,
        retry::Schedule,
    },
    domain::Name,
    store::{self, OnStuck, Retention},
    template::{Condition, Context, Shape},
};

/// Folder of the data directory that holds the logs of `store.append`.
const LOGS: &str = "logs";

/// The route name of an event whose routes could not be told: its body cannot be read, or the filter failed on it.
/// Its job is a dead letter from the start; a redrive tells the routes anew.
pub const INTAKE: &str = "intake";

/// Why an action waits whose mode is `review`.
pub const ASKS_FOR_A_YES: &str = "the action asks for a person's yes";

/// A whole configuration, compiled.
pub struct Engine {
    /// Names the configuration in records: SHA-256 (hex), cut to 16 digits.
    pub digest: Arc<str>,
    pub settings: SettingsFile,
    pub reach: Reach,
    /// Where the store and the logs of `store.append` are.
    pub data_dir: PathBuf,
    /// The folder that holds `config/`, `prompts/`, `schemas/` and `evals/`; empty for the current one.
    pub project_dir: PathBuf,
    sources: BTreeMap<Name, Arc<Source>>,
    /// How the events of each source are read, also of those that are off.
    origins: Origins,
    retention: RetentionRules,
    filter: Vec<Rule<Condition>>,
    otherwise: Fate,
    routes: Vec<Route>,
    classifiers: BTreeMap<Name, Arc<Classifier>>,
    /// Folders of `evals/`, by classifier.
    cases: BTreeMap<Name, String>,
    /// By classifier.
    gates: BTreeMap<Name, Vec<Gate>>,
    judges: BTreeMap<Name, Arc<Llm>>,
    actions: BTreeMap<Name, Action>,
    destinations: BTreeMap<Name, Arc<Destination>>,
    /// Where the workers' own schedule is needed: for what no route owns.
    schedule: Schedule,
    training: Vec<compile::Training>,
}

/// How the events of each source are read, by its name.
type Origins = BTreeMap<Name, Origin>;

/// How long things are kept, by source.
struct RetentionRules {
    otherwise: Retention,
    sources: BTreeMap<Name, Retention>,
}

impl RetentionRules {
    fn of(&self, source: &str) -> Retention {
        self.sources.get(source).copied().unwrap_or(self.otherwise)
    }
}

/// A compiled route.
struct Route {
    name: Name,
    selector: Selector,
    condition: Option<Condition>,
    classifier: Option<Arc<Classifier>>,
    line: Option<LineRule>,
    newest: Option<NewestRule>,
    /// Jobs of its own under way at one time.
    concurrency: Option<u32>,
    schedule: Schedule,
    actions: Vec<RouteAction>,
    on_dead: Option<Name>,
}

impl Route {
    /// It only keeps the event: there is nothing to ask, to decide or to do.
    fn is_idle(&self) -> bool {
        self.condition.is_none() && self.classifier.is_none() && self.actions.is_empty()
    }
}

/// What is not acted on before a person has said yes, whatever a judge says.
#[derive(Debug)]
struct Gate {
    when: Condition,
    reason: String,
}

/// In which order a route's events go.
struct LineRule {
    key: Shape,
    on_stuck: OnStuck,
}

/// Which of a route's events take the place of others.
struct NewestRule {
    key: Shape,
    window: Duration,
}

/// A compiled action of a route.
struct RouteAction {
    id: Name,
    uses: Name,
    condition: Option<Condition>,
    after: Vec<Name>,
    delay_ms: u64,
    on_dead: Option<Name>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Engine {
    pub fn source(&self, name: &str) -> Option<&Arc<Source>> {
        self.sources.get(name)
    }

    /// How events of a source are read, whether it is on or off.
    fn origin(&self, source: &str) -> Option<&Origin> {
        self.origins.get(source)
    }

    /// Where the logs of `store.append` are.
    pub fn log_dir(&self) -> PathBuf {
        self.data_dir.join(LOGS)
    }

    /// How long things of a source are kept, also of one that the configuration has no more.
    pub fn retention(&self, source: &str) -> Retention {
        self.retention.of(source)
    }

    /// Sources that the configuration names, whether on or off, and the service's own.
    pub fn named_sources(&self) -> impl Iterator<Item = &Name> {
        self.origins.keys()
    }

    /// Sources that are on, by name.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }

    /// The names of all classifiers.
    pub fn classifiers(&self) -> impl Iterator<Item = &Name> {
        self.classifiers.keys()
    }

    pub fn classifier(&self, name: &str) -> Option<&Arc<Classifier>> {
        self.classifiers.get(name)
    }

    /// The folder of `evals/` that a classifier learns from and is measured by.
    pub fn cases_of(&self, classifier: &str) -> Option<&str> {
        self.cases.get(classifier).map(String::as_str)
    }

    /// A language model, whether or not a ladder has it.
    pub fn judge(&self, name: &str) -> Option<&Arc<Llm>> {
        self.judges.get(name)
    }

    /// The names of all language models.
    pub fn judges(&self) -> impl Iterator<Item = &Name> {
        self.judges.keys()
    }

    pub fn destination(&self, name: &str) -> Option<&Arc<Destination>> {
        self.destinations.get(name)
    }

    /// When a route's own job is tried again.
    pub fn schedule_of_route(&self, route: &str) -> &Schedule {
        self.route(route).map_or(&self.schedule, |route| &route.schedule)
    }

    /// When an action is tried again.
    pub fn schedule_of(&self, action: &str) -> &Schedule {
        self.actions.get(action).map_or(&self.schedule, |action| &action.schedule)
    }

    /// How many jobs may be under way at one time now: what a breaker holds stays where it is, at no cost.
    pub fn limits(&self, elapsed: Duration) -> store::Limits {
        let routes = self.routes.iter().filter_map(|r| Some((Name::clone(&r.name), r.concurrency?)));
        let destinations = self.destinations.iter().filter_map(|(name, destination)| {
            let limit =
                destination.calls_max().into_iter().chain(destination.remote()?.held(elapsed)).min()?;
            Some((Name::clone(name), limit))
        });
        store::Limits { routes: routes.collect(), destinations: destinations.collect() }
    }

    /// How long until the first open breaker of a destination lets one through.
    pub fn held_for(&self, elapsed: Duration) -> Option<Duration> {
        self.destinations.values().filter_map(|destination| destination.remote()?.held_for(elapsed)).min()
    }

    /// The breakers of destinations, as they are shown.
    pub fn breakers(&self, elapsed: Duration) -> BTreeMap<Name, Shown> {
        let shown = |d: &Arc<Destination>| Some((Name::clone(d.name()), d.remote()?.breaker(elapsed)));
        self.destinations.values().filter_map(shown).collect()
    }

    /// The breakers of judges, as they are shown.
    pub fn judge_breakers(&self, elapsed: Duration) -> BTreeMap<Name, Shown> {
        self.judges.iter().map(|(name, judge)| (Name::clone(name), judge.breaker(elapsed))).collect()
    }

    /// The language models that may be asked.
    pub fn language_models(&self) -> impl Iterator<Item = (&Name, &Llm)> {
        self.judges.iter().map(|(name, judge)| (name, &**judge))
    }

    /// The judges that refuse whatever a classifier asks them, and which those are.
    pub fn refusing_judges(&self) -> BTreeMap<Name, BTreeMap<Name, Refused>> {
        let refused = |judge: &Llm| -> BTreeMap<_, _> {
            judge.refusals().into_iter().filter_map(|(of, refusals)| Some((of, refusals.shown()?))).collect()
        };
        let all = self.language_models().map(|(name, judge)| (Name::clone(name), refused(judge)));
        all.filter(|(_, refused)| !refused.is_empty()).collect()
    }

    /// How long each judge rests that asked to be left alone, and why.
    pub fn resting_judges(&self, elapsed: Duration) -> BTreeMap<Name, (Duration, String)> {
        let resting = |(name, judge): (&Name, &Arc<Llm>)| Some((Name::clone(name), judge.resting(elapsed)?));
        self.judges.iter().filter_map(resting).collect()
    }

    /// What is known here of the breakers of destinations.
    pub fn own_breakers(&self) -> impl Iterator<Item = (&Name, Own)> {
        self.destinations.iter().filter_map(|(name, destination)| Some((name, destination.remote()?.own())))
    }

    /// What is known here of the breakers of judges.
    pub fn own_judge_breakers(&self) -> impl Iterator<Item = (&Name, Own)> {
        self.judges.iter().map(|(name, judge)| (name, judge.own()))
    }

    /// Has the breaker of a destination take the word of another process for its own.
    pub fn hear_of(&self, destination: &str, word: &Word, elapsed: Duration) {
        if let Some(remote) = self.destination(destination).and_then(|destination| destination.remote()) {
            remote.hear(word, elapsed);
        }
    }

    /// The same with the breaker of a judge.
    pub fn hear_of_judge(&self, judge: &str, word: &Word, elapsed: Duration) {
        if let Some(judge) = self.judges.get(judge) {
            judge.hear(word, elapsed);
        }
    }

    /// What templates and judges see of a labelled case.
    pub fn case_context(&self, case: &Case) -> Context {
        context::of_case(&self.origins, case)
    }

    fn has_classifier(&self, route: &str) -> bool {
        self.route(route).is_some_and(|route| route.classifier.is_some())
    }

    pub fn has_route(&self, name: &str) -> bool {
        self.route(name).is_some()
    }

    fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| &*route.name == name)
    }

    /// Teaches every `local` judge from the training cases. Takes milliseconds to seconds of CPU: call it on a
    /// thread that may block. Jobs that need a judge which is not ready yet wait for it.
    ///
    /// Which of them could not learn, and why.
    pub fn train(&self) -> Vec<String> {
        self.training.iter().filter_map(|training| training.run().err()).collect()
    }
}
