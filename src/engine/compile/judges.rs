//! The language models that may be asked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    act::Setting,
    classify::{Judge, Key, Llm, Recordings, Replay, Settings, Wire, recordings_folder},
    config::{JUDGES, NO_KEY, codes, tables::JudgeTable},
    decide::{budget::Budget, tokens::TokenLimits},
    domain::{Money, Name},
    remote::{Remote, RemoteOptions},
};

use super::{Compiler, Reach};

impl Compiler<'_> {
    pub(super) fn judges(&mut self) -> BTreeMap<Name, Arc<Llm>> {
        let mut judges = BTreeMap::new();
        for (name, table) in &self.config.judges {
            if let Some(judge) = self.judge(name, table) {
                let earlier = self.earlier.and_then(|engine| engine.judges.get(name.as_str()));
                let judge = match earlier {
                    Some(earlier) => judge.going_on_from(earlier),
                    None => judge,
                };
                judges.insert(name.as_str().into(), Arc::new(judge));
            }
        }
        judges
    }

    fn judge(&mut self, name: &str, table: &JudgeTable) -> Option<Llm> {
        let path = |field| ["judge", name, field];
        let key = if self.reach == Reach::Offline {
            Key::Unset { variable: "a key, offline,".to_owned() }
        } else if table.api_key == NO_KEY || table.replay.is_some() {
            Key::NotNeeded
        } else {
            match self.secret(JUDGES, &path("api_key"), Some(&table.api_key)) {
                Setting::Set(secret) => Key::Secret(secret),
                Setting::Unset(variable) => Key::Unset { variable },
                Setting::Absent => return None,
            }
        };
        let (key, base_url) = match self.setting(JUDGES, &path("base_url"), table.base_url.as_deref()) {
            Setting::Set(url) => (key, Some(url)),
            Setting::Absent => (key, None),
            Setting::Unset(variable) => (Key::Unset { variable }, None),
        };
        let wire = Wire::new(table.kind, table.api);
        let settings = Settings {
            name: name.into(),
            wire,
            model: self.config.models.model(&table.model),
            effort: table.effort,
            key,
            base_url,
            // By what is written: whether a variable is set here must not make another request.
            own: table.base_url.as_deref().is_none_or(|url| wire.is_own(url)),
            output_tokens_max: table.output_tokens_max,
            repair: table.repair,
            tokens: TokenLimits {
                input: table.input_tokens_per_min,
                output: table.output_tokens_per_min,
                both: table.tokens_per_min,
            },
            budget: Budget {
                day: table.budget.day_usd.map(Money::of_dollars),
                month: table.budget.month_usd.map(Money::of_dollars),
            },
        };
        let options = RemoteOptions {
            timeout: Duration::from_millis(table.timeout_ms),
            allow_private: table.allow_private || self.reach == Reach::Sandbox,
            limit_per_min: table.limit_per_min,
            calls_max: table.concurrency,
            breaker: super::breaker(&table.breaker),
            ..RemoteOptions::default()
        };
        let remote = Remote::new(options).map_err(|error| (None, error.to_string()));
        let judge = remote.and_then(|remote| {
            Llm::new(settings, Arc::new(remote)).map_err(|error| (Some("base_url"), error.to_string()))
        });
        match judge {
            Ok(judge) => Some(judge),
            Err((field, reason)) => {
                let at = match field {
                    Some(field) => self.config.at(JUDGES, path(field)),
                    None => self.config.at(JUDGES, ["judge", name]),
                };
                self.problems.push(at.error(codes::BAD_JUDGE, reason, "correct the judge's table"));
                None
            }
        }
    }

    /// As ladders have it: `judge` itself, or what was recorded of it where its table says so.
    pub(super) fn seat(&mut self, name: &str, judge: &Arc<Llm>) -> Arc<dyn Judge> {
        match self.config.judges.get(name).and_then(|table| table.replay.as_deref()) {
            Some(suite) => {
                let recordings = Arc::new(self.recordings(name, suite));
                Arc::new(Replay::new(Arc::clone(judge), recordings, recordings_folder(suite)))
            }
            None => Arc::clone(judge) as _,
        }
    }

    fn recordings(&mut self, judge: &str, suite: &str) -> Recordings {
        let folder = recordings_folder(suite);
        if self.config.files.under(&format!("{folder}/")).next().is_none() {
            let at = self.config.at(JUDGES, ["judge", judge, "replay"]);
            let message = format!("there are no recordings in {folder}");
            let remedy = "name a folder of evals/ that has some, or remove `replay`";
            self.problems.push(at.error(codes::BAD_RECORDING, message, remedy));
        }
        let (recordings, problems) = Recordings::of(&self.config.files, suite);
        self.problems.extend(problems);
        recordings
    }
}
