//! The engine that works now.

use std::sync::{Arc, PoisonError, RwLock};

use super::Engine;

/// Shared by all parts of a service; a reload puts another engine in its place. Clones show the same one.
#[derive(Debug, Clone)]
pub struct Live(Arc<RwLock<Arc<Engine>>>);

impl Live {
    pub fn new(engine: Engine) -> Self {
        Live(Arc::new(RwLock::new(Arc::new(engine))))
    }

    /// As it is now. Whoever works on something keeps to one engine for as long as that takes.
    pub fn now(&self) -> Arc<Engine> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is begun from now on goes by `engine`.
    pub fn replace(&self, engine: Engine) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engine);
    }
}
