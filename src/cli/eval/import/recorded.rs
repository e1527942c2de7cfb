//! `hookyard eval import reviews` and `hookyard eval import dead`: events of the service as candidate cases.

use std::{collections::HashSet, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        End,
        api::{self, Admin, Api},
        events::Shown,
        out,
    },
    config::{self, Case, one_of, quoted},
    decide::redact::{Sensitive, redact},
    domain::{Job, JobState, PERSON},
    eval::{import::Labels, near},
    store::ROWS_MAX,
};

use super::{Into, Place};

/// What is always taken out of an event before it becomes a case: cases are shared, events are not.
const TAKEN_OUT: [Sensitive; 5] =
    [Sensitive::Secrets, Sensitive::Cards, Sensitive::Accounts, Sensitive::Emails, Sensitive::Phones];

/// Events about which a person decided. Secrets, numbers of cards and accounts, addresses and telephone numbers are taken out;
/// look for names yourself.
#[derive(Debug, Args)]
pub(super) struct FromReviews {
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    into: Into,
    #[command(flatten)]
    which: Which,
}

/// Events of dead letters, all with the label that is given. What identifies people is taken out as from reviews.
#[derive(Debug, Args)]
pub(super) struct FromDead {
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    into: Into,
    /// The label of all of them.
    #[arg(long)]
    label: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// Only of this route.
    #[arg(long)]
    route: Option<String>,
    /// How many jobs are looked at, the oldest first.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl FromReviews {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let FromReviews { admin, into, which } = self;
        let place = into.place(dir.clone())?;
        let labels = place.labels()?;
        let label_of = |job: &Job| {
            let verdict = job.verdict.as_ref()?;
            let ours = *verdict.judge == *PERSON && *verdict.classifier == *place.suite.classifier;
            if ours && !labels.contains(&verdict.label) {
                let label = quoted(&verdict.label);
                out::note(format!("event {}: its label {label} is none of today's", job.id.event));
                return None;
            }
            ours.then(|| verdict.label.clone())
        };
        admin.visit(dir, async |api| {
            let jobs = which.jobs(api, JobState::Done).await?;
            take(&into, api, &place, &jobs, &label_of).await
        })
    }
}

impl FromDead {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let FromDead { admin, into, label, which } = self;
        let place = into.place(dir.clone())?;
        let labels = place.labels()?;
        anyhow::ensure!(
            labels.contains(&label),
            "no label is called {}: {}",
            quoted(&label),
            one_of(&label, labels.iter().map(String::as_str))
        );
        admin.visit(dir, async |api| {
            let jobs = which.jobs(api, JobState::Dead).await?;
            take(&into, api, &place, &jobs, &|_| Some(label.clone())).await
        })
    }
}

impl Which {
    /// The jobs in this state, as many as are to be looked at.
    async fn jobs(&self, api: &Api, state: JobState) -> anyhow::Result<Vec<Job>> {
        let mut query = vec![("state", state.to_string()), ("limit", self.limit.min(ROWS_MAX).to_string())];
        query.extend(self.route.clone().map(|route| ("route", route)));
        jobs(api, &mut query, self.limit).await
    }
}

/// An event that may become a case.
struct Candidate {
    id: String,
    case: Value,
    /// The same as it is read.
    read: Case,
}

async fn take(
    into: &Into,
    api: &Api,
    place: &Place,
    jobs: &[Job],
    label_of: &dyn Fn(&Job) -> Option<String>,
) -> anyhow::Result<End> {
    let mut ids: HashSet<String> = place.existing.iter().map(|case| case.id.clone()).collect();
    let mut candidates = Vec::new();
    for job in jobs {
        let Some(label) = label_of(job) else { continue };
        let id = format!("{}-{}", into.suite, job.id.event);
        if ids.insert(id.clone()) {
            candidates.extend(candidate(into, api, job, id, &label).await?);
        }
    }
    let fresh = if into.allow_near { candidates } else { without_copies(place, candidates) };
    let fresh = without_contradictions(place, fresh);
    if fresh.is_empty() {
        out::say("there is nothing new to take over")?;
        return Ok(End::Well);
    }
    let lines: String = fresh.iter().map(|candidate| format!("{}\n", candidate.case)).collect();
    into.append(place, &lines, fresh.len())?;
    Ok(End::Well)
}

/// The job's event as a case; `None`, which is told, if its body is none.
async fn candidate(
    into: &Into,
    api: &Api,
    job: &Job,
    id: String,
    label: &str,
) -> anyhow::Result<Option<Candidate>> {
    let Shown { timeline, body } =
        api::read(&api.get(&format!("/api/v1/events/{}", job.id.event), &[]).await?)?;
    let event = timeline.event;
    let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(&body).ok()) else {
        out::note(format!("event {}: its body is not at hand, or not JSON", event.id));
        return Ok(None);
    };
    let body = redacted(body);
    let mut case = json!({
        "id": id,
        "event": { "source": event.source, "type": event.event_type, "body": body },
        "expect": { "label": label },
        "tags": into.tag,
        "author": into.author,
    });
    if let Some(split) = into.split {
        case["split"] = json!(split);
    }
    Ok(match config::case(case.clone()) {
        Ok(read) => Some(Candidate { id, case, read }),
        Err((message, _)) => {
            out::note(format!("event {}: it makes no case: {message}", event.id));
            None
        }
    })
}

/// Those whose body has one label, of the cases that are there and those before them; the others are told.
fn without_contradictions(place: &Place, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut labels = Labels::of(&place.existing);
    let mut sound = Vec::new();
    for candidate in candidates {
        match labels.add(&candidate.read, None) {
            Ok(()) => sound.push(candidate),
            Err(contradiction) => out::note(format!("{}: {contradiction}", candidate.id)),
        }
    }
    sound
}

/// Those that say something else than every case that is there and every one before them; the others are told.
fn without_copies(place: &Place, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let known: Vec<Vec<String>> = place.existing.iter().map(near::texts_of).collect();
    let new: Vec<Vec<String>> = candidates.iter().map(|candidate| near::texts_of(&candidate.read)).collect();
    let copies = near::copies(&known, &new);
    let ids: Vec<String> = place
        .existing
        .iter()
        .map(|case| case.id.clone())
        .chain(candidates.iter().map(|candidate| candidate.id.clone()))
        .collect();
    let mut fresh = Vec::new();
    for (candidate, copy) in candidates.into_iter().zip(copies) {
        match copy.and_then(|(other, _)| ids.get(other)) {
            Some(other) => {
                out::note(format!("{}: it says nearly the same as case {other}", candidate.id));
            }
            None => fresh.push(candidate),
        }
    }
    fresh
}

/// The first `limit` jobs that `query` asks for, page by page.
async fn jobs(api: &Api, query: &mut Vec<(&str, String)>, limit: u32) -> anyhow::Result<Vec<Job>> {
    let (mut jobs, asked) = (Vec::new(), query.len());
    loop {
        let page: Vec<Value> = api::read(&api.get("/api/v1/jobs", query).await?)?;
        let done = page.len() < ROWS_MAX as usize;
        for job in &page {
            jobs.push(api::read::<Job>(job)?);
        }
        match jobs.last() {
            Some(last) if !done && jobs.len() < limit as usize => {
                query.truncate(asked);
                query.push(("after", last.id.to_string()));
            }
            _ => {
                jobs.truncate(limit as usize);
                return Ok(jobs);
            }
        }
    }
}

/// Every text of a body without what identifies people.
fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text, &TAKEN_OUT).text),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, redacted(value))).collect())
        }
        plain => plain,
    }
}
