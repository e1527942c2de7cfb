//! `hookyard dead redrive` and `hookyard dead discard`

use std::collections::BTreeMap;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        End,
        api::{self, Api},
        out, progress,
    },
    domain::{Clock, JobId, JobState, Timestamp},
    host::SystemClock,
    store::ROWS_MAX,
};

use super::{Filter, list::groups_table};

/// Dead letters that one step moves: few enough to hold up nobody, and for the bar to move.
const STEP: usize = 250;

/// Which, and whether really.
#[derive(Debug, Args)]
struct Which {
    /// These; without them, those that the filter takes.
    jobs: Vec<JobId>,
    #[command(flatten)]
    filter: Filter,
    /// All of them: what a command without jobs and filter must say.
    #[arg(long)]
    all: bool,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Back to work, with fresh attempts and the same bytes and keys.
#[derive(Debug, Args)]
pub(super) struct Redrive {
    #[command(flatten)]
    which: Which,
}

/// Let go, for good.
#[derive(Debug, Args)]
pub(super) struct Discard {
    #[command(flatten)]
    which: Which,
    /// Why, for the record.
    #[arg(long)]
    note: Option<String>,
}

impl Redrive {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let words = Words { path: "/api/v1/dead/redrive", verb: "Redrive", done: "redriven" };
        self.which.sweep(api, &words, None, json).await
    }
}

impl Discard {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let words = Words { path: "/api/v1/dead/discard", verb: "Discard", done: "discarded" };
        self.which.sweep(api, &words, self.note.as_deref(), json).await
    }
}

struct Words {
    path: &'static str,
    verb: &'static str,
    done: &'static str,
}

/// What a step answers.
#[derive(Deserialize)]
struct Step {
    moved: u64,
    left: u64,
    until: Timestamp,
}

/// A job as far as it must be known here.
#[derive(Deserialize)]
struct Known {
    id: JobId,
    state: JobState,
}

impl Which {
    async fn sweep(&self, api: &Api, words: &Words, note: Option<&str>, json: bool) -> anyhow::Result<End> {
        let unbounded = self.jobs.is_empty() && self.filter.is_all();
        anyhow::ensure!(
            !unbounded || self.all,
            "name the jobs, or say which with --route, --destination, --cause, --since or --until, or all with --all"
        );
        anyhow::ensure!(unbounded || !self.all, "--all means all: leave out the jobs and the filter");
        let others = self.others(api).await?;
        for other in &others {
            out::note(other);
        }
        let end = || if others.is_empty() { End::Well } else { End::Badly };
        let now = SystemClock::new().now();
        let mut bodies = self.bodies(note, now);
        let mut total = 0;
        for body in &mut bodies {
            let counted: Step = step(api, words, body, json!({ "dry_run": true })).await?;
            total += counted.left;
            // What dies again after this moment is no part of the sweep.
            body.insert("until".to_owned(), json!(counted.until));
        }
        if total == 0 || self.dry_run {
            if json {
                out::json(&json!({ "moved": 0, "left": total }))?;
            } else {
                if let Some(groups) = self.described(api, now).await?.filter(|_| total > 0) {
                    out::say(groups)?;
                }
                out::say(match total {
                    0 => "no dead letters match".to_owned(),
                    _ => format!("{} meant, none {}", letters(total), words.done),
                })?;
            }
            return Ok(end());
        }
        if !self.yes
            && progress::can_ask()
            && let Some(groups) = self.described(api, now).await?
        {
            out::note(groups);
        }
        let question = format!("{} {}?", words.verb, letters(total));
        if !progress::confirmed(&question, self.yes, self.jobs.is_empty() && total > 1, "--dry-run")? {
            out::say("nothing was done")?;
            return Ok(End::Badly);
        }
        let bar = progress::bar(total, words.done, json);
        let mut moved = 0;
        for body in &bodies {
            loop {
                let did = step(api, words, body, json!({ "limit": STEP })).await?;
                moved += did.moved;
                bar.set_position(moved);
                if did.moved == 0 || did.left == 0 {
                    break;
                }
            }
        }
        bar.finish_and_clear();
        if json {
            out::json(&json!({ "moved": moved }))?;
        } else {
            out::say(format!("{} {}", letters(moved), words.done))?;
        }
        Ok(end())
    }

    /// Jobs that were named and are no dead letters, in words.
    async fn others(&self, api: &Api) -> anyhow::Result<Vec<String>> {
        let mut others = Vec::new();
        for jobs in self.jobs.chunks(STEP) {
            let ids: Vec<String> = jobs.iter().map(JobId::to_string).collect();
            let query = [("ids", ids.join(",")), ("limit", STEP.to_string())];
            let known: Vec<Known> = api::read(&api.get("/api/v1/jobs", &query).await?)?;
            let known: BTreeMap<JobId, JobState> = known.into_iter().map(|job| (job.id, job.state)).collect();
            others.extend(jobs.iter().filter_map(|job| match known.get(job) {
                Some(JobState::Dead) => None,
                Some(state) => Some(format!("{job} is {state}, and no dead letter")),
                None => Some(format!("there is no job {job}")),
            }));
        }
        Ok(others)
    }

    /// What is asked for, in as many requests as the number of named jobs takes.
    fn bodies(&self, note: Option<&str>, now: Timestamp) -> Vec<Map<String, Value>> {
        let mut body: Map<String, Value> =
            self.filter.given(now).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        body.extend(note.map(|note| ("note".to_owned(), note.into())));
        if self.jobs.is_empty() {
            return vec![body];
        }
        let with_ids = |jobs: &[JobId]| {
            let ids: Vec<String> = jobs.iter().map(JobId::to_string).collect();
            let mut body = body.clone();
            body.insert("ids".to_owned(), ids.join(",").into());
            body
        };
        self.jobs.chunks(ROWS_MAX as usize).map(with_ids).collect()
    }

    /// What is meant, where the groups tell it.
    async fn described(&self, api: &Api, now: Timestamp) -> anyhow::Result<Option<String>> {
        if !self.jobs.is_empty() || self.filter.has_times() {
            return Ok(None);
        }
        let mut meant = Vec::new();
        for group in api::read::<Vec<Value>>(&api.get("/api/v1/dead/groups", &[]).await?)? {
            if self.filter.takes(&api::read(&group)?) {
                meant.push(group);
            }
        }
        Ok(Some(groups_table(&meant, now)?.show()))
    }
}

async fn step(api: &Api, words: &Words, body: &Map<String, Value>, with: Value) -> anyhow::Result<Step> {
    let mut body = body.clone();
    body.extend(with.as_object().cloned().unwrap_or_default());
    api::read(&api.post(words.path, &body.into()).await?)
}

fn letters(number: u64) -> String {
    out::several(number, "dead letter")
}
