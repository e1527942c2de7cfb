//! `pagerduty.event`: an alert is opened, acknowledged or resolved, through PagerDuty's Events API v2.
//!
//! `POST /v2/enqueue` takes one event and answers 202; 400 is final, 429 and 5xx are worth another try
//! (PagerDuty/developer-docs, "Events API v2 Overview", "Send an Alert Event"). The routing key, which is the
//! credential, stands in the body: it is a place that each attempt fills. As long as an alert is open, events with
//! its `dedup_key` belong to it, so that repeating one is harmless; once it is resolved, the same key opens another.

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Act, Destination, Freeze, ParamError, Setting, Try, destination::Address, misdirected, outbound, param,
    path, unfit,
};
use crate::{
    decide::retry::Failure,
    domain::{Call, EffectClass, Fill, FrozenRequest, Receipt, Target},
    template::{Context, Shape, TemplateError},
};

/// Characters of a summary; PagerDuty takes no longer one, so it is cut.
pub const SUMMARY_CHARS_MAX: usize = 1_024;

/// Characters of a `dedup_key`. A longer one is refused: cut, it might be another alert's.
pub const DEDUP_KEY_CHARS_MAX: usize = 255;

/// Characters of a routing key.
pub const ROUTING_KEY_CHARS: usize = 32;

/// Bytes of an event as JSON, with everything filled in: 512 KB.
pub const EVENT_BYTES_MAX: usize = 512_000;

/// Bytes that what each attempt fills in may add: both keys with their names.
const FILL_BYTES_MAX: usize = 512;

const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

const ENQUEUE: &str = "/v2/enqueue";

/// What an alert is said to come from, unless the configuration says otherwise.
const SOURCE: &str = "hookyard";

const REMEDY: &str = "a pagerduty.event action takes `summary`, `severity` (critical, error, warning, info), `source`, \
                      `details`, `dedup_key` and `event_action` (trigger, acknowledge, resolve)";

pub(super) struct PagerDuty;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct With {
    #[serde(default)]
    event_action: EventAction,
    dedup_key: Option<String>,
    summary: Option<String>,
    severity: Option<String>,
    source: Option<String>,
    details: Option<Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EventAction {
    #[default]
    Trigger,
    Acknowledge,
    Resolve,
}

impl EventAction {
    const fn as_str(self) -> &'static str {
        match self {
            EventAction::Trigger => "trigger",
            EventAction::Acknowledge => "acknowledge",
            EventAction::Resolve => "resolve",
        }
    }
}

#[derive(Debug)]
struct Template {
    event_action: EventAction,
    /// Without one it is the idempotency key.
    dedup_key: Option<Shape>,
    /// What an alert is opened with.
    alert: Option<Alert>,
}

#[derive(Debug)]
struct Alert {
    summary: Shape,
    severity: Shape,
    source: Shape,
    details: Option<Shape>,
}

#[async_trait]
impl Act for PagerDuty {
    fn kind(&self) -> &'static str {
        "pagerduty.event"
    }

    fn compile(&self, with: &Value) -> Result<Box<dyn Freeze>, ParamError> {
        let with: With = param::read(with, REMEDY)?;
        let dedup_key = with.dedup_key.as_deref().map(|key| param::text(&["dedup_key"], key)).transpose()?;
        let alert = match with.event_action {
            EventAction::Trigger => Some(alert(&with)?),
            EventAction::Acknowledge | EventAction::Resolve => {
                follows_up(&with)?;
                None
            }
        };
        Ok(Box::new(Template { event_action: with.event_action, dedup_key, alert }))
    }

    fn fits(&self, destination: &Destination) -> Result<(), String> {
        match &destination.address {
            Address::At(_) | Address::Unset(_) => {}
            Address::Nowhere => {
                return Err("the destination has no url: give it https://events.pagerduty.com, or \
                            https://events.eu.pagerduty.com for an account in the EU"
                    .to_owned());
            }
            Address::SecretlyAt(_) => {
                return Err("the destination's url has a query or is also used for Slack: give PagerDuty \
                            one of its own"
                    .to_owned());
            }
        }
        match &destination.credential {
            Setting::Set(key) if !is_routing_key(key.expose_secret()) => Err(format!(
                "the destination's credential is no routing key, which has {ROUTING_KEY_CHARS} letters and \
                 digits: give it the integration key of an Events API v2 integration, not an API key"
            )),
            Setting::Set(_) | Setting::Unset(_) => Ok(()),
            Setting::Absent => Err("the destination has no credential: give it the integration key of an \
                                    Events API v2 integration"
                .to_owned()),
        }
    }

    fn url_is_secret(&self) -> bool {
        false
    }

    fn class(&self, _: &Destination) -> EffectClass {
        EffectClass::Natural
    }

    async fn perform(
        &self,
        request: &FrozenRequest,
        destination: &Destination,
        attempt: &Try,
    ) -> Result<Receipt, Failure> {
        if !matches!(&request.call, Call::Post { .. }) {
            return Err(misdirected(self, request));
        }
        let out = outbound::prepare(request, destination)?;
        let response = outbound::deliver(out, request, destination, attempt).await?;
        if response.status == 202 {
            return Ok(outbound::receipt(&response));
        }
        let (status, excerpt) = (response.status, response.excerpt());
        let reason = format!("answered {status} where PagerDuty answers 202, so is the url right? {excerpt}");
        Err(Failure::Unknown { reason: reason.trim_end().to_owned(), retry_after: None })
    }
}

fn is_routing_key(text: &str) -> bool {
    text.len() == ROUTING_KEY_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_severity(text: &str) -> bool {
    SEVERITIES.contains(&text)
}

fn alert(with: &With) -> Result<Alert, ParamError> {
    let needed = |field: &str, text: &Option<String>| {
        text.clone().ok_or_else(|| ParamError::at(field, format!("missing field `{field}`"), REMEDY))
    };
    let severity = needed("severity", &with.severity)?;
    if !severity.contains("{{") && !severity.contains("{%") && !is_severity(&severity) {
        let remedy = format!("write {}, or a template that gives one of them", SEVERITIES.join(", "));
        return Err(ParamError::at("severity", format!("`{severity}` is no severity"), remedy));
    }
    Ok(Alert {
        summary: param::text(&["summary"], &needed("summary", &with.summary)?)?,
        severity: param::text(&["severity"], &severity)?,
        source: param::text(&["source"], with.source.as_deref().unwrap_or(SOURCE))?,
        details: with.details.as_ref().map(|details| param::shape(&["details"], details)).transpose()?,
    })
}

/// What follows up on an alert must name it, and says nothing else.
fn follows_up(with: &With) -> Result<(), ParamError> {
    let action = with.event_action.as_str();
    if with.dedup_key.is_none() {
        let remedy = "give the `dedup_key` of the action that opens the alert";
        return Err(ParamError::at("dedup_key", format!("missing field: what to {action}?"), remedy));
    }
    let unused = [
        ("summary", with.summary.is_some()),
        ("severity", with.severity.is_some()),
        ("source", with.source.is_some()),
        ("details", with.details.is_some()),
    ];
    match unused.into_iter().find(|(_, given)| *given) {
        Some((field, _)) => {
            let message = format!("`{field}` is of no use where event_action is {action}");
            Err(ParamError::at(field, message, "leave it out"))
        }
        None => Ok(()),
    }
}

impl Freeze for Template {
    fn freeze(&self, context: &Context, destination: &Destination) -> Result<Call, TemplateError> {
        let mut fill = vec![("routing_key".to_owned(), Fill::Credential)];
        let mut event = Map::new();
        event.insert("event_action".to_owned(), self.event_action.as_str().into());
        match &self.dedup_key {
            Some(key) => {
                event.insert("dedup_key".to_owned(), dedup_key(&key.render_text(context)?)?.into());
            }
            None => fill.push(("dedup_key".to_owned(), Fill::IdempotencyKey)),
        }
        if let Some(alert) = &self.alert {
            event.insert("payload".to_owned(), alert.render(context)?);
        }
        let body = Value::Object(event).to_string();
        if body.len() > EVENT_BYTES_MAX - FILL_BYTES_MAX {
            return Err(unfit(format!(
                "the event has {} bytes, and {} are allowed: shorten `details`, for instance with `clip`",
                body.len(),
                EVENT_BYTES_MAX - FILL_BYTES_MAX
            )));
        }
        Ok(Call::Post { target: target(destination)?, fill, body })
    }
}

impl Alert {
    fn render(&self, context: &Context) -> Result<Value, TemplateError> {
        let summary = self.summary.render_text(context)?;
        if summary.trim().is_empty() {
            return Err(unfit("the summary came out empty, and PagerDuty refuses that"));
        }
        let summary = match summary.char_indices().nth(SUMMARY_CHARS_MAX) {
            Some(_) => summary.chars().take(SUMMARY_CHARS_MAX - 1).chain(['…']).collect(),
            None => summary,
        };
        let severity = self.severity.render_text(context)?;
        if !is_severity(severity.trim()) {
            return Err(unfit(format!("the severity must come out as one of {}", SEVERITIES.join(", "))));
        }
        let source = self.source.render_text(context)?;
        if source.trim().is_empty() {
            return Err(unfit("the source came out empty, and PagerDuty refuses that"));
        }
        let mut payload = Map::new();
        payload.insert("summary".to_owned(), summary.into());
        payload.insert("source".to_owned(), source.into());
        payload.insert("severity".to_owned(), severity.trim().into());
        match self.details.as_ref().map(|details| details.render(context)).transpose()? {
            None | Some(Value::Null) => {}
            Some(details @ Value::Object(_)) => {
                payload.insert("custom_details".to_owned(), details);
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(unfit("the details must come out as a table of fields"));
            }
        }
        Ok(Value::Object(payload))
    }
}

fn dedup_key(rendered: &str) -> Result<&str, TemplateError> {
    match rendered.chars().count() {
        1..=DEDUP_KEY_CHARS_MAX if !rendered.trim().is_empty() => Ok(rendered),
        count => Err(unfit(format!(
            "the dedup_key came out with {count} characters: it needs 1 to {DEDUP_KEY_CHARS_MAX}, not all blank"
        ))),
    }
}

/// The destination's URL, which may be that of the service or already of the endpoint.
fn target(destination: &Destination) -> Result<Target, TemplateError> {
    match &destination.address {
        Address::At(url) if url.path().trim_end_matches('/').ends_with(ENQUEUE) => {
            Ok(Target::Url(url.to_string()))
        }
        Address::At(url) => Ok(Target::Url(path::join(url, ENQUEUE)?.into())),
        Address::Unset(reference) => Ok(Target::Url(path::append(&format!("${{{reference}}}"), ENQUEUE)?)),
        Address::Nowhere => Err(unfit("the destination has no url")),
        Address::SecretlyAt(_) => {
            Err(unfit("the destination's url is a credential, and PagerDuty's is none"))
        }
    }
}

#[cfg(test)]
mod tests;
