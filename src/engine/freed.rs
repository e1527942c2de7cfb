//! What a changed configuration no longer has to wait for.

use std::{collections::BTreeMap, time::Duration};

use crate::domain::Name;

use super::Engine;

impl Engine {
    /// Routes whose jobs had to wait for a language model `before`, and need not now: another one is asked in its place,
    /// by its name or beside it, or it is asked with another key.
    pub fn freed_since(&self, before: &Engine, elapsed: Duration) -> Vec<Name> {
        let freed = self.routes.iter().filter(|route| {
            let (was, is) = (before.reach(&route.name, elapsed), self.reach(&route.name, elapsed));
            let is_gone = was.iter().any(|(name, reached)| !reached && !is.contains_key(name));
            let is_new = is.iter().any(|(name, reached)| *reached && was.get(name) != Some(&true));
            was.values().any(|reached| !reached) && (is_gone || is_new)
        });
        freed.map(|route| Name::clone(&route.name)).collect()
    }

    /// The language models that a route may ask, and whether each is within reach.
    fn reach(&self, route: &str, elapsed: Duration) -> BTreeMap<&Name, bool> {
        let classifier = self.route(route).and_then(|route| route.classifier.as_ref());
        let rungs = classifier.map(|classifier| classifier.ladder()).unwrap_or_default();
        let models = rungs.iter().filter_map(|rung| self.judges.get_key_value(rung.judge.name()));
        models.map(|(name, judge)| (name, judge.is_within_reach(elapsed))).collect()
    }
}
