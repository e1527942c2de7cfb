//! `hookyard reviews`

mod decide;
mod list;
mod show;
mod which;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{End, api::Admin};

/// See what waits for a person, and decide about it.
#[derive(Debug, Args)]
pub(super) struct Reviews {
    #[command(flatten)]
    admin: Admin,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Jobs that wait for a person, with the reason.
    List(list::List),
    /// One job: what would be sent, and what was tried.
    Show(show::Show),
    /// Yes: the job goes on.
    Approve(decide::Approve),
    /// It was done otherwise: the job ends, and what follows it goes on.
    Done(decide::Done),
    /// No: let go, for good, with what follows it.
    Discard(decide::Discard),
}

impl Reviews {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let Reviews { admin, command } = self;
        admin.visit(dir, async |api| match command {
            Command::List(list) => list.run(api, admin.json).await,
            Command::Show(show) => show.run(api, admin.json).await,
            Command::Approve(approve) => approve.run(api, admin.json).await,
            Command::Done(done) => done.run(api, admin.json).await,
            Command::Discard(discard) => discard.run(api, admin.json).await,
        })
    }
}
