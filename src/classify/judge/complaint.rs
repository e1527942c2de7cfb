//! What a vendor says when it does not answer, and what follows from it.
//!
//! Sources: platform.claude.com "Errors" and "Rate limits"; OpenAI "Error codes"; Azure OpenAI "Content filtering".

use serde_json::Value;

use crate::domain::Flaw;

/// Characters of a vendor's error text that are shown.
const TEXT_CHARS_MAX: usize = 200;

/// Longest error name that is shown; a longer one is not a name.
const NAME_CHARS_MAX: usize = 64;

/// Names under which a 429 means "not before someone pays": Anthropic's spend cap (a 429 without Retry-After) and
/// OpenAI's.
const MONEY: [&str; 4] =
    ["enforced_spend_limit_reached", "insufficient_quota", "billing_hard_limit_reached", "billing_error"];

/// Names under which a 404 means that there is no such model; others may be of a URL that is no API's.
const MODEL: [&str; 2] = ["not_found_error", "model_not_found"];

/// A response that is no answer.
#[derive(Debug, PartialEq)]
pub(super) struct Complaint {
    /// For people: status, the vendor's name for the error, and where it helps its text.
    pub(super) reason: String,
    /// Whether asking later may help.
    pub(super) may_pass: bool,
    /// Whether the vendor certainly did not bill the question.
    pub(super) not_billed: bool,
    /// Whether it will answer nobody until somebody has paid, raised a limit, or mended key or model in the configuration.
    pub(super) barred: bool,
    /// Why it will never answer this very question, while it answers others: then this is its answer. `None` if what is wrong
    /// is nothing about the event.
    pub(super) flaw: Option<Flaw>,
}

/// Names under which a content filter or a policy refuses: Azure's, and OpenAI's two.
const FILTERED: [&str; 3] = ["content_filter", "content_policy_violation", "invalid_prompt"];

/// In what Anthropic says where its filter refuses, with a 400 that has no name of its own.
const FILTERED_TEXT: &str = "content filtering policy";

/// Names of a question that is too long: OpenAI's two, Anthropic's, and llama.cpp's.
const OVERLONG: [&str; 4] =
    ["context_length_exceeded", "string_above_max_length", "request_too_large", "exceed_context_size_error"];

/// In what is said of one where it has no name of its own: by Anthropic, twice, and by vLLM.
const OVERLONG_TEXTS: [&str; 3] = ["prompt is too long", "exceed context limit", "maximum context length"];

/// How Anthropic begins to say, with a 400, that the spend limit is reached that a customer has set.
const OWN_LIMIT: &str = "You have reached your specified";

/// Reads a response of `status` (not 2xx) with `body`, which `remote` has cleaned of our key.
pub(super) fn read(status: u16, body: &str) -> Complaint {
    let body: Option<Value> = serde_json::from_str(body).ok();
    let error = body.as_ref().and_then(|body| body.get("error"));
    let names: Vec<&str> = ["/type", "/code", "/details/error_code"]
        .iter()
        .filter_map(|path| name(error?.pointer(path)?))
        .collect();
    let text = error.and_then(text);
    let flaw = flaw(status, &names, text);
    let barred = flaw.is_none()
        && match status {
            // Nor does a key that is not known, or may not do this, become another one by waiting.
            401..=403 => true,
            404 => names.iter().any(|name| MODEL.contains(name)),
            429 => names.iter().any(|name| MONEY.contains(name)),
            400 => text.is_some_and(|text| text.starts_with(OWN_LIMIT)),
            _ => false,
        };
    let may_pass = barred
        || match status {
            408 | 409 | 425 => true,
            429 => true,
            300..=499 => false,
            _ => true,
        };
    let mut reason = format!("HTTP {status}");
    if matches!(status, 300..=399) {
        reason.push_str(": redirects are not followed; set the judge's base_url to the final address");
    }
    if !names.is_empty() {
        reason.push_str(&format!(" ({})", names.join(", ")));
    }
    // What is wrong with the request only the vendor's text can say; other texts add nothing, and that of a refused
    // key holds parts of it.
    if matches!(status, 400 | 402 | 404 | 413 | 422)
        && let Some(text) = text
    {
        reason.push_str(": ");
        reason.extend(text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX));
    }
    Complaint { reason, may_pass, not_billed: not_billed(status, error.is_some()), barred, flaw }
}

/// What is wrong with the question itself. A parameter or a schema that is refused is not: it would be so with every question.
fn flaw(status: u16, names: &[&str], text: Option<&str>) -> Option<Flaw> {
    let named = |known: &[&str]| names.iter().any(|name| known.contains(name));
    let says = |part: &str| text.is_some_and(|text| text.contains(part));
    match status {
        413 => Some(Flaw::Overlong),
        400 | 403 | 422 if named(&FILTERED) || says(FILTERED_TEXT) => Some(Flaw::Filtered),
        400 | 422 if named(&OVERLONG) || OVERLONG_TEXTS.into_iter().any(says) => Some(Flaw::Overlong),
        _ => None,
    }
}

/// A request that was refused is not billed. Of the 5xx that is sure of the two that mean "not taken on" (503, 529), and
/// of those in which the vendor itself says that it failed, except after a time-out; a proxy's 5xx says nothing about
/// what happened behind it.
fn not_billed(status: u16, by_the_vendor: bool) -> bool {
    match status {
        503 | 529 => true,
        408 | 504 => false,
        500..=599 => by_the_vendor,
        _ => true,
    }
}

/// An error's name, if it looks like one.
fn name(value: &Value) -> Option<&str> {
    let name = value.as_str()?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    (plain && !name.is_empty() && name.len() <= NAME_CHARS_MAX).then_some(name)
}

/// `{"error": {"message": "…"}}`, or `{"error": "…"}` of some compatible servers.
fn text(error: &Value) -> Option<&str> {
    error.get("message").unwrap_or(error).as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_a_vendors_error() {
        let anthropic =
            |kind: &str| format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
        let cap = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
        let own_cap = r#"{"error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits."}}"#;
        let quota = r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
        for (status, body, may_pass, not_billed) in [
            (307, "", false, true),
            (400, own_cap, true, true),
            (401, &anthropic("authentication_error"), true, true),
            (402, &anthropic("billing_error"), true, true),
            (403, &anthropic("permission_error"), true, true),
            (404, &anthropic("not_found_error"), true, true),
            (404, "<html>", false, true),
            (408, "", true, false),
            (413, &anthropic("request_too_large"), false, true),
            (429, &anthropic("rate_limit_error"), true, true),
            (429, cap, true, true),
            (429, quota, true, true),
            (500, &anthropic("api_error"), true, true),
            (500, "<html>", true, false),
            (502, "Bad Gateway", true, false),
            (503, "", true, true),
            (504, &anthropic("timeout_error"), true, false),
            (529, &anthropic("overloaded_error"), true, true),
        ] {
            let complaint = read(status, body);
            assert_eq!((complaint.may_pass, complaint.not_billed), (may_pass, not_billed), "{status} {body}");
            let somebody_acts = matches!(status, 401..=403)
                || [cap, own_cap, quota, &anthropic("not_found_error")].contains(&body);
            assert_eq!(complaint.barred, somebody_acts, "{status} {body}");
        }
    }

    #[test]
    fn only_what_is_wrong_with_the_very_question_is_a_flaw_of_the_answer() {
        let named = |code: &str| {
            format!(r#"{{"error":{{"message":"m","type":"invalid_request_error","code":"{code}"}}}}"#)
        };
        let said =
            |text: &str| format!(r#"{{"error":{{"type":"invalid_request_error","message":"{text}"}}}}"#);
        let (filtered, overlong) = (Some(Flaw::Filtered), Some(Flaw::Overlong));
        for (status, body, flaw) in [
            (400, said("Output blocked by content filtering policy"), filtered),
            (400, named("content_filter"), filtered),
            (400, named("invalid_prompt"), filtered),
            (400, said("prompt is too long: 214315 tokens > 200000 maximum"), overlong),
            (400, named("context_length_exceeded"), overlong),
            (413, String::new(), overlong),
            (400, said("temperature: Extra inputs are not permitted"), None),
            (400, said("You have reached your specified API usage limits."), None),
            (401, named("invalid_api_key"), None),
            (403, said("m"), None),
            (404, named("model_not_found"), None),
            (422, said("m"), None),
            (429, named("rate_limit_exceeded"), None),
            (500, said("Output blocked by content filtering policy"), None),
        ] {
            assert_eq!(read(status, &body).flaw, flaw, "{status} {body}");
        }
    }

    #[test]
    fn a_reason_names_the_error_and_quotes_where_only_the_text_helps() {
        let body = r#"{"error":{"type":"invalid_request_error","code":null,"message":"model: x\u0007"}}"#;
        assert_eq!(read(400, body).reason, "HTTP 400 (invalid_request_error): model: x");
        let refused = r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key","message":"Incorrect API key provided: sk-12*34."}}"#;
        let reason = read(401, refused).reason;
        assert_eq!(reason, "HTTP 401 (invalid_request_error, invalid_api_key)");
        let odd = r#"{"error":{"type":"a type with <b>text</b>","code":429}}"#;
        assert_eq!(read(429, odd).reason, "HTTP 429");
        assert_eq!(
            read(404, r#"{"error":"model \"m\" not found"}"#).reason,
            "HTTP 404: model \"m\" not found"
        );
    }
}
