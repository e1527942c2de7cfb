//! What is known of who wrote an event, by our own code and not by a model's opinion: conditions see it as `trust`.

mod authentication_results;

use std::time::Duration;

use serde_json::{Value, json};

use self::authentication_results::AuthenticationResults;
use crate::{
    config::tables::SameBody,
    source::{Scheme, TOLERANCE_DEFAULT},
};

/// What the configuration says of where an event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub scheme: Scheme,
    /// Who receives the source's mails: what any other server says of them, a sender may have written.
    pub authserv_id: Option<String>,
    /// What the same body under a new, unsigned id is taken for.
    pub same_body: SameBody,
    /// How far the time that a sender signs may be off.
    pub tolerance: Duration,
}

impl Origin {
    /// One whose mails nobody we know of has received.
    pub const fn of(scheme: Scheme) -> Self {
        Origin { scheme, authserv_id: None, same_body: SameBody::Accept, tolerance: TOLERANCE_DEFAULT }
    }
}

/// The service itself: its own events are read as plain JSON.
pub(super) static OWN_ORIGIN: Origin = Origin::of(Scheme::Generic);

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
pub(super) const CHECKS: [&str; 3] = ["spf", "dkim", "dmarc"];

/// The facts about an event of `origin`: how its sender was verified, what the author is to the repository, and what the
/// receiving mail server found. What there is nothing to say about is `none`.
pub(super) fn facts(origin: &Origin, test_mode: bool, body: &Value) -> Value {
    let Origin { scheme, authserv_id, .. } = origin;
    let association =
        ASSOCIATIONS.iter().filter(|_| *scheme == Scheme::Github).find_map(|at| body.pointer(at)?.as_str());
    let results = authserv_id
        .as_ref()
        .and_then(|server| HEADERS.iter().find_map(|at| results(body.pointer(at)?, server)));
    let mut facts = json!({
        "scheme": scheme.as_str(),
        "test_mode": test_mode,
        "author_association": association.unwrap_or("none").to_ascii_uppercase(),
    });
    for check in CHECKS {
        facts[check] = results.as_ref().and_then(|results| results.result(check)).unwrap_or("none").into();
    }
    facts
}

/// The uppermost `Authentication-Results` of `server`. A server takes out those in its name that came with the mail (RFC
/// 8601, section 5), and adds its own above; what others say of themselves proves nothing.
fn results(headers: &Value, server: &str) -> Option<AuthenticationResults> {
    let is_named = |header: &&Value| {
        header["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("authentication-results"))
    };
    let all = headers.as_array()?.iter().filter(is_named);
    all.filter_map(|header| AuthenticationResults::read(header["value"].as_str()?))
        .find(|results| results.server.eq_ignore_ascii_case(server))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// spf, dkim and dmarc of a mail with these `Authentication-Results`, received by `server`.
    fn checks(server: Option<&str>, results: &[&str]) -> [Value; 3] {
        let headers = results.iter().map(|value| json!({"name": "authentication-Results", "value": value}));
        let subject = json!({"name": "Subject", "value": "spf=pass"});
        let headers: Vec<Value> = [subject].into_iter().chain(headers).collect();
        let origin = Origin { authserv_id: server.map(str::to_owned), ..Origin::of(Scheme::Generic) };
        let told = facts(&origin, false, &json!({"payload": {"headers": headers}}));
        CHECKS.map(|check| told[check].clone())
    }

    #[test]
    fn the_receiving_servers_word_counts_and_not_what_came_with_the_mail() {
        let ours =
            "mx.example.com; dkim=pass header.i=@a.example; spf=softfail (a=b) smtp.mailfrom=x; dmarc=fail";
        let forged = "mx.forged.example; dkim=pass; spf=pass; dmarc=pass";
        let again = "mx.example.com; dkim=pass; spf=pass; dmarc=pass";
        for headers in [[ours, forged, again], [forged, ours, again]] {
            assert_eq!(checks(Some("MX.example.com"), &headers), ["softfail", "pass", "fail"]);
        }
        let nothing = ["none"; 3];
        assert_eq!(checks(Some("mx.example.com"), &[forged]), nothing);
        assert_eq!(checks(Some("mx.example.com"), &["mx.example.com; none", again]), nothing);
        let broken = "mx.example.com; spf=none smtp.mailfrom=\"x";
        assert_eq!(checks(Some("mx.example.com"), &[broken, again]), nothing);
        assert_eq!(checks(None, &[ours]), nothing, "nobody says whose word counts");
    }

    #[test]
    fn an_author_is_what_github_says_and_nobody_else() {
        let body = json!({"pull_request": {"author_association": "CONTRIBUTOR"}});
        assert_eq!(facts(&Origin::of(Scheme::Github), false, &body)["author_association"], "CONTRIBUTOR");
        assert_eq!(facts(&Origin::of(Scheme::Generic), false, &body)["author_association"], "NONE");
        assert_eq!(facts(&Origin::of(Scheme::Github), false, &json!({}))["author_association"], "NONE");
    }
}
