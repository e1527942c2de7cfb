//! What a replay would do, told without doing it: nothing is bought, stored or sent.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    classify::{LedgerError, RecordedLedger},
    decide::diff::{Differences, diff},
    domain::{
        ActionPlan, Call, Clock, EventId, Fill, FrozenRequest, HeaderValue, Job, JobState, Mode, Name,
        Replay, ReplayMode, Verdict,
    },
    store::{NewJob, Start, Timeline},
};

use super::{
    ASKS_FOR_A_YES, Engine, Replanned, RouteEnd, next_version, recorded_verdict, replan::replayable,
};

/// An event's routes, as a replay would leave them.
#[derive(Debug, Serialize)]
pub struct Preview {
    pub event: EventId,
    pub mode: ReplayMode,
    /// Routes that would take the event today.
    pub routes: Vec<RoutePreview>,
    /// Routes that took it before and would not today. What they did stays done.
    pub gone: Vec<Name>,
}

/// One route, before and after.
#[derive(Debug, Serialize)]
pub struct RoutePreview {
    pub route: Name,
    pub verdict_before: Option<Ruling>,
    pub verdict_after: Option<Ruling>,
    /// Judges whose answer to today's question is not on record: a replay would ask them, so the verdict is only what
    /// follows without them.
    pub would_ask: Vec<Name>,
    /// Why nothing would be planned: a person decides, or it fails.
    pub stopped: Option<String>,
    /// The actions planned today, then those planned before and not today.
    pub actions: Vec<ActionPreview>,
}

/// A verdict in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    pub label: String,
    pub confidence: f64,
    pub judge: Name,
    pub output: Value,
}

/// What would become of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    /// It had its effect with the same bytes: it is left as it is.
    Keep,
    /// It would be sent, with a new key.
    Go,
    /// A person would have to say yes.
    Ask,
    /// It is not planned today. What it did stays done, and what it still has to do will be done.
    NotPlanned,
}

/// One action, before and after.
#[derive(Debug, Serialize)]
pub struct ActionPreview {
    pub action: Name,
    pub fate: Foreseen,
    /// Why, where a person would be asked.
    pub why: Option<String>,
    /// How its newest job stands; `None` if it was never planned.
    pub before: Option<JobState>,
    /// Whether the new request would really leave; `None` while it cannot be told.
    pub mode: Option<Mode>,
    /// Where the requests differ. `None` if the new one cannot be told yet: it follows others and sees their receipts,
    /// or its templates fail.
    pub request: Option<Differences>,
}

impl Engine {
    /// What a replay of `timeline` would do. The event's body must be at hand.
    ///
    /// # Errors
    /// Why it could not be replayed.
    pub async fn preview(
        &self,
        timeline: &Timeline,
        mode: ReplayMode,
        clock: &dyn Clock,
    ) -> Result<Preview, String> {
        replayable(timeline)?;
        let event = &timeline.event;
        let wish = Replay { mode, sweep: "preview".into() };
        let jobs = self.replay_jobs(event, &wish)?;
        let bought = timeline.jobs.iter().flat_map(|entry| entry.purchases.iter().cloned()).collect();
        let ledger = RecordedLedger::new(bought);
        let mut routes = Vec::with_capacity(jobs.len());
        for job in &jobs {
            let route = self.preview_route(job.work.route(), timeline, mode, &ledger, clock).await;
            routes.push(route.map_err(|error| error.to_string())?);
        }
        let mut gone: Vec<Name> = Vec::new();
        for entry in &timeline.jobs {
            let route = entry.job.work.route();
            if !routes.iter().any(|one| one.route == *route) && !gone.contains(route) {
                gone.push(Name::clone(route));
            }
        }
        Ok(Preview { event: event.id, mode, routes, gone })
    }

    async fn preview_route(
        &self,
        route: &Name,
        timeline: &Timeline,
        mode: ReplayMode,
        ledger: &RecordedLedger,
        clock: &dyn Clock,
    ) -> Result<RoutePreview, LedgerError> {
        let before = recorded_verdict(timeline, route);
        let decided = match mode {
            ReplayMode::Reuse => before,
            ReplayMode::Reclassify | ReplayMode::Shadow => None,
        };
        let version = next_version(timeline, route);
        let end = self.run_route(route, &timeline.event, decided, version, ledger, clock).await?;
        let mut preview = RoutePreview {
            route: Name::clone(route),
            verdict_before: before.map(|before| ruling(before.verdict)),
            verdict_after: None,
            would_ask: ledger.take_unanswered(),
            stopped: None,
            actions: Vec::new(),
        };
        match end {
            RouteEnd::Planned { verdict, jobs, said: _, faults: _ } => {
                preview.verdict_after = verdict.as_deref().map(ruling);
                preview.actions = self.preview_actions(route, jobs, timeline, verdict.as_deref(), clock);
            }
            RouteEnd::Person { reason, verdict } => {
                preview.verdict_after = verdict.as_deref().map(ruling);
                preview.stopped = Some(format!("a person decides: {reason}"));
            }
            RouteEnd::Failed(failure) => preview.stopped = Some(failure.reason().to_owned()),
            RouteEnd::Unknown { reason } => preview.stopped = Some(reason),
        }
        Ok(preview)
    }

    fn preview_actions(
        &self,
        route: &Name,
        planned: Vec<NewJob>,
        timeline: &Timeline,
        verdict: Option<&Verdict>,
        clock: &dyn Clock,
    ) -> Vec<ActionPreview> {
        let order: Vec<Name> =
            planned.iter().filter_map(|job| job.work.plan()).map(|p| p.id.clone()).collect();
        let Replanned { jobs, replaces: _, kept } =
            self.replan(route, planned, timeline, verdict, clock.now());
        let mut actions: Vec<ActionPreview> = kept
            .into_iter()
            .map(|action| {
                let (before, _) = newest(timeline, route, &action).unzip();
                let (fate, request) = (Foreseen::Keep, Some(Differences::default()));
                ActionPreview { action, fate, why: None, before, mode: None, request }
            })
            .chain(jobs.iter().filter_map(|job| preview_action(job, job.work.plan()?, timeline)))
            .collect();
        actions.sort_by_key(|one| order.iter().position(|id| *id == one.action));
        for (job, plan) in earlier(timeline, route) {
            if !actions.iter().any(|one| one.action == plan.id) {
                let (action, before) = (Name::clone(&plan.id), newest(timeline, route, &plan.id));
                let before = before.map_or(job.state, |(state, _)| state);
                let (fate, before) = (Foreseen::NotPlanned, Some(before));
                actions.push(ActionPreview { action, fate, why: None, before, mode: None, request: None });
            }
        }
        actions
    }
}

fn preview_action(job: &NewJob, plan: &ActionPlan, timeline: &Timeline) -> Option<ActionPreview> {
    let (before, request) = newest(timeline, &plan.route, &plan.id).unzip();
    let mode = job.request.as_ref().map(|request| request.mode);
    let (fate, why) = match &job.start {
        Start::Waiting { reason } => (Foreseen::Ask, Some(reason.clone())),
        // As whoever works on it will ask.
        Start::Ready | Start::After { .. } if mode == Some(Mode::Review) => {
            (Foreseen::Ask, Some(ASKS_FOR_A_YES.to_owned()))
        }
        Start::Ready | Start::After { .. } | Start::Blocked => (Foreseen::Go, None),
        // No action is born dead by a plan; if one were, a person would have to look.
        Start::Dead { reason, .. } => (Foreseen::Ask, Some(reason.clone())),
    };
    let before_request = request.flatten().map(|request| told(&request.call));
    let differences = job.request.as_ref().map(|new| diff(before_request.as_ref(), Some(&told(&new.call))));
    Some(ActionPreview { action: Name::clone(&plan.id), fate, why, before, mode, request: differences })
}

/// The actions that `route` planned before, oldest first; not those that tell of a death.
fn earlier<'t>(
    timeline: &'t Timeline,
    route: &str,
) -> impl DoubleEndedIterator<Item = (&'t Job, &'t ActionPlan)> {
    let planned = |job: &'t Job| job.work.plan().map(|plan| (job, plan));
    let ours = move |(_, plan): &(&Job, &ActionPlan)| &*plan.route == route && plan.dead.is_none();
    timeline.jobs.iter().filter_map(move |entry| planned(&entry.job)).filter(ours)
}

/// How the newest job of an action stands, and its request.
fn newest<'t>(
    timeline: &'t Timeline,
    route: &str,
    action: &str,
) -> Option<(JobState, Option<&'t FrozenRequest>)> {
    let found = earlier(timeline, route).rev().find(|(_, plan)| &*plan.id == action);
    found.map(|(job, _)| (job.state, job.request.as_ref()))
}

fn ruling(verdict: &Verdict) -> Ruling {
    Ruling {
        label: verdict.label.clone(),
        confidence: verdict.confidence,
        judge: Name::clone(&verdict.judge),
        output: verdict.output.clone(),
    }
}

/// A call as it is compared: headers by name, and a body as JSON where it is. Credentials are not in it.
fn told(call: &Call) -> Value {
    let parsed = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    match call {
        Call::Http { method, target, headers, body } => {
            let header = |value: &HeaderValue| match value {
                HeaderValue::Plain(text) => json!(text),
                HeaderValue::Credential { prefix } => json!(format!("{prefix}<credential>")),
            };
            let headers: serde_json::Map<String, Value> =
                headers.iter().map(|(name, value)| (name.clone(), header(value))).collect();
            json!({ "method": method, "target": target, "headers": headers, "body": parsed(body) })
        }
        Call::Post { target, fill, body } => {
            let place = |fill: &Fill| match fill {
                Fill::Credential => "<credential>",
                Fill::IdempotencyKey => "<idempotency key>",
            };
            let fill: serde_json::Map<String, Value> =
                fill.iter().map(|(field, fill)| (field.clone(), json!(place(fill)))).collect();
            json!({ "method": "POST", "target": target, "fill": fill, "body": parsed(body) })
        }
        Call::Append { log, line } => json!({ "log": log, "line": parsed(line) }),
    }
}
