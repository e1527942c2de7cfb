//! From a vendor's answer to a turn: what both vendors share.

use std::borrow::Cow;

use serde_json::Value;

use super::{Said, Turn};
use crate::{
    classify::{Output, Schema, Wrong, canary::Canary},
    decide::hidden::without_hidden,
    domain::{Answer, Flaw, Tokens},
    source::has_key_twice,
};

/// Characters of a model's reason that the record shows.
const REASON_CHARS_MAX: usize = 500;

/// What is said of an answer that its vendor's filter stopped, in the middle or before its beginning.
const FILTERED: &str = "the vendor's content filter stopped the answer";

/// Characters of a vendor's name for something: a model, or why it stopped.
pub(super) const NAME_CHARS_MAX: usize = 100;

/// Characters of what was wrong with a first answer that the record shows.
const WRONG_CHARS_MAX: usize = 300;

/// A response body, read as far as its vendor's shape goes.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    /// The model that answered, if it said so.
    pub(super) model: Option<String>,
    pub(super) tokens: Tokens,
    /// Why it stopped, in its vendor's words.
    pub(super) finish: Option<String>,
    pub(super) ending: Ending,
}

/// How the model's speech ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ending {
    /// This is its answer.
    Text(String),
    /// There is no answer, or no whole one; why, for people.
    Without(Flaw, String),
}

/// A vendor's name for something, no longer than names are.
pub(super) fn name(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

impl Reading {
    pub(super) fn broken(reason: &str) -> Self {
        Reading { model: None, tokens: Tokens::default(), finish: None, ending: Ending::broken(reason) }
    }
}

impl Ending {
    /// The vendor's answer has another shape than its API says.
    pub(super) fn broken(reason: &str) -> Self {
        Ending::Without(Flaw::Broken, reason.to_owned())
    }

    pub(super) fn refused() -> Self {
        Ending::Without(Flaw::Refused, "the model refused".to_owned())
    }

    pub(super) fn filtered() -> Self {
        Ending::Without(Flaw::Filtered, FILTERED.to_owned())
    }

    /// It came to the end of its room.
    pub(super) fn cut(output_tokens: u64) -> Self {
        let remedy = "raise the judge's output_tokens_max";
        let told = match output_tokens {
            // Nobody counted them.
            0 => format!("the answer was cut; {remedy}"),
            some => format!("the answer was cut after {some} tokens; {remedy}"),
        };
        Ending::Without(Flaw::Truncated, told)
    }
}

/// What was said to one question.
pub(super) struct Heard {
    pub turn: Turn,
    /// What is wrong with it, if it is an answer.
    pub flaw: Option<Flaw>,
    /// Why the model stopped, in its vendor's words.
    pub finish: Option<String>,
    tokens: Tokens,
    latency_ms: u64,
}

impl Heard {
    /// The vendor would not answer this question: for `flaw`, in the words of `reason`.
    pub fn refused(flaw: Flaw, reason: String, latency_ms: u64) -> Self {
        let turn = Turn::Abstained { reason };
        Heard { turn, flaw: Some(flaw), finish: None, tokens: Tokens::default(), latency_ms }
    }

    /// No answer was bought.
    pub fn nothing(turn: Turn) -> Self {
        Heard { turn, flaw: None, finish: None, tokens: Tokens::default(), latency_ms: 0 }
    }
}

/// What the judge that sent `bought` has said.
///
/// `canary` is a word of the instructions that no answer may hold: neither as the vendor sent it nor as it reads once the
/// escapes of its JSON, and of the JSON within, are undone.
pub(super) fn heard(schema: &Schema, canary: Option<&Canary>, reading: Reading, bought: &Answer) -> Heard {
    let (tokens, latency_ms) = (bought.tokens, bought.latency_ms);
    let Reading { finish, ending, .. } = reading;
    let text = match ending {
        Ending::Text(text) => Ok(text),
        Ending::Without(flaw, reason) => Err((flaw, reason)),
    };
    let object = text.as_deref().map_err(Clone::clone).and_then(object);
    let leaks = |canary: &Canary| {
        canary.is_in(&bought.raw)
            || text.as_deref().is_ok_and(|text| canary.is_in(text))
            || object.as_ref().is_ok_and(|object| canary.is_in(&object.to_string()))
    };
    if canary.is_some_and(leaks) {
        let reason =
            "the answer gives away a word of the instructions: something in the event made it".to_owned();
        let turn = Turn::Suspect { reason };
        return Heard { turn, flaw: Some(Flaw::Leaked), finish, tokens, latency_ms };
    }
    let twice = text.as_deref().is_ok_and(|text| has_key_twice(bare(text)));
    let (turn, flaw) = match object.and_then(|object| valid(schema, once(object, twice)?)) {
        Err((flaw, reason)) if flaw.is_refusal() => (Turn::Abstained { reason }, Some(flaw)),
        Err((flaw, reason)) => (Turn::Invalid { reason }, Some(flaw)),
        Ok(output) => {
            let shown = output.reason().chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX);
            let said = Said {
                why: vec![shown.collect()],
                output,
                repaired: None,
                calibrated: false,
                model: bought.model.clone(),
                tokens,
                latency_ms,
            };
            (Turn::Said(Box::new(said)), None)
        }
    };
    Heard { turn, flaw, finish, tokens, latency_ms }
}

/// A turn that stands as it is; otherwise what was wrong, of which the model is to be told once.
///
/// # Errors
/// It is to be asked again.
pub(super) fn usable(heard: Heard, repair: bool) -> Result<Turn, Spoilt> {
    match heard.turn {
        Turn::Invalid { reason } if repair && heard.flaw.is_some_and(Flaw::is_repairable) => {
            Err(Spoilt { wrong: reason, tokens: heard.tokens, latency_ms: heard.latency_ms })
        }
        turn => Ok(turn),
    }
}

/// An answer that was paid for and cannot be used.
pub(super) struct Spoilt {
    pub wrong: String,
    tokens: Tokens,
    latency_ms: u64,
}

impl Spoilt {
    /// The turn of a model that is not told.
    pub fn unmended(self) -> Turn {
        Turn::Invalid { reason: self.wrong }
    }

    /// The turn of the model, which was told what was wrong: `again` is what came of that.
    pub fn then(self, again: Turn) -> Turn {
        let Spoilt { wrong, tokens, latency_ms } = self;
        match again {
            Turn::Said(said) => Turn::Said(Box::new(Said {
                repaired: Some(wrong.chars().take(WRONG_CHARS_MAX).collect()),
                tokens: said.tokens.and(tokens),
                latency_ms: said.latency_ms.saturating_add(latency_ms),
                ..*said
            })),
            Turn::Invalid { reason } => {
                Turn::Invalid { reason: format!("{wrong}; told so, it said: {reason}") }
            }
            Turn::Abstained { reason } => {
                Turn::Invalid { reason: format!("{wrong}; told so, it said nothing: {reason}") }
            }
            other @ (Turn::Suspect { .. } | Turn::UnderWay { .. }) => other,
            // The answer is on record: whoever asks later pays for the second question only.
            Turn::Unavailable { reason, may_pass, retry_after, hindrance } => Turn::Unavailable {
                hindrance,
                reason: format!("{wrong}; it could not be told so: {reason}"),
                may_pass,
                retry_after,
            },
        }
    }
}

/// `object`, unless one of its objects has a field `twice`: readers differ on which of the two counts.
fn once(object: Value, twice: bool) -> Result<Value, (Flaw, String)> {
    let told = || (Flaw::OutOfSchema, "the answer has a field twice in one object".to_owned());
    if twice { Err(told()) } else { Ok(object) }
}

fn valid(schema: &Schema, mut object: Value) -> Result<Output, (Flaw, String)> {
    show(&mut object);
    schema.admit(object).map_err(|wrong| {
        let flaw = wrong.first().map_or(Flaw::OutOfSchema, |first| first.flaw);
        (flaw, Wrong::told(&wrong))
    })
}

/// Takes hidden characters out of all strings: people read them, and a model may repeat what turns their words round.
fn show(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(shown) = without_hidden(text) {
                *text = shown;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(show),
        Value::Object(fields) => fields.values_mut().for_each(show),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `text` without the white space and the one ```` ```json ```` fence that may be around it. Nothing else is tolerated:
/// searching for JSON in prose would let a stranger's text choose which.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let fenced = text.strip_prefix("```json").and_then(|rest| rest.strip_suffix("```"));
    fenced.map_or(text, str::trim)
}

/// The JSON object that `text` is.
fn object(text: &str) -> Result<Value, (Flaw, String)> {
    let text = bare(text);
    if text.is_empty() {
        return Err((Flaw::Empty, "the answer is empty".to_owned()));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
        Ok(_) => Err((Flaw::OutOfSchema, "the answer is JSON, but no object".to_owned())),
        Err(e) => {
            let told = format!("the answer is not JSON (line {}, column {})", e.line(), e.column());
            Err((Flaw::NotJson, told))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::classify::fakes::{self, Setting};

    fn read(text: &str) -> Turn {
        guarded(None, "", text)
    }

    fn guarded(canary: Option<&Canary>, raw: &str, text: &str) -> Turn {
        let bought = Answer {
            raw: raw.to_owned(),
            model: "m-1".to_owned(),
            tokens: Tokens { output: 9, ..Tokens::default() },
            latency_ms: 7,
        };
        let ending = Ending::Text(text.to_owned());
        let reading = Reading { model: None, tokens: Tokens::default(), finish: None, ending };
        heard(Setting::new(json!({})).form().schema, canary, reading, &bought).turn
    }

    fn invalid(text: &str) -> String {
        match read(text) {
            Turn::Invalid { reason } => reason,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_valid_object_is_heard_alone_or_fenced_and_in_any_case() {
        let plain = fakes::output("spam", 0.9).to_string();
        let fenced = format!("\n```json\n{plain}\n```\n");
        let flipped = plain.replace("\"spam\"", "\"SPAM\"").replace("\"low\"", "\"Low\"");
        for text in [&plain, &format!("  {plain}\n"), &fenced, &flipped] {
            let said = fakes::said(read(text));
            assert_eq!(said.output.value(), &fakes::output("spam", 0.9), "{text}");
            assert_eq!((said.model.as_str(), said.tokens.output, said.latency_ms), ("m-1", 9, 7));
            assert_eq!(said.why, ["a made-up reason"]);
            assert!(!said.calibrated, "a model's opinion of itself is no probability");
        }
    }

    #[test]
    fn anything_else_is_invalid_and_never_quoted() {
        assert_eq!(invalid(""), "the answer is empty");
        assert_eq!(invalid("```json\n```"), "the answer is empty");
        assert_eq!(invalid("secret-words"), "the answer is not JSON (line 1, column 1)");
        assert_eq!(invalid("[1]"), "the answer is JSON, but no object");
        let valid = fakes::output("spam", 0.9).to_string();
        for text in
            [format!("Here you are: {valid}"), format!("{valid} {valid}"), format!("```\n{valid}\n```")]
        {
            assert!(invalid(&text).starts_with("the answer is not JSON"), "{text}");
        }
        let mut output = fakes::output("secret-words", 7.0);
        output["secret-words"] = json!("secret-words");
        let reason = invalid(&output.to_string());
        assert!(!reason.contains("secret-words"), "{reason}");
        for part in
            ["/label: what it holds is not one of", "/confidence: what it holds is greater", "1 field(s)"]
        {
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_invalid_at_any_depth_and_however_it_is_written() {
        let valid = fakes::output("spam", 0.9).to_string();
        let opened = valid.strip_prefix('{').expect("an object");
        let nested =
            valid.replace("\"a made-up reason\"", r#""a made-up reason", "evidence": [{"a": 1, "a": 2}]"#);
        for text in [
            format!(r#"{{"label": "lead", {opened}"#),
            format!(r#"{{"lab\u0065l": "lead", {opened}"#),
            format!("```json\n{{\"label\": \"lead\", {opened}\n```"),
            nested,
        ] {
            assert_eq!(invalid(&text), "the answer has a field twice in one object", "{text}");
        }
    }

    #[test]
    fn hidden_characters_are_in_no_string_of_an_answer() {
        let mut output = fakes::output("spam", 0.9);
        output["reason"] = json!("a \u{202E}made-up\u{200B} reason\u{7}");
        output["evidence"] = json!(["pay\u{2067} me"]);
        let said = fakes::said(read(&output.to_string()));
        assert_eq!(said.why, ["a made-up reason"]);
        assert_eq!(said.output.reason(), "a made-up reason");
        assert_eq!(said.output.value()["evidence"], json!(["pay me"]));
    }

    #[test]
    fn a_leak_is_found_in_any_case_and_behind_escapes() {
        let canary = Canary::of("prompts");
        let word = canary.word();
        let answer =
            |reason: &str| fakes::output("spam", 0.9).to_string().replace("a made-up reason", reason);
        let escaped: String = word.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let leaks = |raw: &str, text: &str| matches!(guarded(Some(&canary), raw, text), Turn::Suspect { .. });
        assert!(leaks(&format!("{{\"thinking\": \"{word}\"}}"), &answer("fine")));
        for reason in [word, &word.to_uppercase(), &escaped] {
            assert!(leaks("", &answer(reason)), "{reason}");
        }
        assert!(leaks("", &format!("no JSON: {word}")));
        assert!(!leaks("", &answer("fine")));
    }

    #[test]
    fn a_long_reason_is_cut_for_the_record() {
        let mut output = fakes::output("spam", 0.9);
        output["reason"] = json!("x\u{7}".repeat(REASON_CHARS_MAX * 2));
        let said = fakes::said(read(&output.to_string()));
        assert_eq!(said.why, ["x".repeat(REASON_CHARS_MAX)]);
    }
}
