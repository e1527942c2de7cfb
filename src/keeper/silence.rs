//! Alarms about sources from which nothing comes any more.

use std::collections::BTreeMap;

use crate::{
    decide::silence::{Source, Told},
    domain::{Name, Timestamp},
    store::StoreError,
};

use super::{Keeper, alarm::Alarm};

impl Keeper {
    /// Tells of each source that fell silent or is back.
    pub(super) async fn look_for_silence(&self) -> Result<(), StoreError> {
        let engine = self.engine();
        let watched: Vec<_> =
            engine.sources().filter_map(|one| Some((Name::clone(&one.name), one.silence?))).collect();
        if watched.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let heard: BTreeMap<Name, Timestamp> = self.store.last_heard().await?.into_iter().collect();
        for (name, silence) in watched {
            let cursor = format!("alerts/silence/{name}");
            let stands = self.store.cursor(&cursor).await?;
            let told: Option<Told> = stands.as_deref().and_then(|text| text.parse().ok());
            let source = Source { heard: heard.get(&name).copied(), started: self.started, silence };
            let Some(news) = source.news(told, now) else { continue };
            let alarm = match news {
                Told::Silent(last_heard) => {
                    Alarm::SourceSilent { source: Name::clone(&name), last_heard, silence }
                }
                Told::Back(heard) => Alarm::SourceBack { source: Name::clone(&name), heard },
            };
            self.give(&alarm, &format!("silence/{name}/{news}"), now).await?;
            self.store.move_cursor(&cursor, stands.as_deref(), &news.to_string()).await?;
        }
        Ok(())
    }
}
