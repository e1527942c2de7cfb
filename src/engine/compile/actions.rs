//! Destinations and actions.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use crate::{
    act::{self, Destination, DestinationSpec},
    config::{
        self, ACTIONS, codes,
        tables::{ActionTable, DestinationTable, OnUnknown},
    },
    decide::retry::Schedule,
    domain::Name,
};

use super::{super::Action, Compiler, Reach, adapted, breaker};

/// The destination of actions that need none of their own.
const STORE: &str = "store";

impl Compiler<'_> {
    pub(super) fn destinations(&mut self, log_dir: &Path) -> BTreeMap<Name, Arc<Destination>> {
        let mut destinations = BTreeMap::new();
        for (name, table) in &self.config.destinations {
            if let Some(destination) = self.destination(name, table, log_dir) {
                let destination = match self.earlier.and_then(|engine| engine.destination(name)) {
                    Some(earlier) => destination.going_on_from(earlier),
                    None => destination,
                };
                destinations.insert(Name::from(name.as_str()), Arc::new(destination));
            }
        }
        if let Ok(store) = Destination::new(STORE.into(), DestinationSpec::default(), log_dir) {
            destinations.entry(STORE.into()).or_insert_with(|| Arc::new(store));
        }
        destinations
    }

    fn destination(&mut self, name: &str, table: &DestinationTable, log_dir: &Path) -> Option<Destination> {
        let kinds = self.config.actions.values().filter(|action| action.to.as_deref() == Some(name));
        let url_is_secret = kinds.filter_map(|action| act::act(&action.kind)).any(|act| act.url_is_secret());
        let path = |field| ["destination", name, field];
        let mut spec = DestinationSpec {
            url: self.setting(ACTIONS, &path("url"), table.url.as_deref()),
            url_is_secret,
            credential: self.secret(ACTIONS, &path("credential"), table.credential.as_deref()),
            signing_secret: self.secret(ACTIONS, &path("signing_secret"), table.signing_secret.as_deref()),
            limit_per_min: table.limit_per_min,
            calls_max: table.concurrency,
            breaker: breaker(&table.breaker),
            idempotency_ms: table.idempotency_ms,
            allow_private: table.allow_private || self.reach == Reach::Sandbox,
            ..DestinationSpec::default()
        };
        if let Some(timeout_ms) = table.timeout_ms {
            spec.timeout = Duration::from_millis(timeout_ms);
        }
        match Destination::new(name.into(), spec, log_dir) {
            Ok(destination) => Some(destination),
            Err(error) => {
                let at = match error.field() {
                    Some(field) => self.config.at(ACTIONS, path(field)),
                    None => self.config.at(ACTIONS, ["destination", name]),
                };
                let remedy = "correct it, or the variable it comes from";
                self.problems.push(at.error(codes::BAD_DESTINATION, error.to_string(), remedy));
                None
            }
        }
    }

    pub(super) fn actions(
        &mut self,
        destinations: &BTreeMap<Name, Arc<Destination>>,
        otherwise: &Schedule,
    ) -> BTreeMap<Name, Action> {
        let mut actions = BTreeMap::new();
        for (name, table) in &self.config.actions {
            if let Some(action) = self.action(name, table, destinations, otherwise) {
                actions.insert(Name::from(name.as_str()), action);
            }
        }
        actions
    }

    fn action(
        &mut self,
        name: &str,
        table: &ActionTable,
        destinations: &BTreeMap<Name, Arc<Destination>>,
        otherwise: &Schedule,
    ) -> Option<Action> {
        let Some(act) = act::act(&table.kind) else {
            self.unknown(
                ACTIONS,
                &["action", name, "kind"],
                "kind of action",
                &table.kind,
                act::kinds().collect(),
            );
            return None;
        };
        let freeze = match act.compile(&table.with) {
            Ok(freeze) => Some(freeze),
            Err(error) => {
                let mut path = vec!["action", name, "with"];
                path.extend(error.path.iter().map(String::as_str));
                let at = self.config.at(ACTIONS, path);
                self.problems.push(at.error(codes::BAD_PARAMETERS, error.message, error.remedy));
                None
            }
        };
        let to = table.to.as_deref().unwrap_or(STORE);
        if to != STORE && !self.config.declares(ACTIONS, ["destination", to]) {
            let known = self.config.destinations.keys().map(String::as_str).collect();
            self.unknown(ACTIONS, &["action", name, "to"], "destination", to, known);
            return None;
        }
        let destination = destinations.get(to)?;
        if let Err(reason) = act.fits(destination) {
            let at = self.config.at(ACTIONS, ["action", name, "to"]);
            let remedy =
                format!("name a [destination.NAME] that a {} action can go to", config::quoted(&table.kind));
            self.problems.push(at.error(codes::BAD_DESTINATION, reason, remedy));
            return None;
        }
        let of_destination = self.config.destinations.get(to).map(|table| adapted(otherwise, &table.retry));
        Some(Action {
            act,
            freeze: freeze?,
            destination: Arc::clone(destination),
            asked: table.mode,
            retry_unknown: table.on_unknown == OnUnknown::Retry,
            schedule: adapted(of_destination.as_ref().unwrap_or(otherwise), &table.retry),
        })
    }
}
