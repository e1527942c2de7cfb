//! Processes tell each other of their breakers: what one of them met, the others need not meet as well.
//!
//! All of it is one cursor of the store. A few times a second each process that shares its store looks whether something
//! new is there; where nobody shares it, that is looked at once, at the start, so that what is open stays so. A store that
//! does not answer leaves each with what it met itself.

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::Mutex;

use crate::{
    decide::breaker::{Memory, Own, Shared, Word},
    domain::{Name, Timestamp},
    host,
    store::StoreError,
};

use super::{Keeper, alarm::Guarded};

/// Time between two looks: what one process says the others hear within twice that.
const EVERY: Duration = Duration::from_millis(500);

/// The cursor.
const CURSOR: &str = "breakers";

/// How often it is tried again at once where another process was faster.
const TRIES: u32 = 4;

/// The records of all breakers, by what they guard and name.
pub(super) type Records = BTreeMap<String, Shared>;

/// What this process has said and heard.
#[derive(Debug)]
pub struct Hints {
    me: String,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    of: BTreeMap<String, Memory>,
    /// How the cursor stood.
    text: Option<String>,
    asked: bool,
}

/// What comes of holding what is known here against the records.
struct Meeting {
    records: Records,
    memories: BTreeMap<String, Memory>,
    words: Vec<(Guarded, Name, Word)>,
    said: bool,
}

impl Default for Hints {
    fn default() -> Self {
        Hints { me: host::unique_name(), heard: Mutex::default() }
    }
}

pub(super) fn record_of(guarded: Guarded, name: &str) -> String {
    format!("{}/{name}", guarded.as_str())
}

impl Keeper {
    /// Says and hears until the group of tasks is told to stop.
    pub(super) async fn share_breakers(&self) {
        while !self.tasks.is_stopping() {
            let began = self.clock.monotonic();
            if let Err(error) = self.tell_of_breakers().await {
                tracing::debug!(%error, "what other processes know of breakers is not known");
            }
            self.rest_since(began, EVERY).await;
        }
    }

    /// Says once what is new here, and hears what is new there; how the records stand then.
    pub(super) async fn tell_of_breakers(&self) -> Result<Records, StoreError> {
        let mut heard = self.hints.heard.lock().await;
        for tries in 0.. {
            let asks = self.store.is_shared() || !heard.asked;
            if asks {
                heard.text = self.store.cursor(CURSOR).await?;
                heard.asked = true;
            }
            // Where nobody else says anything, the store is left in peace until there is something to say.
            let meeting = self.meet(&heard, Timestamp::default());
            if !asks && !meeting.said {
                heard.of = meeting.memories;
                return Ok(meeting.records);
            }
            let meeting = self.meet(&heard, self.store.now().await?);
            if meeting.said {
                let text = serde_json::to_string(&meeting.records)
                    .map_err(|error| StoreError::Unavailable(error.to_string()))?;
                match self.store.move_cursor(CURSOR, heard.text.as_deref(), &text).await {
                    Ok(()) => heard.text = Some(text),
                    Err(StoreError::Conflict(_)) if tries < TRIES => {
                        heard.asked = false;
                        continue;
                    }
                    Err(error) => {
                        heard.asked = false;
                        return Err(error);
                    }
                }
            }
            heard.of = meeting.memories;
            self.hear(&meeting.words);
            return Ok(meeting.records);
        }
        Ok(Records::new())
    }

    /// Holds what is known here against the records as they stood.
    fn meet(&self, heard: &Heard, now: Timestamp) -> Meeting {
        let text = heard.text.as_deref();
        // What cannot be read is begun anew: it holds for minutes.
        let records = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut meeting = Meeting { records, memories: heard.of.clone(), words: Vec::new(), said: false };
        let elapsed = self.clock.monotonic();
        for (of, name, own) in self.own_breakers() {
            let key = record_of(of, &name);
            let memory = meeting.memories.entry(key.clone()).or_default();
            let mut record = meeting.records.remove(&key).unwrap_or_default();
            let (said, word) = record.meet(memory, &self.hints.me, &own, now, elapsed);
            meeting.said |= said;
            meeting.words.extend(word.map(|word| (of, name, word)));
            if record != Shared::default() {
                meeting.records.insert(key, record);
            }
        }
        meeting
    }

    fn hear(&self, words: &[(Guarded, Name, Word)]) {
        let (engine, elapsed) = (self.engine(), self.clock.monotonic());
        for (of, name, word) in words {
            tracing::info!(of = of.as_str(), %name, ?word, "another process told of a breaker");
            match of {
                Guarded::Destination => engine.hear_of(name, word, elapsed),
                Guarded::Judge => engine.hear_of_judge(name, word, elapsed),
            }
            if *word == Word::Works {
                self.freed.notify_one();
            }
        }
    }

    /// All breakers, as they are known here.
    pub(super) fn own_breakers(&self) -> Vec<(Guarded, Name, Own)> {
        let engine = self.engine();
        let destinations =
            engine.own_breakers().map(|(name, own)| (Guarded::Destination, Name::clone(name), own));
        let judges = engine.own_judge_breakers().map(|(name, own)| (Guarded::Judge, Name::clone(name), own));
        destinations.chain(judges).collect()
    }
}
