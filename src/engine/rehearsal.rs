//! What would be done about a labelled case: the filter, the routes, the gates and the plans, with nothing stored or sent.

use crate::{
    config::Case,
    domain::{Clock, Event, EventId, Lane, Name, Timestamp, Verdict},
};

use super::{Engine, RouteEnd, action, context, route};

/// What would become of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// Why no route would take it, if none would.
    pub ignored: Option<String>,
    /// Routes that ask the classifier.
    pub routes: Vec<Rehearsed>,
}

/// What one route would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    pub route: Name,
    /// Ids of the actions that would be planned.
    pub actions: Vec<Name>,
    /// The keys of their requests, in the same order.
    pub keys: Vec<String>,
    /// Why nothing would be planned: a person is to decide, or it fails.
    pub stopped: Option<String>,
}

impl Rehearsal {
    /// Ids of the actions that would be planned, on all routes.
    pub fn planned(&self) -> impl Iterator<Item = &Name> {
        self.routes.iter().flat_map(|route| &route.actions)
    }
}

impl Engine {
    /// What the routes that ask `classifier` would do about `case`, accepted as the event `id`, after this verdict; without one
    /// a person decides first.
    pub fn rehearse(
        &self,
        id: EventId,
        case: &Case,
        classifier: &str,
        verdict: Option<&Verdict>,
        clock: &dyn Clock,
    ) -> Rehearsal {
        let mut event = event(id, case);
        let origin = context::origin_of(&self.origins, case);
        let jobs = match self.route_event(&origin, &mut event) {
            Ok(Ok(jobs)) => jobs,
            Ok(Err(reason)) => return Rehearsal { ignored: Some(reason), routes: Vec::new() },
            Err(error) => {
                return Rehearsal {
                    ignored: Some(format!("the filter failed: {error}")),
                    routes: Vec::new(),
                };
            }
        };
        let mut routes = Vec::new();
        for job in jobs {
            let name = Name::clone(job.work.route());
            let Some(route) = self.route(&name) else { continue };
            if route.classifier.as_ref().is_none_or(|asked| **asked.name() != *classifier) {
                continue;
            }
            let (planned, stopped) = match verdict {
                None => (Vec::new(), Some("no judge decided".to_owned())),
                Some(verdict) => self.rehearse_route(route, &event, case, verdict, clock),
            };
            let (actions, keys) = planned.into_iter().unzip();
            routes.push(Rehearsed { route: name, actions, keys, stopped });
        }
        Rehearsal { ignored: None, routes }
    }

    fn rehearse_route(
        &self,
        route: &super::Route,
        event: &Event,
        case: &Case,
        verdict: &Verdict,
        clock: &dyn Clock,
    ) -> (Vec<(Name, String)>, Option<String>) {
        let context = context::with_verdict(self.case_context(case), verdict);
        match self.gated(&verdict.classifier, &context) {
            Ok(None) => {}
            Ok(Some(reason)) | Err(reason) => return (Vec::new(), Some(reason)),
        }
        match self.plan_route(route, event, context, Some(Box::new(verdict.clone())), route::FIRST, clock) {
            RouteEnd::Planned { jobs, faults, .. } => {
                let planned = jobs.iter().filter_map(|job| {
                    let plan = job.work.plan()?;
                    // One that waits for others is frozen later, under the key that it would have now.
                    let frozen = job.request.as_ref().map(|request| request.idempotency_key.clone());
                    Some((plan.id.clone(), frozen.unwrap_or_else(|| action::key(event.id, plan))))
                });
                (planned.collect(), faults.into_iter().next())
            }
            RouteEnd::Person { reason, .. } | RouteEnd::Unknown { reason } => (Vec::new(), Some(reason)),
            RouteEnd::Failed(failure) => (Vec::new(), Some(failure.reason().to_owned())),
        }
    }
}

/// The event of a case, as if it had just come.
fn event(id: EventId, case: &Case) -> Event {
    let headers = case.event.headers.iter().flatten();
    Event {
        id,
        source: case.event.source.as_str().into(),
        event_type: case.event.event_type.as_str().into(),
        lane: Lane::Normal,
        received_at: Timestamp::default(),
        test_mode: false,
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: case.event.body.to_string().into_bytes().into(),
    }
}
