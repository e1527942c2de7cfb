//! What OpenAI's APIs share (platform.openai.com, "Structured model outputs", "Error codes", "Rate limits", "Prompt
//! caching"): bearer key, forms with a name and `strict`, errors and limits.

pub(super) mod chat;
pub(super) mod responses;

use std::{sync::LazyLock, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    Api, TOKEN_BYTES, Vendor,
    api::Spoken,
    cache::{Prompt, Reader},
    limits::{Kind, Short, Stand},
    models::{Facts, facts, takes},
    parameters,
    refused::{Refused, invalid},
    reply::Reply,
    schema, speech,
};
use crate::sandbox::wire::filled;

const NAME_CHARS_MAX: usize = 64;

/// Beginnings of prompts are kept from 1,024 tokens on, in steps.
const STEP_TOKENS: usize = 128;
/// Steps that are looked at.
const STEPS_MAX: usize = 1_000;
const KEPT_FOR: Duration = Duration::from_secs(300);

const REFUSAL: &str = "I'm sorry, I can't help with that.";

/// What is known of the model that is asked, if it is one that answers here and takes the parameters.
fn model(api: Api, question: &Map<String, Value>) -> Result<Facts, Refused> {
    let Some(id) = filled(question, "model") else {
        return Err(invalid("you must provide a model parameter").about("model"));
    };
    let model = facts(id);
    if model.maker == Some(Vendor::Anthropic) {
        return Err(api.unknown_model(id));
    }
    if let Some(name) = parameters::unknown(api, question, &model) {
        let problem = format!("Unknown parameter: '{name}'.");
        return Err(invalid(problem).about(name).with_code("unknown_parameter"));
    }
    if let Some(name) = parameters::sampling(question, &model) {
        return Err(unsupported(name));
    }
    if question.get("stream") == Some(&Value::Bool(true)) {
        return Err(invalid("the sandbox does not stream").about("stream"));
    }
    Ok(model)
}

fn unsupported(name: &str) -> Refused {
    let problem = format!("Unsupported parameter: '{name}' is not supported with this model.");
    invalid(problem).about(name).with_code("unsupported_parameter")
}

fn effort(model: &Facts, effort: Option<&Value>, at: &str) -> Result<(), Refused> {
    match effort {
        Some(effort) if !takes(model.efforts, effort.as_str().unwrap_or_default()) => {
            let problem = format!("Unsupported value: '{at}' does not support {effort} with this model.");
            Err(invalid(problem).about(at).with_code("unsupported_value"))
        }
        Some(_) | None => Ok(()),
    }
}

/// What a model makes up that is to answer with JSON and is not told of which form.
static ANY_OBJECT: LazyLock<Value> =
    LazyLock::new(|| json!({"type": "object", "properties": {"answer": {"type": "string"}}}));

/// Where the form of an answer stands in a request, and what is asked.
struct Place<'a> {
    /// Of the form itself.
    form: &'a str,
    /// Of what has a name and a schema.
    named: &'a str,
    /// Of what is asked, and that in words.
    asked: &'a str,
    text: &'a str,
}

/// The form of an answer.
enum Form<'q> {
    Text,
    /// Any JSON; the model may have been told in words which.
    Json,
    Schema(&'q Value),
}

impl<'q> Form<'q> {
    /// What a model is held to, or was told in words, as far as it is one.
    fn schema(&self, told: &str) -> Option<Value> {
        match self {
            Form::Text => speech::schema_in(told),
            Form::Json => Some(speech::schema_in(told).unwrap_or_else(|| ANY_OBJECT.clone())),
            Form::Schema(schema) => Some((*schema).clone()),
        }
    }

    /// What counts as part of the question.
    fn written(&self) -> String {
        match self {
            Form::Text | Form::Json => String::new(),
            Form::Schema(schema) => schema.to_string(),
        }
    }
}

/// Reads the form of the answer; `named` is what has the name and the schema, if it is that kind.
fn form<'q>(form: Option<&'q Value>, named: &'q Value, place: &Place<'_>) -> Result<Form<'q>, Refused> {
    let Some(form) = form else { return Ok(Form::Text) };
    match form["type"].as_str() {
        Some("text") => Ok(Form::Text),
        // In some form, says the vendor: without it a model goes on with white space.
        Some("json_object") if place.text.to_lowercase().contains("json") => Ok(Form::Json),
        Some("json_object") => {
            let Place { asked, form, .. } = place;
            let problem = format!(
                "'{asked}' must contain the word 'json' in some form, to use '{form}' of type 'json_object'."
            );
            Err(invalid(problem).about(*asked))
        }
        Some("json_schema") => self::named(named, place.named).map(Form::Schema),
        Some(_) | None => {
            let problem = format!(
                "Invalid value: {}. Supported values are: 'json_object', 'json_schema', and 'text'.",
                form["type"]
            );
            Err(invalid(problem).about(format!("{}.type", place.form)).with_code("invalid_value"))
        }
    }
}

/// The schema of a form with a name, which stands at `at`. Only a strict one has to be within what answers can be held to;
/// another one is advice.
fn named<'q>(form: &'q Value, at: &str) -> Result<&'q Value, Refused> {
    let name = form["name"].as_str().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !(1..=NAME_CHARS_MAX).contains(&name.len()) || !name.chars().all(is_plain) {
        let problem = format!("Invalid '{at}.name': expected up to 64 of a-z, A-Z, 0-9, _ and -.");
        return Err(invalid(problem).about(format!("{at}.name")));
    }
    match (&form["strict"], &form["schema"]) {
        (Value::Bool(true), _) => {}
        (Value::Bool(false) | Value::Null, schema @ Value::Object(_)) => return Ok(schema),
        (Value::Bool(false) | Value::Null, Value::Null) => return Ok(&ANY_OBJECT),
        (Value::Bool(false) | Value::Null, _) => {
            let problem = format!("Invalid type for '{at}.schema': expected an object.");
            return Err(invalid(problem).about(format!("{at}.schema")).with_code("invalid_type"));
        }
        (_, _) => {
            let problem = format!("Invalid type for '{at}.strict': expected a boolean.");
            return Err(invalid(problem).about(format!("{at}.strict")).with_code("invalid_type"));
        }
    }
    match schema::fault(&form["schema"]) {
        None => Ok(&form["schema"]),
        Some(problem) => {
            let about = at.strip_suffix(".json_schema").map_or_else(|| format!("{at}.schema"), str::to_owned);
            Err(invalid(format!("Invalid schema for response_format '{name}': {problem}"))
                .about(about)
                .with_code("invalid_json_schema"))
        }
    }
}

/// What the model reads, from the front: the form, the instructions, the turns.
fn prompt(question: &Map<String, Value>, parts: &[&str], model: &Facts) -> Result<Prompt, Refused> {
    let tokens_min = usize::try_from(model.cache_tokens_min).unwrap_or(usize::MAX);
    let mut reader = Reader::new(model.cache_tokens_min);
    for key in ["model", "prompt_cache_key"] {
        reader.apart(question.get(key).map(Value::to_string).unwrap_or_default().as_bytes());
    }
    let whole = parts.concat();
    let (head, rest) = whole.as_bytes().split_at(whole.len().min(tokens_min * TOKEN_BYTES));
    reader.read(head);
    reader.cut(Some(KEPT_FOR));
    for step in rest.chunks(STEP_TOKENS * TOKEN_BYTES).take(STEPS_MAX) {
        reader.read(step);
        if step.len() == STEP_TOKENS * TOKEN_BYTES {
            reader.cut(Some(KEPT_FOR));
        }
    }
    let prompt = reader.prompt();
    match model.context_tokens {
        Some(max) if prompt.tokens > max => {
            let problem = format!(
                "This model's maximum context length is {max} tokens. However, your messages resulted in {} tokens.",
                prompt.tokens
            );
            Err(invalid(problem).about("messages").with_code("context_length_exceeded"))
        }
        Some(_) | None => Ok(prompt),
    }
}

/// How an answer tells what it took; both APIs have other names for either side.
fn usage(spoken: &Spoken<'_>, input: &str, output: &str) -> Value {
    let mut cached = json!({"cached_tokens": spoken.cache.read});
    // Responses always tells, Chat Completions of the models that price it.
    if spoken.cache_writes || input == "input" {
        cached["cache_write_tokens"] = spoken.cache.written().into();
    }
    json!({
        (format!("{input}_tokens")): spoken.input_tokens,
        (format!("{output}_tokens")): spoken.output_tokens,
        "total_tokens": spoken.input_tokens + spoken.output_tokens,
        (format!("{input}_tokens_details")): cached,
        (format!("{output}_tokens_details")): {"reasoning_tokens": 0},
    })
}

pub(super) fn error(refused: &Refused) -> Value {
    let Refused { kind, message, param, code, .. } = refused;
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The error that a reply is. The account's own limit answers 400 (as users report it: Decryptu/DecryptGPT#1).
pub(super) fn trouble(reply: &Reply) -> Option<Refused> {
    Some(match reply {
        Reply::RateLimited { retry_after_s } => {
            let refused = Refused::new(429, "requests", "Rate limit reached for requests.");
            refused.with_code("rate_limit_exceeded").until(*retry_after_s)
        }
        Reply::SpendLimit => {
            let problem = "You exceeded your current quota, please check your plan and billing details.";
            Refused::new(429, "insufficient_quota", problem).with_code("insufficient_quota")
        }
        Reply::OwnLimit => {
            invalid("Billing hard limit has been reached").with_code("billing_hard_limit_reached")
        }
        Reply::Overloaded => Refused::new(503, "server_error", "The engine is currently overloaded."),
        Reply::Failed => {
            let problem = "The server had an error while processing your request. Sorry about that!";
            Refused::new(500, "server_error", problem)
        }
        Reply::Usual
        | Reply::Output(_)
        | Reply::Text(_)
        | Reply::Empty
        | Reply::NotJson
        | Reply::WrongLabel
        | Reply::OtherCase
        | Reply::MissingField
        | Reply::ExtraField
        | Reply::Truncated
        | Reply::Refusal
        | Reply::Filtered
        | Reply::WithoutUsage
        | Reply::Slow { .. }
        | Reply::Reset => return None,
    })
}

/// A limit is reached.
pub(super) fn too_much(short: &Short) -> Refused {
    let Stand { kind, limit, remaining, .. } = short.stand;
    let (kind, what) = match kind {
        Kind::Requests => ("requests", "requests per min (RPM)"),
        Kind::InputTokens | Kind::OutputTokens | Kind::Tokens => ("tokens", "tokens per min (TPM)"),
    };
    let used = limit.saturating_sub(remaining);
    let wanted = short.wanted;
    let problem = match short.wait {
        Some(wait) => format!(
            "Rate limit reached on {what}: Limit {limit}, Used {used}, Requested {wanted}. \
             Please try again in {}.",
            spelled(wait)
        ),
        None => format!("Request too large on {what}: Limit {limit}, Requested {wanted}."),
    };
    let wait = short.wait.map(|wait| wait.as_millis().div_ceil(1_000));
    let refused = Refused::new(429, kind, problem).with_code("rate_limit_exceeded");
    refused.until(wait.and_then(|s| u64::try_from(s).ok()))
}

/// `x-request-id` and `x-ratelimit-…`: `reset` is how long until there are as many as can be.
pub(super) fn head(number: u64, stands: &[Stand]) -> Vec<(String, String)> {
    let mut head = vec![("x-request-id".to_owned(), format!("req_sandbox_{number}"))];
    for stand in stands {
        let name = match stand.kind {
            Kind::Requests => "requests",
            Kind::InputTokens | Kind::OutputTokens | Kind::Tokens => "tokens",
        };
        for (what, value) in [
            ("limit", stand.limit.to_string()),
            ("remaining", stand.remaining.to_string()),
            ("reset", spelled(stand.full_in)),
        ] {
            head.push((format!("x-ratelimit-{what}-{name}"), value));
        }
    }
    head
}

/// `120ms`, `1.5s`, `6m0s`: as Go spells durations.
fn spelled(time: Duration) -> String {
    let ms = time.as_millis();
    let (minutes, rest) = (ms / 60_000, ms % 60_000);
    let seconds = match rest % 1_000 {
        0 => (rest / 1_000).to_string(),
        parts => format!("{}.{parts:03}", rest / 1_000).trim_end_matches('0').to_owned(),
    };
    match (minutes, ms) {
        (0, 0) => "0s".to_owned(),
        (0, 1..1_000) => format!("{ms}ms"),
        (0, _) => format!("{seconds}s"),
        (1..60, _) => format!("{minutes}m{seconds}s"),
        (_, _) => format!("{}h{}m{seconds}s", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spelled_as_the_vendor_does() {
        for (ms, want) in [
            (0, "0s"),
            (120, "120ms"),
            (1_000, "1s"),
            (8_640, "8.64s"),
            (60_500, "1m0.5s"),
            (360_000, "6m0s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(spelled(Duration::from_millis(ms)), want);
        }
    }
}
