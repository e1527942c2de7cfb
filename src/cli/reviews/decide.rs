//! `hookyard reviews approve`, `hookyard reviews done` and `hookyard reviews discard`

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::{End, api::Api, out};

use super::which::Which;

/// What every decision says.
#[derive(Debug, Args)]
struct About {
    #[command(flatten)]
    which: Which,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Yes: the job goes on.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    about: About,
    /// What it is, where no judge could tell: a label of the route's classifier.
    #[arg(long)]
    label: Option<String>,
    /// Further fields beside the label, such as '{"urgency":"high"}'.
    #[arg(long, value_name = "JSON", requires = "label", value_parser = fields)]
    output: Option<Fields>,
}

/// It was done otherwise: the job ends, and what follows it goes on.
#[derive(Debug, Args)]
pub(super) struct Done {
    #[command(flatten)]
    about: About,
}

/// No: let go, for good, with what follows it. Also of a dead letter.
#[derive(Debug, Args)]
pub(super) struct Discard {
    #[command(flatten)]
    about: About,
}

/// Fields of a classifier's output.
type Fields = Map<String, Value>;

fn fields(text: &str) -> Result<Fields, String> {
    serde_json::from_str(text)
        .map_err(|error| format!("{error}: write one JSON object, such as '{{\"urgency\":\"high\"}}'"))
}

impl Approve {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        let label = self.label.map(|label| ("label".to_owned(), label.into()));
        let output = self.output.map(|output| ("output".to_owned(), output.into()));
        let words = Words { verb: "approve", done: "approved" };
        self.about.decide(api, &words, label.into_iter().chain(output).collect(), json).await
    }
}

impl Done {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        self.about.decide(api, &Words { verb: "done", done: "marked as done" }, Map::new(), json).await
    }
}

impl Discard {
    pub async fn run(self, api: &Api, json: bool) -> anyhow::Result<End> {
        self.about.decide(api, &Words { verb: "discard", done: "discarded" }, Map::new(), json).await
    }
}

struct Words {
    verb: &'static str,
    done: &'static str,
}

impl About {
    async fn decide(self, api: &Api, words: &Words, mut body: Fields, json: bool) -> anyhow::Result<End> {
        let job = self.which.find(api).await?;
        body.extend(self.note.map(|note| ("note".to_owned(), note.into())));
        let answer = api.post(&format!("/api/v1/jobs/{job}/{}", words.verb), &body.into()).await?;
        if json {
            out::json(&answer)?;
        } else {
            out::say(format!("{job} {}", words.done))?;
        }
        Ok(End::Well)
    }
}
