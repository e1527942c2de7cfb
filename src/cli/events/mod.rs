//! `hookyard events`

mod list;
mod show;
mod tail;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use console::Style;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::{EventId, EventState, Lane, Timestamp};

use super::{End, api::Admin};

pub(super) use list::Which;
pub(super) use show::Shown;

/// See what came in, and what became of it.
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    admin: Admin,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The newest events.
    List(list::List),
    /// One event from its receipt to its last action.
    Show(show::Show),
    /// Events as they come, until Ctrl-C.
    Tail(tail::Tail),
}

impl Events {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let Events { admin, command } = self;
        admin.visit(dir, async |api| match command {
            Command::List(list) => list.run(api, admin.json).await,
            Command::Show(show) => show.run(api, admin.json).await,
            Command::Tail(tail) => tail.run(api, admin.json).await,
        })
    }
}

/// An event as the API tells it.
#[derive(Deserialize)]
pub(super) struct EventView {
    pub id: EventId,
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: String,
    lane: Lane,
    received_at: Timestamp,
    test_mode: bool,
    headers: Vec<(String, String)>,
}

/// An event in a list.
#[derive(Deserialize)]
struct Summary {
    #[serde(flatten)]
    event: EventView,
    state: EventState,
    jobs: usize,
}

fn colour(state: EventState) -> Style {
    match state {
        EventState::Done => Style::new().green(),
        EventState::Dead => Style::new().red(),
        EventState::Waiting => Style::new().yellow(),
        EventState::Open => Style::new().cyan(),
    }
}

/// The field of each object in a list that names it.
fn id(entry: &Value) -> anyhow::Result<EventId> {
    super::api::read(entry.get("id").unwrap_or(&Value::Null))
}
