//! What takes sensitive values out while a prompt is rendered.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use minijinja::{State, value::Object};

use super::{Context, context::REDACTOR};
use crate::decide::{
    hidden::without_hidden,
    redact::{Names, Redacted, Sensitive, redact_by},
};

/// Redacts all parts of one prompt. A filter that cuts asks it first: what is found of a value that was cut, nobody would
/// recognise any more.
#[derive(Debug)]
pub struct Redactor {
    kinds: Vec<Sensitive>,
    names: Mutex<Names>,
}

impl Object for Redactor {}

impl Redactor {
    /// One that takes `kinds` out of prompts over `context`.
    pub fn new(kinds: &[Sensitive], context: &Context) -> Arc<Self> {
        let mut names = Names::default();
        // A stranger may have written `[email 1]`, which is no value of ours.
        names.reserve(&without_hidden(&context.json()));
        Arc::new(Redactor { kinds: kinds.to_vec(), names: Mutex::new(names) })
    }

    /// The whole prompt, and how many of its places were redacted, now or by its filters.
    pub fn finish(&self, rendered: &str) -> Redacted {
        let names = &mut *self.names();
        let text = redact_by(names, rendered, &self.kinds).text;
        Redacted { counts: names.places(&text), text }
    }

    /// A part of it, without `kinds`.
    fn part(&self, text: &str, kinds: &[Sensitive]) -> String {
        redact_by(&mut self.names(), text, kinds).text
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `text` as it may be cut: redacted, and without the hidden characters that a value could be broken by, if the prompt is
/// to be redacted.
pub(super) fn cuttable<'t>(state: &State, text: &'t str) -> Cow<'t, str> {
    with(state, |redactor| redactor.part(&without_hidden(text), &redactor.kinds))
        .map_or(Cow::Borrowed(text), Cow::Owned)
}

/// `text` without `kinds`, numbered as the whole prompt is, if that is to be redacted.
pub(super) fn without(state: &State, text: &str, kinds: &[Sensitive]) -> String {
    with(state, |redactor| redactor.part(text, kinds))
        .unwrap_or_else(|| redact_by(&mut Names::default(), text, kinds).text)
}

fn with(state: &State, part: impl FnOnce(&Redactor) -> String) -> Option<String> {
    Some(part(state.lookup(REDACTOR)?.downcast_object_ref::<Redactor>()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::Library;

    const EVENT: &str = "evt_0192aaaabbbb70008000000000000001";

    fn finished(template: &str, text: &str) -> Redacted {
        let files =
            [("event.j2", template), ("say.j2", "{% macro say(text) %}{{ text | clip(9) }}{% endmacro %}")];
        let library = Library::compile(files.into_iter()).expect("compiles");
        let context =
            Context::new().with("event", &json!({"id": EVENT, "text": text, "other": "bob@x.example"}));
        let redactor = Redactor::new(Sensitive::ALL, &context);
        let prompt = library.prompt("event.j2").expect("is there");
        redactor.finish(&prompt.render(&context.redacted_by(&redactor)).expect("renders"))
    }

    #[test]
    fn no_cut_leaves_a_part_of_a_value() {
        let bodies = ["4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPL3", "ghp_abcdefghij0123456789abcdefghij"];
        let broken = "4111 \u{200B}1111 11\u{2060}11 1111";
        let padding = "word ".repeat(200);
        for value in bodies.into_iter().chain([broken]) {
            for moved in 0..24 {
                for text in [
                    format!("{}{value} {padding}", "~ ".repeat(9) + &"-".repeat(moved) + " "),
                    format!("{padding} {value}{}", " ".to_owned() + &"-".repeat(moved) + &" ~".repeat(4)),
                ] {
                    for filter in ["clip(40)", "fit(40)", "untrusted(40)", "untrusted(tokens_max=40)"] {
                        let shown = finished(&format!("{{{{ event.text | {filter} }}}}"), &text).text;
                        let ours =
                            |line: &&str| line.contains("untrusted ") || line.contains(" characters cut");
                        for part in ["11", "AKIA", "EXAMPL3", "ghp_", "defghij"] {
                            let leak =
                                shown.lines().filter(|line| !ours(line)).find(|line| line.contains(part));
                            assert_eq!(leak, None, "{filter}: {shown}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_keeps_its_number_in_all_parts_and_each_place_of_the_prompt_counts_once() {
        let text = "ada@x.example, not [email 1]";
        let template = "{% if event.text | clip(99) %}{{ event.text | untrusted(99) | replace('untrusted', '') }}{% endif %} \
                        {{ event.other | clip(99) }} {{ event.other | redact }} {{ event.text }}";
        let told = finished(template, text);
        assert_eq!(told.text.matches("[email 2]").count(), 2, "{}", told.text);
        assert_eq!(told.text.matches("[email 3]").count(), 2, "{}", told.text);
        assert_eq!(told.text.matches("not [email 1]").count(), 2, "{}", told.text);
        assert_eq!(told.counts.into_iter().collect::<Vec<_>>(), [(Sensitive::Emails, 4)]);
    }

    #[test]
    fn a_macro_of_another_file_redacts_too() {
        let template = "{% from 'say.j2' import say %}{{ say(event.text) }}";
        let shown = finished(template, "4111 1111 1111 1111").text;
        assert!(!shown.contains("11"), "{shown}");
    }
}
