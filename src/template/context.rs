//! What conditions and templates see.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value};
use serde::Serialize;

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
        self.0.insert(name.to_owned(), Value::from(Serde(value)));
        self
    }

    pub(super) fn value(&self) -> Value {
        Value::from(self.0.clone())
    }
}
