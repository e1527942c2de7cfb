//! A place that actions go to: its address, its credentials and its limits.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    decide::breaker,
    domain::{Name, Timestamp},
    remote::{Busy, Pass, Remote, RemoteOptions, SetupError, TIMEOUT, Url},
    source::{self, KeyError, Scheme},
};

/// Something a destination may need, as the configuration and the environment give it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// The configuration does not ask for it.
    #[default]
    Absent,
    /// The configuration refers to a variable or file, named here, that is not there.
    Unset(String),
    Set(T),
}

impl<T> Setting<T> {
    /// The variable or file that is not there.
    fn unset(&self) -> Option<&str> {
        match self {
            Setting::Unset(reference) => Some(reference),
            Setting::Absent | Setting::Set(_) => None,
        }
    }
}

/// What a destination is made of: a `[destination.NAME]` with its references resolved.
pub struct DestinationSpec {
    pub url: Setting<String>,
    /// The URL is itself a credential, as Slack's are: never shown or stored. Also taken to be so if it has a query.
    pub url_is_secret: bool,
    /// Sent as a bearer token.
    pub credential: Setting<SecretString>,
    /// A `whsec_…` key by which requests are signed (Standard Webhooks).
    pub signing_secret: Setting<SecretString>,
    /// Time for one exchange.
    pub timeout: Duration,
    pub limit_per_min: Option<u32>,
    /// Requests under way at one time.
    pub calls_max: Option<u32>,
    pub breaker: breaker::Settings,
    /// How long in ms it remembers an idempotency key.
    pub idempotency_ms: Option<u64>,
    pub allow_private: bool,
}

impl Default for DestinationSpec {
    /// Nowhere, with nothing: enough for `store.append`.
    fn default() -> Self {
        DestinationSpec {
            url: Setting::Absent,
            url_is_secret: false,
            credential: Setting::Absent,
            signing_secret: Setting::Absent,
            timeout: TIMEOUT,
            limit_per_min: None,
            calls_max: None,
            breaker: breaker::Settings::default(),
            idempotency_ms: None,
            allow_private: false,
        }
    }
}

/// Why there can be no such destination. Shows neither URL nor secrets.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    #[error("the url cannot be used: {0}")]
    Url(String),
    #[error(
        "the credential is empty or holds what no header may: it is sent as a bearer token, so give it without line \
         breaks, control or non-ASCII characters"
    )]
    Credential,
    #[error("the signing key cannot be used: {0}")]
    SigningSecret(KeyError),
    #[error(transparent)]
    Remote(#[from] SetupError),
}

impl DestinationError {
    /// The field of `[destination.NAME]` that is to blame, where it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            DestinationError::Url(_) => Some("url"),
            DestinationError::Credential => Some("credential"),
            DestinationError::SigningSecret(_) => Some("signing_secret"),
            DestinationError::Remote(SetupError::NoRequests) => Some("limit_per_min"),
            DestinationError::Remote(SetupError::NoTime) => Some("timeout_ms"),
            DestinationError::Remote(SetupError::Client(_)) => None,
        }
    }
}

/// Where a destination is.
#[derive(Debug)]
pub(super) enum Address {
    /// It has no URL.
    Nowhere,
    /// It has one, in a variable or file of this name that is not there.
    Unset(String),
    At(Url),
    /// As `At`, but the URL is a credential.
    SecretlyAt(SecretUrl),
}

/// A URL that is a credential. `Debug` shows nothing of it.
pub(super) struct SecretUrl(pub(super) Url);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A configured destination, ready for use.
#[derive(Debug)]
pub struct Destination {
    name: Name,
    pub(super) address: Address,
    pub(super) credential: Setting<SecretString>,
    pub(super) signing_secret: Setting<SecretString>,
    pub(super) idempotency_ms: Option<u64>,
    calls_max: Option<u32>,
    /// Only where there is a URL to send to.
    pub(super) remote: Option<Arc<Remote>>,
    log_dir: PathBuf,
}

impl Destination {
    /// `log_dir` is where the logs of `store.append` are; it need not exist. Opens no connection.
    ///
    /// # Errors
    /// Something that is set cannot be used; see [`DestinationError`].
    pub fn new(
        name: Name,
        spec: DestinationSpec,
        log_dir: impl Into<PathBuf>,
    ) -> Result<Self, DestinationError> {
        check_credentials(&spec)?;
        let (address, remote) = match &spec.url {
            Setting::Absent => (Address::Nowhere, None),
            Setting::Unset(reference) => (Address::Unset(reference.clone()), None),
            Setting::Set(text) => {
                let remote = Remote::new(RemoteOptions {
                    timeout: spec.timeout,
                    allow_private: spec.allow_private,
                    limit_per_min: spec.limit_per_min,
                    calls_max: spec.calls_max,
                    breaker: spec.breaker,
                    ..RemoteOptions::default()
                })?;
                let url = base(text, &remote)?;
                let address = if spec.url_is_secret || url.query().is_some() {
                    Address::SecretlyAt(SecretUrl(url))
                } else {
                    Address::At(url)
                };
                (address, Some(Arc::new(remote)))
            }
        };
        Ok(Destination {
            name,
            address,
            credential: spec.credential,
            signing_secret: spec.signing_secret,
            idempotency_ms: spec.idempotency_ms,
            calls_max: spec.calls_max,
            remote,
            log_dir: log_dir.into(),
        })
    }

    /// Takes over the connections of `earlier`, and what is known of its breaker and limits, if it is at the same place and
    /// has the same limits.
    #[must_use]
    pub fn going_on_from(self, earlier: &Destination) -> Self {
        match (&self.remote, &earlier.remote) {
            (Some(own), Some(kept)) if own.options() == kept.options() && self.url() == earlier.url() => {
                Destination { remote: Some(Arc::clone(kept)), ..self }
            }
            _ => self,
        }
    }

    fn url(&self) -> Option<&Url> {
        match &self.address {
            Address::At(url) | Address::SecretlyAt(SecretUrl(url)) => Some(url),
            Address::Nowhere | Address::Unset(_) => None,
        }
    }

    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Why live actions to it must be dry runs: what it needs and does not have, such as "CRM_URL is not set".
    pub fn unready(&self) -> Option<String> {
        let url = match &self.address {
            Address::Unset(reference) => Some(reference.as_str()),
            Address::Nowhere | Address::At(_) | Address::SecretlyAt(_) => None,
        };
        let missing: Vec<&str> =
            [url, self.credential.unset(), self.signing_secret.unset()].into_iter().flatten().collect();
        match missing.as_slice() {
            [] => None,
            [one] => Some(format!("{one} is not set")),
            [some @ .., last] => Some(format!("{} and {last} are not set", some.join(", "))),
        }
    }

    /// Takes the right to make one attempt, or tells how long to wait for it. To be asked once for each attempt,
    /// before it is begun. `elapsed` is [`crate::domain::Clock::monotonic`].
    ///
    /// # Errors
    /// Its breaker is open, or a limit is reached; nothing was taken.
    pub fn ready(&self, elapsed: Duration) -> Result<Option<Pass>, Busy> {
        self.remote.as_ref().map(|remote| remote.ready(elapsed)).transpose()
    }

    /// Requests that may be under way at one time.
    pub fn calls_max(&self) -> Option<u32> {
        self.calls_max
    }

    /// Where it is asked through the network, and so has a breaker.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_deref()
    }

    pub(super) fn log_dir(&self) -> &Path {
        &self.log_dir
    }
}

fn base(text: &str, remote: &Remote) -> Result<Url, DestinationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(DestinationError::Url("it is empty: give one, or leave the variable unset".to_owned()));
    }
    let url: Url = text.parse().map_err(|error| {
        DestinationError::Url(format!("{error}: write it like https://api.vendor.example"))
    })?;
    if url.fragment().is_some() {
        return Err(DestinationError::Url(
            "it has a `#` part, which is never sent: leave that out".to_owned(),
        ));
    }
    remote.admits(&url).map_err(DestinationError::Url)?;
    Ok(url)
}

fn check_credentials(spec: &DestinationSpec) -> Result<(), DestinationError> {
    if let Setting::Set(credential) = &spec.credential {
        let text = credential.expose_secret();
        if text.trim().is_empty() || HeaderValue::from_str(text).is_err() {
            return Err(DestinationError::Credential);
        }
    }
    if let Setting::Set(key) = &spec.signing_secret {
        source::sign(Scheme::StandardWebhooks, key, "", b"", None, Timestamp::default())
            .map_err(DestinationError::SigningSecret)?;
    }
    Ok(())
}
