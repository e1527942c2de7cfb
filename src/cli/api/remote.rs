//! A running service.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::remote::{Remote, RemoteError, RemoteOptions, Request, Response, Url};

use super::{ANSWER_BYTES_MAX, ANSWER_WITHIN, SWEEP_WITHIN, TOKEN_VARIABLE, url};

pub(in crate::cli) struct Running {
    base: Url,
    token: Option<SecretString>,
    remote: Remote,
}

impl Running {
    /// Opens no connection.
    pub(super) fn new(base: &str, token: Option<SecretString>) -> anyhow::Result<Self> {
        let wrong = || format!("`{base}` is no URL: write one such as http://127.0.0.1:9090");
        let base: Url = base.parse().with_context(wrong)?;
        anyhow::ensure!(matches!(base.scheme(), "http" | "https"), wrong());
        let options = RemoteOptions {
            timeout: SWEEP_WITHIN,
            allow_private: true,
            answer_bytes_max: ANSWER_BYTES_MAX,
            ..RemoteOptions::default()
        };
        Ok(Running { base, token, remote: Remote::new(options)? })
    }

    /// Whether a service answers; if nothing does, why.
    ///
    /// # Errors
    /// Something else answers, or nothing within the time.
    pub(super) async fn greet(&self) -> anyhow::Result<Result<(), String>> {
        let request = Request::new(Method::GET, url(&self.base, "/livez", &[]));
        match self.send(request, ANSWER_WITHIN).await {
            Ok(answer) if answer.status == 200 && &*answer.body == b"ok\n" => Ok(Ok(())),
            Ok(_) => anyhow::bail!(
                "what answers at {} is not Hookyard's admin listener: say where that is with --admin or HOOKYARD_ADMIN",
                self.base
            ),
            Err(RemoteError::NotSent { reason }) => Ok(Err(reason)),
            Err(RemoteError::Unknown { reason }) => anyhow::bail!("{}: {reason}", self.base),
        }
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
        within: Duration,
    ) -> anyhow::Result<(u16, Bytes)> {
        let mut request = Request::new(method, url(&self.base, path, query));
        if let Some(token) = &self.token {
            request = request.with_bearer(token)?;
        }
        if let Some(body) = body {
            request = request.with_json(body.to_string());
        }
        let answer = self.send(request, within).await.with_context(|| format!("asking {}", self.base))?;
        if answer.status == 401 {
            match &self.token {
                Some(_) => anyhow::bail!("{} refuses the token: correct {TOKEN_VARIABLE}", self.base),
                None => anyhow::bail!("{} wants its token: set {TOKEN_VARIABLE}", self.base),
            }
        }
        if let Some(cut) = answer.cut {
            anyhow::bail!("the answer {} ({ANSWER_BYTES_MAX} bytes)", cut.told());
        }
        Ok((answer.status, answer.body))
    }

    async fn send(&self, request: Request, within: Duration) -> Result<Response, RemoteError> {
        let late = |_| RemoteError::Unknown { reason: format!("no answer within {} s", within.as_secs()) };
        tokio::time::timeout(within, self.remote.send(request)).await.map_err(late)?
    }
}
