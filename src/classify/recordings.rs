//! Answers of language models that are kept as files, so that a question can be put again and nobody is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Wire;
use crate::domain::{Answer, Timestamp, Tokens};

/// Digits of a request's digest that name its file.
const NAME_DIGITS: usize = 16;

/// One answer, as it came, and what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// What [`request_digest`] says of the request.
    pub request: String,
    /// Who was asked, as the ladder names it.
    pub judge: String,
    /// Who answered, in the vendor's words.
    pub model: String,
    pub asked_at: Timestamp,
    pub latency_ms: u64,
    pub tokens: Tokens,
    /// The body of the response.
    pub response: String,
}

/// The recordings of one folder, by the digest of their requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recordings(BTreeMap<String, Recording>);

/// Why a file is no recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    #[error("it is not a recording: {0}")]
    Unreadable(String),
    #[error("it is the answer to another request than its name says: it should be called {should}")]
    Misnamed { should: String },
}

/// SHA-256 (hex) of what is asked: of the API and the body, whatever the order of its fields.
pub fn request_digest(wire: Wire, body: &[u8]) -> String {
    let canonical = match serde_json::from_slice::<Value>(body) {
        Ok(value) => sorted(value).to_string().into_bytes(),
        Err(_) => body.to_vec(),
    };
    let mut hasher = Sha256::new();
    hasher.update(wire.as_str());
    hasher.update([0]);
    hasher.update(canonical);
    hex::encode(hasher.finalize())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> =
                fields.into_iter().map(|(name, field)| (name, sorted(field))).collect();
            Value::Object(Map::from_iter(fields))
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain => plain,
    }
}

impl Recording {
    /// The answer to a question, of which `request` is the digest.
    pub fn new(request: String, judge: &str, answer: &Answer, asked_at: Timestamp) -> Self {
        Recording {
            request,
            judge: judge.to_owned(),
            model: answer.model.clone(),
            asked_at,
            latency_ms: answer.latency_ms,
            tokens: answer.tokens,
            response: answer.raw.clone(),
        }
    }

    /// What its file is called.
    pub fn file_name(&self) -> String {
        format!("{}.json", self.request.get(..NAME_DIGITS).unwrap_or(&self.request))
    }

    /// As it was bought.
    pub fn answer(&self) -> Answer {
        Answer {
            raw: self.response.clone(),
            model: self.model.clone(),
            tokens: self.tokens,
            latency_ms: self.latency_ms,
        }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Reads the file called `name`.
    ///
    /// # Errors
    /// See [`RecordingError`].
    pub fn read(name: &str, text: &str) -> Result<Self, RecordingError> {
        let recording: Recording =
            serde_json::from_str(text).map_err(|error| RecordingError::Unreadable(error.to_string()))?;
        let should = recording.file_name();
        if name == should { Ok(recording) } else { Err(RecordingError::Misnamed { should }) }
    }
}

impl Recordings {
    pub fn get(&self, request: &str) -> Option<&Recording> {
        self.0.get(request)
    }
}

impl FromIterator<Recording> for Recordings {
    fn from_iter<I: IntoIterator<Item = Recording>>(recordings: I) -> Self {
        let named = |recording: Recording| (recording.request.clone(), recording);
        Recordings(recordings.into_iter().map(named).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Recording {
        let answer = Answer {
            raw: "{\"model\": \"m\"}".to_owned(),
            model: "m-1".to_owned(),
            tokens: Tokens { output: 9, ..Tokens::default() },
            latency_ms: 7,
        };
        Recording::new(request_digest(Wire::Chat, b"{}"), "claude", &answer, Timestamp::default())
    }

    #[test]
    fn a_request_has_one_digest_however_its_fields_stand() {
        let digest = request_digest(Wire::Chat, br#"{"a": {"b": 1, "c": [1, 2]}, "d": null}"#);
        assert_eq!(digest, request_digest(Wire::Chat, br#"{"d":null,"a":{"c":[1,2],"b":1}}"#));
        assert_ne!(digest, request_digest(Wire::Chat, br#"{"d":null,"a":{"c":[2,1],"b":1}}"#));
        assert_ne!(digest, request_digest(Wire::Responses, br#"{"d":null,"a":{"c":[1,2],"b":1}}"#));
    }

    #[test]
    fn a_file_gives_back_the_answer_and_must_have_its_name() {
        let recording = recording();
        let name = recording.file_name();
        assert_eq!(Recording::read(&name, &recording.text()), Ok(recording.clone()));
        assert_eq!(recording.answer().raw, "{\"model\": \"m\"}");
        let misnamed = Recording::read("0123.json", &recording.text());
        assert_eq!(misnamed, Err(RecordingError::Misnamed { should: name.clone() }));
        assert!(matches!(Recording::read(&name, "{}"), Err(RecordingError::Unreadable(_))));
    }
}
