//! What a vendor says when it does not answer, and what follows from it.
//!
//! Sources: platform.claude.com "Errors" and "Rate limits"; OpenAI "Error codes"; Azure OpenAI "Content filtering".

use serde_json::Value;

use crate::domain::Flaw;

/// Characters of a vendor's error text that are shown.
const TEXT_CHARS_MAX: usize = 200;

/// Longest error name that is shown; a longer one is not a name.
const NAME_CHARS_MAX: usize = 64;

/// Names that mean "not before someone pays", with whichever status: Anthropic's spend cap (a 429 without Retry-After) and
/// OpenAI's two (a 429, and a 400 for the limit that a customer has set).
const MONEY: [&str; 4] =
    ["enforced_spend_limit_reached", "insufficient_quota", "billing_hard_limit_reached", "billing_error"];

/// Names under which a 404 means that there is no such model; others may be of a URL that is no API's. A 403 of OpenAI's means by
/// the second that a project may not ask it.
const MODEL: [&str; 2] = ["not_found_error", "model_not_found"];

/// Names under which a 403 is about who asks: Anthropic's, OpenAI's, and Azure's.
const ASKER: [&str; 8] = [
    "permission_error",
    "authentication_error",
    "invalid_api_key",
    "account_deactivated",
    "access_terminated",
    "unsupported_country_region_territory",
    "permission_denied",
    "AccessDenied",
];

/// A response that is no answer.
#[derive(Debug, PartialEq)]
pub(super) struct Complaint {
    /// For people: status, the vendor's name for the error, and where it helps its text, which may quote the question.
    pub(super) reason: String,
    /// As much of it as may stand in what is told of other questions: status, name, and what we say of it.
    pub(super) heading: String,
    /// Whether asking later may help.
    pub(super) may_pass: bool,
    /// Whether the vendor certainly did not bill the question.
    pub(super) not_billed: bool,
    /// Whether it will answer nobody until somebody has paid, raised a limit, or mended key or model in the configuration.
    pub(super) barred: bool,
    /// It is barred as what may be spent there is spent.
    pub(super) spent: bool,
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

/// How OpenAI begins to say, with a 429, that a question is larger than all that it lets through in a minute.
const OVERSIZED_TEXT: &str = "Request too large";

/// What is said of such a question: the vendor's own text names the organization.
const OVERSIZED: &str = ": the question is larger than all that passes in a minute";

/// How Anthropic begins to say, with a 400, that the spend limit is reached that a customer has set.
const OWN_LIMIT: &str = "You have reached your specified";

/// What is said of a limit of money.
const SPENT: &str = "what may be spent there is spent";

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
    let why = if flaw.is_none() { bar(status, &names, text) } else { None };
    let (barred, spent) = (why.is_some(), why == Some(SPENT));
    let may_pass = barred
        || match status {
            408 | 409 | 425 => true,
            429 => flaw.is_none(),
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
    let heading = why.map_or_else(|| reason.clone(), |why| format!("{reason}: {why}"));
    // What is wrong with the request only the vendor's text can say; other texts add nothing, and that of a refused
    // key holds parts of it.
    if matches!(status, 400 | 402 | 404 | 413 | 422)
        && let Some(text) = text
    {
        reason.push_str(": ");
        reason.extend(text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX));
    }
    let not_billed = not_billed(status, error.is_some());
    let complaint = Complaint { reason, heading, may_pass, not_billed, barred, spent, flaw };
    if status == 429 && flaw.is_some() { complaint.oversized() } else { complaint }
}

impl Complaint {
    /// Whether what is wrong is neither about the very question nor will it pass: as far as is known the next one meets it, too. Of a
    /// `status` of 403 that is not known: see [`bar`].
    pub(super) fn is_of_all(&self, status: u16) -> bool {
        !self.may_pass && self.flaw.is_none() && status != 403
    }

    /// The same of a question that is larger than all that the vendor lets through in a minute: however long it waits, it never fits.
    pub(super) fn oversized(self) -> Self {
        let reason = self.reason + OVERSIZED;
        Complaint { reason, may_pass: false, flaw: Some(Flaw::Overlong), ..self }
    }
}

/// Why it will answer nobody until somebody acts, in words of ours; `None` if it may answer the next question.
fn bar(status: u16, names: &[&str], text: Option<&str>) -> Option<&'static str> {
    let named = |known: &[&str]| names.iter().any(|name| known.contains(name));
    match status {
        400 | 402 | 403 | 429 if named(&MONEY) => Some(SPENT),
        400 if text.is_some_and(|text| text.starts_with(OWN_LIMIT)) => Some(SPENT),
        402 => Some(SPENT),
        // By its meaning it is about who asks, never about what is asked, and a key that is not known does not become another
        // one by waiting. No name is demanded: OpenAI gives none of its own where there is no key, and servers that speak like it
        // often say nothing else at all.
        401 => Some("it does not take the key"),
        // What stands before an API, or moderates for it, answers so where it dislikes one question: only the vendor's own
        // name for the error says that it is about who asks.
        403 if named(&ASKER) => Some("it does not let the key ask"),
        403 | 404 if named(&MODEL) => Some("it has no such model for the key"),
        _ => None,
    }
}

/// What is wrong with the question itself. A parameter or a schema that is refused is not: it would be so with every question.
fn flaw(status: u16, names: &[&str], text: Option<&str>) -> Option<Flaw> {
    let named = |known: &[&str]| names.iter().any(|name| known.contains(name));
    let says = |part: &str| text.is_some_and(|text| text.contains(part));
    match status {
        413 => Some(Flaw::Overlong),
        400 | 403 | 422 if named(&FILTERED) || says(FILTERED_TEXT) => Some(Flaw::Filtered),
        429 if !named(&MONEY) && text.is_some_and(|text| text.starts_with(OVERSIZED_TEXT)) => {
            Some(Flaw::Overlong)
        }
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
        let hard_limit = r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","param":null,"code":"billing_hard_limit_reached"}}"#;
        let quota = r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
        for (status, body, may_pass, not_billed) in [
            (307, "", false, true),
            (400, own_cap, true, true),
            (400, hard_limit, true, true),
            (401, &anthropic("authentication_error"), true, true),
            (
                401,
                r#"{"error":{"message":"No key.","type":"invalid_request_error","code":null}}"#,
                true,
                true,
            ),
            (401, "Unauthorized", true, true),
            (402, &anthropic("billing_error"), true, true),
            (402, r#"{"error":{"message":"Insufficient Balance","type":"unknown_error"}}"#, true, true),
            (403, &anthropic("permission_error"), true, true),
            (403, &anthropic("billing_error"), true, true),
            (403, r#"{"error":{"code":"unsupported_country_region_territory"}}"#, true, true),
            (403, r#"{"error":{"code":"model_not_found","type":"invalid_request_error"}}"#, true, true),
            (403, "<html>Request blocked</html>", false, true),
            (403, r#"{"error":{"code":403,"message":"Your input was flagged"}}"#, false, true),
            (403, "", false, true),
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
            let somebody_acts = matches!(status, 401 | 402)
                || (status == 403 && may_pass)
                || [cap, own_cap, hard_limit, quota, &anthropic("not_found_error")].contains(&body);
            assert_eq!(complaint.barred, somebody_acts, "{status} {body}");
            let by_money = status == 402
                || [cap, own_cap, hard_limit, quota].contains(&body)
                || (status == 403 && body == anthropic("billing_error"));
            assert_eq!(complaint.spent, by_money, "{status} {body}");
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
            (
                429,
                said(
                    "Request too large for m (for limit n) on tokens per min (TPM): Limit 500, Requested 612.",
                ),
                overlong,
            ),
            (429, said("Rate limit reached for m on tokens per min (TPM): Limit 500, Used 400."), None),
            (
                429,
                said(
                    "This request would exceed your organization's rate limit of 500 input tokens per minute.",
                ),
                None,
            ),
            (400, said("temperature: Extra inputs are not permitted"), None),
            (400, said("You have reached your specified API usage limits."), None),
            (401, named("invalid_api_key"), None),
            (403, said("m"), None),
            (404, named("model_not_found"), None),
            (422, said("m"), None),
            (429, named("rate_limit_exceeded"), None),
            (500, said("Output blocked by content filtering policy"), None),
        ] {
            let complaint = read(status, &body);
            assert_eq!(complaint.flaw, flaw, "{status} {body}");
            assert!(
                complaint.flaw.is_none() || !complaint.may_pass,
                "{status} {body}: it would be asked again"
            );
        }
    }

    #[test]
    fn what_the_next_question_would_meet_too_is_no_fault_of_this_one_and_does_not_pass() {
        let too_long = r#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#;
        for (status, body, of_all) in [
            (307, "", true),
            (400, "", true),
            (400, too_long, false),
            (401, "", false),
            (403, "", false),
            (404, "", true),
            (408, "", false),
            (413, "", false),
            (422, "", true),
            (429, "", false),
            (500, "", false),
            (529, "", false),
        ] {
            assert_eq!(read(status, body).is_of_all(status), of_all, "{status} {body}");
        }
    }

    #[test]
    fn what_is_told_of_other_questions_quotes_nothing() {
        let quoted = "the words of a stranger";
        for (status, names, heading) in [
            (
                400,
                r#""code":"billing_hard_limit_reached""#,
                "HTTP 400 (billing_hard_limit_reached): what may be spent there is spent",
            ),
            (402, r#""type":"billing_error""#, "HTTP 402 (billing_error): what may be spent there is spent"),
            (
                404,
                r#""type":"not_found_error""#,
                "HTTP 404 (not_found_error): it has no such model for the key",
            ),
            (
                401,
                r#""type":"authentication_error""#,
                "HTTP 401 (authentication_error): it does not take the key",
            ),
            (429, r#""type":"rate_limit_error""#, "HTTP 429 (rate_limit_error)"),
            (422, r#""type":"invalid_request_error""#, "HTTP 422 (invalid_request_error)"),
        ] {
            let told = read(status, &format!(r#"{{"error":{{{names},"message":"{quoted}"}}}}"#));
            assert_eq!(told.heading, heading);
            assert_eq!(told.reason.contains(quoted), !matches!(status, 401 | 429), "{}", told.reason);
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
