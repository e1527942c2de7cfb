//! `hookyard send`

use std::{io::Read, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;

use crate::{
    config::{self, Files, ProcessEnvironment, Resolved},
    domain::Clock,
    host::{self, SystemClock},
    remote::{Remote, RemoteOptions, Request},
    source::{self, Scheme},
};

use super::{End, out, project, runtime};

/// Longest wait for the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Sign a body with the configured secret of a source, and deliver it.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// A `[source.NAME]` of the configuration.
    source: String,
    /// The body; `-` reads standard input.
    #[arg(long)]
    file: PathBuf,
    /// Where to deliver; the configured public listener if left out.
    #[arg(long)]
    url: Option<String>,
    /// The delivery's id; a fresh one if left out. The same id again is a redelivery.
    #[arg(long)]
    id: Option<String>,
    /// GitHub's event name; told from the body if left out.
    #[arg(long)]
    event: Option<String>,
}

impl Send {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let files = project::files(dir)?;
        let body = self.body()?;
        let (scheme, secret, listen) = self.source(&files)?;
        let url = self.url.clone().unwrap_or_else(|| format!("http://{listen}/webhooks/{}", self.source));
        let id = self.id.clone().unwrap_or_else(host::unique_name);
        let event = self.event.as_deref().or_else(|| github_event(&body));
        let headers = source::sign(scheme, &secret, &id, &body, event, SystemClock::new().now())?;
        let (status, answer) = runtime()?.block_on(deliver(&url, headers, body))?;
        out::say(format!("{status} {answer}"))?;
        Ok(if (200..300).contains(&status) { End::Well } else { End::Badly })
    }

    fn body(&self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.file.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut body)?;
        } else {
            body = std::fs::read(&self.file).with_context(|| format!("reading {}", self.file.display()))?;
        }
        Ok(body)
    }

    fn source(&self, files: &Files) -> anyhow::Result<(Scheme, secrecy::SecretString, String)> {
        let (config, _) = config::load(files);
        let known = || config::one_of(&self.source, config.sources.keys().map(String::as_str));
        let table = config.sources.get(&self.source);
        let table = table.with_context(|| format!("no source is called `{}`: {}", self.source, known()))?;
        let scheme: Scheme = table.scheme.parse()?;
        let reference = table.secrets.first().context("the source has no secret")?;
        match config::secret(reference, &ProcessEnvironment)? {
            Resolved::Set(secret) => Ok((scheme, secret, config.settings.server.listen)),
            Resolved::Unset { name } => anyhow::bail!("{name} is not set: export the source's secret first"),
        }
    }
}

/// Which GitHub event a body is, as far as its fields tell.
fn github_event(body: &[u8]) -> Option<&'static str> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let has = |field: &str| body.get(field).is_some();
    if has("zen") && has("hook_id") {
        Some("ping")
    } else if has("pull_request") {
        Some("pull_request")
    } else if has("issue") {
        Some("issues")
    } else if has("pusher") {
        Some("push")
    } else {
        None
    }
}

/// Posts a delivery; its status and answer.
pub(super) async fn deliver(
    url: &str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
) -> anyhow::Result<(u16, String)> {
    let remote = Remote::new(RemoteOptions {
        timeout: ANSWER_WITHIN,
        allow_private: true,
        ..RemoteOptions::default()
    })?;
    let mut request =
        Request::new(http::Method::POST, url.parse().with_context(|| format!("`{url}` is no URL"))?);
    for (name, value) in headers {
        request = request.with_header(name, &value)?;
    }
    let response = remote.send(request.with_body(body)).await;
    let response = response.with_context(|| format!("delivering to {url}: is the service running?"))?;
    Ok((response.status, String::from_utf8_lossy(&response.body).into_owned()))
}
