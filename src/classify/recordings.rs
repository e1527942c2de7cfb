//! Answers of language models that are kept as files, so that a question can be put again and nobody is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Refusal, Wire};
use crate::{
    config::{At, Files, Problems, codes},
    domain::{Answer, Timestamp, Tokens},
};

/// Digits of a request's digest that name its file.
const NAME_DIGITS: usize = 16;

/// One answer, or what came in its place, and what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// What [`request_digest`] says of the request.
    pub request: String,
    /// Which of several answers to the same request it is, from 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub sample: u32,
    /// Who was asked, as the ladder names it.
    pub judge: String,
    /// Who answered, in the vendor's words.
    pub model: String,
    /// Where it was asked: name and, if it is not the usual one, port. Those that were made before this was noted have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    pub asked_at: Timestamp,
    pub latency_ms: u64,
    pub tokens: Tokens,
    /// The HTTP status with which this very question was refused; none of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why the model stopped, in its vendor's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// How many places of the event were redacted before it was asked, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<String, u32>,
    /// The body of the response.
    pub response: String,
}

/// Which answer a recording is: several judges may ask the same model the same, each somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordingKey {
    pub judge: String,
    /// As [`Recording::request`].
    pub request: String,
    pub sample: u32,
}

/// The recordings of one folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recordings(BTreeMap<RecordingKey, Recording>);

/// Why a file is no recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    #[error("it is not a recording: {0}")]
    Unreadable(String),
    #[error("it is the answer to another request than its name says: it should be called {should}")]
    Misnamed { should: String },
}

/// SHA-256 (hex) of what is asked: of the API and the body. A body is written in one way only, with its fields in a fixed
/// order, so one question has one digest. The order of a schema's fields is part of it: models answer in that order.
///
/// Not part of it are `markers`, the hex digits that fence untrusted text: they are each event's own, and say nothing of what is
/// asked. In the place of each stands which of them it is.
pub fn request_digest(wire: Wire, body: &[u8], markers: &[String]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(wire.as_str());
    hasher.update([0]);
    let mut rest = body;
    while let Some((at, which)) = first(markers, rest) {
        let (before, from) = rest.split_at(at);
        hasher.update(before);
        // No body has a byte that is 0.
        hasher.update([0]);
        hasher.update(which.to_be_bytes());
        rest = from.get(markers.get(which).map_or(1, String::len)..).unwrap_or_default();
    }
    hasher.update(rest);
    hex::encode(hasher.finalize())
}

/// Where the first of `markers` stands in `body`, and which it is.
fn first(markers: &[String], body: &[u8]) -> Option<(usize, usize)> {
    let shortest = markers.iter().map(String::len).min().filter(|shortest| *shortest > 0)?;
    let mut at = 0;
    loop {
        // Most places are passed by with one look: what ends here is no marker.
        let last = body.get(at + shortest - 1)?;
        if !last.is_ascii_hexdigit() {
            at += shortest;
            continue;
        }
        let rest = body.get(at..)?;
        if let Some(which) = markers.iter().position(|marker| rest.starts_with(marker.as_bytes())) {
            return Some((at, which));
        }
        at += 1;
    }
}

impl Recording {
    /// The answer to a question, of which `request` is the digest.
    pub fn new(request: String, judge: &str, answer: &Answer, asked_at: Timestamp) -> Self {
        Recording {
            request,
            sample: 0,
            judge: judge.to_owned(),
            model: answer.model.clone(),
            host: None,
            asked_at,
            latency_ms: answer.latency_ms,
            tokens: answer.tokens,
            status: None,
            finish: None,
            redacted: BTreeMap::new(),
            response: answer.raw.clone(),
        }
    }

    /// What its file is called.
    pub fn file_name(&self) -> String {
        let digits = self.request.get(..NAME_DIGITS).unwrap_or(&self.request);
        let judge = &self.judge;
        match self.sample {
            0 => format!("{judge}-{digits}.json"),
            sample => format!("{judge}-{digits}-{sample}.json"),
        }
    }

    /// Which answer it is.
    pub fn key(&self) -> RecordingKey {
        RecordingKey { judge: self.judge.clone(), request: self.request.clone(), sample: self.sample }
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

    /// What came in the place of an answer, if that did.
    pub fn refusal(&self) -> Option<Refusal> {
        self.status.map(|status| Refusal { status, said: self.answer() })
    }

    /// The text of its file.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
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

/// A suite's folder of recordings, as paths in configuration name it.
pub fn recordings_folder(suite: &str) -> String {
    format!("evals/{suite}/recordings")
}

impl Recordings {
    /// Those of a suite's folder, and the files in it that are none.
    pub fn of(files: &Files, suite: &str) -> (Self, Problems) {
        let prefix = format!("{}/", recordings_folder(suite));
        let (mut recordings, mut problems) = (Recordings::default(), Problems::new());
        for (path, text) in files.under(&prefix) {
            match Recording::read(path.strip_prefix(&prefix).unwrap_or(path), text) {
                Ok(recording) => recordings.keep(recording),
                Err(error) => {
                    let remedy = "bring back the file that was recorded, or remove it";
                    problems.push(At::file(path).error(codes::BAD_RECORDING, error.to_string(), remedy));
                }
            }
        }
        (recordings, problems)
    }

    pub fn get(&self, key: &RecordingKey) -> Option<&Recording> {
        self.0.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Recording> {
        self.0.values()
    }

    /// Keeps `recording`, in the place of an earlier one of the same answer.
    pub fn keep(&mut self, recording: Recording) {
        self.0.insert(recording.key(), recording);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_first(sample: &u32) -> bool {
    *sample == 0
}

impl FromIterator<Recording> for Recordings {
    fn from_iter<I: IntoIterator<Item = Recording>>(recordings: I) -> Self {
        let mut kept = Recordings::default();
        recordings.into_iter().for_each(|recording| kept.keep(recording));
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn recording() -> Recording {
        let answer = Answer {
            raw: "{\"model\": \"m\"}".to_owned(),
            model: "m-1".to_owned(),
            tokens: Tokens { output: 9, ..Tokens::default() },
            latency_ms: 7,
        };
        Recording::new(request_digest(Wire::Chat, b"{}", &[]), "claude", &answer, Timestamp::default())
    }

    #[test]
    fn another_order_or_another_api_is_another_question() {
        let digest = |wire, body: &str| request_digest(wire, body.as_bytes(), &[]);
        let one = digest(Wire::Chat, r#"{"a":1,"b":2}"#);
        assert_eq!(one, digest(Wire::Chat, r#"{"a":1,"b":2}"#));
        assert_ne!(one, digest(Wire::Chat, r#"{"b":2,"a":1}"#));
        assert_ne!(one, digest(Wire::Responses, r#"{"a":1,"b":2}"#));
    }

    #[test]
    fn markers_are_no_part_of_a_question_but_where_each_stands_is() {
        let digest = |body: &str, markers: [&str; 2]| {
            request_digest(Wire::Chat, body.as_bytes(), &markers.map(str::to_owned))
        };
        let one = digest("<aaaa>x</aaaa><bbbb>y</bbbb>", ["aaaa", "bbbb"]);
        assert_eq!(one, digest("<cccc>x</cccc><dddd>y</dddd>", ["cccc", "dddd"]));
        for other in
            ["<cccc>x</cccc><dddd>z</dddd>", "<cccc>x</cccc><cccc>y</cccc>", "<eeee>x</eeee><dddd>y</dddd>"]
        {
            assert_ne!(one, digest(other, ["cccc", "dddd"]), "{other}");
        }
    }

    #[test]
    fn several_answers_to_one_request_are_kept_apart() {
        let (first, second) = (recording(), Recording { sample: 1, model: "m-2".to_owned(), ..recording() });
        let elsewhere = Recording { judge: "other".to_owned(), model: "m-3".to_owned(), ..recording() };
        let names: BTreeSet<String> = [&first, &second, &elsewhere].map(Recording::file_name).into();
        assert_eq!(names.len(), 3, "{names:?}");
        let kept: Recordings = [first.clone(), second.clone(), elsewhere.clone()].into_iter().collect();
        let model = |key: RecordingKey| kept.get(&key).map(|found| found.model.as_str());
        assert_eq!(
            [model(first.key()), model(second.key()), model(elsewhere.key())],
            [Some("m-1"), Some("m-2"), Some("m-3")]
        );
        assert_eq!(model(RecordingKey { sample: 1, ..elsewhere.key() }), None);
        assert_eq!(Recording::read(&second.file_name(), &second.text().expect("JSON")).as_ref(), Ok(&second));
    }

    #[test]
    fn a_file_gives_back_the_answer_and_must_have_its_name() {
        let recording = recording();
        let name = recording.file_name();
        assert_eq!(Recording::read(&name, &recording.text().expect("JSON")), Ok(recording.clone()));
        assert_eq!(recording.answer().raw, "{\"model\": \"m\"}");
        let misnamed = Recording::read("0123.json", &recording.text().expect("JSON"));
        assert_eq!(misnamed, Err(RecordingError::Misnamed { should: name.clone() }));
        assert!(matches!(Recording::read(&name, "{}"), Err(RecordingError::Unreadable(_))));
    }
}
