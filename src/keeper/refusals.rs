//! Alarms about judges that refuse whatever a classifier asks them, while their breakers stay closed.
//!
//! Every process tells of what its own workers met; what was told stands in a cursor that all share.

use std::time::Duration;

use crate::{
    decide::refusals::{Record, Step},
    domain::Name,
    store::StoreError,
};

use super::{Keeper, alarm::Alarm, report};

impl Keeper {
    /// Looks once for judges that refuse whatever a classifier asks them, and tells of each, once until it answers. The store is
    /// left in peace while nothing has changed here.
    pub async fn look_for_refusals(&self) {
        report("judges that refuse", self.refusals().await);
    }

    async fn refusals(&self) -> Result<(), StoreError> {
        let engine = self.engine();
        let every = Duration::from_millis(engine.settings.alerts.every_ms);
        let judges = engine.language_models();
        let all = judges.flat_map(|(name, judge)| {
            judge
                .refusals()
                .into_iter()
                .map(move |(classifier, refusals)| (name, judge, classifier, refusals))
        });
        for (name, judge, classifier, refusals) in all {
            let Some(word) = refusals.due() else { continue };
            let now = self.clock.now();
            let cursor = format!("alerts/refusals/{name}/{classifier}");
            let stands = self.store.cursor(&cursor).await?;
            let before: Option<Record> = stands.as_deref().and_then(|text| text.parse().ok());
            let after = match Record::step(before, word, now, every) {
                Step::Wait => continue,
                Step::Stands => None,
                Step::Note(after) => Some(after),
                Step::Tell(after) => {
                    if let Some(refused) = refusals.shown() {
                        let (name, classifier) = (Name::clone(name), Name::clone(&classifier));
                        let alarm = Alarm::JudgeRefuses { name, classifier, refused };
                        // A crash between the alarm and the cursor gives the same one again, and the store knows it.
                        let occurrence = stands.as_deref().unwrap_or("never");
                        self.give(&alarm, &format!("{cursor}/{occurrence}"), now).await?;
                    }
                    Some(after)
                }
            };
            if let Some(after) = after {
                match self.store.move_cursor(&cursor, stands.as_deref(), &after.to_string()).await {
                    // Another process was faster: what it said stands there at the next look.
                    Err(StoreError::Conflict(_)) => continue,
                    moved => moved?,
                }
            }
            judge.refusals_stand(&classifier, word);
        }
        Ok(())
    }
}
