//! A route job: classify the event where the route asks for it, and plan the route's actions.

use std::{fmt::Display, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use crate::{
    classify::{Classifier, ClassifyError, Ledger, LedgerError, Outcome, Variant},
    decide::{
        plan::{Candidate, plan},
        retry::Failure,
    },
    domain::{ActionPlan, Cause, Clock, Event, Lane, Name, Replay, ReplayMode, Timestamp, Verdict, Work},
    source,
    store::{NewJob, Start},
    template::{Context, View},
};

use super::{Engine, Gate, Given, INTAKE, Route, context};

/// How a route job ends.
#[derive(Debug)]
pub enum RouteEnd {
    /// Actions to perform, perhaps none. `faults` tells of those whose request could not be rendered: their jobs will
    /// find out for themselves.
    Planned {
        verdict: Option<Box<Verdict>>,
        jobs: Vec<NewJob>,
        said: String,
        faults: Vec<String>,
    },
    /// A person decides; about a verdict, if there is one.
    Person {
        reason: String,
        verdict: Option<Box<Verdict>>,
    },
    Failed(Failure),
    /// The configuration of today has no such route.
    Unknown {
        reason: String,
    },
}

/// Why a person is to see a verdict before anything is done; `None` if nobody need.
///
/// # Errors
/// A condition failed.
fn gate(gates: &[Gate], context: &Context) -> Result<Option<String>, String> {
    for gate in gates {
        match gate.when.holds(context) {
            Ok(false) => {}
            Ok(true) => return Ok(Some(gate.reason.clone())),
            Err(error) => return Err(format!("a gate's `when` failed: {error}")),
        }
    }
    Ok(None)
}

/// Looks at an event for the first time: it can be read, and it can be told whether `route` takes it.
fn looked_at(route: &Route, view: &View<'_>) -> Result<(), RouteEnd> {
    let context = view.context().map_err(unreadable)?;
    match route.condition.as_ref().map(|condition| condition.holds(&context)) {
        Some(Err(error)) => Err(failed(Cause::Unrenderable, format!("the route's `when` failed: {error}"))),
        // When the event came, that decided whether there is a job of this route.
        Some(Ok(_)) | None => Ok(()),
    }
}

/// The version of an event's first plan.
pub(super) const FIRST: u32 = 1;

/// The sweep that jobs for shadows belong to.
const SHADOW: &str = "shadow";

/// The verdict on what `view` shows, asked for by `variant`; or how the job ends without one.
async fn asked(
    classifier: &Classifier,
    variant: Option<&Variant>,
    view: &View<'_>,
    received_at: Option<Timestamp>,
    ledger: &dyn Ledger,
    clock: &dyn Clock,
) -> Result<Result<Box<Verdict>, RouteEnd>, LedgerError> {
    let Some(variant) = variant else {
        let reason = format!("the classifier `{}` has no prompts", classifier.name());
        return Ok(Err(failed(Cause::Unrenderable, reason)));
    };
    Ok(match classifier.classify(variant, view, received_at, ledger, clock).await {
        Ok(Outcome::Verdict(verdict)) => Ok(verdict),
        Ok(Outcome::Person { reason, .. }) => Err(RouteEnd::Person { reason, verdict: None }),
        // Asked to wait, the job waits; it does not count as an attempt.
        Ok(Outcome::TryAgain { reason, retry_after: Some(wait), spent: true, .. }) => {
            Err(RouteEnd::Failed(Failure::Unaffordable { reason, wait }))
        }
        Ok(Outcome::TryAgain { reason, retry_after: retry_after @ Some(_), spent: false, .. }) => {
            Err(RouteEnd::Failed(Failure::Throttled { reason, retry_after }))
        }
        Ok(Outcome::TryAgain { reason, retry_after: None, .. }) => {
            Err(RouteEnd::Failed(Failure::Transient { reason, retry_after: None }))
        }
        Err(ClassifyError::Ledger(error)) => return Err(error),
        Err(error @ ClassifyError::Unrenderable { .. }) => {
            Err(failed(Cause::Unrenderable, error.to_string()))
        }
    })
}

impl Engine {
    /// Runs the route job of `event`. `decided` is a verdict that was given before, to this job or to one that it replays; `version` is the
    /// plan's: 1 unless the event was planned before.
    ///
    /// # Errors
    /// The ledger cannot be written: the lease is gone, or the store does not answer.
    pub async fn run_route(
        &self,
        route: &str,
        event: &Event,
        decided: Option<Given<'_>>,
        version: u32,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<RouteEnd, LedgerError> {
        if route == INTAKE {
            return Ok(self.rerun_intake(event));
        }
        let Some(route) = self.route(route) else {
            return Ok(RouteEnd::Unknown { reason: format!("no route is called `{route}` today") });
        };
        let Some(origin) = self.origin(&event.source) else {
            return Ok(unknown_source(event));
        };
        if route.is_idle() {
            return Ok(routed("no action".to_owned(), Vec::new()));
        }
        let view = context::view(origin, event);
        if let Err(end) = looked_at(route, &view) {
            return Ok(end);
        }
        let verdict = match (&route.classifier, decided) {
            (None, _) => None,
            (Some(_), Some(decided)) => Some(Box::new(decided.verdict.clone())),
            (Some(classifier), None) => {
                let variant = classifier.variant_of(&event.id.to_string());
                // Of what is run again nobody waits for the answer.
                let received_at = (version == 1).then_some(event.received_at);
                match asked(classifier, variant, &view, received_at, ledger, clock).await? {
                    Ok(verdict) => Some(verdict),
                    Err(end) => return Ok(end),
                }
            }
        };
        let context = match (view.context(), &verdict) {
            (Ok(context), Some(verdict)) => context::with_verdict(context, verdict),
            (Ok(context), None) => context,
            (Err(error), _) => return Ok(unreadable(error)),
        };
        // What a person has said yes to has passed; a verdict that is only used again has not.
        let approved = decided.is_some_and(|decided| decided.approved);
        if let Some(found) = verdict.as_ref().filter(|_| !approved) {
            match self.gated(&found.classifier, &context) {
                Ok(None) => {}
                Ok(Some(reason)) => return Ok(RouteEnd::Person { reason, verdict }),
                Err(reason) => return Ok(failed(Cause::Unrenderable, reason)),
            }
        }
        // Once: what is run again was shown to it the first time.
        let shadow =
            (decided.is_none() && version == 1).then(|| self.shadow_job(route, event, verdict.as_deref()));
        let mut end = self.plan_route(route, event, context, verdict, version, clock);
        if let RouteEnd::Planned { jobs, .. } = &mut end {
            jobs.extend(shadow.flatten());
        }
        Ok(end)
    }

    /// The job that shows an event to the classifier's shadow, if it is to be shown and the shadow could say something else.
    fn shadow_job(&self, route: &Route, event: &Event, verdict: Option<&Verdict>) -> Option<NewJob> {
        let classifier = route.classifier.as_ref()?;
        classifier.shadow_of(&event.id.to_string())?;
        if !classifier.prompts_were_read(verdict?) {
            return None;
        }
        let replay = Some(Replay { mode: ReplayMode::Shadow, sweep: SHADOW.into() });
        let work = Work::Route { route: Name::clone(&route.name), replay };
        Some(NewJob::new(Lane::Bulk, work, Arc::clone(&self.digest)))
    }

    /// Shows `event` to the shadow of a route's classifier. Its verdict is for the record: nothing is planned.
    ///
    /// # Errors
    /// As [`Engine::run_route`].
    pub async fn run_shadow(
        &self,
        route: &str,
        event: &Event,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<RouteEnd, LedgerError> {
        let classifier = self.route(route).and_then(|route| route.classifier.as_ref());
        let shadow = classifier.and_then(|one| Some((one, one.shadow_of(&event.id.to_string())?)));
        let (Some((classifier, shadow)), Some(origin)) = (shadow, self.origin(&event.source)) else {
            return Ok(routed("there is no shadow for it today".to_owned(), Vec::new()));
        };
        let view = context::view(origin, event);
        if let Err(error) = view.context() {
            return Ok(unreadable(error));
        }
        Ok(match asked(classifier, Some(shadow), &view, None, ledger, clock).await? {
            Ok(verdict) => RouteEnd::Planned {
                said: format!("the shadow says {}", verdict.label),
                verdict: Some(verdict),
                jobs: Vec::new(),
                faults: Vec::new(),
            },
            Err(RouteEnd::Person { reason, .. }) => routed(format!("the shadow: {reason}"), Vec::new()),
            Err(end) => end,
        })
    }

    /// Why a person is to see a verdict of `classifier` first; `None` if nobody need. `context` holds the verdict.
    ///
    /// # Errors
    /// A gate's condition failed.
    pub(super) fn gated(&self, classifier: &str, context: &Context) -> Result<Option<String>, String> {
        gate(self.gates.get(classifier).map(Vec::as_slice).unwrap_or_default(), context)
    }

    /// Plans the actions of `route` for a verdict, which `context` holds too.
    pub(super) fn plan_route(
        &self,
        route: &Route,
        event: &Event,
        context: Context,
        verdict: Option<Box<Verdict>>,
        version: u32,
        clock: &dyn Clock,
    ) -> RouteEnd {
        let mut candidates = Vec::with_capacity(route.actions.len());
        for action in &route.actions {
            let holds = match action.condition.as_ref().map(|condition| condition.holds(&context)) {
                None => true,
                Some(Ok(holds)) => holds,
                Some(Err(error)) => {
                    return failed(
                        Cause::Unrenderable,
                        format!("`when` of action `{}` failed: {error}", action.id),
                    );
                }
            };
            candidates.push(Candidate { id: &action.id, after: &action.after, holds });
        }
        let planned = plan(&candidates);
        let (mut jobs, mut faults) = (Vec::with_capacity(planned.len()), Vec::new());
        for (action, after) in planned.into_iter().filter_map(|p| Some((route.actions.get(p.at)?, p.after))) {
            let plan = ActionPlan {
                route: Name::clone(&route.name),
                id: Name::clone(&action.id),
                uses: Name::clone(&action.uses),
                after,
                on_dead: action.on_dead.clone(),
                delay_ms: action.delay_ms,
                version,
                dead: None,
            };
            jobs.push(self.action_job(event, &context, plan, clock, &mut faults));
        }
        let ids: Vec<&str> = jobs.iter().filter_map(|job| Some(&*job.work.plan()?.id)).collect();
        let said = match (&verdict, ids.is_empty()) {
            (Some(v), true) => format!("{} → no action", v.label),
            (Some(v), false) => format!("{} → {}", v.label, ids.join(", ")),
            (None, true) => "no action".to_owned(),
            (None, false) => ids.join(", "),
        };
        RouteEnd::Planned { verdict, jobs, said, faults }
    }

    /// A planned action as a job: frozen now, unless it must see the receipts of others first.
    fn action_job(
        &self,
        event: &Event,
        context: &Context,
        plan: ActionPlan,
        clock: &dyn Clock,
        faults: &mut Vec<String>,
    ) -> NewJob {
        let (request, start) = if plan.after.is_empty() {
            match self.freeze(&plan, event, context, clock.now()) {
                Ok(request) => (Some(request), Start::Ready),
                // One action's fault does not hold up the others: it dies in its own job, by its own rules.
                Err(fault) => {
                    faults.push(fault);
                    (None, Start::Ready)
                }
            }
        } else {
            (None, Start::Blocked)
        };
        let start = match start {
            Start::Ready if plan.delay_ms > 0 => Start::After { wait: Duration::from_millis(plan.delay_ms) },
            other => other,
        };
        let destination = self.destination_of(&plan.uses);
        let job = NewJob::new(event.lane, Work::Action(plan), Arc::clone(&self.digest));
        NewJob { destination, request, start, ..job }
    }

    /// Tells the routes of an event whose routes could not be told when it came.
    fn rerun_intake(&self, event: &Event) -> RouteEnd {
        let Some(origin) = self.origin(&event.source) else {
            return unknown_source(event);
        };
        if let Err(error) = context::of_event(origin, event) {
            return unreadable(error);
        }
        // A body without a type cannot be told to any route, today or ever.
        if &*event.event_type == source::UNREADABLE {
            return failed(
                Cause::Unreadable,
                "what it is cannot be told from its headers and body".to_owned(),
            );
        }
        let mut event = event.clone();
        match self.route_event(origin, &mut event) {
            Ok(Ok(jobs)) => routed("routed".to_owned(), jobs),
            Ok(Err(ignored)) => routed(format!("ignored: {ignored}"), Vec::new()),
            Err(error) => failed(Cause::Unrenderable, format!("the filter failed: {error}")),
        }
    }

    /// What templates see of an event; `None` if its body cannot be read.
    pub(super) fn event_context(&self, event: &Event) -> Option<Context> {
        context::of_event(self.origin(&event.source)?, event).ok()
    }

    /// The verdict of a person about an event on `route`: `label`, with `output` for the schema's other fields.
    ///
    /// # Errors
    /// The route has no classifier, or its schema does not admit that.
    pub fn verdict_of_person(
        &self,
        route: &str,
        label: &str,
        output: &Map<String, Value>,
    ) -> Result<Verdict, String> {
        let classifier = self.route(route).and_then(|route| route.classifier.as_ref());
        let classifier = classifier.ok_or_else(|| format!("route `{route}` has no classifier"))?;
        classifier.verdict_of_person(label, output).map_err(|wrong| wrong.join("; "))
    }

    /// What a person chooses among for an event on `route`; `None` if nothing is classified there today.
    pub fn labels(&self, route: &str) -> Option<&[String]> {
        Some(self.route(route)?.classifier.as_ref()?.schema().labels())
    }

    /// Ids of the actions that may follow a verdict of `classifier`, on all routes.
    pub fn actions_after(&self, classifier: &str) -> impl Iterator<Item = &Name> {
        let asks =
            move |route: &&Route| route.classifier.as_ref().is_some_and(|one| **one.name() == *classifier);
        self.routes.iter().filter(asks).flat_map(|route| route.actions.iter().map(|action| &action.id))
    }

    /// The action that tells of a route job's death.
    pub fn on_route_dead(&self, route: &str) -> Option<&Name> {
        self.route(route)?.on_dead.as_ref()
    }
}

fn unknown_source(event: &Event) -> RouteEnd {
    RouteEnd::Unknown { reason: format!("no source is called `{}` today", event.source) }
}

fn unreadable(error: impl Display) -> RouteEnd {
    failed(Cause::Unreadable, error.to_string())
}

fn routed(said: String, jobs: Vec<NewJob>) -> RouteEnd {
    RouteEnd::Planned { verdict: None, said, jobs, faults: Vec::new() }
}

fn failed(cause: Cause, reason: String) -> RouteEnd {
    RouteEnd::Failed(Failure::Permanent { cause, reason })
}
