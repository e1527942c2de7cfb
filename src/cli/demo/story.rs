//! What happened, told to a person.

use std::{fmt::Write, time::Duration};

use console::style;

use crate::{
    domain::{
        Attempt, AttemptOutcome, Call, EventState, FrozenRequest, JobState, Rung, Target, Timestamp, Verdict,
        Work,
    },
    store::{JobHistory, Timeline},
};

use super::deliveries::{Expected, Told};

/// Characters of a request's body that are shown.
const BODY_CHARS_MAX: usize = 160;

/// One event from its receipt to its last action.
pub(super) fn tell(timeline: &Timeline) -> String {
    let mut story = String::new();
    let event = &timeline.event;
    let state = match timeline.state {
        EventState::Done => style("done").green(),
        EventState::Waiting => style("waits for a person").yellow(),
        EventState::Open => style("open").yellow(),
        EventState::Dead => style("dead letter").red(),
    };
    // Writing to a String does not fail.
    let _ = writeln!(
        story,
        "{} from {} · {state} · {}",
        style(&event.event_type).bold(),
        event.source,
        style(event.id).dim()
    );
    let _ = writeln!(
        story,
        "  {} received, signature verified, stored; lane {}",
        at(timeline, event.received_at),
        event.lane
    );
    for sent_again in &timeline.redeliveries {
        let _ = writeln!(
            story,
            "  {} delivered again: known, nothing is done twice",
            at(timeline, sent_again.at)
        );
    }
    for entry in &timeline.jobs {
        job(&mut story, timeline, entry);
    }
    story
}

fn job(story: &mut String, timeline: &Timeline, entry: &JobHistory) {
    let began = entry.history.first().map_or(timeline.event.received_at, |attempt| attempt.started_at);
    let began = at(timeline, began);
    match &entry.job.work {
        Work::Route { route, .. } => {
            let _ = writeln!(story, "  {began} route {route}");
            if let Some(verdict) = &entry.job.verdict {
                decided(story, verdict);
            }
            if entry.job.state == JobState::Waiting {
                let _ = writeln!(
                    story,
                    "           {}",
                    style(entry.job.reason.as_deref().unwrap_or_default()).yellow()
                );
            }
        }
        Work::Action(plan) => {
            let after = if plan.after.is_empty() {
                String::new()
            } else {
                format!(", after {}", plan.after.join(", "))
            };
            let _ = writeln!(story, "  {began} action {} ({}{after})", style(&plan.id).bold(), plan.uses);
            if let Some(request) = &entry.job.request {
                left(story, request);
            }
            for (n, attempt) in (1..).zip(&entry.history) {
                tried(story, timeline, n, attempt);
            }
            if entry.job.state == JobState::Skipped {
                let _ = writeln!(
                    story,
                    "           skipped: {}",
                    entry.job.reason.as_deref().unwrap_or_default()
                );
            }
        }
    }
}

fn decided(story: &mut String, verdict: &Verdict) {
    let _ = writeln!(
        story,
        "           {} says {} with confidence {:.2} ({})",
        verdict.judge,
        style(&verdict.label).bold(),
        verdict.confidence,
        verdict.judged_by
    );
    for why in &verdict.why {
        let _ = writeln!(story, "           why: {why}");
    }
    let earlier: Vec<String> =
        verdict.rungs.iter().filter(|rung| rung.judge != verdict.judge).map(asked).collect();
    if !earlier.is_empty() {
        let _ = writeln!(story, "           asked before: {}", earlier.join("; "));
    }
}

fn asked(rung: &Rung) -> String {
    format!("{}: {}", rung.judge, rung.said)
}

fn left(story: &mut String, request: &FrozenRequest) {
    let (line, body) = match &request.call {
        Call::Http { method, target: Target::Url(url), body, .. } => (format!("{method} {url}"), body),
        Call::Http { method, target: Target::SecretUrl, body, .. } => {
            (format!("{method} {} (its URL is a secret)", request.destination), body)
        }
        Call::Post { target: Target::Url(url), body, .. } => (format!("POST {url}"), body),
        Call::Post { target: Target::SecretUrl, body, .. } => {
            (format!("POST {} (its URL is a secret)", request.destination), body)
        }
        Call::Append { log, line } => (format!("append to {log}.jsonl"), line),
    };
    let flat = body.replace("\\n", " ");
    let mut shown: String = flat.chars().take(BODY_CHARS_MAX).collect();
    if flat.chars().count() > BODY_CHARS_MAX {
        shown.push('…');
    }
    let _ = writeln!(story, "           {line}");
    let _ = writeln!(story, "           {}", style(shown).dim());
}

fn tried(story: &mut String, timeline: &Timeline, n: usize, attempt: &Attempt) {
    let status = attempt.status.map(|status| format!(" {status}")).unwrap_or_default();
    let detail = attempt.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let outcome = match attempt.outcome {
        AttemptOutcome::Done => style("done").green(),
        AttemptOutcome::Dead => style("dead letter").red(),
        AttemptOutcome::Retry => style("failed, will try again").yellow(),
        AttemptOutcome::Parked => style("put off").yellow(),
        AttemptOutcome::Waiting => style("waits for a person").yellow(),
        AttemptOutcome::Skipped => style("skipped").dim(),
        AttemptOutcome::LeaseLost => style("its worker vanished").red(),
        AttemptOutcome::Person => style("a person acted").yellow(),
    };
    let _ = writeln!(story, "  {} attempt {n}: {outcome}{status}{detail}", at(timeline, attempt.ended_at));
}

/// Time since the event was received.
fn at(timeline: &Timeline, moment: Timestamp) -> String {
    format!("{:>7.3} s", moment.since(timeline.event.received_at).as_secs_f64())
}

/// The deliveries that became no event.
pub(super) fn refusals(told: &[Told]) -> String {
    let mut text = format!("{}\n", style("Deliveries that became no event").bold());
    for one in told.iter().filter(|one| !matches!(one.expected, Expected::Queued { .. })) {
        let answer = match one.word() {
            "" => one.answer.to_string(),
            word if one.reason().is_empty() => word.to_owned(),
            word => format!("{word}: {}", one.reason()),
        };
        let _ = writeln!(text, "  {} → {} {answer}", one.what, one.status);
    }
    text
}

/// One line on the whole, or what went wrong.
pub(super) fn closing(timelines: &[Timeline], faults: &[String], took: Duration) -> String {
    if faults.is_empty() {
        let actions =
            timelines.iter().flat_map(|t| &t.jobs).filter(|e| matches!(e.job.work, Work::Action(_))).count();
        let events = timelines.len();
        let text = format!(
            "{events} events, {actions} actions: everything ended as it should in {:.1} s.",
            took.as_secs_f64()
        );
        return style(text).green().to_string();
    }
    style(format!("Not as it should be:\n  {}", faults.join("\n  "))).red().to_string()
}
