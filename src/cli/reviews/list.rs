//! `hookyard reviews list`

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        End,
        api::{self, Api},
        moments, out,
        table::{Cell, Column, Table},
    },
    domain::{Clock, Job, JobId, JobState, Timestamp},
    host::SystemClock,
    store::ROWS_MAX,
};

/// Jobs that wait for a person, those of the oldest events first.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this route.
    #[arg(long)]
    route: Option<String>,
    /// Only those that are to go to this destination.
    #[arg(long)]
    destination: Option<String>,
    /// How many at the most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROWS_MAX)))]
    limit: u32,
    /// Go on after this one.
    #[arg(long, value_name = "JOB")]
    after: Option<JobId>,
}

impl List {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let mut query = vec![("state", JobState::Waiting.to_string())];
        query.extend(self.route.map(|route| ("route", route)));
        query.extend(self.destination.map(|destination| ("destination", destination)));
        let jobs = api.get("/api/v1/jobs/count", &query).await?["jobs"].as_u64().unwrap_or_default();
        query.push(("limit", self.limit.to_string()));
        query.extend(self.after.map(|after| ("after", after.to_string())));
        let listed: Vec<Value> = api::read(&api.get("/api/v1/jobs", &query).await?)?;
        if json {
            out::json(&json!({ "jobs": jobs, "listed": listed }))?;
            return Ok(End::Well);
        }
        if jobs == 0 {
            out::say("nothing waits for a person")?;
            return Ok(End::Well);
        }
        out::say(table(&listed, SystemClock::new().now())?.show())?;
        if (listed.len() as u64) < jobs {
            let last = listed.last().and_then(|job| job["id"].as_str()).unwrap_or_default();
            out::say(format!("{} of {jobs}; `--after {last}` goes on, `--limit` shows more", listed.len()))?;
        }
        Ok(End::Well)
    }
}

fn table(jobs: &[Value], now: Timestamp) -> anyhow::Result<Table> {
    let (whole, text) = (Column::whole, Column::text);
    let mut table = Table::new(&[
        whole("JOB"),
        text("ROUTE"),
        text("ACTION"),
        text("DESTINATION"),
        whole("SINCE"),
        text("REASON"),
    ]);
    for job in jobs {
        let job: Job = api::read(job)?;
        let action = job.work.plan().map_or("-", |plan| &plan.id);
        table.row(vec![
            Cell::new(job.id),
            Cell::new(job.work.route()),
            Cell::new(action),
            Cell::new(job.destination.as_deref().unwrap_or("-")),
            Cell::new(moments::age(job.due, now)),
            Cell::new(job.reason.as_deref().unwrap_or_default()),
        ]);
    }
    Ok(table)
}
