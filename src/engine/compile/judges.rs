//! The language models that may be asked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    act::Setting,
    classify::{Judge, Key, Llm, Recordings, Replay, Settings, Wire, recordings_folder},
    config::{JUDGES, MODELS, NO_KEY, codes, quoted, tables::JudgeTable},
    decide::{budget::Budget, tokens::TokenLimits},
    domain::{Money, Name},
    remote::{Remote, RemoteOptions, Url, is_private},
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
                Setting::Unset(variable) => {
                    self.no_key(name, table, &variable);
                    Key::Unset { variable }
                }
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
        if !self.unreachable(name, table, &settings) {
            self.doubts(name, table, &settings);
        }
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

    /// A variable that is not set here may be set where it is served. A file that is named and not there is most likely a mistake, and
    /// who points a judge to a server in the house wants it to be asked.
    fn no_key(&mut self, judge: &str, table: &JudgeTable, reference: &str) {
        let url = table.base_url.as_deref().and_then(|url| url.parse::<Url>().ok());
        let (message, remedy) = if let Some(path) = reference.strip_prefix("file:") {
            let message =
                format!("there is no file {path}, or it is empty: the judge `{judge}` is passed over");
            (
                message,
                "write the key into it, or correct the path: it starts at the working directory".to_owned(),
            )
        } else if let Some(url) = url.filter(is_private) {
            let message =
                format!("{reference} is not set: the judge `{judge}`, which is at {url}, is passed over");
            let remedy = format!(
                "set it, to any value if that server takes any, or write `api_key = \"{NO_KEY}\"` if it takes none"
            );
            (message, remedy)
        } else {
            return;
        };
        let at = self.config.at(JUDGES, ["judge", judge, "api_key"]);
        self.problems.push(at.warning(codes::UNSET, message, remedy));
    }

    /// Says of a judge that it would never be asked where its base URL points to.
    fn unreachable(&mut self, name: &str, table: &JudgeTable, settings: &Settings) -> bool {
        let url = settings.base_url.as_deref().and_then(|url| url.parse::<Url>().ok());
        let barred = !table.allow_private && table.replay.is_none() && self.reach != Reach::Sandbox;
        let Some(url) = url.filter(|url| barred && is_private(url)) else { return false };
        let host = url.host_str().unwrap_or_default();
        let message =
            format!("{host} is no public address, and only those are asked: this judge never would be");
        let remedy = "write `allow_private = true` into its table, if that server is meant";
        let at = self.config.at(JUDGES, ["judge", name, "base_url"]);
        self.problems.push(at.error(codes::BAD_JUDGE, message, remedy));
        true
    }

    /// Says what works, though perhaps not as it is meant.
    fn doubts(&mut self, name: &str, table: &JudgeTable, settings: &Settings) {
        let at = |field| self.config.at(JUDGES, ["judge", name, field]);
        let mut doubts = Vec::new();
        if table.replay.is_none() && settings.own && !settings.model.is_known {
            let message = format!("no row of {MODELS} is about the model {}", quoted(&table.model));
            let remedy = "correct the id, or write a row for it: else it is asked without effort, temperature and cache, and taken \
                 to be as dear as the dearest";
            doubts.push(at("model").warning(codes::DOUBTFUL_JUDGE, message, remedy));
        }
        let in_clear = settings.base_url.as_deref().is_some_and(|url| url.starts_with("http://"));
        // Without `allow_private` only public addresses are asked.
        if in_clear && table.api_key != NO_KEY && !table.allow_private && self.reach != Reach::Sandbox {
            let message = "the key goes to a public address by http, which whoever is on the way can read";
            let remedy = "write https://, or allow_private = true if it is in your own network";
            doubts.push(at("base_url").warning(codes::DOUBTFUL_JUDGE, message, remedy));
        }
        self.problems.extend(doubts);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::{
        config::{Files, FixedEnvironment, Severity, codes},
        engine::{CompileOptions, Reach, compile},
    };

    /// What is doubted of a judge whose table has these lines.
    fn doubts(lines: &str) -> Vec<(String, bool)> {
        told(lines, codes::DOUBTFUL_JUDGE, Reach::Offline)
    }

    /// What is told of it under `code`, and whether that is an error.
    fn told(lines: &str, code: &str, reach: Reach) -> Vec<(String, bool)> {
        let files = Files::embedded();
        let judges = files.get("config/judges.toml").expect("is embedded").to_owned();
        let files = files.with("config/judges.toml", format!("{judges}\n[judge.ours]\n{lines}\n"));
        let options = CompileOptions { reach, ..CompileOptions::default() };
        let (_, problems) = compile(&files, &FixedEnvironment(BTreeMap::new()), options);
        let ours = problems.iter().filter(|problem| problem.code == code);
        ours.map(|problem| (problem.message.clone(), problem.severity == Severity::Error)).collect()
    }

    #[test]
    fn a_model_that_no_table_knows_is_told_of_where_only_the_vendors_own_are() {
        let openai = "kind = \"openai\"\napi_key = \"${OPENAI_API_KEY}\"\n";
        let told = doubts(&format!("{openai}model = \"gpt-6-lunar\""));
        assert!(
            matches!(told.as_slice(), [(message, false)] if message.contains("`gpt-6-lunar`")),
            "{told:?}"
        );
        for fine in [
            "model = \"gpt-6-luna\"",
            "model = \"gpt-4o-2024-08-06\"",
            "model = \"qwen3:8b\"\nbase_url = \"https://llm.example/v1\"",
        ] {
            assert_eq!(doubts(&format!("{openai}{fine}")), [], "{fine}");
        }
    }

    #[test]
    fn a_key_that_goes_to_a_public_address_in_clear_is_told_of() {
        let table =
            |key: &str, rest: &str| format!("kind = \"openai\"\nmodel = \"m\"\napi_key = \"{key}\"\n{rest}");
        let told = doubts(&table("${KEY}", "base_url = \"http://llm.example/v1\""));
        assert!(matches!(told.as_slice(), [(message, false)] if message.contains("http")), "{told:?}");
        for fine in [
            table("${KEY}", "base_url = \"https://llm.example/v1\""),
            table("none", "base_url = \"http://llm.example/v1\""),
            table("${KEY}", "base_url = \"http://10.0.0.7/v1\"\nallow_private = true"),
        ] {
            assert_eq!(doubts(&fine), [], "{fine}");
        }
    }

    #[test]
    fn a_server_of_ones_own_that_would_never_be_asked_is_an_error() {
        let table = |url: &str, rest: &str| {
            format!("kind = \"openai\"\nmodel = \"m\"\napi_key = \"none\"\nbase_url = \"{url}\"\n{rest}")
        };
        let wrong = |lines: &str| told(lines, codes::BAD_JUDGE, Reach::Offline);
        for url in [
            "http://127.0.0.1:11434/v1",
            "http://localhost:8080/v1",
            "https://10.0.0.7/v1",
            "http://[::1]:1/v1",
        ] {
            let told = wrong(&table(url, ""));
            assert!(
                matches!(told.as_slice(), [(message, true)] if message.contains("no public address")),
                "{told:?}"
            );
            assert_eq!(doubts(&table(url, "")), [], "it is said once: {url}");
            assert_eq!(wrong(&table(url, "allow_private = true")), [], "{url}");
        }
        assert_eq!(wrong(&table("https://llm.example/v1", "")), []);
        let secret = wrong(&table("https://ada:pw@llm.example/v1", ""));
        assert!(matches!(secret.as_slice(), [(message, true)] if message.contains("password")), "{secret:?}");
    }

    #[test]
    fn a_keys_file_that_is_not_there_is_told_of_and_a_variable_only_for_a_server_in_the_house() {
        let table = |key: &str| format!("kind = \"openai\"\nmodel = \"gpt-6-luna\"\napi_key = \"{key}\"");
        let of = |key: &str| {
            let all = told(&table(key), codes::UNSET, Reach::Judges);
            all.into_iter().filter(|(message, _)| message.contains("`ours`")).collect::<Vec<_>>()
        };
        let missing = of("file:/nowhere/at/all.key");
        assert!(
            matches!(missing.as_slice(), [(message, false)] if message.contains("/nowhere/at/all.key")),
            "{missing:?}"
        );
        assert_eq!(of("${NOT_SET_HERE}"), []);
        let in_the_house =
            of("${NOT_SET_HERE}\"\nbase_url = \"http://127.0.0.1:9/v1\"\nallow_private = true #");
        assert!(
            matches!(in_the_house.as_slice(), [(message, false)] if message.contains("NOT_SET_HERE")),
            "{in_the_house:?}"
        );
    }
}
