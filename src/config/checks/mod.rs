//! Checks of values that need no other file. What names something elsewhere is the engine's to check.

mod judges;
mod keeping;
mod patience;
mod settings;
mod values;

use std::ops::RangeInclusive;

use crate::{
    domain::OWN_SOURCE,
    source::{SECRETS_MAX, Scheme},
};

use super::{
    bounds::{Unit, empty_problem, lane_problem, name_problem, number_problem, share_problem},
    codes,
    files::{ACTIONS, CLASSIFIERS, FILTER, ROUTES, SOURCES},
    load::Config,
    problem::{Problem, Problems},
    suggest::{one_of, quoted},
    tables::{ClassifierTable, DestinationTable, JudgeTable, RouteTable, SHADOW, SourceTable},
};
pub use judges::NO_KEY;
use patience::{breaker, concurrency, retry};
use settings::{redis, server, store, worker};
use values::{PER_MIN, TIMEOUT_MS, dollars_problem, per_min, plain, secret, types};

const DAY_MS: u64 = 86_400_000;
/// Longest delay of an action, in ms.
const DELAY_MS_MAX: u64 = 366 * DAY_MS;

/// Shortest and longest objective of a classifier, in ms.
const OBJECTIVE_MS: RangeInclusive<u64> = 100..=DAY_MS;
/// Largest weight of a variant.
const WEIGHT_MAX: f64 = 1_000_000.0;

/// Checks all tables.
pub(super) fn check(config: &Config, problems: &mut Problems) {
    server(config, problems);
    store(config, problems);
    redis(config, problems);
    worker(config, problems);
    keeping::alerts(config, problems);
    keeping::retention(config, problems);
    config.sources.iter().for_each(|(name, table)| source(config, name, table, problems));
    filter(config, problems);
    config.routes.iter().for_each(|(name, table)| route(config, name, table, problems));
    examples(config, problems);
    config.classifiers.iter().for_each(|(name, table)| classifier(config, name, table, problems));
    config.judges.iter().for_each(|(name, table)| judges::judge(config, name, table, problems));
    judges::models(config, problems);
    config.destinations.iter().for_each(|(name, table)| destination(config, name, table, problems));
    actions(config, problems);
}

fn source(config: &Config, name: &str, table: &SourceTable, problems: &mut Problems) {
    let at = |field| config.at(SOURCES, ["source", name, field]);
    if name == OWN_SOURCE {
        problems.push(config.at(SOURCES, ["source", name]).error(
            codes::BAD_NAME,
            format!("`{OWN_SOURCE}` is the source of the service's own events"),
            "give the source another name",
        ));
    }
    keeping::of_source(config, name, table, problems);
    problems.extend(empty_problem(
        at("authserv_id"),
        "authserv_id",
        table.authserv_id.as_ref().is_some_and(|id| id.trim().is_empty()),
        "write the first word of the header Authentication-Results that your mail server adds",
    ));
    if table.scheme.parse::<Scheme>().is_err() {
        problems.push(at("scheme").error(
            codes::BAD_SCHEME,
            format!("there is no scheme {}", quoted(&table.scheme)),
            one_of(&table.scheme, Scheme::ALL.iter().map(|scheme| scheme.as_str())),
        ));
    }
    if table.secrets.len() > SECRETS_MAX {
        problems.push(at("secrets").error(
            codes::OUT_OF_BOUNDS,
            format!("there are {} secrets", table.secrets.len()),
            format!("keep at most {SECRETS_MAX}: the one in use and those being rotated out"),
        ));
    }
    let none = table.secrets.is_empty();
    problems.extend(empty_problem(
        at("secrets"),
        "secrets",
        none,
        "write the signing secret, as `[\"${NAME}\"]`",
    ));
    for (index, text) in table.secrets.iter().enumerate() {
        problems.extend(secret(config.at(SOURCES, ["source", name, "secrets", &index.to_string()]), text));
    }
    problems.extend(number_problem(
        at("tolerance_s"),
        "tolerance_s",
        table.tolerance_s,
        1..=86_400,
        Unit::Seconds,
    ));
    let limit = &table.limit;
    let limits = [
        ("critical_per_min", Some(limit.critical_per_min)),
        ("other_per_min", Some(limit.other_per_min)),
        ("account_critical_per_min", limit.account_critical_per_min),
        ("account_other_per_min", limit.account_other_per_min),
    ];
    for (field, per_min) in limits.into_iter().filter_map(|(field, per_min)| Some((field, per_min?))) {
        let at = config.at(SOURCES, ["source", name, "limit", field]);
        problems.extend(number_problem(at, field, per_min.into(), PER_MIN, Unit::Plain));
    }
}

fn filter(config: &Config, problems: &mut Problems) {
    for (index, rule) in config.filter.rule.iter().enumerate() {
        let index = index.to_string();
        types(config, FILTER, &["rule", &index, "types"], &rule.types, problems);
        problems.extend(lane_problem(config.at(FILTER, ["rule", &index, "lane"]), &rule.lane));
    }
    problems.extend(lane_problem(config.at(FILTER, ["otherwise", "lane"]), &config.filter.otherwise.lane));
}

fn route(config: &Config, name: &str, table: &RouteTable, problems: &mut Problems) {
    types(config, ROUTES, &["route", name, "types"], &table.types, problems);
    let tables = [&table.retry, &config.settings.worker.retry];
    retry(config, ROUTES, &["route", name, "retry"], &tables, problems);
    concurrency(config, ROUTES, ["route", name], table.concurrency, problems);
    let window = config.at(ROUTES, ["route", name, "coalesce_ms"]);
    problems.extend(number_problem(window, "coalesce_ms", table.coalesce_ms, 0..=DAY_MS, Unit::Ms));
    for (index, action) in table.action.iter().enumerate() {
        let at = config.at(ROUTES, ["route", name, "action", &index.to_string(), "id"]);
        problems.extend(name_problem(at, "action of a route", &action.id));
        let at = config.at(ROUTES, ["route", name, "action", &index.to_string(), "delay_ms"]);
        problems.extend(number_problem(at, "delay_ms", action.delay_ms, 0..=DELAY_MS_MAX, Unit::Ms));
    }
}

fn examples(config: &Config, problems: &mut Problems) {
    for (index, example) in config.examples.iter().enumerate() {
        let index = index.to_string();
        let at = |field| config.at(ROUTES, ["example", &index, field]);
        problems.extend(empty_problem(
            at("name"),
            "name",
            example.name.is_empty(),
            "say what the example shows",
        ));
        problems.extend(example.lane.as_deref().and_then(|lane| lane_problem(at("lane"), lane)));
    }
}

fn classifier(config: &Config, name: &str, table: &ClassifierTable, problems: &mut Problems) {
    let at = |field| config.at(CLASSIFIERS, ["classifier", name, field]);
    for (field, of, name) in [
        ("prompts", "folder of prompts", &table.prompts),
        ("schema", "schema", &table.schema),
        ("cases", "folder of cases", &table.cases),
    ] {
        problems.extend(name.as_deref().and_then(|name| name_problem(at(field), of, name)));
    }
    let fields = [&table.label_field, &table.confidence_field, &table.reason_field];
    for (name, field) in ["label_field", "confidence_field", "reason_field"].into_iter().zip(fields) {
        problems.extend(empty_problem(
            at(name),
            name,
            field.is_empty(),
            "write the name of a field of the schema",
        ));
    }
    let [label, confidence, reason] = fields;
    if label == confidence || label == reason || confidence == reason {
        problems.push(at("label_field").error(
            codes::SAME_FIELD,
            "`label_field`, `confidence_field` and `reason_field` are not three different fields",
            "name three different fields of the schema",
        ));
    }
    let none = table.ladder.is_empty();
    problems.extend(empty_problem(
        at("ladder"),
        "ladder",
        none,
        "write a judge, as `[{ judge = \"rules\" }]`",
    ));
    for (variant, of) in &table.variants {
        let at = config.at(CLASSIFIERS, ["classifier", name, "variants", variant, "weight"]);
        if variant == SHADOW {
            problems.extend(share_problem(at, "weight", of.weight));
        } else if !(0.0..=WEIGHT_MAX).contains(&of.weight) {
            problems.push(at.error(
                codes::OUT_OF_BOUNDS,
                format!("`weight` is {}", of.weight),
                format!("write a number from 0 to {WEIGHT_MAX}, such as 1"),
            ));
        }
    }
    if let Some(objective_ms) = table.objective_ms {
        problems.extend(number_problem(
            at("objective_ms"),
            "objective_ms",
            objective_ms,
            OBJECTIVE_MS,
            Unit::Ms,
        ));
    }
    problems.extend(unbounded_sender(config, name, table));
    if let Some(budget) = &table.sender_budget {
        let at = config.at(CLASSIFIERS, ["classifier", name, "sender_budget", "day_usd"]);
        problems.extend(dollars_problem(at, "day_usd", budget.day_usd));
    }
    let asked = || table.variants.iter().filter(|(variant, _)| *variant != SHADOW);
    if asked().next().is_some() && asked().all(|(_, of)| of.weight == 0.0) {
        problems.push(config.at(CLASSIFIERS, ["classifier", name, "variants"]).error(
            codes::OUT_OF_BOUNDS,
            "no event would be asked by any of the `variants`: their weights are 0",
            "give one of them a `weight`, such as 1",
        ));
    }
    for (index, rung) in table.ladder.iter().enumerate() {
        let at = config.at(CLASSIFIERS, ["classifier", name, "ladder", &index.to_string(), "confidence_min"]);
        problems.extend(share_problem(at, "confidence_min", rung.confidence_min));
    }
}

/// One sender could spend a paid judge's budget alone, and all others would be without.
fn unbounded_sender(config: &Config, name: &str, table: &ClassifierTable) -> Option<Problem> {
    let is_paid = |judge: &JudgeTable| {
        let price = config.models.model(&judge.model).price;
        judge.replay.is_none() && (price.input > 0.0 || price.output > 0.0)
    };
    let asked = table.ladder.iter().map(|rung| rung.judge.as_str());
    let mut paid = asked.filter(|judge| !judges::BUILT_IN_JUDGES.contains(judge));
    let judge = paid.find(|judge| config.judges.get(*judge).is_some_and(is_paid))?;
    if table.sender_budget.is_some() {
        return None;
    }
    Some(config.at(CLASSIFIERS, ["classifier", name, "ladder"]).warning(
        codes::NO_SENDER_BUDGET,
        format!("`{name}` asks the language model `{judge}`, and nothing bounds what one sender's events may cost"),
        "say what a sender's events may cost in a day, as `sender_budget = { who = \"{{ … }}\", day_usd = 0.10 }`",
    ))
}

fn destination(config: &Config, name: &str, table: &DestinationTable, problems: &mut Problems) {
    let at = |field| config.at(ACTIONS, ["destination", name, field]);
    problems.extend(table.url.as_deref().and_then(|url| plain(at("url"), url)));
    problems.extend(table.credential.as_deref().and_then(|text| secret(at("credential"), text)));
    problems.extend(table.signing_secret.as_deref().and_then(|text| secret(at("signing_secret"), text)));
    let number = |field, number, bounds| number_problem(at(field), field, number, bounds, Unit::Ms);
    problems.extend(table.timeout_ms.and_then(|timeout| number("timeout_ms", timeout, TIMEOUT_MS)));
    problems
        .extend(table.idempotency_ms.and_then(|life| number("idempotency_ms", life, 1_000..=366 * DAY_MS)));
    problems.extend(per_min(at("limit_per_min"), table.limit_per_min));
    let owner = ["destination", name];
    let tables = [&table.retry, &config.settings.worker.retry];
    retry(config, ACTIONS, &["destination", name, "retry"], &tables, problems);
    breaker(config, ACTIONS, owner, &table.breaker, problems);
    concurrency(config, ACTIONS, owner, table.concurrency, problems);
}

fn actions(config: &Config, problems: &mut Problems) {
    for (name, table) in &config.actions {
        let at = |field| config.at(ACTIONS, ["action", name, field]);
        problems.extend(empty_problem(
            at("kind"),
            "kind",
            table.kind.is_empty(),
            "write a kind, such as `http`",
        ));
        let of_destination = table.to.as_ref().and_then(|to| config.destinations.get(to));
        let tables: Vec<_> = [Some(&table.retry), of_destination.map(|table| &table.retry)]
            .into_iter()
            .flatten()
            .chain([&config.settings.worker.retry])
            .collect();
        retry(config, ACTIONS, &["action", name, "retry"], &tables, problems);
        if !(table.with.is_object() || table.with.is_null()) {
            problems.push(at("with").error(
                codes::BAD_PARAMETERS,
                "`with` must be a table of the action's parameters",
                format!("write `[action.{name}.with]` above them"),
            ));
        }
    }
}
