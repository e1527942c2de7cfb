//! Senders: is this delivery theirs, and what does it say of itself?
//!
//! One file per sender holds everything that is peculiar to it: header names, the signed string, where id and
//! type stand. [`Verifier`] is the only way from `Delivery<Unverified>` to `Delivery<Verified>`, and so the
//! only way past ingest. All of it is synchronous and pure: keys and `now` come in, verdicts go out.
//!
//! What holds for every sender:
//!
//! - The signature is checked over the raw bytes, in constant time, before anything reads the body.
//! - A body with a `Content-Encoding` is refused: the signed bytes are the ones stored, and nothing is
//!   inflated.
//! - A header that the scheme reads may occur once. Twice is refused, because sender, proxy and reader could
//!   each mean another one.
//! - A body is read by one rule ([`payload`]), whoever reads it: UTF-8, one JSON object, at most
//!   [`DEPTH_MAX`] deep, no key twice in any object, nothing after it.
//! - A signed body that cannot be read is an event all the same ([`Reading::Unreadable`]): it was
//!   acknowledged, so it must end somewhere visible.
//!
//! Another sender is one file here, one line in [`Scheme`], and the arms the compiler then asks for.

mod reading;
mod refusal;
mod scheme;
mod verifier;

// One sender each.
mod generic;
mod github;
mod standard_webhooks;
mod stripe;

// What they have in common.
mod form;
mod headers;
mod json;
mod key;
mod mac;

#[cfg(test)]
mod tests;

use secrecy::SecretString;
use serde_json::Value;

use crate::domain::Timestamp;

pub use headers::{HEADER_VALUE_BYTES_MAX, kept_headers};
pub use json::{DEPTH_MAX, UnreadableBody, has_key_twice};
pub use key::{KeyError, SECRETS_MAX};
pub use reading::{DedupeKey, Handshake, ID_BYTES_MAX, Identity, KeyKind, Reading, UNREADABLE};
pub use refusal::Refusal;
pub use scheme::{Scheme, SchemeError};
pub use verifier::{TOLERANCE_DEFAULT, Verified, Verifier};

/// The JSON object that conditions and templates see, from an event as it is stored: its allow-listed headers
/// (see [`kept_headers`]) and raw body.
///
/// Integers from -2^63 to 2^64-1 are exact; any other number is the nearest double, as in most readers of
/// JSON (identifiers never are: see [`Verifier::read`]). A number that no double can hold is an error.
///
/// # Errors
/// The body breaks the rule in this module's description; the error says where and what to do. The same
/// bodies are [`Reading::Unreadable`] to [`Verifier::read`].
pub fn payload(scheme: Scheme, headers: &[(String, String)], body: &[u8]) -> Result<Value, UnreadableBody> {
    match scheme {
        Scheme::Github => {
            let content_type = headers.iter().find(|(name, _)| name == headers::CONTENT_TYPE);
            json::tree(&github::json(content_type.map(|(_, value)| value.as_str()), body)?)
        }
        Scheme::Stripe | Scheme::StandardWebhooks | Scheme::Generic => json::tree(body),
    }
}

/// The headers with which a sender of this scheme would send `body`, names in lower case: for `send`, the
/// demo and tests.
///
/// `id` goes where the scheme has a header for it (Stripe's stands in the body). `event` is GitHub's
/// `X-GitHub-Event`; a GitHub delivery without it verifies but cannot be read. `now` is the time signed.
///
/// # Errors
/// The secret is none for this scheme; positions in the error count this one as 1.
pub fn sign(
    scheme: Scheme,
    secret: &SecretString,
    id: &str,
    body: &[u8],
    event: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, KeyError> {
    let key = mac::Key::new(&key::bytes(scheme, 1, secret)?);
    let timestamp = now.as_secs().to_string();
    let mut headers = match scheme {
        Scheme::Github => github::sign(&key, id, body, event),
        Scheme::Stripe => stripe::sign(&key, &timestamp, body),
        Scheme::StandardWebhooks => standard_webhooks::sign(&key, id, &timestamp, body),
        Scheme::Generic => generic::sign(&key, id, &timestamp, body),
    };
    headers.push((headers::CONTENT_TYPE, "application/json".to_owned()));
    Ok(headers)
}
