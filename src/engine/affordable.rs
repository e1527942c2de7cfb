//! Whether budgets can pay for one question of the largest size, and whether it passes in a minute: what budgets never can pay
//! is never asked.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    classify::Classifier,
    config::{self, CLASSIFIERS, Config, Files, JUDGES, Problems, codes, tables::ClassifierTable},
    decide::cost,
    domain::{Money, Name},
    template::{Context, View},
};

use super::Engine;

/// Labelled cases whose questions are looked at, each as it is and with the longest words.
const CASES: usize = 3;

/// Characters of the longest words: more than prompts let in, of a script in which each counts for several tokens.
const LONGEST: usize = 6_000;
const DENSE: &str = "漢";

/// A string without a space is one that people wrote only if it has so many bytes; others are ids, types, dates.
const WRITTEN_BYTES: usize = 32;

/// Warns of budgets that cannot pay for the dearest question, and of limits a minute that are less than the largest: as
/// prompts bound what writers say, with the longest words in the place of what they said in labelled cases. Where there are no
/// cases the instructions and the longest answer are known all the same.
pub fn unaffordable(engine: &Engine, files: &Files) -> Problems {
    let (config, _) = config::load(files);
    let mut problems = Problems::default();
    let mut too_narrow: BTreeMap<(String, &'static str), (u32, u64, String)> = BTreeMap::new();
    let mut of_judges: BTreeMap<(String, &'static str), (Money, Money, String)> = BTreeMap::new();
    for (name, table) in &config.classifiers {
        let Some(classifier) = engine.classifiers.get(name.as_str()) else { continue };
        let largest = largest(&config, classifier, &contexts(engine, files, name, table));
        for (judge, of) in &largest {
            for (field, limit, needed) in narrow(&config, judge, *of) {
                let known = too_narrow.get(&(judge.to_string(), field)).map(|(_, known, _)| *known);
                if known.is_none_or(|known| known < needed) {
                    too_narrow.insert((judge.to_string(), field), (limit, needed, name.clone()));
                }
            }
        }
        let dearest = largest.into_iter().map(|(judge, of)| (judge, of.cost)).collect::<Vec<_>>();
        for (judge, most) in &dearest {
            for (field, limit) in limits(&config, judge) {
                let known = of_judges.get(&(judge.to_string(), field)).map(|(known, ..)| *known);
                if *most > limit && known.is_none_or(|known| known < *most) {
                    of_judges.insert((judge.to_string(), field), (*most, limit, name.clone()));
                }
            }
        }
        let Some(limit) = table.sender_budget.as_ref().map(|budget| Money::of_dollars(budget.day_usd)) else {
            continue;
        };
        let beyond: Vec<String> = dearest
            .iter()
            .filter(|(_, most)| *most > limit)
            .map(|(judge, most)| format!("`{judge}` up to {most}"))
            .collect();
        if !beyond.is_empty() {
            let message = format!(
                "one question of `{name}` may cost {}, more than a sender's events may in a day: {limit}",
                beyond.join(", ")
            );
            let at = config.at(CLASSIFIERS, ["classifier", name, "sender_budget", "day_usd"]);
            problems.push(at.warning(codes::UNAFFORDABLE, message, REMEDY));
        }
    }
    for ((judge, field), (most, limit, classifier)) in of_judges {
        let span = if field == "day_usd" { "day" } else { "month" };
        let message = format!(
            "one question of `{classifier}` may cost up to {most}, more than `{judge}` may in a {span}: {limit}"
        );
        let at = config.at(JUDGES, ["judge", &judge, "budget", field]);
        problems.push(at.warning(codes::UNAFFORDABLE, message, REMEDY));
    }
    for ((judge, field), (limit, needed, classifier)) in too_narrow {
        let message = format!(
            "one question of `{classifier}` and its answer may have {needed} tokens, more than `{judge}` may pass in a minute: \
             {limit}"
        );
        let remedy = "raise it to what the vendor allows, or make output_tokens_max or the prompt smaller: such a question takes \
                      the whole minute, and the vendor may refuse it";
        let at = config.at(JUDGES, ["judge", &judge, field]);
        problems.push(at.warning(codes::DOUBTFUL_JUDGE, message, remedy));
    }
    problems
}

const REMEDY: &str = "raise it, or have the prompt take in less, as by untrusted(tokens_max=…): what it cannot pay for is not asked";

fn limits(config: &Config, judge: &Name) -> impl Iterator<Item = (&'static str, Money)> {
    let budget = config.judges.get(&**judge).map(|table| &table.budget);
    let day = budget.and_then(|budget| budget.day_usd).map(|usd| ("day_usd", Money::of_dollars(usd)));
    let month = budget.and_then(|budget| budget.month_usd).map(|usd| ("month_usd", Money::of_dollars(usd)));
    day.into_iter().chain(month)
}

/// The largest question to a judge, with its answer.
#[derive(Debug, Clone, Copy, Default)]
struct Largest {
    cost: Money,
    input: u64,
    output: u64,
}

/// Limits a minute of `judge` that are less than one question: each with what it lets through, and what is needed.
fn narrow(config: &Config, judge: &Name, largest: Largest) -> Vec<(&'static str, u32, u64)> {
    let Some(table) = config.judges.get(&**judge) else { return Vec::new() };
    let Largest { input, output, .. } = largest;
    let all = [
        ("input_tokens_per_min", table.input_tokens_per_min, input),
        ("output_tokens_per_min", table.output_tokens_per_min, output),
        ("tokens_per_min", table.tokens_per_min, input.saturating_add(output)),
    ];
    let beyond = |(field, limit, needed): (_, Option<u32>, u64)| {
        limit.filter(|limit| u64::from(*limit) < needed).map(|limit| (field, limit, needed))
    };
    all.into_iter().filter_map(beyond).collect()
}

/// The largest question to each paid judge, of those that render; at least as large as the instructions.
fn largest(config: &Config, classifier: &Classifier, contexts: &[Context]) -> BTreeMap<Name, Largest> {
    let mut of: BTreeMap<Name, Largest> = BTreeMap::new();
    let mut note = |judge: &Name, one: Largest| {
        let known = of.entry(Name::clone(judge)).or_default();
        *known = Largest {
            cost: known.cost.max(one.cost),
            input: known.input.max(one.input),
            output: known.output.max(one.output),
        };
    };
    let nothing = Context::new();
    for variant in classifier.variants() {
        let instructions =
            cost::tokens_about(classifier.question(variant, &View::of(&nothing)).system().len());
        for rung in classifier.ladder() {
            let name = rung.judge.name();
            let Some(table) = config.judges.get(&**name) else { continue };
            let (output, price) = (table.output_tokens_max.into(), config.models.model(&table.model).price);
            let least = cost::most(instructions, output, &price, false);
            note(name, Largest { cost: least, input: instructions, output });
            for context in contexts {
                if let Ok(Some(draft)) = rung.judge.draft(&classifier.question(variant, &View::of(context))) {
                    let input = cost::tokens_most(draft.body.to_string());
                    note(name, Largest { cost: draft.most, input, output });
                }
            }
        }
    }
    of
}

fn contexts(engine: &Engine, files: &Files, name: &str, table: &ClassifierTable) -> Vec<Context> {
    let (cases, _) = config::training_cases(files, table.cases.as_deref().unwrap_or(name));
    let mut contexts = Vec::with_capacity(2 * CASES);
    for case in cases.into_iter().take(CASES) {
        let mut longest = case.clone();
        lengthen(&mut longest.event.body);
        contexts.extend([engine.case_context(&case), engine.case_context(&longest)]);
    }
    contexts
}

/// Puts the longest words in the place of what somebody wrote.
fn lengthen(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(' ') || text.len() >= WRITTEN_BYTES => {
            *text = DENSE.repeat(LONGEST);
        }
        Value::Array(values) => values.iter_mut().for_each(lengthen),
        Value::Object(fields) => fields.values_mut().for_each(lengthen),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
