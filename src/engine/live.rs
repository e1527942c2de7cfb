//! The engine that works now.

use std::sync::Arc;

use tokio::sync::watch;

use super::Engine;

/// Shared by all parts of a service; a reload puts another engine in its place. Clones show the same one.
#[derive(Debug, Clone)]
pub struct Live(watch::Sender<Arc<Engine>>);

impl Live {
    pub fn new(engine: Engine) -> Self {
        Live(watch::Sender::new(Arc::new(engine)))
    }

    /// As it is now. Whoever works on something keeps to one engine for as long as that takes.
    pub fn now(&self) -> Arc<Engine> {
        Arc::clone(&self.0.borrow())
    }

    /// What is begun from now on goes by `engine`.
    pub fn replace(&self, engine: Engine) {
        self.0.send_replace(Arc::new(engine));
    }

    /// Changes with every other engine.
    pub fn watch(&self) -> watch::Receiver<Arc<Engine>> {
        self.0.subscribe()
    }
}
