//! Outbound HTTP: the one way out of the house, for actions and judges alike.
//!
//! A [`Remote`] is a pooled client with its own limits, a [`Request`] knows which of its parts are secret, and a
//! [`Response`] is read only up to a bound. What holds for every request:
//!
//! - It goes to `http` or `https` only, and unless its remote allows private addresses, only to public ones. That
//!   is checked where names are resolved, so an answer that changes between check and use does not get past it.
//! - Redirects are not followed and proxies of the environment not used: what is configured is where it goes.
//! - It is sent at most once. Whoever asked decides about another attempt, knowing from [`RemoteError`] whether
//!   this one may have arrived.
//! - Neither errors nor `Debug` show a URL, a header's value or a credential, and a destination that repeats our
//!   secrets in its answer has them blotted out before anybody reads it.
//!
//! Nothing here reads a clock: `now` and elapsed time come in as arguments.

mod answer;
mod client;
mod departure;
mod error;
mod gate;
mod guard;
mod redact;
mod request;
mod retry_after;
mod tls;

pub use answer::{Cut, EXCERPT_CHARS_MAX, Response, failure};
pub use client::{
    ANSWER_BYTES_MAX, CONNECT_TIMEOUT_MAX, IDLE_MAX, Remote, RemoteOptions, Rest, SetupError, TIMEOUT,
};
pub use error::RemoteError;
pub use gate::{Busy, Lacks, Pass};
pub use guard::{is_private, is_public};
pub use request::{Request, RequestError};
pub use reqwest::Url;
pub use retry_after::retry_after;
pub use tls::install_tls;

#[cfg(test)]
pub(crate) mod tests;
