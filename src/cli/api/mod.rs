//! The admin API as commands use it: of a running service, or served in this process over the store of a stopped one.

mod named;
mod remote;
mod stopped;

use std::{fmt, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    config::{self, Environment, ProcessEnvironment, tables::SettingsFile},
    remote::Url,
    store::dir,
};

use super::{End, logs, project, runtime};
use named::Named;
use remote::Running;
use stopped::Stopped;

/// Bytes of an answer that are read: the largest body, and what JSON makes of it.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Longest wait for an answer of a running service.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// Longest wait for an answer for which a running service reads all events.
const SWEEP_WITHIN: Duration = Duration::from_hours(1);

/// The variable with the admin listener's token.
pub(super) const TOKEN_VARIABLE: &str = "HOOKYARD_ADMIN_TOKEN";

/// Where the service is, and how its answers are shown.
#[derive(Debug, Args)]
pub(super) struct Admin {
    /// URL of the admin listener, also from HOOKYARD_ADMIN. Without it the configured one is asked, and if no service
    /// runs, its store is opened.
    #[arg(long, global = true, value_name = "URL", display_order = 901)]
    admin: Option<String>,
    /// Data directory of a stopped service: the store in it is opened, and no service is asked. From HOOKYARD_DATA, which
    /// `serve` reads too, it means the same, except that a service is asked while the directory is in use.
    #[arg(long, global = true, value_name = "DIR", display_order = 902)]
    data: Option<PathBuf>,
    /// JSON for scripts, instead of tables for people.
    #[arg(long, global = true, display_order = 903)]
    pub json: bool,
}

/// One of the two ways to the same answers.
pub(super) enum Api {
    Running(Box<Running>),
    Stopped(Box<Stopped>),
}

/// What the API said no to, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    pub status: u16,
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

impl Admin {
    /// Finds the service, or opens its store, has the errand done there, and leaves.
    ///
    /// # Errors
    /// Neither can be had, with the remedy; or as the errand ends.
    pub fn visit(
        &self,
        dir: Option<PathBuf>,
        errand: impl AsyncFnOnce(&Api) -> anyhow::Result<End>,
    ) -> anyhow::Result<End> {
        logs::start("warn", None);
        runtime()?.block_on(async {
            let api = self.reach(dir).await?;
            let end = errand(&api).await;
            api.close();
            end
        })
    }

    async fn reach(&self, dir: Option<PathBuf>) -> anyhow::Result<Api> {
        match named::named(self.admin.as_deref(), self.data.as_deref(), &ProcessEnvironment)? {
            Named::Service(url) => at(&url, dir).await,
            Named::Store(data) => {
                Ok(stopped(Stopped::open(&project::files(dir.clone())?, dir, Some(data), None).await?))
            }
            Named::ByVariable(data) if !dir::is_used(&data)? => {
                Ok(stopped(Stopped::open(&project::files(dir.clone())?, dir, Some(data), None).await?))
            }
            Named::ByVariable(data) => configured(dir, Some(data)).await,
            Named::Nothing => configured(dir, None).await,
        }
    }
}

/// The service there. Whoever names one means that one.
async fn at(url: &str, dir: Option<PathBuf>) -> anyhow::Result<Api> {
    let settings = project::files(dir).map(|files| config::load(&files).0.settings);
    let running = Running::new(url, token(settings.ok().as_ref())?)?;
    running.greet().await?.map_err(|why| {
        anyhow::anyhow!("no service answers at {url} ({why}): start it, or correct --admin or HOOKYARD_ADMIN")
    })?;
    Ok(Api::Running(Box::new(running)))
}

/// The configured service; if none answers, its store.
async fn configured(dir: Option<PathBuf>, data: Option<PathBuf>) -> anyhow::Result<Api> {
    let files = project::files(dir.clone())?;
    let settings = config::load(&files).0.settings;
    let url = listener(&settings)?;
    let running = Running::new(&url, token(Some(&settings))?)?;
    match running.greet().await? {
        Ok(()) => Ok(Api::Running(Box::new(running))),
        Err(_) => Ok(stopped(Stopped::open(&files, dir, data, Some(&url)).await?)),
    }
}

fn stopped(stopped: Stopped) -> Api {
    Api::Stopped(Box::new(stopped))
}

/// Where the configured service listens; `serve` takes the variable, too.
fn listener(settings: &SettingsFile) -> anyhow::Result<String> {
    let variable = ProcessEnvironment.var("HOOKYARD_ADMIN_LISTEN").filter(|at| !at.is_empty());
    let listen = variable.as_deref().unwrap_or(&settings.server.admin_listen);
    let mut at: std::net::SocketAddr =
        listen.parse().with_context(|| format!("admin_listen is no address: `{listen}`"))?;
    if at.ip().is_unspecified() {
        at.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{at}"))
}

/// The token: from its variable, else from where the configuration says.
fn token(settings: Option<&SettingsFile>) -> anyhow::Result<Option<secrecy::SecretString>> {
    if let Some(token) = ProcessEnvironment.var(TOKEN_VARIABLE).filter(|token| !token.is_empty()) {
        return Ok(Some(token.into()));
    }
    match settings.and_then(|settings| settings.server.admin_token.as_deref()) {
        Some(reference) => Ok(config::secret(reference, &ProcessEnvironment)?.set()),
        None => Ok(None),
    }
}

impl Api {
    /// Answers to a `GET`; `query` holds names and values.
    ///
    /// # Errors
    /// A [`Refusal`], or the service does not answer.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.call(Method::GET, path, query, None, ANSWER_WITHIN).await
    }

    /// Answers to a `POST` of JSON.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, &[], Some(body), ANSWER_WITHIN).await
    }

    /// As [`Api::post`], where the answer takes a look at everything on record.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn sweep(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, &[], Some(body), SWEEP_WITHIN).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
        within: Duration,
    ) -> anyhow::Result<Value> {
        let (status, answer) = match self {
            Api::Running(running) => running.call(method, path, query, body, within).await?,
            Api::Stopped(stopped) => stopped.call(method, path, query, body).await?,
        };
        let json: Option<Value> = serde_json::from_slice(&answer).ok();
        match json {
            Some(json) if (200..300).contains(&status) => Ok(json),
            json => {
                let told = json.as_ref().and_then(|json| json.get("error")?.as_str()).map(str::to_owned);
                let text = || format!("{path}: {status} {}", String::from_utf8_lossy(&answer).trim());
                Err(Refusal { status, reason: told.unwrap_or_else(text) }.into())
            }
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self, Api::Running(_))
    }

    /// Teaches the local judges, where this process runs them.
    pub async fn teach(&self) -> anyhow::Result<()> {
        match self {
            Api::Running(_) => Ok(()),
            Api::Stopped(stopped) => stopped.teach().await,
        }
    }

    /// Gives up the store, where it was opened.
    pub fn close(self) {
        match self {
            Api::Running(_) => {}
            Api::Stopped(stopped) => stopped.close(),
        }
    }
}

fn url(base: &Url, path: &str, query: &[(&str, String)]) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query.iter().map(|(name, value)| (name, value)));
    }
    url
}

/// An answer in the form a command shows it from.
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> anyhow::Result<T> {
    T::deserialize(answer).context("the service answers in another form: is it of the same version?")
}
