//! Routes and their actions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use crate::{
    classify::Classifier,
    config::{
        ACTIONS, CLASSIFIERS, ROUTES, codes,
        tables::{OnStuckChoice, RouteActionTable, RouteTable},
    },
    decide::{
        filter::{self, Fate, Rule},
        pattern::TypePattern,
        plan::cycle,
        retry::Schedule,
    },
    domain::{Name, OWN_SOURCE},
    store::OnStuck,
    template::{Condition, Shape},
};

use super::{
    super::{INTAKE, LineRule, NewestRule, Route, RouteAction},
    Compiler, adapted,
};

impl Compiler<'_> {
    pub(super) fn routes(
        &mut self,
        classifiers: &BTreeMap<Name, Arc<Classifier>>,
        otherwise: &Schedule,
    ) -> Vec<Route> {
        let mut routes = Vec::new();
        for (name, table) in &self.config.routes {
            routes.extend(self.route(name, table, classifiers, otherwise));
        }
        routes
    }

    fn route(
        &mut self,
        name: &str,
        table: &RouteTable,
        classifiers: &BTreeMap<Name, Arc<Classifier>>,
        otherwise: &Schedule,
    ) -> Option<Route> {
        let place = ["route", name];
        if name == INTAKE {
            let at = self.config.at(ROUTES, place);
            let message = format!("`{INTAKE}` is the name under which unreadable events are kept");
            self.problems.push(at.error(codes::BAD_NAME, message, "give the route another name"));
        }
        let selector = self.selector(ROUTES, &place, &table.types, &table.sources);
        let condition = match &table.when {
            Some(when) => Some(self.condition(ROUTES, &["route", name, "when"], when)?),
            None => None,
        };
        let classifier = match &table.classifier {
            Some(classifier) if !self.config.declares(CLASSIFIERS, ["classifier", classifier]) => {
                let known = self.config.classifiers.keys().map(String::as_str).collect();
                self.unknown(ROUTES, &["route", name, "classifier"], "classifier", classifier, known);
                None
            }
            Some(classifier) => classifiers.get(classifier.as_str()).map(Arc::clone),
            None => None,
        };
        let line = table.order_by.as_deref().and_then(|text| self.key(name, "order_by", text)).map(|key| {
            let on_stuck = match table.on_stuck {
                OnStuckChoice::Block => OnStuck::Block,
                OnStuckChoice::Skip => OnStuck::Skip,
            };
            LineRule { key, on_stuck }
        });
        let window = Duration::from_millis(table.coalesce_ms);
        let newest = table.coalesce_by.as_deref().and_then(|text| self.key(name, "coalesce_by", text));
        let newest = newest.map(|key| NewestRule { key, window });
        self.action_name(&["route", name, "on_dead"], table.on_dead.as_deref());
        let mut actions = Vec::new();
        for (i, action) in table.action.iter().enumerate() {
            actions.extend(self.route_action(name, &i.to_string(), action, table));
        }
        self.order(name, &actions);
        Some(Route {
            name: name.into(),
            selector,
            condition,
            classifier,
            actions,
            on_dead: table.on_dead.as_deref().map(Name::from),
            concurrency: table.concurrency,
            schedule: adapted(otherwise, &table.retry),
            line,
            newest,
        })
    }

    /// The template of a key by which events are ordered or coalesced.
    fn key(&mut self, route: &str, field: &str, text: &str) -> Option<Shape> {
        match Shape::compile(&Value::String(text.to_owned())) {
            Ok(shape) => Some(shape),
            Err(error) => {
                let problem = self.config.at(ROUTES, ["route", route, field]).error(
                    codes::BAD_CONDITION,
                    format!("the template does not parse: {error}"),
                    "write one such as {{ event.body.data.object.customer }}",
                );
                self.problems.push(problem);
                None
            }
        }
    }

    fn route_action(
        &mut self,
        route: &str,
        at: &str,
        action: &RouteActionTable,
        table: &RouteTable,
    ) -> Option<RouteAction> {
        let path = |field| ["route", route, "action", at, field];
        self.action_name(&path("use"), Some(&action.uses));
        self.action_name(&path("on_dead"), action.on_dead.as_deref());
        let ids: Vec<&str> = table.action.iter().map(|other| other.id.as_str()).collect();
        if ids.iter().filter(|id| **id == action.id).count() > 1 {
            let message = format!("two actions of route `{route}` have the id `{}`", action.id);
            let at = self.config.at(ROUTES, path("id"));
            self.problems.push(at.error(
                codes::DUPLICATE_ID,
                message,
                "give each its own: receipts go by it",
            ));
        }
        for after in action.after.iter().filter(|after| !ids.contains(&after.as_str())) {
            self.unknown(ROUTES, &path("after"), "action of this route", after, ids.clone());
        }
        let condition = match &action.when {
            Some(when) => Some(self.condition(ROUTES, &path("when"), when)?),
            None => None,
        };
        Some(RouteAction {
            id: action.id.as_str().into(),
            uses: action.uses.as_str().into(),
            condition,
            after: action.after.iter().map(|id| Name::from(id.as_str())).collect(),
            delay_ms: action.delay_ms,
            on_dead: action.on_dead.as_deref().map(Name::from),
        })
    }

    /// Warns of types that a route waits for and the filter drops, whatever its conditions say.
    pub(super) fn unreached(&mut self, routes: &[Route], filter: &[Rule<Condition>], otherwise: &Fate) {
        for route in routes {
            for (i, pattern) in route.selector.types.iter().enumerate() {
                let TypePattern::Exact(event_type) = pattern else { continue };
                let dropped = |source: &String| {
                    if source == OWN_SOURCE {
                        return false;
                    }
                    let fate = filter::fate(filter, otherwise, source, event_type, |_| Ok::<_, ()>(true));
                    matches!(fate, Ok(Fate::Ignore { .. }))
                };
                let own = &route.selector.sources;
                let all_dropped = if own.is_empty() {
                    self.config.sources.keys().all(dropped)
                } else {
                    own.iter().all(dropped)
                };
                if all_dropped {
                    let at = self.config.at(ROUTES, ["route", &*route.name, "types", &i.to_string()]);
                    let message = format!(
                        "the filter drops every `{event_type}`, so route `{}` never sees one",
                        route.name
                    );
                    let remedy = "let it in with a rule in config/filter.toml, or leave it out here";
                    self.problems.push(at.warning(codes::UNREACHED, message, remedy));
                }
            }
        }
    }

    fn action_name(&mut self, path: &[&str], given: Option<&str>) {
        if let Some(given) = given
            && !self.config.declares(ACTIONS, ["action", given])
        {
            let known = self.config.actions.keys().map(String::as_str).collect();
            self.unknown(ROUTES, path, "action", given, known);
        }
    }

    /// Actions must not wait for each other in a circle.
    fn order(&mut self, route: &str, actions: &[RouteAction]) {
        let edges: Vec<(&Name, &[Name])> = actions.iter().map(|a| (&a.id, a.after.as_slice())).collect();
        if let Some(ids) = cycle(&edges) {
            let ids: BTreeSet<&str> = ids.iter().map(|id| &**id).collect();
            let ids: Vec<&str> = ids.into_iter().collect();
            let at = self.config.at(ROUTES, ["route", route]);
            let message = format!("these actions wait for each other: {}", ids.join(", "));
            self.problems.push(at.error(codes::CYCLE, message, "remove one of their `after`"));
        }
    }
}
