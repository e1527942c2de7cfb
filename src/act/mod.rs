//! Destinations of actions, one file per kind.
//!
//! An action's life has two halves. [`Freeze`], compiled from the `with` of the configuration, renders the request
//! once, before the first attempt. [`Act::perform`] makes one attempt at a frozen request: it fills in what may not
//! be stored (credentials, times, signatures), sends, and says what the answer means. It never waits and never
//! tries twice; its caller does both, by what [`Failure`] says and by the [`EffectClass`].
//!
//! Another kind is one file here and one line in [`KINDS`].

mod destination;
mod erase_logs;
mod http;
mod outbound;
mod pagerduty;
mod param;
mod path;
mod slack_webhook;
mod store_append;

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    decide::retry::Failure,
    domain::{Call, EffectClass, FrozenRequest, Receipt, Timestamp},
    remote::Pass,
    template::{Context, TemplateError},
};

pub use destination::{Destination, DestinationError, DestinationSpec, Setting};
pub use erase_logs::{ErasedLog, erase_from_logs};
pub use http::{BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_MAX};
pub use outbound::RECEIPT_BYTES_MAX;
pub use pagerduty::{DEDUP_KEY_CHARS_MAX, EVENT_BYTES_MAX, ROUTING_KEY_CHARS, SUMMARY_CHARS_MAX};
pub use param::ParamError;
pub use slack_webhook::TEXT_CHARS_MAX;
pub use store_append::LINE_BYTES_MAX;

/// Everything that can be done.
const KINDS: [&dyn Act; 4] =
    [&http::Http, &slack_webhook::SlackWebhook, &pagerduty::PagerDuty, &store_append::StoreAppend];

/// The kind of action that the configuration calls `kind`.
pub fn act(kind: &str) -> Option<&'static dyn Act> {
    KINDS.into_iter().find(|act| act.kind() == kind)
}

/// The names of all kinds.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(Act::kind)
}

/// One kind of action.
#[async_trait]
pub trait Act: Send + Sync {
    /// Its name in the configuration and in [`FrozenRequest::kind`].
    fn kind(&self) -> &'static str;

    /// Reads the parameters that the configuration gives as `with`, and compiles the templates in them.
    ///
    /// # Errors
    /// A parameter is unknown, missing or malformed; the error says which.
    fn compile(&self, with: &Value) -> Result<Box<dyn Freeze>, ParamError>;

    /// Whether actions of this kind can go to `destination` at all, live or not.
    ///
    /// # Errors
    /// What it lacks, and the remedy.
    fn fits(&self, destination: &Destination) -> Result<(), String>;

    /// Whether the URL of a destination of this kind is itself a credential: see [`DestinationSpec::url_is_secret`].
    fn url_is_secret(&self) -> bool;

    /// What protects `destination` from the same action twice.
    fn class(&self, destination: &Destination) -> EffectClass;

    /// Makes one attempt. The caller has asked [`Destination::ready`] and committed `begin`.
    ///
    /// # Errors
    /// See [`Failure`]. An attempt that may have had its effect is [`Failure::Unknown`], unless repeating it is
    /// harmless by the class that was frozen. Reasons are bounded and free of secrets.
    async fn perform(
        &self,
        request: &FrozenRequest,
        destination: &Destination,
        attempt: &Try,
    ) -> Result<Receipt, Failure>;
}

/// Parameters of one action, ready to be rendered.
pub trait Freeze: Send + Sync + Debug {
    /// Renders everything that leaves, except the idempotency key, which [`FrozenRequest`] holds itself, and except
    /// credentials, times and signatures, which are filled in for each attempt.
    ///
    /// # Errors
    /// A template failed, or what it gave must not leave: too long, off the destination's path, no valid header.
    fn freeze(&self, context: &Context, destination: &Destination) -> Result<Call, TemplateError>;
}

/// The circumstances of one attempt.
#[derive(Debug)]
pub struct Try {
    /// The time that is signed and that waits are counted from.
    pub now: Timestamp,
    /// An earlier attempt may have arrived: where the class is [`EffectClass::Marked`], look for its marker first.
    pub look_first: bool,
    /// From [`Destination::ready`]: it takes note of how the request went, and its owner tells that to the breaker.
    pub pass: Option<Pass>,
}

/// Something that was rendered must not leave.
fn unfit(reason: impl Into<String>) -> TemplateError {
    TemplateError { line: None, message: reason.into() }
}

/// A frozen request that cannot be performed, now or later.
fn refused(reason: impl Into<String>) -> Failure {
    Failure::Permanent { cause: crate::domain::Cause::Refused, reason: reason.into() }
}

/// A frozen request that was handed to another kind of action.
fn misdirected(act: &dyn Act, request: &FrozenRequest) -> Failure {
    refused(format!("a request of kind `{}` is nothing for `{}`", request.kind, act.kind()))
}

#[cfg(test)]
mod tests;
