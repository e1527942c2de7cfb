//! `hookyard events list`

use clap::Args;
use serde_json::Value;

use crate::{
    cli::{
        End,
        api::{self, Api},
        moments::{self, When},
        out,
        table::{Cell, Column, Table},
    },
    domain::{Clock, EventId, Timestamp},
    host::SystemClock,
    store::ROWS_MAX,
};

use super::{Summary, colour, id};

/// Which events.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Which {
    /// Only of this source.
    #[arg(long)]
    pub source: Option<String>,
    /// Only of this type, such as `invoice.payment_failed`, or of those that begin so, such as `invoice.*`.
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Received at or after then: an age such as `2h`, or RFC 3339.
    #[arg(long, value_name = "WHEN", value_parser = When::read)]
    pub since: Option<When>,
    /// Received before then.
    #[arg(long, value_name = "WHEN", value_parser = When::read)]
    pub until: Option<When>,
}

impl Which {
    pub fn is_all(&self) -> bool {
        self.source.is_none() && self.event_type.is_none() && self.since.is_none() && self.until.is_none()
    }

    fn query(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let at = |when: Option<When>| when.map(|when| when.at(now).as_millis().to_string());
        let given = [
            ("source", self.source.clone()),
            ("type", self.event_type.clone()),
            ("since", at(self.since)),
            ("until", at(self.until)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The newest page before `before`, at most `limit` events.
    pub async fn page(
        &self,
        api: &Api,
        now: Timestamp,
        before: Option<EventId>,
        limit: u32,
    ) -> anyhow::Result<Vec<Value>> {
        let mut query = self.query(now);
        query.extend(before.map(|id| ("before", id.to_string())));
        query.push(("limit", limit.min(ROWS_MAX).to_string()));
        api::read(&api.get("/api/v1/events", &query).await?)
    }
}

/// The newest events.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,
    /// How many at the most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl List {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let now = SystemClock::new().now();
        let limit = self.limit as usize;
        let mut found: Vec<Value> = Vec::new();
        while found.len() < limit {
            let wanted = u32::try_from(limit - found.len()).unwrap_or(ROWS_MAX).min(ROWS_MAX);
            let before = found.last().map(id).transpose()?;
            let page = self.which.page(api, now, before, wanted).await?;
            let whole = page.len() == wanted as usize;
            found.extend(page);
            if !whole {
                break;
            }
        }
        if json {
            out::json(&found)?;
        } else if found.is_empty() {
            out::say("no events")?;
        } else {
            out::say(table(&found, now)?.show())?;
        }
        Ok(End::Well)
    }
}

fn table(found: &[Value], now: Timestamp) -> anyhow::Result<Table> {
    let (whole, text, number) = (Column::whole, Column::text, Column::number);
    let mut table = Table::new(&[
        whole("EVENT"),
        whole("STATE"),
        text("SOURCE"),
        text("TYPE"),
        number("JOBS"),
        text("RECEIVED"),
    ]);
    for entry in found {
        let Summary { event, state, jobs } = api::read(entry)?;
        table.row(vec![
            Cell::new(event.id),
            Cell::styled(state, colour(state)),
            Cell::new(event.source),
            Cell::new(event.event_type),
            Cell::new(jobs),
            Cell::new(moments::told(event.received_at, now)),
        ]);
    }
    Ok(table)
}
