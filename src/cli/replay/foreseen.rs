//! `hookyard replay --mode dry-run`: what a replay would do.

use console::{Style, style};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{
        End,
        api::{self, Api},
        out::{self, plain},
    },
    domain::{EventId, JobState, Mode},
    engine::{Foreseen, Ruling},
};

/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 120;

#[derive(Deserialize)]
struct PreviewView {
    event: EventId,
    routes: Vec<RouteView>,
    gone: Vec<String>,
}

#[derive(Deserialize)]
struct RouteView {
    route: String,
    verdict_before: Option<Ruling>,
    verdict_after: Option<Ruling>,
    would_ask: Vec<String>,
    stopped: Option<String>,
    actions: Vec<ActionView>,
}

#[derive(Deserialize)]
struct ActionView {
    action: String,
    fate: Foreseen,
    why: Option<String>,
    before: Option<JobState>,
    mode: Option<Mode>,
    request: Option<DifferencesView>,
}

#[derive(Deserialize)]
struct DifferencesView {
    changes: Vec<ChangeView>,
    more: usize,
}

#[derive(Deserialize)]
struct ChangeView {
    path: String,
    #[serde(default)]
    before: Option<Value>,
    #[serde(default)]
    after: Option<Value>,
}

/// Shows every event's preview: as stories, or as one JSON array.
pub(super) async fn show(api: &Api, events: &[EventId], reclassify: bool, json: bool) -> anyhow::Result<End> {
    if reclassify {
        api.teach().await?;
    }
    let (mut previews, mut well) = (Vec::new(), true);
    for event in events {
        let wish = json!({ "event": event, "mode": "dry_run", "reclassify": reclassify });
        let preview = match api.post("/api/v1/replay", &wish).await {
            Ok(preview) => preview,
            Err(error) => {
                let refusal = error.downcast::<api::Refusal>()?;
                if !super::ONE_REFUSED.contains(&refusal.status) {
                    return Err(refusal.into());
                }
                well = false;
                json!({ "event": event, "refused": refusal.reason })
            }
        };
        if json {
            previews.push(preview);
        } else if let Some(why) = preview["refused"].as_str() {
            out::say(plain(why))?;
        } else {
            out::say(story(&api::read(&preview)?))?;
        }
    }
    if json {
        out::json(&previews)?;
    }
    Ok(if well { End::Well } else { End::Badly })
}

fn story(preview: &PreviewView) -> String {
    let mut lines = vec![style(preview.event).bold().to_string()];
    for route in &preview.routes {
        lines.push(format!("  route {}: {}", style(&route.route).bold(), verdicts(route)));
        if !route.would_ask.is_empty() {
            let judges = route.would_ask.join(", ");
            lines.push(format!("    {judges} would be asked anew; this is what follows without that"));
        }
        lines.extend(route.stopped.iter().map(|why| format!("    nothing is planned: {}", plain(why))));
        lines.extend(route.actions.iter().flat_map(action));
    }
    for route in &preview.gone {
        lines.push(format!("  route {} does not take it today", style(route).bold()));
    }
    lines.join("\n")
}

fn verdicts(route: &RouteView) -> String {
    let told =
        |ruling: &Ruling| format!("{} {:.2} by {}", plain(&ruling.label), ruling.confidence, ruling.judge);
    match (&route.verdict_before, &route.verdict_after) {
        (None, None) => "no verdict".to_owned(),
        (Some(before), Some(after)) if before == after => format!("{}, as before", told(after)),
        (before, after) => {
            let word =
                |ruling: &Option<Ruling>| ruling.as_ref().map_or_else(|| "no verdict".to_owned(), told);
            format!("{} → {}", word(before), style(word(after)).yellow())
        }
    }
}

fn action(action: &ActionView) -> Vec<String> {
    let (fate, colour) = match action.fate {
        Foreseen::Keep => ("done already with the same request: kept", Style::new().dim()),
        Foreseen::Go => ("goes", Style::new().green()),
        Foreseen::Ask => ("asks a person", Style::new().yellow()),
        Foreseen::NotPlanned => ("is not planned any more", Style::new().dim()),
    };
    let before = action.before.map_or_else(|| "new".to_owned(), |state| format!("was {state}"));
    let mode = match action.mode {
        Some(Mode::DryRun) => ", only as a dry run",
        // Of this the fate tells, or what it waits for.
        Some(Mode::Review | Mode::Live) | None => "",
    };
    let why = action.why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    let mut lines =
        vec![format!("    {} ({before}) {}{mode}{why}", style(&action.action).bold(), colour.apply_to(fate))];
    match &action.request {
        Some(differences) => lines.extend(changes(differences)),
        None if action.fate == Foreseen::NotPlanned => {}
        None => {
            lines.push("      its request cannot be told yet: it needs the receipts of others".to_owned())
        }
    }
    lines
}

fn changes(differences: &DifferencesView) -> Vec<String> {
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), short);
    let line = |change: &ChangeView| {
        let path = if change.path.is_empty() { "request" } else { &change.path };
        format!(
            "      {}: {} → {}",
            plain(path),
            style(shown(&change.before)).red(),
            style(shown(&change.after)).green()
        )
    };
    let mut lines: Vec<String> = differences.changes.iter().map(line).collect();
    if differences.more > 0 {
        lines.push(format!("      and {} more", differences.more));
    }
    lines
}

fn short(value: &Value) -> String {
    let text = plain(&value.to_string());
    let mut shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
