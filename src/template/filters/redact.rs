//! `redact`, `redact(['cards', 'secrets'])`

use minijinja::{Error, State};

use super::wrong;
use crate::{decide::redact::Sensitive, template::redactor};

/// Puts `[email 1]` and the like in the place of personal data and secrets: of all kinds, or of those named. Numbers are
/// told apart within one text only, so `{% filter redact %} … {% endfilter %}` is best put around a whole prompt.
pub(super) fn redact(state: &State, text: &str, kinds: Option<Vec<String>>) -> Result<String, Error> {
    let Some(words) = kinds else { return Ok(redactor::without(state, text, Sensitive::ALL)) };
    let kinds: Result<Vec<Sensitive>, _> = words.iter().map(|word| word.parse()).collect();
    let kinds = kinds.map_err(|_| {
        let known: Vec<&str> = Sensitive::ALL.iter().map(|kind| kind.as_str()).collect();
        wrong(format!("redact was given a word that is none of {}", known.join(", ")))
    })?;
    Ok(redactor::without(state, text, &kinds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::{Context, Shape, TemplateError};

    fn render(template: &str) -> Result<String, TemplateError> {
        let event = json!({"id": "evt_1", "text": "ada@x.example pays by 4111 1111 1111 1111"});
        let context = Context::new().with("event", &event);
        Shape::compile(&json!(format!("{template}."))).expect("compiles").render_text(&context)
    }

    #[test]
    fn all_kinds_or_those_named() {
        let told = |template| render(template).expect("renders");
        assert_eq!(told("{{ event.text | redact }}"), "[email 1] pays by [card 1].");
        assert_eq!(told("{{ event.text | redact(['cards']) }}"), "ada@x.example pays by [card 1].");
        assert_eq!(
            told("{% filter redact %}{{ event.text }}, bob@x.example{% endfilter %}"),
            "[email 1] pays by [card 1], [email 2]."
        );
    }

    #[test]
    fn redaction_of_a_whole_prompt_leaves_the_fences_alone() {
        let plain = render("{{ event.text | untrusted(900) }}").expect("renders");
        let redacted =
            render("{% filter redact %}{{ event.text | untrusted(900) }}{% endfilter %}").expect("renders");
        assert_eq!(
            redacted,
            plain.replace("ada@x.example", "[email 1]").replace("4111 1111 1111 1111", "[card 1]")
        );
    }

    #[test]
    fn an_unknown_kind_is_an_error_that_tells_the_known_ones() {
        let error = render("{{ event.text | redact([event.text]) }}").expect_err("unknown").to_string();
        assert!(
            error.contains("secrets, cards, accounts, emails, phones") && !error.contains("ada@"),
            "{error}"
        );
    }
}
