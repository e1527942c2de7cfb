//! `fit(tokens_max)`

use minijinja::{Error, State};

use super::cut::Cut;
use crate::template::redactor::cuttable;

/// What is about `tokens_max` tokens, at most, the cut made visible. Where a stranger wrote the text,
/// `untrusted(tokens_max=…)` says so where they cannot forge it.
pub(super) fn fit(state: &State, text: &str, tokens_max: usize) -> Result<String, Error> {
    Ok(Cut::to_tokens(&cuttable(state, text), tokens_max)?.to_string())
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;
    use proptest::{prelude::*, proptest};

    use super::*;
    use crate::{decide::cost::tokens_about, template::filters::cut::TOKENS_MIN};

    fn fit(text: &str, tokens_max: usize) -> Result<String, Error> {
        super::fit(&Environment::new().empty_state(), text, tokens_max)
    }

    #[test]
    fn both_ends_are_kept_and_the_cut_is_told() {
        let text = format!("first {} last", "word ".repeat(500));
        let fitted = fit(&text, 100).expect("fits");
        let (head, rest) = fitted.split_once("\n[… ").expect("is cut");
        let (_, tail) = rest.split_once(" characters cut …]\n").expect("says so");
        assert!(head.starts_with("first ") && tail.ends_with(" last"), "{fitted}");
        assert!(head.len().abs_diff(2 * tail.len()) <= 2, "{} {}", head.len(), tail.len());
        assert_eq!(fit("short", TOKENS_MIN).expect("fits"), "short");
    }

    #[test]
    fn a_budget_without_room_for_the_notice_is_an_error_whatever_the_text() {
        let error = fit("x", TOKENS_MIN - 1).expect_err("too small").to_string();
        assert!(error.contains("19 tokens") && error.contains("20 are the least"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_budget_is_kept(text in "(\\PC|ä|漢|🙂| ){0,150}", tokens_max in TOKENS_MIN..100) {
            let fitted = fit(&text, tokens_max).expect("fits");
            let budget = u64::try_from(tokens_max).expect("small");
            prop_assert!(tokens_about(fitted.len()) <= budget);
            prop_assert_eq!(fitted == text, tokens_about(text.len()) <= budget);
        }
    }
}
