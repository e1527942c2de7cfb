//! `hookyard dead list`

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        End,
        api::{self, Api},
        moments, out,
        table::{Cell, Column, Table},
    },
    domain::{Clock, Job, JobId, Timestamp},
    host::SystemClock,
    store::ROWS_MAX,
};

use super::{Filter, Group};

/// Dead letters by what they have in common, then one by one, those of the oldest events first.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Only the groups.
    #[arg(long)]
    group: bool,
    /// How many are listed one by one at the most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROWS_MAX)))]
    limit: u32,
    /// Go on after this one.
    #[arg(long, value_name = "JOB")]
    after: Option<JobId>,
}

impl List {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let now = SystemClock::new().now();
        let groups: Vec<Value> = api::read(&api.get("/api/v1/dead/groups", &[]).await?)?;
        let mut meant = Vec::new();
        for group in groups {
            if self.filter.takes(&api::read(&group)?) {
                meant.push(group);
            }
        }
        let mut query = self.filter.given(now);
        query.push(("state", "dead".to_owned()));
        let jobs = api.get("/api/v1/jobs/count", &query).await?["jobs"].as_u64().unwrap_or_default();
        let mut listed: Vec<Value> = Vec::new();
        if !self.group {
            query.push(("limit", self.limit.to_string()));
            query.extend(self.after.map(|after| ("after", after.to_string())));
            listed = api::read(&api.get("/api/v1/jobs", &query).await?)?;
        }
        if json {
            out::json(&json!({ "jobs": jobs, "groups": meant, "listed": listed }))?;
            return Ok(End::Well);
        }
        if jobs == 0 {
            out::say("no dead letters")?;
            return Ok(End::Well);
        }
        out::say(groups_table(&meant, now)?.show())?;
        if !listed.is_empty() {
            out::say(format!("\n{}", jobs_table(&listed, now)?.show()))?;
        }
        if (listed.len() as u64) < jobs && !self.group {
            let last = listed.last().and_then(|job| job["id"].as_str()).unwrap_or_default();
            out::say(format!("{} of {jobs}; `--after {last}` goes on, `--limit` shows more", listed.len()))?;
        }
        Ok(End::Well)
    }
}

pub(super) fn groups_table(groups: &[Value], now: Timestamp) -> anyhow::Result<Table> {
    let (whole, text, number) = (Column::whole, Column::text, Column::number);
    let mut table = Table::new(&[
        number("JOBS"),
        whole("CAUSE"),
        text("ROUTE"),
        text("DESTINATION"),
        whole("LAST"),
        text("ITS REASON"),
    ]);
    for group in groups {
        let Group { cause, route, destination, jobs, newest, reason } = api::read(group)?;
        table.row(vec![
            Cell::new(jobs),
            Cell::new(cause),
            Cell::new(route),
            Cell::new(destination.as_deref().unwrap_or("-")),
            Cell::new(moments::age(newest, now)),
            Cell::new(reason),
        ]);
    }
    Ok(table)
}

fn jobs_table(jobs: &[Value], now: Timestamp) -> anyhow::Result<Table> {
    let (whole, text) = (Column::whole, Column::text);
    let mut table = Table::new(&[
        whole("JOB"),
        whole("CAUSE"),
        text("ROUTE"),
        text("ACTION"),
        whole("DIED"),
        text("REASON"),
    ]);
    for job in jobs {
        let job: Job = api::read(job)?;
        let action = job.work.plan().map_or("-", |plan| &plan.id);
        table.row(vec![
            Cell::new(job.id),
            Cell::new(job.cause.map_or("-", |cause| cause.as_str())),
            Cell::new(job.work.route()),
            Cell::new(action),
            Cell::new(moments::age(job.due, now)),
            Cell::new(job.reason.as_deref().unwrap_or_default()),
        ]);
    }
    Ok(table)
}
