mod alone;
mod caching;
mod limits;
mod refusals;
mod replies;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    domain::{Clock, Timestamp, Wait},
    remote::Response,
    sandbox::{
        Sandbox,
        tests::{BEARER, TOKEN, post, start_by},
    },
};

const ANTHROPIC: [(&str, &str); 2] = [("x-api-key", TOKEN), ("anthropic-version", "2023-06-01")];

/// Moved by hand.
struct Hand(watch::Sender<Duration>);

impl Hand {
    fn advance(&self, by: Duration) {
        self.0.send_modify(|elapsed| *elapsed += by);
    }

    /// Waits until somebody sleeps.
    async fn slept(&self) {
        while self.0.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).plus(*self.0.borrow())
    }

    fn monotonic(&self) -> Duration {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
        let wake = self.monotonic() + at.since(self.now());
        let mut elapsed = self.0.subscribe();
        Box::pin(async move {
            let _ = elapsed.wait_for(|elapsed| *elapsed >= wake).await; // the sender lives as long as the borrow
        })
    }
}

/// A sandbox whose models are asked.
struct Asked {
    sandbox: Sandbox,
    clock: Arc<Hand>,
}

impl Asked {
    async fn start() -> Self {
        let clock = Arc::new(Hand(watch::Sender::new(Duration::ZERO)));
        Asked { sandbox: start_by(clock.clone()).await, clock }
    }

    async fn messages(&self, question: &Value) -> Response {
        let url = format!("{}/v1/messages", self.sandbox.urls().anthropic);
        post(&url, &ANTHROPIC, &question.to_string()).await
    }

    async fn chat(&self, question: &Value) -> Response {
        let url = format!("{}/chat/completions", self.sandbox.urls().openai);
        post(&url, &[BEARER], &question.to_string()).await
    }

    async fn responses(&self, question: &Value) -> Response {
        let url = format!("{}/responses", self.sandbox.urls().openai);
        post(&url, &[BEARER], &question.to_string()).await
    }
}

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["label", "confidence"],
        "properties": {
            "label": {"type": "string", "enum": ["lead", "spam"]},
            "confidence": {"type": "number"},
        },
    })
}

fn to_anthropic(text: &str) -> Value {
    json!({
        "model": "claude-haiku-5-5", "max_tokens": 100, "system": "Sort. Spam is about SEO.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "output_config": {"format": {"type": "json_schema", "schema": schema()}},
    })
}

fn to_openai(text: &str) -> Value {
    json!({
        "model": "gpt-6-luna", "max_completion_tokens": 100,
        "messages": [{"role": "system", "content": "Sort. Spam is about SEO."}, {"role": "user", "content": text}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "triage", "strict": true, "schema": schema()}},
    })
}

fn to_responses(text: &str) -> Value {
    json!({
        "model": "gpt-6-luna", "max_output_tokens": 100, "instructions": "Sort. Spam is about SEO.", "input": text,
        "text": {"format": {"type": "json_schema", "name": "triage", "strict": true, "schema": schema()}},
        "reasoning": {"effort": "low"}, "store": false,
    })
}

/// `value` with the value at `pointer` replaced, or its last field removed.
fn but(mut value: Value, pointer: &str, new: Option<Value>) -> Value {
    let (above, last) = pointer.rsplit_once('/').unwrap();
    let fields = value.pointer_mut(above).unwrap().as_object_mut().unwrap();
    match new {
        Some(new) => fields.insert(last.to_owned(), new),
        None => fields.remove(last),
    };
    value
}

/// The value of a header; empty if it is not there.
fn header(response: &Response, name: &str) -> String {
    response.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}
