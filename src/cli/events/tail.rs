//! `hookyard events tail`

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use serde_json::Value;

use crate::{
    cli::{
        End,
        api::{self, Api},
        moments::When,
        out::{self, plain},
        serve::told_to_stop,
    },
    domain::{Clock, EventId, Timestamp},
    host::SystemClock,
    store::ROWS_MAX,
};

use super::{Summary, colour, id, list::Which};

/// Wait between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How far a look reaches back before the newest event seen: events are listed by when they came, and the commit of one
/// that came a little earlier may follow.
const OVERLAP: Duration = Duration::from_secs(5);

/// Events as they come, until Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// Only of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only of this type, or of those that begin so, such as `invoice.*`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// How many that are there already are shown first.
    #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=i64::from(ROWS_MAX)))]
    lines: u32,
}

impl Tail {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        anyhow::ensure!(
            api.is_running(),
            "nothing new comes while the service is stopped: `hookyard events list` shows what is there"
        );
        tokio::select! {
            followed = self.follow(api, json) => followed,
            told = told_to_stop() => told.map(|()| End::Well),
        }
    }

    async fn follow(&self, api: &Api, json: bool) -> anyhow::Result<End> {
        let mut seen = Seen::default();
        let mut which =
            Which { source: self.source.clone(), event_type: self.event_type.clone(), ..Which::default() };
        let mut fresh = seen.fresh(&which.page(api, Timestamp::default(), None, self.lines.max(1)).await?)?;
        // The next looks reach back: what they would find is seen by now, shown or not.
        which.since = Some(When::At(seen.forget()));
        let beside = self.look(api, &which, &mut seen).await?;
        fresh.splice(0..0, beside);
        fresh.sort_by_cached_key(|entry| id(entry).ok());
        fresh.drain(..fresh.len().saturating_sub(self.lines as usize));
        loop {
            for entry in &fresh {
                show(entry, json)?;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let since = seen.forget();
            which.since = Some(When::At(since));
            fresh = self.look(api, &which, &mut seen).await?;
        }
    }

    /// What is new, oldest first.
    async fn look(&self, api: &Api, which: &Which, seen: &mut Seen) -> anyhow::Result<Vec<Value>> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = which.page(api, SystemClock::new().now(), before, ROWS_MAX).await?;
            before = page.last().map(id).transpose()?;
            let whole = page.len() == ROWS_MAX as usize;
            let fresh = seen.fresh(&page)?;
            found.splice(0..0, fresh);
            if !whole {
                return Ok(found);
            }
        }
    }
}

/// What was shown, as far back as a look reaches.
#[derive(Default)]
struct Seen {
    shown: BTreeMap<EventId, Timestamp>,
    newest: Timestamp,
}

impl Seen {
    /// Those of a page, newest first, that were not shown yet: oldest first.
    fn fresh(&mut self, page: &[Value]) -> anyhow::Result<Vec<Value>> {
        let mut fresh = Vec::new();
        for entry in page.iter().rev() {
            let Summary { event, .. } = api::read(entry)?;
            self.newest = self.newest.max(event.received_at);
            if self.shown.insert(event.id, event.received_at).is_none() {
                fresh.push(entry.clone());
            }
        }
        Ok(fresh)
    }

    /// Where the next look begins; what lies before need not be remembered.
    fn forget(&mut self) -> Timestamp {
        let overlap = i64::try_from(OVERLAP.as_millis()).unwrap_or_default();
        let since = Timestamp::from_millis(self.newest.as_millis().saturating_sub(overlap).max(0));
        self.shown.retain(|_, at| *at >= since);
        since
    }
}

fn show(entry: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return out::json_line(entry);
    }
    let Summary { event, state, .. } = api::read(entry)?;
    let state = colour(state).apply_to(format!("{state:7}"));
    let (source, kind) = (plain(&event.source), plain(&event.event_type));
    out::say(format!("{}  {}  {state}  {source}  {kind}", event.received_at, event.id))
}
