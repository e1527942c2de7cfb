//! What conditions and templates see.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::{Fences, Redactor};

/// Where the id of `event` is kept besides. No template can spell this name, so none can put a stranger's text in its
/// place by `{% set event = … %}`.
pub(super) const EVENT_ID: &str = "id of event";

/// Where what redacts the prompt is kept; no template can spell this one either.
pub(super) const REDACTOR: &str = "what redacts the prompt";

/// Where the markers of a prompt are noted.
pub(super) const FENCES: &str = "what fences the prompt";

/// Named values. Cheap to clone and to extend: values are shared.
#[derive(Debug, Clone, Default)]
pub struct Context {
    values: BTreeMap<String, Value>,
    bytes: u64,
}

/// Counts what is written to it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(u64::try_from(written.len()).unwrap_or(u64::MAX));
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `name` added, replacing one of that name.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let mut count = Count(0);
        // What cannot be written counts as far as it could.
        drop(serde_json::to_writer(&mut count, value));
        self.bytes = self.bytes.saturating_add(count.0);
        let value = Value::from(Serde(value));
        if name == "event" {
            self.values.insert(EVENT_ID.to_owned(), value.get_attr("id").unwrap_or_default());
        }
        self.values.insert(name.to_owned(), value);
        self
    }

    /// The same for a prompt that `redactor` finishes: filters that cut redact before.
    #[must_use]
    pub fn redacted_by(mut self, redactor: &Arc<Redactor>) -> Self {
        self.values.insert(REDACTOR.to_owned(), Value::from_dyn_object(Arc::clone(redactor)));
        self
    }

    /// The same for a prompt whose markers `fences` is to know.
    #[must_use]
    pub fn fenced_by(mut self, fences: &Arc<Fences>) -> Self {
        self.values.insert(FENCES.to_owned(), Value::from_dyn_object(Arc::clone(fences)));
        self
    }

    /// How large it is, as JSON.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it, as text.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(&self.values).unwrap_or_default()
    }

    pub(super) fn value(&self) -> Value {
        Value::from(self.values.clone())
    }
}
