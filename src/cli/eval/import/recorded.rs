//! `hookyard eval import reviews` and `hookyard eval import dead`: events of the service as candidate cases.

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{
        End,
        api::{self, Api},
        out,
    },
    config::Split,
    decide::redact::{Sensitive, redact},
    domain::{Job, JobState},
    eval::near::{self, near_pairs},
    store::ROWS_MAX,
};

use super::{Into, Place, as_texts, texts};

/// What is always taken out of an event before it becomes a case: cases are shared, events are not.
const TAKEN_OUT: [Sensitive; 5] =
    [Sensitive::Secrets, Sensitive::Cards, Sensitive::Accounts, Sensitive::Emails, Sensitive::Phones];

/// Who a verdict names that a person gave.
const PERSON: &str = "person";

/// Events about which a person decided. Secrets, numbers of cards and accounts, addresses and telephone numbers are taken out;
/// look for names yourself.
#[derive(Debug, Args)]
pub(super) struct FromReviews {
    #[command(flatten)]
    pub into: Into,
    #[command(flatten)]
    which: Which,
}

/// Events of dead letters, all with the label that is given. What identifies people is taken out as from reviews.
#[derive(Debug, Args)]
pub(super) struct FromDead {
    #[command(flatten)]
    pub into: Into,
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

/// What the API says of an event.
#[derive(Deserialize)]
struct Shown {
    timeline: TimelineView,
    body: Option<String>,
}

#[derive(Deserialize)]
struct TimelineView {
    event: EventView,
}

#[derive(Deserialize)]
struct EventView {
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
}

impl FromReviews {
    pub async fn run(&self, api: &Api, place: &Place) -> anyhow::Result<End> {
        let decided = |job: &Job| {
            let verdict = job.verdict.as_ref()?;
            let ours = *verdict.judge == *PERSON && *verdict.classifier == *place.suite.classifier;
            ours.then(|| verdict.label.clone())
        };
        take(&self.into, &self.which, api, place, JobState::Done, &decided).await
    }
}

impl FromDead {
    pub async fn run(&self, api: &Api, place: &Place) -> anyhow::Result<End> {
        take(&self.into, &self.which, api, place, JobState::Dead, &|_| Some(self.label.clone())).await
    }
}

async fn take(
    into: &Into,
    which: &Which,
    api: &Api,
    place: &Place,
    state: JobState,
    label_of: &dyn Fn(&Job) -> Option<String>,
) -> anyhow::Result<End> {
    let mut query = vec![("state", state.to_string()), ("limit", which.limit.min(ROWS_MAX).to_string())];
    query.extend(which.route.clone().map(|route| ("route", route)));
    let jobs = jobs(api, &mut query, which.limit).await?;
    let mut known = texts(&place.existing);
    let (mut lines, mut cases) = (String::new(), 0);
    for job in jobs {
        let Some(label) = label_of(&job) else { continue };
        let Shown { timeline, body } =
            api::read(&api.get(&format!("/api/v1/events/{}", job.id.event), &[]).await?)?;
        let event = timeline.event;
        let id = format!("{}-{}", into.suite, event.id);
        let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(&body).ok()) else {
            out::note(format!("event {}: its body is not at hand, or not JSON", event.id));
            continue;
        };
        let body = redacted(body);
        let text = near::text_of(&body);
        if known.iter().any(|(known, _, _)| *known == id) {
            continue;
        }
        known.push((id.clone(), Split::Train, text));
        if !into.allow_near
            && let Some(pair) =
                near_pairs(&as_texts(&known)).iter().find(|p| p.first.id == id || p.second.id == id)
        {
            let other = if pair.first.id == id { pair.second.id } else { pair.first.id };
            out::note(format!("event {}: it says nearly the same as case {other}", event.id));
            known.pop();
            continue;
        }
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
        lines.push_str(&format!("{case}\n"));
        cases += 1;
    }
    if cases == 0 {
        out::say("there is nothing new to take over")?;
        return Ok(End::Well);
    }
    into.append(&place.folder, &lines, cases)?;
    Ok(End::Well)
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
