//! What conditions and templates see.

use std::{collections::BTreeMap, sync::Arc};

use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::Redactor;

/// Where the id of `event` is kept besides. No template can spell this name, so none can put a stranger's text in its
/// place by `{% set event = … %}`.
pub(super) const EVENT_ID: &str = "id of event";

/// Where what redacts the prompt is kept; no template can spell this one either.
pub(super) const REDACTOR: &str = "what redacts the prompt";

/// Named values. Cheap to clone and to extend: values are shared.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Value>);

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `name` added, replacing one of that name.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let value = Value::from(Serde(value));
        if name == "event" {
            self.0.insert(EVENT_ID.to_owned(), value.get_attr("id").unwrap_or_default());
        }
        self.0.insert(name.to_owned(), value);
        self
    }

    /// The same for a prompt that `redactor` finishes: filters that cut redact before.
    #[must_use]
    pub fn redacted_by(mut self, redactor: &Arc<Redactor>) -> Self {
        self.0.insert(REDACTOR.to_owned(), Value::from_dyn_object(Arc::clone(redactor)));
        self
    }

    /// All of it, as text.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    pub(super) fn value(&self) -> Value {
        Value::from(self.0.clone())
    }
}
