//! `hookyard dead show`

use clap::Args;

use crate::{
    cli::{End, api::Api, job_story},
    domain::JobId,
};

/// One job: its request, every attempt, and the answer. Also of one that is not dead.
#[derive(Debug, Args)]
pub(super) struct Show {
    job: JobId,
}

impl Show {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        job_story::show(self.job, api, json).await
    }
}
