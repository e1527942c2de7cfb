//! `hookyard dead show`

use clap::Args;

use crate::{
    cli::{
        End,
        api::{self, Api},
        job_story::{self, Length},
        out,
    },
    domain::{Clock, JobId},
    host::SystemClock,
};

/// One job: its request, every attempt, and the answer. Also of one that is not dead.
#[derive(Debug, Args)]
pub(super) struct Show {
    job: JobId,
}

impl Show {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let answer = api.get(&format!("/api/v1/jobs/{}", self.job), &[]).await?;
        if json {
            out::json(&answer)?;
        } else {
            let told: job_story::Told = api::read(&answer["job"])?;
            out::say(job_story::tell(&told, SystemClock::new().now(), Length::Whole))?;
        }
        Ok(End::Well)
    }
}
