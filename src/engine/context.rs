//! What conditions and templates see of an event, its verdict and its receipts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    config::{Case, CaseEvent},
    domain::{Event, JobState, Lane, Name, Timestamp, Verdict, Work},
    source::{self, UnreadableBody},
    store::Timeline,
    template::{Context, TemplateError, View},
};

use super::{
    Origins,
    trust::{self, OWN_ORIGIN, Origin},
};

/// An event as conditions and templates see it: `event`.
#[derive(Serialize)]
struct Seen<'a> {
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    lane: Lane,
    received_at: String,
    test_mode: bool,
    headers: BTreeMap<&'a str, &'a str>,
    body: &'a Value,
}

/// `event`, with its body read by the rule of its scheme.
///
/// # Errors
/// The body breaks that rule.
pub(super) fn of_event(origin: &Origin, event: &Event) -> Result<Context, UnreadableBody> {
    let body = event.body.bytes().ok_or(UnreadableBody::Gone)?;
    let body = source::payload(origin.scheme, &event.headers, body)?;
    let seen = Seen {
        id: &event.id.to_string(),
        source: &event.source,
        event_type: &event.event_type,
        lane: event.lane,
        received_at: event.received_at.to_string(),
        test_mode: event.test_mode,
        headers: event.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        body: &body,
    };
    let trust = trust::facts(origin, event.test_mode, &body);
    Ok(Context::new().with("trust", &trust).with("event", &seen))
}

/// The same, read when it is looked at.
pub(super) fn view<'a>(origin: &'a Origin, event: &'a Event) -> View<'a> {
    View::new(move || {
        of_event(origin, event).map_err(|error| TemplateError { line: None, message: error.to_string() })
    })
}

/// How the event of a labelled case is read. A case may be of a source that is not set up here, under the name of its scheme.
pub(super) fn origin_of(origins: &Origins, case: &Case) -> Origin {
    let CaseEvent { source, authserv_id, .. } = &case.event;
    let configured = origins.get(source.as_str()).cloned();
    let known = configured.or_else(|| source.parse().ok().map(Origin::of));
    let origin = known.unwrap_or_else(|| OWN_ORIGIN.clone());
    Origin { authserv_id: authserv_id.clone().or(origin.authserv_id), ..origin }
}

/// `event` of a labelled case: as if it had just come, from its source as it is configured. The case may say itself who
/// received a mail; else what a mail server says in it is nobody's word unless the source names that server.
pub(super) fn of_case(origins: &Origins, case: &Case) -> Context {
    let CaseEvent { source, event_type, body, headers, authserv_id: _ } = &case.event;
    let origin = origin_of(origins, case);
    let seen = Seen {
        id: &case.id,
        source,
        event_type,
        lane: Lane::Normal,
        received_at: Timestamp::default().to_string(),
        test_mode: false,
        headers: headers.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        body,
    };
    let context = Context::new().with("trust", &trust::facts(&origin, false, body)).with("event", &seen);
    if case.gathered.is_empty() { context } else { context.with("gathered", &case.gathered) }
}

/// A verdict as they see it: `verdict`.
#[derive(Serialize)]
struct Decided<'a> {
    label: &'a str,
    confidence: f64,
    judge: &'a Name,
    judged_by: &'a str,
    model: &'a str,
    why: &'a [String],
    output: &'a Value,
    late: bool,
    calibrated: bool,
}

/// Adds `verdict`.
pub(super) fn with_verdict(context: Context, verdict: &Verdict) -> Context {
    let Verdict { label, confidence, judge, judged_by, model, why, output, late, calibrated, .. } = verdict;
    let (confidence, late, calibrated) = (*confidence, *late, *calibrated);
    context.with(
        "verdict",
        &Decided { label, confidence, judge, judged_by, model, why, output, late, calibrated },
    )
}

/// Adds `receipts`: those of the route's actions that are done.
pub(super) fn with_receipts(context: Context, timeline: &Timeline, route: &str) -> Context {
    let mut receipts = Map::new();
    for entry in &timeline.jobs {
        if let Work::Action(plan) = &entry.job.work
            && entry.job.state == JobState::Done
            && &*plan.route == route
        {
            // One that a person did by hand is done without a receipt.
            let receipt = entry.job.receipt.as_ref();
            let (status, body) =
                receipt.map_or((None, &Value::Null), |receipt| (receipt.status, &receipt.body));
            receipts.insert(plan.id.to_string(), json!({ "status": status, "body": body }));
        }
    }
    context.with("receipts", &Value::Object(receipts))
}
