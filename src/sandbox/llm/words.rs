//! Telling words: a caricature of understanding, enough for a demo without a model.

/// Labels of the shipped classifiers, each with beginnings of words that speak for it.
const TELLING: [(&str, &[&str]); 19] = [
    ("lead", &["demo", "pricing", "price", "quote", "trial", "buy", "purchas", "tender", "evaluat"]),
    ("support", &["error", "broken", "bug", "cannot", "can't", "doesn't work", "export", "password", "help"]),
    ("internal", &["colleague", "rota", "stand-up", "payroll", "our office", "ourcompany.example"]),
    ("spam", &["seo", "guest post", "backlink", "lottery", "crypto", "winner", "loan", "gift card"]),
    ("price", &["expensive", "too_expensive", "cheaper", "afford", "budget", "cost"]),
    ("service", &["customer_service", "low_quality", "outage", "rude", "no reply", "unreliab"]),
    ("onboarding", &["unused", "too_complex", "set up", "setup", "never got", "complicated"]),
    ("product_gap", &["missing_features", "missing", "no way to", "integration", "sync"]),
    ("payment", &["payment_failed", "card", "declined", "insufficient funds", "expired"]),
    ("security", &["cve-", "ghsa-", "vulnerab", "injection", "xss", "permission", "secret", "token"]),
    ("risky", &["migration", "rollback", "schema", "delet", "concurren", "cutover", "primary key"]),
    ("trivial", &["typo", "readme", "comment", "docs", "spelling"]),
    ("routine", &["refactor", "add", "feature"]),
    ("urgent", &["urgent", "data loss", "everything is down", "attack", "right now"]),
    ("high", &["deadline", "blocked", "tomorrow", "by friday", "asap"]),
    ("component", &["button", "screen", "command", "page"]),
    ("service", &["database", "production"]),
    ("everyone", &["all users", "every customer", "everyone"]),
    ("low", &["no hurry", "whenever"]),
];

/// Labels to fall back on, the first that there is.
const PLAIN: [&str; 5] = ["normal", "medium", "routine", "unknown", "none"];

/// The label that most telling words of `text` (in lower case) speak for; without any, a plain one.
pub(super) fn choose<'l>(labels: &[&'l str], text: &str) -> Option<&'l str> {
    let score = |label: &str| {
        let own = TELLING.iter().filter(|(name, _)| *name == label);
        own.flat_map(|(_, stems)| *stems).filter(|stem| begins_a_word(text, stem)).count()
    };
    let mut best: Option<(&'l str, usize)> = None;
    for &label in labels {
        let points = score(label);
        if points > best.map_or(0, |(_, most)| most) {
            best = Some((label, points));
        }
    }
    let plain = || PLAIN.iter().find_map(|plain| labels.iter().find(|label| *label == plain)).copied();
    best.map(|(label, _)| label).or_else(plain).or_else(|| labels.first().copied())
}

/// The first few telling words in `text`.
pub(super) fn found(text: &str) -> Vec<&'static str> {
    const FEW: usize = 5;
    let mut found: Vec<&str> = TELLING
        .iter()
        .flat_map(|(_, stems)| *stems)
        .copied()
        .filter(|stem| begins_a_word(text, stem))
        .collect();
    found.truncate(FEW);
    found
}

fn begins_a_word(text: &str, stem: &str) -> bool {
    text.match_indices(stem).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_label_wins() {
        let labels = ["price", "service", "onboarding", "product_gap", "payment"];
        for (text, want) in [
            ("feedback: too_expensive, we found a cheaper one", "price"),
            ("invoice payment_failed: card declined", "payment"),
            ("the calendar sync was missing", "product_gap"),
            ("nothing telling", "price"),
        ] {
            assert_eq!(choose(&labels, text), Some(want), "{text}");
        }
        assert_eq!(choose(&["low", "medium", "high"], ""), Some("medium"));
        assert_eq!(choose(&["discard"], "a card"), Some("discard"));
        assert_eq!(choose(&[], "x"), None);
        assert!(!begins_a_word("discard", "card"));
    }
}
