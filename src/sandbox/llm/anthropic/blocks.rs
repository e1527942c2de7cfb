//! The blocks of a question in the order in which the vendor reads them (tools, system, messages), and the marks that
//! say how far it is to keep them ("Prompt caching").

use std::time::Duration;

use serde_json::{Map, Value};

use super::{FIVE_MINUTES, HOUR};
use crate::sandbox::llm::{
    cache::{Prompt, Reader},
    models::Facts,
};

const MARKS_MAX: usize = 4;

struct Block {
    /// Such as `messages.0.content.1`.
    at: String,
    text: String,
    mark: Option<Value>,
}

impl Block {
    fn new(at: String, block: &Value) -> Self {
        let mut bare = block.clone();
        let mark = bare.as_object_mut().and_then(|fields| fields.shift_remove("cache_control"));
        let text = match bare.get("text").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => bare.to_string(),
        };
        Block { at, text, mark: mark.filter(|mark| !mark.is_null()) }
    }

    fn text(at: String, text: &str) -> Self {
        Block { at, text: text.to_owned(), mark: None }
    }

    /// The time for which it is to be kept, with all that stands before it.
    fn keep(&self) -> Result<Option<Duration>, String> {
        let Some(mark) = &self.mark else { return Ok(None) };
        let at = &self.at;
        if mark["type"] != "ephemeral" {
            return Err(format!("{at}.cache_control.type: Input should be 'ephemeral'"));
        }
        if self.text.is_empty() {
            return Err(format!("{at}: cache_control cannot be set for empty text blocks"));
        }
        match mark.get("ttl").map(|ttl| ttl.as_str().unwrap_or_default()) {
            None | Some("5m") => Ok(Some(FIVE_MINUTES)),
            Some("1h") => Ok(Some(HOUR)),
            Some(_) => Err(format!("{at}.cache_control.ttl: Input should be '5m' or '1h'")),
        }
    }
}

fn blocks(question: &Map<String, Value>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut parts = |at: &str, content: Option<&Value>| match content {
        Some(Value::String(text)) => blocks.push(Block::text(at.to_owned(), text)),
        Some(Value::Array(parts)) => {
            blocks.extend(parts.iter().enumerate().map(|(n, part)| Block::new(format!("{at}.{n}"), part)));
        }
        Some(_) | None => {}
    };
    parts("tools", question.get("tools"));
    parts("system", question.get("system"));
    let turns = question.get("messages").and_then(Value::as_array);
    for (n, turn) in turns.into_iter().flatten().enumerate() {
        parts(&format!("messages.{n}.content"), turn.get("content"));
    }
    // One at the top marks the last block.
    if let (Some(mark), Some(last)) = (question.get("cache_control"), blocks.last_mut()) {
        last.mark.get_or_insert_with(|| mark.clone());
    }
    blocks
}

/// What the model reads. The form of the answer comes before everything: with another one nothing is found.
pub(super) fn prompt(
    question: &Map<String, Value>,
    form: Option<&Value>,
    model: &Facts,
) -> Result<Prompt, String> {
    let mut reader = Reader::new(model.cache_tokens_min);
    // Each model keeps its own.
    reader.apart(question.get("model").and_then(Value::as_str).unwrap_or_default().as_bytes());
    if let Some(form) = form {
        reader.read(form.to_string().as_bytes());
    }
    let mut shortest = HOUR;
    let mut marks = 0;
    for block in blocks(question) {
        let keep = block.keep()?;
        if let Some(time) = keep {
            marks += 1;
            if time > shortest {
                return Err(format!(
                    "{}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' \
                     cache_control block.",
                    block.at
                ));
            }
            shortest = time;
        }
        reader.read(block.text.as_bytes());
        reader.cut(keep);
    }
    if marks > MARKS_MAX {
        return Err(format!(
            "A maximum of {MARKS_MAX} blocks with cache_control may be provided. Found {marks}."
        ));
    }
    Ok(reader.prompt())
}
