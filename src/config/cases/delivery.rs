//! A case that holds what was sent, signature and all.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::CaseEvent;
use crate::{
    domain::{Delivery, Timestamp},
    source::{self, Reading, Scheme, TOLERANCE_DEFAULT, Verifier, kept_headers},
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

impl CaseDelivery {
    /// The event that it is.
    ///
    /// # Errors
    /// It would not be accepted, or is no event; why.
    pub(super) fn event(&self) -> Result<CaseEvent, String> {
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
        let verifier =
            Verifier::new(scheme, secrets, TOLERANCE_DEFAULT).map_err(|error| error.to_string())?;
        let verified = verifier.verify(delivery, at).map_err(|refusal| refusal.to_string())?;
        let identity = match verifier.read(&verified) {
            Reading::Event(identity) => identity,
            Reading::Handshake(_) => return Err("it is a handshake, and no event".to_owned()),
            Reading::Unreadable { reason, .. } => return Err(reason),
        };
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
}
