//! Why a delivery was not verified, and the check of its age.

use std::time::Duration;

use crate::domain::Timestamp;

/// Why a delivery was not verified. For our log and metrics: what the sender is told must not say which part
/// failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body is compressed.
    #[error(
        "the body has a Content-Encoding, and only the plain signed bytes are accepted: have the sender, or \
         the proxy before us, send it uncompressed"
    )]
    UnsupportedEncoding,
    /// A header that the signature needs is not there.
    #[error("the header `{header}` is missing: set the secret at the sender too, and let no proxy strip it")]
    Missing { header: &'static str },
    /// The signature, or what it is built from, is malformed or wrong.
    #[error(
        "the header `{header}` {fault}: compare this source's scheme and secrets with the sender's settings, \
         and let no proxy change headers or body"
    )]
    Bad { header: &'static str, fault: &'static str },
    /// Correctly signed, but too long ago (`age_s` > 0) or too far ahead of our clock (`age_s` < 0); seconds.
    #[error(
        "signed {} s {} our clock, beyond the tolerance: check both clocks; a capture cannot be sent again",
        .age_s.unsigned_abs(),
        if *.age_s < 0 { "after" } else { "before" }
    )]
    Stale { age_s: i64 },
}

impl Refusal {
    /// A stable word for metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Refusal::UnsupportedEncoding => "unsupported_encoding",
            Refusal::Missing { .. } => "missing_signature",
            Refusal::Bad { .. } => "bad_signature",
            Refusal::Stale { .. } => "stale_timestamp",
        }
    }

    /// The signature is well formed and no secret made it.
    pub(super) const fn mismatch(header: &'static str) -> Self {
        Refusal::Bad { header, fault: "matches none of the secrets" }
    }
}

/// How far a signed time may lie from ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) now: Timestamp,
    pub(super) tolerance: Duration,
}

impl Window {
    /// Whether a delivery signed at `signed_s` (seconds since the epoch) is fresh. Asked last, of correctly
    /// signed deliveries only, so that a stale report never comes from a stranger. Whole seconds on both
    /// sides, as the vendors' SDKs compare.
    pub(super) fn admit(self, signed_s: i64) -> Result<(), Refusal> {
        let age_s = self.now.as_secs().saturating_sub(signed_s);
        if age_s.unsigned_abs() > self.tolerance.as_secs() {
            return Err(Refusal::Stale { age_s });
        }
        Ok(())
    }
}

/// The seconds since the epoch that a header gives: digits only, no sign, and small enough to be a time.
pub(super) fn seconds(header: &'static str, text: &str) -> Result<i64, Refusal> {
    let fault = "gives a time that is not whole seconds in digits";
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Bad { header, fault });
    }
    text.parse().map_err(|_| Refusal::Bad { header, fault })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_that_fit_are_a_time() {
        assert_eq!(seconds("t", "1700000000"), Ok(1_700_000_000));
        for text in ["", "-1", "+1", "1.5", "1e9", " 1", "0x10", "١", "9223372036854775808", &"9".repeat(400)]
        {
            assert!(matches!(seconds("t", text), Err(Refusal::Bad { .. })), "{text}");
        }
    }

    #[test]
    fn the_window_is_closed_on_both_sides_and_never_overflows() {
        let window = Window { now: Timestamp::from_millis(1_000_999), tolerance: Duration::from_secs(300) };
        assert_eq!(window.admit(700), Ok(()));
        assert_eq!(window.admit(699), Err(Refusal::Stale { age_s: 301 }));
        assert_eq!(window.admit(1300), Ok(()));
        assert_eq!(window.admit(1301), Err(Refusal::Stale { age_s: -301 }));
        assert!(window.admit(i64::MAX).is_err());
    }

    #[test]
    fn a_stale_report_says_which_way() {
        assert!(Refusal::Stale { age_s: 900 }.to_string().starts_with("signed 900 s before our clock"));
        assert!(Refusal::Stale { age_s: -900 }.to_string().starts_with("signed 900 s after our clock"));
    }
}
