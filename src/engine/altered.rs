//! A ladder whose labels stand in another order or are called otherwise, for an eval to compare with the real one.

use std::sync::Arc;

use super::Engine;
use crate::classify::{Alteration, Classifier, LadderRung, Local, Variant};

/// Judges by the names that every ladder may give without a table.
pub const RULES: &str = "rules";
pub(super) const LOCAL: &str = "local";

impl Engine {
    /// `classifier` with `ladder`, altered: `local` learns anew, and `rules` are left out, as they go by conditions and not
    /// by what labels are called or where they stand. `None` if nobody is left to ask.
    ///
    /// # Errors
    /// Why it cannot be altered.
    pub fn altered(
        &self,
        classifier: &Classifier,
        ladder: &[LadderRung],
        variant: &Variant,
        alteration: &Alteration,
    ) -> Result<Option<(Classifier, Vec<LadderRung>)>, String> {
        let mut altered = Vec::with_capacity(ladder.len());
        for rung in ladder {
            match &**rung.judge.name() {
                RULES => {}
                LOCAL => {
                    let local = Arc::new(Local::untrained());
                    self.teach(classifier, alteration, &local)?;
                    altered.push(LadderRung { judge: local, confidence_min: rung.confidence_min });
                }
                _ => altered.push(rung.clone()),
            }
        }
        if altered.is_empty() {
            return Ok(None);
        }
        let told = |wrong: Vec<crate::classify::SchemaError>| {
            let told = wrong.iter().map(|wrong| format!("{} {}", wrong.path, wrong.problem));
            told.collect::<Vec<_>>().join("; ")
        };
        let classifier = classifier.altered(alteration, variant, &altered).map_err(told)?;
        Ok(Some((classifier, altered)))
    }

    fn teach(&self, classifier: &Classifier, alteration: &Alteration, local: &Local) -> Result<(), String> {
        let training = self.training.iter().find(|training| training.is_of(classifier.name()));
        let mut lessons = training.map(|training| training.lessons()).unwrap_or_default();
        for lesson in &mut lessons {
            lesson.label = alteration.name_of(&lesson.label).to_owned();
        }
        if *alteration == Alteration::Reordered {
            lessons.reverse();
        }
        local.train(&lessons).map_err(|error| format!("the local judge could not learn anew: {error}"))
    }
}
