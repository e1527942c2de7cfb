//! A case that holds what was sent, signature and all.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::CaseEvent;
use crate::{
    domain::{Delivery, Timestamp},
    source::{self, Identity, Reading, Refusal, Scheme, UNREADABLE, Verified, Verifier, kept_headers},
};

/// A delivery as its sender signed it. It is verified as if it had just come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseDelivery {
    pub source: String,
    /// github, stripe, standard_webhooks or generic.
    pub scheme: String,
    /// What it is signed with: made for this case, and used nowhere else.
    pub secret: String,
    /// When it came, in ms since 1970: signatures that hold a time are valid only then.
    pub received_at: i64,
    pub headers: IndexMap<String, String>,
    /// The bytes of the body, as text.
    pub body: String,
    /// As of an event of a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authserv_id: Option<String>,
}

/// For whoever does not know the source, and so not how far its time may be off: a hundred years.
pub(super) const ANY_TIME: Duration = Duration::from_hours(24 * 36_525);

/// Why it is no event.
const HANDSHAKE: &str = "it is a handshake, and no event";

/// What a made-up sender signs with: it fits every scheme, and is nobody's.
const MADE_UP: &str = "whsec_bWFkZSBmb3IgYSBjYXNlIGFuZCB1c2VkIG5vd2hlcmUgZWxzZQ==";

/// A delivery whose signature holds, and who says so.
type Opened = (Verifier, Delivery<Verified>);

impl CaseDelivery {
    /// An event as a sender of `scheme` would deliver it under `id`.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn made_of(
        event: &CaseEvent,
        scheme: Scheme,
        id: &str,
        received_at: Timestamp,
    ) -> Result<Self, String> {
        let body = event.body.to_string();
        let name = event.event_type.split('.').next();
        let signed = source::sign(scheme, &MADE_UP.into(), id, body.as_bytes(), name, received_at);
        let headers = signed.map_err(|error| error.to_string())?;
        Ok(CaseDelivery {
            source: event.source.clone(),
            scheme: scheme.as_str().to_owned(),
            secret: MADE_UP.to_owned(),
            received_at: received_at.as_millis(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body,
            authserv_id: event.authserv_id.clone(),
        })
    }

    /// Why its signature does not hold where the time that is signed may be off by `tolerance`; `None` if it does.
    ///
    /// # Errors
    /// It is no delivery.
    pub fn refusal(&self, tolerance: Duration) -> Result<Option<String>, String> {
        Ok(self.open(tolerance, false)?.err().map(|refusal| refusal.to_string()))
    }

    /// What it says of itself; with `body_key` also that its body is this one.
    ///
    /// # Errors
    /// It would not be accepted, or is no event; why.
    pub fn identity(&self, body_key: bool) -> Result<Identity, String> {
        let (verifier, verified) = self.verified(body_key)?;
        match verifier.read(&verified) {
            Reading::Event(identity) | Reading::Unreadable { identity, .. } => Ok(identity),
            Reading::Handshake(_) => Err(HANDSHAKE.to_owned()),
        }
    }

    /// The event that it is.
    ///
    /// # Errors
    /// It would not be accepted, or is no event; why.
    pub fn event(&self) -> Result<CaseEvent, String> {
        let (verifier, verified) = self.verified(false)?;
        let identity = match verifier.read(&verified) {
            Reading::Event(identity) => identity,
            Reading::Handshake(_) => return Err(HANDSHAKE.to_owned()),
            Reading::Unreadable { reason, .. } => return Err(reason),
        };
        let scheme = verifier.scheme();
        let kept = kept_headers(scheme, verified.headers());
        let body = source::payload(scheme, &kept, verified.body()).map_err(|error| error.to_string())?;
        Ok(CaseEvent {
            source: self.source.clone(),
            event_type: identity.event_type.to_string(),
            body,
            headers: Some(kept.into_iter().collect()),
            authserv_id: self.authserv_id.clone(),
        })
    }

    /// What came, where nobody may read it.
    pub(super) fn unread(&self) -> CaseEvent {
        CaseEvent {
            source: self.source.clone(),
            event_type: UNREADABLE.to_owned(),
            body: self.body.as_str().into(),
            headers: None,
            authserv_id: None,
        }
    }

    fn verified(&self, body_key: bool) -> Result<Opened, String> {
        self.open(ANY_TIME, body_key)?.map_err(|refusal| refusal.to_string())
    }

    fn open(&self, tolerance: Duration, body_key: bool) -> Result<Result<Opened, Refusal>, String> {
        let scheme: Scheme = self.scheme.parse().map_err(|error: source::SchemeError| error.to_string())?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
            let value: HeaderValue =
                value.parse().map_err(|_| format!("the value of `{name}` is none of a header"))?;
            headers.append(name, value);
        }
        let at = Timestamp::from_millis(self.received_at);
        let body = Bytes::from(self.body.clone());
        let delivery = Delivery::new(self.source.as_str().into(), headers, body, at);
        let secrets = vec![self.secret.clone().into()];
        let verifier = Verifier::new(scheme, secrets, tolerance)
            .map_err(|error| error.to_string())?
            .with_body_key(body_key);
        Ok(verifier.verify(delivery, at).map(|delivery| (verifier, delivery)))
    }
}
