//! What is known of who wrote an event, by our own code and not by a model's opinion: conditions see it as `trust`.

use serde_json::{Value, json};

use crate::source::Scheme;

/// Where GitHub says what an author is to the repository; the first that an event has.
const ASSOCIATIONS: [&str; 4] = [
    "/comment/author_association",
    "/review/author_association",
    "/pull_request/author_association",
    "/issue/author_association",
];

/// Where mails have their headers: Gmail's message and Microsoft Graph's.
const HEADERS: [&str; 2] = ["/payload/headers", "/internetMessageHeaders"];

/// What was checked of a mail's sender (RFC 8601, section 2.7).
const CHECKS: [&str; 3] = ["spf", "dkim", "dmarc"];

/// The facts about an event of `scheme`: how its sender was verified, what the author is to the repository, and what the
/// receiving mail server found. What there is nothing to say about is `none`.
pub(super) fn facts(scheme: Scheme, test_mode: bool, body: &Value) -> Value {
    let association =
        ASSOCIATIONS.iter().filter(|_| scheme == Scheme::Github).find_map(|at| body.pointer(at)?.as_str());
    let results = HEADERS.iter().find_map(|at| results(body.pointer(at)?));
    let mut facts = json!({
        "scheme": scheme.as_str(),
        "test_mode": test_mode,
        "author_association": association.unwrap_or("none").to_ascii_uppercase(),
    });
    for check in CHECKS {
        facts[check] = results.and_then(|results| result(results, check)).unwrap_or("none").into();
    }
    facts
}

/// The uppermost `Authentication-Results`: the receiving server's own. Those below it came with the mail.
fn results(headers: &Value) -> Option<&str> {
    let name = |header: &Value| header["name"].as_str().map(str::to_ascii_lowercase);
    let header =
        headers.as_array()?.iter().find(|header| name(header).as_deref() == Some("authentication-results"));
    header?["value"].as_str()
}

/// What the first result of a check is, such as `pass` of `dkim=pass header.d=example.com`.
fn result<'r>(results: &'r str, check: &str) -> Option<&'r str> {
    results.split(';').find_map(|part| {
        let (method, rest) = part.trim().split_once('=')?;
        let word = rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        (method.trim().eq_ignore_ascii_case(check) && !word.is_empty()).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receiving_servers_word_counts_and_not_what_came_with_the_mail() {
        let header = |value: &str| json!({"name": "Authentication-Results", "value": value});
        let body = json!({"payload": {"headers": [
            {"name": "Subject", "value": "spf=pass"},
            header("mx.example.com; dkim=pass header.i=@a.example; spf=softfail (a=b) smtp.mailfrom=x; dmarc=fail"),
            header("mx.forged.example; dkim=pass; spf=pass; dmarc=pass"),
        ]}});
        let told = facts(Scheme::Generic, false, &body);
        assert_eq!(
            (&told["spf"], &told["dkim"], &told["dmarc"]),
            (&json!("softfail"), &json!("pass"), &json!("fail"))
        );
        let nothing =
            facts(Scheme::Generic, true, &json!({"payload": {"headers": [header("mx.example.com; none")]}}));
        assert_eq!((&nothing["spf"], &nothing["test_mode"]), (&json!("none"), &json!(true)));
    }

    #[test]
    fn an_author_is_what_github_says_and_nobody_else() {
        let body = json!({"pull_request": {"author_association": "CONTRIBUTOR"}});
        assert_eq!(facts(Scheme::Github, false, &body)["author_association"], "CONTRIBUTOR");
        assert_eq!(facts(Scheme::Generic, false, &body)["author_association"], "NONE");
        assert_eq!(facts(Scheme::Github, false, &json!({}))["author_association"], "NONE");
    }
}
