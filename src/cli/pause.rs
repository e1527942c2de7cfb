//! `hookyard pause` and `hookyard resume`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use super::{
    End,
    api::{self, Admin},
    out,
};

/// What to hold, or to let go on.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Scope {
    /// A route, with its actions.
    #[arg(long)]
    route: Option<String>,
    /// A destination: every action that goes there.
    #[arg(long)]
    destination: Option<String>,
    /// The kill switch: everything is accepted, and nothing is done.
    #[arg(long)]
    everything: bool,
}

/// Hold work where it is; accepting goes on, and nothing is lost.
#[derive(Debug, Args)]
pub(super) struct Pause {
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    scope: Scope,
}

/// Let what was paused go on.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    scope: Scope,
}

impl Pause {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        switch(&self.admin, self.scope, "/api/v1/pause", dir)
    }
}

impl Resume {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        switch(&self.admin, self.scope, "/api/v1/resume", dir)
    }
}

/// Asks for it, and tells what is paused then.
fn switch(admin: &Admin, scope: Scope, path: &str, dir: Option<PathBuf>) -> anyhow::Result<End> {
    let Scope { route, destination, everything: _ } = scope;
    let named = [("route", route), ("destination", destination)];
    let body: Map<String, Value> =
        named.into_iter().filter_map(|(what, name)| Some((what.to_owned(), name?.into()))).collect();
    admin.visit(dir, async |api| {
        api.post(path, &body.into()).await?;
        let pauses = api.get("/api/v1/pauses", &[]).await?;
        if admin.json {
            out::json(&pauses)?;
        } else {
            out::say(told(&api::read::<Vec<Value>>(&pauses)?))?;
        }
        Ok(End::Well)
    })
}

/// What is paused, in words.
pub(super) fn told(pauses: &[Value]) -> String {
    let one = |pause: &Value| match pause.as_object().and_then(|object| object.iter().next()) {
        Some((what, name)) => format!("{what} {}", name.as_str().unwrap_or_default()),
        None => pause.as_str().unwrap_or_default().to_owned(),
    };
    match pauses {
        [] => "nothing is paused".to_owned(),
        pauses => format!("paused: {}", pauses.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}
