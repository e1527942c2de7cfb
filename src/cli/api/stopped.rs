//! A stopped service: its store, opened here, behind the very router that the service has.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use axum::{Router, body::Body};
use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    config::{Files, ProcessEnvironment},
    console::Console,
    engine::{CompileOptions, Live},
    host::{SystemClock, Tasks},
    service::Opened,
    store::sqlite::FILE,
    telemetry::Metrics,
};

use super::{super::project, ANSWER_BYTES_MAX, url};

/// What stands before the path; nobody looks it up.
const HERE: &str = "http://localhost";

pub(in crate::cli) struct Stopped {
    engine: Live,
    opened: Opened,
    router: Router,
}

impl Stopped {
    /// Opens the store that a service with `files` would open, or the one in `data_dir`. `asked` is where no service
    /// answered, if one was asked.
    pub(super) async fn open(
        files: &Files,
        dir: Option<PathBuf>,
        data_dir: Option<PathBuf>,
        asked: Option<&str>,
    ) -> anyhow::Result<Self> {
        let options = CompileOptions { base: dir, data_dir, ..CompileOptions::default() };
        let engine = project::engine_quietly(files, &ProcessEnvironment, options)?;
        let data = engine.data_dir.clone();
        let place = data.display();
        anyhow::ensure!(
            engine.settings.store.redis.is_some() || data.join(FILE).is_file(),
            match asked {
                Some(url) => format!(
                    "no service answers at {url}, and {place} holds no store: start the service, or say where it is \
                     with --dir, --data or --admin"
                ),
                None => format!("{place} holds no store: correct --data or HOOKYARD_DATA"),
            }
        );
        let clock = Arc::new(SystemClock::new());
        let opened = Opened::open(&engine, Arc::clone(&clock) as _, Arc::new(|_, _| {})).await;
        let opened = opened.map_err(|error| {
            if error.is_in_use() {
                let silent = asked.map(|url| format!("no service answers at {url}, but ")).unwrap_or_default();
                anyhow::anyhow!(
                    "{silent}a process uses {place}: if it is another command, try again when that has ended; if it is \
                     the service, say where its admin listener is with --admin or HOOKYARD_ADMIN"
                )
            } else {
                anyhow::Error::new(error).context(format!("opening the store of {place}"))
            }
        })?;
        let engine = Live::new(engine);
        let console = Console {
            engine: engine.clone(),
            store: opened.store(),
            clock,
            metrics: Arc::new(Metrics::default()),
            pressure: Arc::default(),
            token: None,
            tasks: Tasks::default(),
        };
        Ok(Stopped { engine, opened, router: console.router() })
    }

    #[expect(clippy::disallowed_methods, reason = "the answer is read within a named bound")]
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Bytes)> {
        let request = Request::builder().method(method).uri(url(&HERE.parse()?, path, query).as_str());
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))?
            }
            None => request.body(Body::empty())?,
        };
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status().as_u16();
        let bytes = axum::body::to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await;
        Ok((status, bytes.context("the answer is too large")?))
    }

    pub(super) async fn teach(&self) -> anyhow::Result<()> {
        let engine = self.engine.now();
        Ok(tokio::task::spawn_blocking(move || drop(engine.train())).await?)
    }

    pub(super) fn close(self) {
        let Stopped { opened, router, engine: _ } = self;
        drop(router);
        opened.close();
    }
}
