//! The examples beside the routes: an event in, the routes and actions expected of it.

use serde_json::Map;

use crate::{
    classify::FreeLedger,
    config::{
        self, Files, FixedEnvironment, IGNORE, Problem, Problems, ROUTES, codes,
        tables::{ExampleTable, ExpectedRoute},
    },
    decide::retry::Failure,
    domain::{Clock, Event, EventId, Lane, Name, Timestamp, Verdict, Wait},
    store::NewJob,
};

use super::{CompileOptions, Engine, Given, Origin, Reach, RouteEnd, compile, trust::OWN_ORIGIN};

/// What examples run on: an engine that reaches nothing beyond this process, whatever is set. They may come to the local judges, and
/// never to one that is paid. `None` if the files do not compile.
pub fn offline(files: &Files) -> Option<Engine> {
    let options = CompileOptions { reach: Reach::Offline, ..CompileOptions::default() };
    let (engine, _) = compile(files, &FixedEnvironment::default(), options);
    let engine = engine?;
    // Whoever compiles for work is told of a judge that learned nothing.
    drop(engine.train());
    Some(engine)
}

/// Runs every example. How many did as expected, and a problem for each that did not.
pub async fn run_examples(engine: &Engine, files: &Files) -> (usize, Problems) {
    let (config, _) = config::load(files);
    let mut problems = Problems::new();
    let mut well = 0;
    for (i, example) in config.examples.iter().enumerate() {
        match run(engine, example).await {
            Ok(()) => well += 1,
            Err(fault) => problems.push(failed(&config, i, example, &fault)),
        }
    }
    (well, problems)
}

/// Why an example did not do as expected.
struct Fault {
    reason: String,
    remedy: Option<String>,
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Fault { reason, remedy: None }
    }
}

fn failed(config: &config::Config, i: usize, example: &ExampleTable, fault: &Fault) -> Problem {
    let at = config.at(ROUTES, ["example", &i.to_string()]);
    let message = format!("example `{}`: {}", example.name, fault.reason);
    let usual = "correct the example, or the filter, route or rule it speaks of";
    at.error(codes::BAD_EXAMPLE, message, fault.remedy.as_deref().unwrap_or(usual))
}

/// No judge decided that is asked here: those that are paid, and whatever is not on this machine, never are.
fn undecided(engine: &Engine, example: &ExampleTable, route: &str, reason: &str) -> Fault {
    let labels = engine.labels(route).unwrap_or_default().join(", ");
    Fault {
        reason: format!(
            "route `{route}`: examples ask `rules` and `local` only, and neither decides: {reason}"
        ),
        remedy: Some(format!(
            "write the label to assume, as `verdict = \"…\"` with one of {labels}, in example `{}`; or put `rules` on the \
             ladder, with a rule that decides",
            example.name
        )),
    }
}

/// The event of an example, and how it is read.
pub(super) fn event(engine: &Engine, example: &ExampleTable) -> Result<(Origin, Event), String> {
    let event = Event {
        id: EventId(uuid::Uuid::nil()),
        source: example.source.as_str().into(),
        event_type: example.event_type.as_str().into(),
        lane: Lane::Normal,
        received_at: Timestamp::default(),
        test_mode: false,
        headers: Vec::new(),
        body: serde_json::to_vec(&example.body).map_err(|e| e.to_string())?.into(),
    };
    // Any scheme that reads plain JSON bodies serves: the source itself may be off.
    let authserv_id = engine.origin(&event.source).and_then(|origin| origin.authserv_id.clone());
    Ok((Origin { authserv_id, ..OWN_ORIGIN.clone() }, event))
}

async fn run(engine: &Engine, example: &ExampleTable) -> Result<(), Fault> {
    let (origin, mut event) = event(engine, example)?;
    let routed = engine.route_event(&origin, &mut event).map_err(|e| format!("the filter failed: {e}"))?;
    let (lane, jobs) = match routed {
        Ok(jobs) => (event.lane.as_str(), jobs),
        Err(reason)
            if example.lane.as_deref() == Some(IGNORE)
                || example.lane.is_none() && example.expect.is_empty() =>
        {
            let _ = reason;
            return Ok(());
        }
        Err(reason) => return Err(format!("it is ignored: {reason}").into()),
    };
    if let Some(wanted) = &example.lane
        && wanted != lane
    {
        return Err(format!("its lane is {lane}, expected {wanted}").into());
    }
    let mut got = Vec::new();
    for job in jobs {
        got.push(planned(engine, example, &event, &job).await?);
    }
    let sorted = |mut routes: Vec<ExpectedRoute>| {
        routes.sort_by(|a, b| a.route.cmp(&b.route));
        routes
    };
    let (got, wanted) = (sorted(got), sorted(example.expect.clone()));
    if got == wanted {
        Ok(())
    } else {
        Err(format!("it gives {}, expected {}", told(&got), told(&wanted)).into())
    }
}

async fn planned(
    engine: &Engine,
    example: &ExampleTable,
    event: &Event,
    job: &NewJob,
) -> Result<ExpectedRoute, Fault> {
    let route = Name::clone(job.work.route());
    let decided = assumed(engine, example, &route)?;
    let decided = decided.as_ref().map(|verdict| Given { verdict, approved: true });
    let end = engine.run_route(&route, event, decided, 1, &FreeLedger, &StillClock).await;
    match end.map_err(|e| e.to_string())? {
        RouteEnd::Planned { jobs, faults, .. } => {
            if let Some(fault) = faults.into_iter().next() {
                return Err(fault.into());
            }
            let actions = jobs.iter().filter_map(|job| Some(job.work.plan()?.id.to_string())).collect();
            Ok(ExpectedRoute { route: route.to_string(), actions })
        }
        RouteEnd::Person { reason, verdict: None } if decided.is_none() => {
            Err(undecided(engine, example, &route, &reason))
        }
        RouteEnd::Failed(
            Failure::Transient { reason, .. }
            | Failure::Throttled { reason, .. }
            | Failure::Unaffordable { reason, .. },
        ) if decided.is_none() => Err(undecided(engine, example, &route, &reason)),
        RouteEnd::Person { reason, .. } | RouteEnd::Unknown { reason } => {
            Err(format!("route `{route}`: {reason}").into())
        }
        RouteEnd::Failed(failure) => Err(format!("route `{route}`: {}", failure.reason()).into()),
    }
}

/// The verdict that the example tells to assume.
fn assumed(engine: &Engine, example: &ExampleTable, route: &str) -> Result<Option<Verdict>, String> {
    match &example.verdict {
        Some(label) if engine.has_classifier(route) => {
            engine.verdict_of_person(route, label, &Map::new()).map(Some)
        }
        _ => Ok(None),
    }
}

fn told(routes: &[ExpectedRoute]) -> String {
    let each: Vec<String> =
        routes.iter().map(|r| format!("{} [{}]", r.route, r.actions.join(", "))).collect();
    if each.is_empty() { "no route".to_owned() } else { each.join(", ") }
}

/// Examples have no time.
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn sleep_until(&self, _at: Timestamp) -> Wait<'_> {
        Box::pin(std::future::pending())
    }
}
