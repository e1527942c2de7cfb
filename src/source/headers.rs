//! Reading headers before a delivery is trusted, and choosing which are stored.

use http::HeaderMap;

use super::{Refusal, Scheme, generic, github, standard_webhooks};

/// Longest stored value of a header, in bytes; the rest is cut off.
pub const HEADER_VALUE_BYTES_MAX: usize = 255;

pub(super) const CONTENT_TYPE: &str = "content-type";

/// Stored for every sender.
const KEPT: [&str; 2] = [CONTENT_TYPE, "user-agent"];

/// The headers to store: content type, user agent, and the scheme's own id, event and time headers. An
/// allow-list, so that no bearer token, cookie or signature reaches the store. Names in lower case, values
/// cut at [`HEADER_VALUE_BYTES_MAX`]; values that are not visible ASCII are left out.
pub fn kept_headers(scheme: Scheme, headers: &HeaderMap) -> Vec<(String, String)> {
    let own: &[&str] = match scheme {
        Scheme::Github => &github::KEPT,
        Scheme::Stripe => &[], // its only header is the signature; id and type stand in the body
        Scheme::StandardWebhooks => &standard_webhooks::KEPT,
        Scheme::Generic => &generic::KEPT,
    };
    headers
        .keys()
        .filter(|name| KEPT.contains(&name.as_str()) || own.contains(&name.as_str()))
        .filter_map(|name| {
            // Visible ASCII, so a cut cannot split a character.
            let value = text(headers, name.as_str())?;
            let value = value.get(..HEADER_VALUE_BYTES_MAX).unwrap_or(value);
            Some((name.as_str().to_owned(), value.to_owned()))
        })
        .collect()
}

/// The first value of a header, trimmed; `None` if there is none, it is empty, or it is not visible ASCII.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
}

/// The value of a header that may occur once.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Bad { header: name, fault: "occurs more than once" });
    }
    let Ok(value) = value.to_str() else {
        return Err(Refusal::Bad { header: name, fault: "is not visible ASCII" });
    };
    Ok(Some(value.trim()).filter(|value| !value.is_empty()))
}

/// The value of a header without which nothing can be verified.
pub(super) fn required<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Refusal> {
    only(headers, name)?.ok_or(Refusal::Missing { header: name })
}

/// Refuses a body that is encoded: what is signed, stored and read must be the same bytes, and inflating
/// strangers' bytes invites bombs.
pub(super) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Refusal> {
    for value in headers.get_all("content-encoding") {
        let value = value.to_str().map_err(|_| Refusal::UnsupportedEncoding)?;
        let mut codings = value.split(',').map(str::trim);
        if !codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity")) {
            return Err(Refusal::UnsupportedEncoding);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::source::tests::headers_of;

    #[test]
    fn only_allowed_headers_are_kept() {
        let headers = headers_of(&[
            ("authorization", "Bearer s3cr3t"),
            ("content-type", "application/json"),
            ("cookie", "session=1"),
            ("user-agent", "GitHub-Hookshot/044aadd"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-github-event", "push"),
            ("x-hub-signature", "sha1=00"),
            ("x-hub-signature-256", "sha256=00"),
            ("x-forwarded-for", "192.0.2.1"),
        ]);
        let names = |scheme| {
            kept_headers(scheme, &headers).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(Scheme::Github), "content-type user-agent x-github-delivery x-github-event");
        assert_eq!(names(Scheme::Stripe), "content-type user-agent");
    }

    #[test]
    fn no_scheme_keeps_a_signature() {
        for scheme in Scheme::ALL {
            let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".into();
            let signed = crate::source::sign(scheme, &secret, "id", b"{}", Some("push"), Default::default());
            let signed = signed.unwrap();
            let pairs: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
            for (name, _) in kept_headers(scheme, &headers_of(&pairs)) {
                assert!(!name.contains("signature"), "{scheme}: {name}");
            }
        }
    }

    #[test]
    fn stored_values_are_bounded_and_visible() {
        let mut headers = headers_of(&[("user-agent", &"x".repeat(4000)), ("x-event-id", "e")]);
        headers.insert("content-type", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        let kept = kept_headers(Scheme::Generic, &headers);
        let expected = [("user-agent", "x".repeat(HEADER_VALUE_BYTES_MAX)), ("x-event-id", "e".to_owned())];
        assert_eq!(kept, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn identity_is_the_only_encoding() {
        for plain in [&[] as &[(&str, &str)], &[("content-encoding", "identity")]] {
            assert_eq!(refuse_encoded(&headers_of(plain)), Ok(()));
        }
        assert_eq!(refuse_encoded(&headers_of(&[("content-encoding", "Identity, ")])), Ok(()));
        for coding in ["gzip", "br", "identity, gzip", "x-unknown", "GZIP"] {
            let headers = headers_of(&[("content-encoding", "identity"), ("content-encoding", coding)]);
            assert_eq!(refuse_encoded(&headers), Err(Refusal::UnsupportedEncoding), "{coding}");
        }
    }
}
