//! Which job is meant: by its own id, or by its event's.

use std::str::FromStr;

use clap::Args;
use serde::Deserialize;

use crate::{
    cli::api::{self, Api},
    domain::{EventId, IdError, JobId, JobState},
};

/// The job that is decided about.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Its id, or its event's where one job of the event waits.
    job: Named,
}

#[derive(Debug, Clone, Copy)]
enum Named {
    Job(JobId),
    Event(EventId),
}

impl FromStr for Named {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.contains('.') { text.parse().map(Named::Job) } else { text.parse().map(Named::Event) }
    }
}

/// A job as far as it must be known to choose it.
#[derive(Deserialize)]
struct Entry {
    id: JobId,
    state: JobState,
}

impl Which {
    /// The job. One that was named by its own id is not looked up.
    ///
    /// # Errors
    /// Not exactly one job of the event waits, or the event is unknown.
    pub async fn find(&self, api: &Api) -> anyhow::Result<JobId> {
        let event = match self.job {
            Named::Job(job) => return Ok(job),
            Named::Event(event) => event,
        };
        let answer = api.get(&format!("/api/v1/events/{event}"), &[]).await?;
        let jobs: Vec<Entry> = api::read(&answer["timeline"]["jobs"])?;
        let waiting: Vec<JobId> =
            jobs.iter().filter(|job| job.state == JobState::Waiting).map(|job| job.id).collect();
        match waiting[..] {
            [job] => Ok(job),
            [] => {
                anyhow::bail!("no job of {event} waits for a person: `hookyard events show` tells its story")
            }
            [..] => {
                let ids: Vec<String> = waiting.iter().map(JobId::to_string).collect();
                anyhow::bail!("several jobs of {event} wait for a person: name one of {}", ids.join(", "))
            }
        }
    }
}
