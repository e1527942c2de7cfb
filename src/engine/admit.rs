//! From a verified delivery to an event with its jobs.

use std::sync::Arc;

use crate::{
    decide::filter::{self, Fate},
    domain::{Cause, Delivery, Event, EventId, Lane, Name, OWN_SOURCE, Replay, Timestamp, Work},
    source::{self, Identity, Verified},
    store::{Coalesce, NewJob, Order, Start},
    template::{Condition, Shape, TemplateError, View},
};

use super::{Engine, INTAKE, Origin, Route, Source, context, trust::OWN_ORIGIN};

/// What a verified delivery becomes.
#[derive(Debug)]
pub enum Admitted {
    /// Noise, by configuration.
    Ignored { reason: String },
    /// Work. Every job's lane is the event's.
    Event { event: Event, jobs: Vec<NewJob> },
}

impl Engine {
    /// Filters and routes what `identity` says `delivery` is.
    pub fn admit(
        &self,
        source: &Source,
        delivery: &Delivery<Verified>,
        identity: &Identity,
        id: EventId,
    ) -> Admitted {
        let mut event = event(source, delivery, identity, id, Lane::Normal);
        match self.route_event(&source.origin, &mut event) {
            Ok(Ok(jobs)) => Admitted::Event { event, jobs },
            Ok(Err(ignored)) => Admitted::Ignored { reason: ignored },
            Err(error) => {
                let jobs =
                    vec![self.intake(event.lane, Cause::Unrenderable, format!("the filter failed: {error}"))];
                Admitted::Event { event, jobs }
            }
        }
    }

    /// A signed delivery that cannot be read: kept, as a dead letter.
    pub fn admit_unreadable(
        &self,
        source: &Source,
        delivery: &Delivery<Verified>,
        identity: &Identity,
        id: EventId,
        reason: String,
    ) -> (Event, Vec<NewJob>) {
        let event = event(source, delivery, identity, id, Lane::Normal);
        (event, vec![self.intake(Lane::Normal, Cause::Unreadable, reason)])
    }

    /// An event that the service itself gives, such as an alarm, with its jobs; `None` if no route takes it. `body` is
    /// what templates see as `event.body`. It passes by the filter.
    pub fn admit_own(
        &self,
        event_type: &str,
        body: &serde_json::Value,
        now: Timestamp,
        id: EventId,
    ) -> Option<(Event, Vec<NewJob>)> {
        let mut event = Event {
            id,
            source: OWN_SOURCE.into(),
            event_type: event_type.into(),
            lane: Lane::Normal,
            received_at: now,
            test_mode: false,
            headers: Vec::new(),
            body: body.to_string().into_bytes().into(),
        };
        // Only the filter's conditions can fail, and it is not asked.
        let jobs = self.route_event(&OWN_ORIGIN, &mut event).ok()?.ok()?;
        Some((event, jobs))
    }

    /// The jobs of an event, its lane set on the way; the reason if it is noise.
    ///
    /// # Errors
    /// A condition of the filter failed.
    pub(super) fn route_event(
        &self,
        origin: &Origin,
        event: &mut Event,
    ) -> Result<Result<Vec<NewJob>, String>, TemplateError> {
        // Most events pass without their body being read.
        let view = context::view(origin, event);
        let holds = |condition: &Condition| condition.holds(&view.context()?);
        let (source, event_type) = (&*event.source, &*event.event_type);
        // The filter is for what senders send.
        let lane = if source == OWN_SOURCE {
            Lane::Normal
        } else {
            match filter::fate(&self.filter, &self.otherwise, source, event_type, holds)? {
                Fate::Take(lane) => *lane,
                Fate::Ignore { reason } => return Ok(Err(reason.clone())),
            }
        };
        let mut jobs = Vec::new();
        for route in self.routes.iter().filter(|route| route.selector.selects(source, event_type)) {
            // A condition that fails is the route's own affair: its job will find out, and die by the route's rules.
            if let Some(Ok(false)) = route.condition.as_ref().map(holds) {
                continue;
            }
            jobs.push(self.route_job(route, lane, &view));
        }
        if jobs.is_empty() {
            return Ok(Err("no route takes it".to_owned()));
        }
        drop(view);
        event.lane = lane;
        Ok(Ok(jobs))
    }

    fn intake(&self, lane: Lane, cause: Cause, reason: String) -> NewJob {
        let work = Work::Route { route: INTAKE.into(), replay: None };
        NewJob { start: Start::Dead { cause, reason }, ..NewJob::new(lane, work, Arc::clone(&self.digest)) }
    }

    /// A job of `route`, in its line and with what it may take the place of. A key that cannot be told is the route's
    /// own affair: the job is born dead.
    fn route_job(&self, route: &Route, lane: Lane, view: &View<'_>) -> NewJob {
        let work = Work::Route { route: Name::clone(&route.name), replay: None };
        let mut job = NewJob::new(lane, work, Arc::clone(&self.digest));
        let mut fault = None;
        let text = |key: &Shape| key.render_text(&view.context()?);
        let mut key = |what: &str, key: &Shape| match text(key) {
            Ok(text) => Some(format!("{}/{text}", route.name).into()),
            Err(error) => {
                fault = Some(format!("the route's `{what}` failed: {error}"));
                None
            }
        };
        if let Some(line) = &route.line {
            job.order = key("order_by", &line.key).map(|key| Order { key, on_stuck: line.on_stuck });
        }
        if let Some(newest) = &route.newest {
            job.coalesce = key("coalesce_by", &newest.key).map(|key| Coalesce { key, window: newest.window });
        }
        if let Some(reason) = fault {
            job.start = Start::Dead { cause: Cause::Unrenderable, reason };
        }
        job
    }

    /// The jobs that run a stored event again under today's configuration.
    ///
    /// # Errors
    /// Why there are none: its source is gone, the filter drops it, no route takes it.
    pub fn replay_jobs(&self, event: &Event, replay: &Replay) -> Result<Vec<NewJob>, String> {
        let origin = self
            .origin(&event.source)
            .ok_or_else(|| format!("no source is called `{}` today", event.source))?;
        let mut event = event.clone();
        let mut jobs = match self.route_event(origin, &mut event) {
            Ok(Ok(jobs)) => jobs,
            Ok(Err(ignored)) => return Err(format!("today it is ignored: {ignored}")),
            Err(error) => return Err(format!("the filter failed: {error}")),
        };
        for job in &mut jobs {
            if let Work::Route { replay: wish, .. } = &mut job.work {
                *wish = Some(replay.clone());
            }
            // What was accepted long ago has no place among what comes now.
            (job.order, job.coalesce) = (None, None);
        }
        Ok(jobs)
    }
}

fn event(
    source: &Source,
    delivery: &Delivery<Verified>,
    identity: &Identity,
    id: EventId,
    lane: Lane,
) -> Event {
    Event {
        id,
        source: Name::clone(&source.name),
        event_type: Arc::clone(&identity.event_type),
        lane,
        received_at: delivery.received_at(),
        test_mode: identity.test_mode,
        headers: source::kept_headers(source.verifier.scheme(), delivery.headers()),
        body: delivery.body().clone().into(),
    }
}
