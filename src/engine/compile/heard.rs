//! Whether gates can hear what they ask for.

use crate::config::{CLASSIFIERS, Config, codes};

use super::{super::trust::CHECKS, Compiler};

impl Compiler<'_> {
    /// Warns of gates that ask what a mail server found, where no source that feeds their classifier names the server: what
    /// they ask for is always `none`.
    pub(super) fn unheard(&mut self) {
        for (name, table) in &self.config.classifiers {
            if has_server(self.config, name) {
                continue;
            }
            for (index, gate) in table.gate.iter().enumerate() {
                let asked: Vec<String> = CHECKS
                    .iter()
                    .filter(|check| asks_for(&gate.when, check))
                    .map(|check| format!("`trust.{check}`"))
                    .collect();
                if asked.is_empty() {
                    continue;
                }
                let message = format!(
                    "a gate of `{name}` asks for {}, which is always `none`: no source of its events says which mail \
                     server receives them",
                    asked.join(" and ")
                );
                let remedy = "write `authserv_id` in their [source.NAME] of config/sources.toml: the first word of the \
                              header Authentication-Results that your mail server adds";
                let index = index.to_string();
                let at = self.config.at(CLASSIFIERS, ["classifier", name, "gate", &index, "when"]);
                self.problems.push(at.warning(codes::UNHEARD, message, remedy));
            }
        }
    }
}

/// Whether a source that routes to `classifier` take from names its mail server.
fn has_server(config: &Config, classifier: &str) -> bool {
    let names_it =
        |source: &String| config.sources.get(source).is_some_and(|table| table.authserv_id.is_some());
    let routes = config.routes.values().filter(|route| route.classifier.as_deref() == Some(classifier));
    routes.into_iter().any(|route| match route.sources.as_slice() {
        [] => config.sources.keys().any(names_it),
        named => named.iter().any(names_it),
    })
}

/// Whether a condition speaks of `trust.CHECK`, however it is spelled.
fn asks_for(condition: &str, check: &str) -> bool {
    let plain: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
    [format!("trust.{check}"), format!("trust['{check}']"), format!("trust[\"{check}\"]")]
        .iter()
        .any(|spelled| plain.contains(spelled))
}
