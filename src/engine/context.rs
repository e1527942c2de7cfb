//! What conditions and templates see of an event, its verdict and its receipts.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    config::{Case, CaseEvent},
    domain::{Event, JobState, Verdict, Work},
    source::{self, Scheme, UnreadableBody},
    store::Timeline,
    template::Context,
};

use super::{OWN_SCHEME, trust};

/// `event`, with its body read by the rule of its scheme.
///
/// # Errors
/// The body breaks that rule.
pub(super) fn of_event(scheme: Scheme, event: &Event) -> Result<Context, UnreadableBody> {
    let body = event.body.bytes().ok_or(UnreadableBody::Gone)?;
    let body = source::payload(scheme, &event.headers, body)?;
    let headers: BTreeMap<&str, &str> = event.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let trust = trust::facts(scheme, event.test_mode, &body);
    Ok(Context::new().with("trust", &trust).with(
        "event",
        &json!({
            "id": event.id,
            "source": event.source,
            "type": event.event_type,
            "lane": event.lane,
            "received_at": event.received_at.to_string(),
            "test_mode": event.test_mode,
            "headers": headers,
            "body": body,
        }),
    ))
}

/// `event` of a labelled case: as if it had just come.
pub(super) fn of_case(case: &Case) -> Context {
    let CaseEvent { source, event_type, body, headers } = &case.event;
    let scheme = source.parse().unwrap_or(OWN_SCHEME);
    let trust = trust::facts(scheme, false, body);
    let mut context = Context::new().with("trust", &trust);
    if !case.gathered.is_empty() {
        context = context.with("gathered", &case.gathered);
    }
    context.with(
        "event",
        &json!({
            "id": case.id,
            "source": source,
            "type": event_type,
            "lane": "normal",
            "received_at": "1970-01-01T00:00:00.000Z",
            "test_mode": false,
            "headers": headers.clone().unwrap_or_default(),
            "body": body,
        }),
    )
}

/// Adds `verdict`.
pub(super) fn with_verdict(context: Context, verdict: &Verdict) -> Context {
    context.with(
        "verdict",
        &json!({
            "label": verdict.label,
            "confidence": verdict.confidence,
            "judge": verdict.judge,
            "judged_by": verdict.judged_by,
            "model": verdict.model,
            "why": verdict.why,
            "output": verdict.output,
            "late": verdict.late,
            "calibrated": verdict.calibrated,
        }),
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
