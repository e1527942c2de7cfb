//! What untrusted text was fenced by while a prompt was rendered.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{State, value::Object};

use super::context::FENCES;

/// The markers of one prompt. They are each event's own: whoever asks whether two prompts say the same needs to know them.
#[derive(Debug, Default)]
pub struct Fences(Mutex<Vec<String>>);

impl Object for Fences {}

impl Fences {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// In the order in which they were drawn, each once.
    pub fn markers(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, marker: &str) {
        let mut markers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !markers.iter().any(|known| known == marker) {
            markers.push(marker.to_owned());
        }
    }
}

/// Notes a marker, if anybody asks for them.
pub(super) fn note(state: &State, marker: &str) {
    if let Some(fences) = state.lookup(FENCES)
        && let Some(fences) = fences.downcast_object_ref::<Fences>()
    {
        fences.note(marker);
    }
}
