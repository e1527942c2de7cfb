//! Sources and the filter.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    act::Setting,
    config::{
        FILTER, IGNORE, SOURCES, codes,
        tables::{LimitTable, SameBody, SourceTable, WhenUnset},
    },
    decide::filter::{Fate, Rule},
    domain::Name,
    source::{Scheme, Verifier},
    template::Condition,
};

use super::{
    super::{Limits, Origin, Source},
    Compiler,
};

/// Why an event that no rule fits is ignored.
const NO_RULE: &str = "no filter rule takes it";

impl Compiler<'_> {
    pub(super) fn sources(&mut self) -> BTreeMap<Name, Arc<Source>> {
        let mut sources = BTreeMap::new();
        for (name, table) in &self.config.sources {
            if let Some(source) = self.source(name, table) {
                sources.insert(Name::from(name.as_str()), Arc::new(source));
            }
        }
        sources
    }

    fn source(&mut self, name: &str, table: &SourceTable) -> Option<Source> {
        let origin = origin(table)?;
        let scheme = origin.scheme;
        let mut secrets = Vec::new();
        for (i, reference) in table.secrets.iter().enumerate() {
            let at = i.to_string();
            let path = ["source", name, "secrets", &at];
            match self.secret(SOURCES, &path, Some(reference)) {
                Setting::Set(secret) => secrets.push(secret),
                Setting::Absent => return None,
                Setting::Unset(variable) => {
                    if !self.reach.serves() {
                        return None;
                    }
                    let at = self.config.at(SOURCES, path);
                    let problem = match table.when_unset {
                        WhenUnset::Off => at.warning(
                            codes::UNSET,
                            format!("{variable} is not set: the source {name} is off"),
                            format!("export {variable} to receive from it"),
                        ),
                        WhenUnset::Refuse => at.error(
                            codes::UNSET,
                            format!("{variable} is not set: nothing from {name} could be verified"),
                            format!("export {variable}, or say when_unset = \"off\""),
                        ),
                    };
                    self.problems.push(problem);
                    return None;
                }
            }
        }
        match Verifier::new(scheme, secrets, Duration::from_secs(table.tolerance_s)) {
            Ok(verifier) => Some(Source {
                name: name.into(),
                origin,
                verifier: verifier.with_body_key(table.same_body != SameBody::Accept),
                limits: limits(&table.limit, scheme),
                silence: table.silence_ms.map(Duration::from_millis),
            }),
            Err(error) => {
                let at = self.config.at(SOURCES, ["source", name, "secrets"]);
                let remedy = "give the secret as the sender shows it";
                self.problems.push(at.error(codes::BAD_KEY, error.to_string(), remedy));
                None
            }
        }
    }

    pub(super) fn filter(&mut self) -> (Vec<Rule<Condition>>, Fate) {
        let mut rules = Vec::new();
        for (i, table) in self.config.filter.rule.iter().enumerate() {
            let at = i.to_string();
            let selector = self.selector(FILTER, &["rule", &at], &table.types, &table.sources);
            let condition = match &table.when {
                Some(when) => match self.condition(FILTER, &["rule", &at, "when"], when) {
                    Some(condition) => Some(condition),
                    None => continue,
                },
                None => None,
            };
            let reason = table.reason.as_deref().unwrap_or("a filter rule ignores it");
            if let Some(fate) = fate(&table.lane, reason) {
                rules.push(Rule { selector, condition, fate });
            }
        }
        let otherwise = fate(&self.config.filter.otherwise.lane, NO_RULE);
        (rules, otherwise.unwrap_or(Fate::Ignore { reason: NO_RULE.to_owned() }))
    }
}

/// Nothing for a scheme that does not exist: that was reported when the file was read.
pub(super) fn origin(table: &SourceTable) -> Option<Origin> {
    Some(Origin {
        scheme: table.scheme.parse().ok()?,
        authserv_id: table.authserv_id.clone(),
        same_body: table.same_body,
        tolerance: Duration::from_secs(table.tolerance_s),
    })
}

fn limits(table: &LimitTable, scheme: Scheme) -> Limits {
    let LimitTable { critical_per_min, other_per_min, account_critical_per_min, account_other_per_min } =
        *table;
    Limits {
        critical_per_min,
        other_per_min,
        account_critical_per_min: account_critical_per_min.unwrap_or(critical_per_min),
        account_other_per_min: account_other_per_min.unwrap_or(other_per_min),
        sender_retries: scheme != Scheme::Github,
    }
}

/// The fate a lane's name stands for; lanes that do not exist were reported when the file was read.
fn fate(lane: &str, reason: &str) -> Option<Fate> {
    if lane == IGNORE {
        Some(Fate::Ignore { reason: reason.to_owned() })
    } else {
        lane.parse().ok().map(Fate::Take)
    }
}
