//! A request that knows which of its parts are secret.

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Why a header cannot be sent. Shows its name only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("`{0}` is no header name")]
    Name(String),
    #[error(
        "the value of `{0}` cannot stand in a header: leave out line breaks, control and non-ASCII characters"
    )]
    Value(String),
}

/// One request, to be sent at most once.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What must not come back in an answer.
    pub(super) secrets: Vec<SecretString>,
}

impl Request {
    pub fn new(method: Method, url: Url) -> Self {
        Request { method, url, headers: HeaderMap::new(), body: Bytes::new(), secrets: Vec::new() }
    }

    /// Declares that what follows the host in the URL is a credential.
    #[must_use]
    pub fn with_secret_url(mut self) -> Self {
        let path = Some(self.url.path()).filter(|path| *path != "/");
        self.secrets.extend(path.into_iter().chain(self.url.query()).map(SecretString::from));
        self
    }

    /// Sets a header, replacing one of that name.
    ///
    /// # Errors
    /// Name or value cannot stand in a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, RequestError> {
        let (name, value) = header(name, value)?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Sets a header to `prefix` followed by a secret.
    ///
    /// # Errors
    /// As [`Request::with_header`].
    pub fn with_secret(
        mut self,
        name: &str,
        prefix: &str,
        secret: &SecretString,
    ) -> Result<Self, RequestError> {
        let (name, mut value) = header(name, &format!("{prefix}{}", secret.expose_secret()))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.secrets.push(secret.clone());
        Ok(self)
    }

    /// Authenticates by a bearer token.
    ///
    /// # Errors
    /// The token cannot stand in a header.
    pub fn with_bearer(self, token: &SecretString) -> Result<Self, RequestError> {
        self.with_secret(AUTHORIZATION.as_str(), "Bearer ", token)
    }

    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Declares that `secret` stands in the body.
    #[must_use]
    pub fn with_secret_inside(mut self, secret: &SecretString) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// A body that is JSON already.
    #[must_use]
    pub fn with_json(mut self, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.with_body(body)
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), RequestError> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| RequestError::Name(name.to_owned()))?;
    let value = HeaderValue::from_str(value).map_err(|_| RequestError::Value(name.to_owned()))?;
    Ok((parsed, value))
}

/// Shows what is sent in outline: no URL, no values, no body.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
