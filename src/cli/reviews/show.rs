//! `hookyard reviews show`

use clap::Args;

use crate::cli::{End, api::Api, job_story};

use super::which::Which;

/// One job: what would be sent, and what was tried.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
}

impl Show {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        job_story::show(self.which.find(api).await?, api, json).await
    }
}
