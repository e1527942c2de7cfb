//! What came back, and what it means for another attempt.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::retry_after;
use crate::{
    decide::retry::Failure,
    domain::{Cause, Timestamp},
};

/// Most characters of an answer that are quoted in a reason.
pub const EXCERPT_CHARS_MAX: usize = 300;

/// An answer, read up to the remote's bound and cleaned of our secrets.
#[derive(Clone, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Why the body is not whole; `None` if it is. The status counts anyway.
    pub cut: Option<Cut>,
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is longer than the remote's bound.
    TooLong,
    /// The connection broke.
    BrokeOff,
    /// It did not come in time.
    OutOfTime,
}

impl Cut {
    /// To follow "the answer".
    pub fn told(self) -> &'static str {
        match self {
            Cut::TooLong => "is longer than is read",
            Cut::BrokeOff => "broke off on its way",
            Cut::OutOfTime => "did not come to its end in time",
        }
    }
}

impl Response {
    pub fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// It failed, but may have had its effect before it did: 408 and 5xx. A 503 from the door and a 503 after the
    /// work look the same. Whether to try again is for whoever knows what protects from a second effect.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.status, 408 | 500..=599)
    }

    /// The body, if it is whole and JSON.
    pub fn json(&self) -> Option<Value> {
        if self.cut.is_some() { None } else { serde_json::from_slice(&self.body).ok() }
    }

    /// The beginning of the body on one line, for a reason. Empty if the body is.
    pub fn excerpt(&self) -> String {
        // Four bytes are the longest character; what lies further back would be cut off anyway.
        let head = self.body.get(..EXCERPT_CHARS_MAX * 4).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(head);
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let line = words.collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(EXCERPT_CHARS_MAX) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
            None => line,
        }
    }
}

/// Shows no body: it may hold what a customer wrote.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

/// What the answer means, by its status alone; `None` for success.
///
/// 429 is [`Failure::Throttled`]. 408, 425 and 5xx are [`Failure::Transient`], though for all but 425 the effect may
/// have happened: see [`Response::is_ambiguous`]. Everything else, redirects included, is
/// [`Failure::Permanent`]. Reasons quote the beginning of the body.
pub fn failure(response: &Response, now: Timestamp) -> Option<Failure> {
    if response.is_success() {
        return None;
    }
    let reason = match (response.status, response.excerpt()) {
        (status @ 300..=399, _) => {
            format!("answered {status}, and redirects are not followed: configure the final URL")
        }
        (status, excerpt) if excerpt.is_empty() => format!("answered {status}"),
        (status, excerpt) => format!("answered {status}: {excerpt}"),
    };
    let retry_after = retry_after(&response.headers, now);
    Some(match response.status {
        429 => Failure::Throttled { reason, retry_after },
        408 | 425 | 500..=599 => Failure::Transient { reason, retry_after },
        _ => Failure::Permanent { cause: Cause::Refused, reason },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderValue, header::RETRY_AFTER};

    use super::*;

    fn response(status: u16, body: &str) -> Response {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("9"))]);
        Response { status, headers, body: Bytes::copy_from_slice(body.as_bytes()), cut: None }
    }

    #[test]
    fn each_status_has_its_meaning() {
        let now = Timestamp::default();
        let nine = Some(Duration::from_secs(9));
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(failure(&response(status, "x"), now), None, "{status}");
        }
        for status in [408, 425, 500, 502, 503, 504, 529, 599] {
            let reason = format!("answered {status}: x");
            let want = Failure::Transient { reason, retry_after: nine };
            assert_eq!(failure(&response(status, "x"), now), Some(want), "{status}");
        }
        let want = Failure::Throttled { reason: "answered 429".to_owned(), retry_after: nine };
        assert_eq!(failure(&response(429, ""), now), Some(want));
        for status in [301, 302, 303, 307, 400, 401, 403, 404, 409, 410, 413, 422, 451, 600] {
            let got = failure(&response(status, "no"), now);
            assert!(
                matches!(got, Some(Failure::Permanent { cause: Cause::Refused, .. })),
                "{status}: {got:?}"
            );
        }
    }

    #[test]
    fn only_some_failures_may_have_acted() {
        let ambiguous: Vec<u16> =
            (300..=599).filter(|status| response(*status, "").is_ambiguous()).filter(|s| *s < 501).collect();
        assert_eq!(ambiguous, [408, 500]);
    }

    #[test]
    fn an_excerpt_is_one_bounded_line() {
        assert_eq!(response(400, "a\r\n\tb\u{0} c").excerpt(), "a b c");
        let long = response(400, &"é".repeat(5000)).excerpt();
        assert_eq!(long.chars().count(), EXCERPT_CHARS_MAX + 1);
        assert!(!format!("{:?}", response(400, "private")).contains("private"));
    }
}
