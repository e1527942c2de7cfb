//! `Retry-After`: how long a server wants to be left alone.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, header::RETRY_AFTER};

use crate::domain::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// In milliseconds, and so nearer to what is meant: OpenAI and Azure send it beside the other, and their SDKs prefer it.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The wait asked for, as milliseconds, as seconds or as a date (RFC 9110, 10.2.3); zero for a date that has passed. `None` if
/// there is no such header or it cannot be read.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text(RETRY_AFTER_MS).and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(ms));
    }
    let text = text(RETRY_AFTER)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    Some(date(text)?.since(now))
}

/// An HTTP date in any of its three forms (RFC 9110, 5.6.7); all are in GMT.
fn date(text: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = text.split([' ', ',', '-']).filter(|part| !part.is_empty()).collect();
    let (day, month, year, time) = match parts.as_slice() {
        [_, day, month, year, time, "GMT"] => (day, month, year, time), // Sun, 06 Nov 1994 08:49:37 GMT
        [_, month, day, time, year] => (day, month, year, time),        // Sun Nov  6 08:49:37 1994
        _ => return None,
    };
    let day: u8 = day.parse().ok()?;
    let month = MONTHS.iter().position(|one| one == month)? + 1;
    let year: u16 = match year.parse().ok()? {
        short @ 0..=99 => 2000 + short, // Sunday, 06-Nov-94 08:49:37 GMT
        year => year,
    };
    let at = humantime::parse_rfc3339(&format!("{year:04}-{month:02}-{day:02}T{time}Z")).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::default().plus(since))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = Timestamp::from_millis(1_700_000_000_000); // 2023-11-14T22:13:20Z
        for (text, want_s) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("Tue, 14 Nov 2023 22:14:20 GMT", Some(60)),
            ("Tuesday, 14-Nov-23 22:14:20 GMT", Some(60)),
            ("Tue Nov 14 22:14:20 2023", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun Nov  6 08:49:37 1994", Some(0)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("99999999999999999999999", None),
            ("Tue, 14 Nov 2023 22:14:20 CET", None),
            ("Tue, 14 Nov 2023 25:14:20 GMT", None),
            ("Tue, 14 Foo 2023 22:14:20 GMT", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
            assert_eq!(retry_after(&headers, now), want_s.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn milliseconds_come_first_where_they_can_be_read() {
        let now = Timestamp::default();
        for (ms, want) in [("250", Some(250)), ("soon", Some(2_000)), ("-1", Some(2_000))] {
            let pairs = [(RETRY_AFTER, "2"), (RETRY_AFTER_MS, ms)];
            let headers =
                HeaderMap::from_iter(pairs.map(|(name, text)| (name, HeaderValue::from_str(text).unwrap())));
            assert_eq!(retry_after(&headers, now), want.map(Duration::from_millis), "{ms}");
        }
    }
}
