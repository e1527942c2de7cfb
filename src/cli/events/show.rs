//! `hookyard events show`

use clap::Args;
use console::style;
use serde::Deserialize;

use crate::{
    cli::{
        End,
        api::{self, Api},
        job_story::{self, Length},
        moments,
        out::{self, plain},
    },
    domain::{Clock, EventId, EventState, Timestamp},
    host::SystemClock,
};

use super::{EventView, colour};

/// One event from its receipt to its last action.
#[derive(Debug, Args)]
pub(super) struct Show {
    event: EventId,
    /// Whole requests, answers, headers, and the body as it came.
    #[arg(long)]
    full: bool,
}

/// The answer.
#[derive(Deserialize)]
pub(in crate::cli) struct Shown {
    pub timeline: TimelineView,
    pub body: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::cli) struct TimelineView {
    pub event: EventView,
    state: EventState,
    jobs: Vec<job_story::Told>,
    redeliveries: Vec<RedeliveryView>,
}

#[derive(Deserialize)]
struct RedeliveryView {
    at: Timestamp,
    times: u32,
}

impl Show {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let answer = api.get(&format!("/api/v1/events/{}", self.event), &[]).await?;
        if json {
            out::json(&answer)?;
            return Ok(End::Well);
        }
        let Shown { timeline, body } = api::read(&answer)?;
        let now = SystemClock::new().now();
        let length = if self.full { Length::Whole } else { Length::Short };
        out::say(head(&timeline, now))?;
        for redelivery in &timeline.redeliveries {
            let times =
                if redelivery.times > 1 { format!(", {} times", redelivery.times) } else { String::new() };
            out::say(format!("  {} delivered again{times}", moments::told_by_second(redelivery.at, now)))?;
        }
        if self.full {
            for (name, value) in &timeline.event.headers {
                out::say(format!("  {}: {}", plain(name), plain(value)))?;
            }
            let body = body.as_deref().unwrap_or("(the body is gone)");
            out::say(job_story::indented(body))?;
        }
        for job in &timeline.jobs {
            out::say(format!("\n{}", job_story::tell(job, now, length)))?;
        }
        Ok(End::Well)
    }
}

fn head(timeline: &TimelineView, now: Timestamp) -> String {
    let TimelineView { event, state, .. } = timeline;
    let test = if event.test_mode { ", a test of its sender's" } else { "" };
    format!(
        "{} from {} · {} · {}\n  {} received, lane {}{test}",
        style(plain(&event.event_type)).bold(),
        plain(&event.source),
        colour(*state).apply_to(state),
        event.id,
        moments::told(event.received_at, now),
        event.lane,
    )
}
