//! An action, ready to be frozen into requests.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{
    act::{Act, Destination, Freeze},
    config::tables::AskedMode,
    decide::retry::Schedule,
    domain::{ActionPlan, Cause, Event, EventId, FrozenRequest, Job, Mode, Name, Timestamp, Verdict, Work},
    store::{NewJob, Start, Timeline},
    template::Context,
};

use super::{Engine, context};

/// A compiled `[action.NAME]`.
pub(crate) struct Action {
    pub act: &'static dyn Act,
    pub freeze: Box<dyn Freeze>,
    pub destination: Arc<Destination>,
    pub asked: AskedMode,
    pub retry_unknown: bool,
    pub schedule: Schedule,
}

impl Engine {
    pub fn has_action(&self, name: &str) -> bool {
        self.actions.contains_key(name)
    }

    /// Where an action goes by today's configuration.
    pub(super) fn destination_of(&self, action: &str) -> Option<Name> {
        self.actions.get(action).map(|action| Name::clone(action.destination.name()))
    }

    /// Fixes the request of a planned action. The reason, if a template fails or the action is gone.
    pub(super) fn freeze(
        &self,
        plan: &ActionPlan,
        event: &Event,
        context: &Context,
        now: Timestamp,
    ) -> Result<FrozenRequest, String> {
        let action =
            self.actions.get(&plan.uses).ok_or_else(|| format!("no action is called `{}`", plan.uses))?;
        let call = action
            .freeze
            .freeze(context, &action.destination)
            .map_err(|error| format!("action `{}` could not be rendered: {error}", plan.uses))?;
        let mut idempotency_key = key(event.id, plan);
        if plan.dead.is_some() {
            // A job may die more than once; the same key must never carry two bodies.
            let body = serde_json::to_vec(&call).map_err(|error| error.to_string())?;
            let digest = hex::encode(Sha256::digest(body));
            idempotency_key = format!("{idempotency_key}-{}", digest.get(..12).unwrap_or(&digest));
        }
        let (mode, mode_reason) = mode(action, event);
        Ok(FrozenRequest {
            kind: action.act.kind().into(),
            destination: Name::clone(action.destination.name()),
            idempotency_key,
            class: action.act.class(&action.destination),
            retry_unknown: action.retry_unknown,
            mode,
            mode_reason,
            frozen_at: now,
            call,
        })
    }

    /// Freezes an action that had to wait for others, from its route's verdict and the receipts now on record. The
    /// event's body must be at hand.
    ///
    /// # Errors
    /// Why it cannot be rendered.
    pub fn freeze_late(
        &self,
        plan: &ActionPlan,
        timeline: &Timeline,
        verdict: Option<&Verdict>,
        now: Timestamp,
    ) -> Result<FrozenRequest, String> {
        let event = &timeline.event;
        let mut context = self.event_context(event).ok_or("the event's body cannot be read")?;
        if let Some(verdict) = verdict {
            context = context::with_verdict(context, verdict);
        }
        self.freeze(plan, event, &context::with_receipts(context, timeline, &plan.route), now)
    }

    /// The job that tells of another's death, if its route asks for one.
    pub fn on_dead(
        &self,
        job: &Job,
        event: &Event,
        cause: Cause,
        reason: &str,
        now: Timestamp,
    ) -> Option<NewJob> {
        if job.work.is_shadow() {
            return None;
        }
        let (route, id, uses) = match &job.work {
            Work::Route { route, .. } => (route, None, self.on_route_dead(route)?),
            // What tells of a death does not tell of its own.
            Work::Action(plan) => (&plan.route, Some(&plan.id), plan.on_dead.as_ref()?),
        };
        let dead = serde_json::json!({
            "job": job.id, "route": route, "action": id, "cause": cause, "reason": reason, "attempts": job.attempts + 1,
        });
        let plan = ActionPlan {
            route: Name::clone(route),
            id: format!("on_dead.{}", id.map_or("route", |id| id)).into(),
            uses: Name::clone(uses),
            after: Vec::new(),
            on_dead: None,
            delay_ms: 0,
            version: 1,
            dead: Some(dead.clone()),
        };
        let context = self.event_context(event).unwrap_or_default().with("dead", &dead);
        let (request, start) = match self.freeze(&plan, event, &context, now) {
            Ok(request) => (Some(request), Start::Ready),
            Err(reason) => (None, Start::Dead { cause: Cause::Unrenderable, reason }),
        };
        let destination = self.destination_of(&plan.uses);
        let new = NewJob::new(job.lane, Work::Action(plan), Arc::clone(&self.digest));
        Some(NewJob { destination, request, start, ..new })
    }
}

/// By which a destination knows a plan's requests: the same however often it is made of one event, and another one for
/// every other event.
pub(super) fn key(event: EventId, plan: &ActionPlan) -> String {
    format!("{event}-{}-{}-v{}", plan.route, plan.id, plan.version)
}

/// What the configuration asks for, unless a live request must not or cannot leave.
fn mode(action: &Action, event: &Event) -> (Mode, Option<String>) {
    let held_back = if event.test_mode {
        Some("the sender marked the event as a test".to_owned())
    } else {
        action.destination.unready()
    };
    match (action.asked, held_back) {
        (AskedMode::DryRun, _) => (Mode::DryRun, None),
        (AskedMode::Live | AskedMode::Review, Some(reason)) => (Mode::DryRun, Some(reason)),
        (AskedMode::Live, None) => (Mode::Live, None),
        (AskedMode::Review, None) => (Mode::Review, None),
    }
}
