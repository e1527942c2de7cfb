//! `hookyard dead`

mod list;
mod show;
mod sweep;

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde::Deserialize;

use crate::domain::{Cause, Timestamp};

use super::{End, api::Admin, moments::When};

/// See dead letters, send them back to work, or let them go.
#[derive(Debug, Args)]
pub(super) struct Dead {
    #[command(flatten)]
    admin: Admin,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Dead letters by what they have in common, then one by one.
    List(list::List),
    /// One job: its request, every attempt, and the answer.
    Show(show::Show),
    /// Back to work, with fresh attempts and the same bytes and keys.
    Redrive(sweep::Redrive),
    /// Let go, for good.
    Discard(sweep::Discard),
}

impl Dead {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let Dead { admin, command } = self;
        admin.visit(dir, async |api| match command {
            Command::List(list) => list.run(api, admin.json).await,
            Command::Show(show) => show.run(api, admin.json).await,
            Command::Redrive(redrive) => redrive.run(api, admin.json).await,
            Command::Discard(discard) => discard.run(api, admin.json).await,
        })
    }
}

/// Which dead letters.
#[derive(Debug, Args)]
struct Filter {
    /// Only of this route.
    #[arg(long)]
    route: Option<String>,
    /// Only those that were to go to this destination.
    #[arg(long)]
    destination: Option<String>,
    /// Only of this cause.
    #[arg(long, value_parser = PossibleValuesParser::new(Cause::ALL.iter().map(|cause| cause.as_str())))]
    cause: Option<String>,
    /// Dead at or after then: an age such as `2h`, or RFC 3339.
    #[arg(long, value_name = "WHEN", value_parser = When::read)]
    since: Option<When>,
    /// Dead before then.
    #[arg(long, value_name = "WHEN", value_parser = When::read)]
    until: Option<When>,
}

impl Filter {
    fn is_all(&self) -> bool {
        self.route.is_none() && self.destination.is_none() && self.cause.is_none() && !self.has_times()
    }

    fn has_times(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// As the API takes it, in a query or a body.
    fn given(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let at = |when: Option<When>| when.map(|when| when.at(now).as_millis().to_string());
        let given = [
            ("route", self.route.clone()),
            ("destination", self.destination.clone()),
            ("cause", self.cause.clone()),
            ("since", at(self.since)),
            ("until", at(self.until)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether a group is meant, times aside.
    fn takes(&self, group: &Group) -> bool {
        let is = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        is(&self.route, Some(&group.route))
            && is(&self.destination, group.destination.as_deref())
            && is(&self.cause, Some(group.cause.as_str()))
    }
}

/// Dead letters with the same cause, route and destination, as the API tells them.
#[derive(Deserialize)]
struct Group {
    cause: Cause,
    route: String,
    destination: Option<String>,
    jobs: u64,
    newest: Timestamp,
    reason: String,
}
