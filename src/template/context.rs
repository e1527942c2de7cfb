//! What conditions and templates see.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value};
use serde::Serialize;

/// Where the id of `event` is kept besides. No template can spell this name, so none can put a stranger's text in its
/// place by `{% set event = … %}`.
pub(super) const EVENT_ID: &str = "id of event";

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

    pub(super) fn value(&self) -> Value {
        Value::from(self.0.clone())
    }
}
