//! A job and its past, told to a person.

use console::{Style, style};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    domain::{
        Answer, Attempt, AttemptOutcome, Call, Clock, Fill, FrozenRequest, HeaderValue, Job, JobId, JobState,
        Purchase, PurchaseState, Receipt, Target, Timestamp, Tokens, Verdict, Work,
    },
    host::SystemClock,
};

use super::{
    End,
    api::{self, Api},
    moments,
    out::{self, plain, plain_lines},
};

/// Characters of a body that a short story shows.
const BODY_CHARS_MAX: usize = 160;

/// A job as the API tells it.
#[derive(Deserialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub job: Job,
    pub history: Vec<Attempt>,
    #[serde(default)]
    pub purchases: Vec<Purchase>,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Short,
    /// With the whole request and the whole answer.
    Whole,
}

/// The colour of a job's state.
pub(super) fn colour(state: JobState) -> Style {
    match state {
        JobState::Done => Style::new().green(),
        JobState::Dead => Style::new().red(),
        JobState::Waiting => Style::new().yellow(),
        JobState::Ready | JobState::Leased | JobState::Blocked => Style::new().cyan(),
        JobState::Skipped | JobState::Discarded => Style::new().dim(),
    }
}

/// Asks for a job, and tells all of it.
pub(super) async fn show(job: JobId, api: &Api, json: bool) -> anyhow::Result<End> {
    let answer = api.get(&format!("/api/v1/jobs/{job}"), &[]).await?;
    if json {
        out::json(&answer)?;
    } else {
        let told: Told = api::read(&answer["job"])?;
        out::say(tell(&told, SystemClock::new().now(), Length::Whole))?;
    }
    Ok(End::Well)
}

pub(super) fn tell(told: &Told, now: Timestamp, length: Length) -> String {
    let Told { job, history, purchases } = told;
    let mut lines = vec![head(job)];
    if let Some(reason) = &job.reason {
        let cause = job.cause.map(|cause| format!("{cause}: ")).unwrap_or_default();
        lines.push(format!("  {}", colour(job.state).apply_to(format!("{cause}{}", plain(reason)))));
    }
    if !job.state.is_settled() {
        lines.push(format!("  due {}", moments::told(job.due, now)));
    }
    lines.extend(job.verdict.iter().flat_map(verdict));
    lines.extend(purchases.iter().map(bought));
    lines.extend(job.request.iter().flat_map(|frozen| request(frozen, length)));
    for attempt in history {
        lines.push(tried(attempt, now));
    }
    lines.extend(job.receipt.iter().filter_map(|got| receipt(got, length)));
    lines.join("\n")
}

fn head(job: &Job) -> String {
    let what = match &job.work {
        Work::Route { route, replay: None } => format!("route {}", style(route).bold()),
        Work::Route { route, replay: Some(replay) } => {
            format!("route {} (replay, {}, sweep {})", style(route).bold(), replay.mode, plain(&replay.sweep))
        }
        Work::Action(plan) => {
            let to = job.destination.as_deref().map(|name| format!(" → {name}")).unwrap_or_default();
            let after = if plan.after.is_empty() {
                String::new()
            } else {
                format!(", after {}", plan.after.join(", "))
            };
            format!("action {} of {} ({}{to}{after})", style(&plan.id).bold(), plan.route, plan.uses)
        }
    };
    format!("{} · {what} · {}", job.id, colour(job.state).apply_to(job.state))
}

fn verdict(verdict: &Verdict) -> Vec<String> {
    let Verdict { label, confidence, judge, judged_by, variant, .. } = verdict;
    let variant = variant.as_deref().map(|name| format!(", variant `{name}`")).unwrap_or_default();
    let said = format!(
        "  {judge} says {} with confidence {confidence:.2} ({}{variant})",
        style(plain(label)).bold(),
        plain(judged_by)
    );
    let why = verdict.why.iter().map(|why| format!("    why: {}", plain(why)));
    // The last one decided. It may have been passed over before.
    let earlier = verdict.rungs.iter().rev().skip(1).rev();
    let earlier = earlier.map(|rung| format!("    before it, {}: {}", rung.judge, plain(&rung.said)));
    // Of its own turn all but the label and the confidence, which stand above.
    let own = verdict.rungs.iter().filter(|rung| rung.judge == *judge);
    let how = own.filter_map(|rung| rung.said.strip_prefix(label.as_str())?.split_once(", "));
    let how = how.map(|(_, how)| format!("    {}", plain(how)));
    std::iter::once(said).chain(why).chain(how).chain(earlier).collect()
}

/// What was asked for money, and what came of it.
fn bought(purchase: &Purchase) -> String {
    let Purchase { judge, state, cost, answer, .. } = purchase;
    let cost = match state {
        PurchaseState::Answered => format!(", {cost}"),
        PurchaseState::MaybeBilled => format!(", {cost} at most"),
        PurchaseState::NotBilled => String::new(),
    };
    let Some(Answer { model, tokens, .. }) = answer else {
        return format!("  asked {judge}: {}{cost}", state.as_str().replace('_', " "));
    };
    let Tokens { input_uncached, cache_write, cache_read, output } = tokens;
    let input = input_uncached.saturating_add(*cache_write).saturating_add(*cache_read);
    let kept = match cache_write {
        0 => String::new(),
        written => format!(" and {written} kept in it"),
    };
    format!(
        "  asked {judge} ({}): answered, tokens {input} in ({cache_read} from the cache{kept}) and {output} out{cost}",
        plain(model)
    )
}

fn request(frozen: &FrozenRequest, length: Length) -> Vec<String> {
    let (line, headers, body) = match &frozen.call {
        Call::Http { method, target: Target::Url(url), headers, body } => {
            (format!("{method} {}", plain(url)), headers.as_slice(), body)
        }
        Call::Http { method, target: Target::SecretUrl, headers, body } => {
            (format!("{method} <the secret URL of {}>", frozen.destination), headers.as_slice(), body)
        }
        Call::Post { target: Target::Url(url), fill: _, body } => {
            (format!("POST {}", plain(url)), [].as_slice(), body)
        }
        Call::Post { target: Target::SecretUrl, fill: _, body } => {
            (format!("POST <the secret URL of {}>", frozen.destination), [].as_slice(), body)
        }
        Call::Append { log, line } => (format!("append to {}.jsonl", plain(log)), [].as_slice(), line),
    };
    let mut lines = vec![format!("  {line}")];
    if length == Length::Short {
        lines.push(format!("    {}", style(cut(&plain(body))).dim()));
        return lines;
    }
    for (name, value) in headers {
        let value = match value {
            HeaderValue::Plain(text) => plain(text),
            HeaderValue::Credential { prefix } => {
                format!("{}<credential of {}>", plain(prefix), frozen.destination)
            }
        };
        lines.push(format!("    {}: {value}", plain(name)));
    }
    lines.push(format!("    idempotency key: {}", frozen.idempotency_key));
    if let Call::Post { fill, .. } = &frozen.call {
        lines.extend(fill.iter().map(|(field, fill)| filled(field, *fill, frozen)));
    }
    let why = frozen.mode_reason.as_deref().map(|why| format!(" ({})", plain(why))).unwrap_or_default();
    lines.push(format!("    mode: {}{why}", frozen.mode));
    lines.push(indented(&pretty(body)));
    lines
}

/// A field that each attempt puts into the body.
fn filled(field: &str, fill: Fill, frozen: &FrozenRequest) -> String {
    let with = match fill {
        Fill::Credential => format!("<credential of {}>", frozen.destination),
        Fill::IdempotencyKey => "the idempotency key".to_owned(),
    };
    format!("    each attempt puts into the body: {}: {with}", plain(field))
}

fn tried(attempt: &Attempt, now: Timestamp) -> String {
    let outcome = match attempt.outcome {
        AttemptOutcome::Done => style("done").green(),
        AttemptOutcome::Dead => style("dead letter").red(),
        AttemptOutcome::Retry => style("failed, will be tried again").yellow(),
        AttemptOutcome::Parked => style("put off").yellow(),
        AttemptOutcome::Waiting => style("waits for a person").yellow(),
        AttemptOutcome::Skipped => style("skipped").dim(),
        AttemptOutcome::LeaseLost => style("its worker vanished").red(),
        AttemptOutcome::Person => style("a person acted").yellow(),
    };
    let status = attempt.status.map(|status| format!(" {status}")).unwrap_or_default();
    let detail = attempt.detail.as_deref().map(|detail| format!(": {}", plain(detail))).unwrap_or_default();
    format!("  {} {outcome}{status}{detail}", moments::told(attempt.ended_at, now))
}

fn receipt(receipt: &Receipt, length: Length) -> Option<String> {
    match (&receipt.body, length) {
        (Value::Null, _) => None,
        (body, Length::Short) => Some(format!("    {}", style(cut(&plain(&body.to_string()))).dim())),
        (body, Length::Whole) => Some(format!("  the answer:\n{}", indented(&pretty(&body.to_string())))),
    }
}

/// JSON laid out, other text as it is.
fn pretty(text: &str) -> String {
    let json: Option<Value> = serde_json::from_str(text).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_else(|| text.to_owned())
}

pub(super) fn indented(text: &str) -> String {
    plain_lines(text).lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(BODY_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Tokens;

    #[test]
    fn a_second_try_is_told_with_what_was_wrong_with_the_first() {
        let verdict_of = |said: &str| -> Verdict {
            serde_json::from_value(json!({
                "classifier": "triage", "label": "spam", "confidence": 0.9, "calibrated": false, "output": {},
                "judge": "claude", "judged_by": "LLM", "model": "m", "why": ["it sells links"], "prompt_digest": "", "schema_digest": "",
                "tokens": Tokens::default(), "latency_ms": 7,
                "rungs": [
                    {"judge": "rules", "outcome": "abstained", "said": "no rule holds", "latency_ms": 0},
                    {"judge": "claude", "outcome": "decided", "said": said, "latency_ms": 7},
                ],
            }))
            .expect("a verdict")
        };
        let first = verdict(&verdict_of("spam 0.90"));
        let second = verdict(&verdict_of("spam 0.90, at the second try (the first lacks \"reason\")"));
        assert_eq!(first.len(), 3, "{first:#?}");
        assert_eq!(second[2], "    at the second try (the first lacks \"reason\")");
        assert_eq!((second.len(), &second[3]), (4, &first[2]));
    }
}
