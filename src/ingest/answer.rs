//! What a sender is told: small JSON, and a status it understands.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::domain::{EventId, EventState};

/// Seconds after which a sender is asked to come again when we cannot tell better.
const RETRY_AFTER_S: u64 = 5;

/// The answer to a delivery.
#[derive(Debug)]
pub(super) enum Answer {
    /// 202: the event and its jobs are on disk.
    Queued {
        event: EventId,
        note: Option<String>,
    },
    /// 200: it was accepted before.
    Duplicate {
        event: EventId,
        state: EventState,
        outcome: String,
        revived: u32,
    },
    /// 200: dropped by the filter.
    Ignored {
        reason: String,
    },
    /// 429: `by` names whose share of the minute is spent.
    RateLimited {
        by: &'static str,
        wait: Duration,
    },
    /// What the sender's handshake demands.
    Handshake {
        status: u16,
        body: Value,
    },
    UnknownSource,
    /// 401, without saying what was wrong with the signature.
    Unverified,
    /// 415: the body is compressed, and what is signed are its raw bytes.
    Encoded,
    TooLarge {
        bytes_max: u64,
    },
    TimedOut,
    Broken,
    /// 503: the store did not answer, or there is no room.
    Unavailable {
        reason: &'static str,
    },
}

#[derive(Serialize)]
struct Told<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<EventState>,
    /// How its jobs stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revived: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl<'a> Told<'a> {
    const fn new(status: &'static str) -> Self {
        Told {
            status,
            event: None,
            state: None,
            outcome: None,
            revived: None,
            reason: None,
            retry_after: None,
        }
    }

    fn refused(reason: &'a str) -> Self {
        Told { reason: Some(reason), ..Told::new("refused") }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let reason;
        let (status, told) = match &self {
            Answer::Queued { event, note } => (
                StatusCode::ACCEPTED,
                Told { event: Some(*event), reason: note.as_deref(), ..Told::new("queued") },
            ),
            Answer::Duplicate { event, state, outcome, revived } => {
                let revived = (*revived > 0).then_some(*revived);
                let told = Told {
                    event: Some(*event),
                    state: Some(*state),
                    outcome: Some(outcome),
                    revived,
                    ..Told::new("duplicate")
                };
                (StatusCode::OK, told)
            }
            Answer::Ignored { reason } => {
                (StatusCode::OK, Told { reason: Some(reason), ..Told::new("ignored") })
            }
            Answer::RateLimited { by, wait } => {
                reason = format!("{by} has sent as much as it may in a minute");
                // Rounded up: an obedient sender must not come too early.
                let retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
                let told = Told { retry_after, reason: Some(&reason), ..Told::new("rate_limited") };
                (StatusCode::TOO_MANY_REQUESTS, told)
            }
            Answer::Handshake { status, body } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
                return (status, axum::Json(body.clone())).into_response();
            }
            Answer::UnknownSource => (StatusCode::NOT_FOUND, Told::refused("no such source")),
            Answer::Unverified => {
                (StatusCode::UNAUTHORIZED, Told::refused("the delivery could not be verified"))
            }
            Answer::Encoded => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, Told::refused("send the body without Content-Encoding"))
            }
            Answer::TooLarge { bytes_max } => {
                reason = format!("the body is larger than {bytes_max} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, Told::refused(&reason))
            }
            Answer::TimedOut => {
                (StatusCode::REQUEST_TIMEOUT, Told::refused("the body did not arrive in time"))
            }
            Answer::Broken => (StatusCode::BAD_REQUEST, Told::refused("the body did not arrive whole")),
            Answer::Unavailable { reason } => {
                let told = Told { retry_after: Some(RETRY_AFTER_S), ..Told::refused(reason) };
                (StatusCode::SERVICE_UNAVAILABLE, told)
            }
        };
        let retry_after = told.retry_after;
        let mut response = (status, axum::Json(told)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) async fn not_found() -> Answer {
    Answer::UnknownSource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_come_again_is_told_when() {
        for (answer, status, retry_after) in [
            (Answer::RateLimited { by: "x", wait: Duration::from_millis(1) }, 429, Some("1")),
            (Answer::RateLimited { by: "x", wait: Duration::from_millis(1_999) }, 429, Some("2")),
            (Answer::RateLimited { by: "x", wait: Duration::from_secs(60) }, 429, Some("60")),
            (Answer::Unavailable { reason: "x" }, 503, Some("5")),
            (Answer::Unverified, 401, None),
            (Answer::TooLarge { bytes_max: 1 }, 413, None),
        ] {
            let response = answer.into_response();
            let header = response.headers().get(header::RETRY_AFTER);
            assert_eq!(
                (response.status().as_u16(), header.and_then(|v| v.to_str().ok())),
                (status, retry_after)
            );
        }
    }
}
