//! Whether budgets can pay for one question of the largest size: what they never can is never asked.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    classify::Classifier,
    config::{self, CLASSIFIERS, Config, Files, JUDGES, Problems, codes, tables::ClassifierTable},
    domain::{Money, Name},
    template::Context,
};

use super::Engine;

/// Labelled cases whose questions are looked at, each as it is and with the longest words.
const CASES: usize = 3;

/// Characters of the longest words: more than prompts let in, of a script in which each counts for several tokens.
const LONGEST: usize = 6_000;
const DENSE: &str = "漢";

/// A string without a space is one that people wrote only if it has so many bytes; others are ids, types, dates.
const WRITTEN_BYTES: usize = 32;

/// Warns of budgets that cannot pay for the dearest question: as prompts bound what writers say, with the longest words in
/// the place of what they said in labelled cases.
pub fn unaffordable(engine: &Engine, files: &Files) -> Problems {
    let (config, _) = config::load(files);
    let mut problems = Problems::default();
    let mut of_judges: BTreeMap<(String, &'static str), (Money, Money, String)> = BTreeMap::new();
    for (name, table) in &config.classifiers {
        let Some(classifier) = engine.classifiers.get(name.as_str()) else { continue };
        let dearest = dearest(classifier, &contexts(engine, files, name, table));
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
            .filter(|(_, most)| **most > limit)
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
    problems
}

const REMEDY: &str = "raise it, or have the prompt take in less, as by untrusted(tokens_max=…): what it cannot pay for is not asked";

fn limits(config: &Config, judge: &Name) -> impl Iterator<Item = (&'static str, Money)> {
    let budget = config.judges.get(&**judge).map(|table| &table.budget);
    let day = budget.and_then(|budget| budget.day_usd).map(|usd| ("day_usd", Money::of_dollars(usd)));
    let month = budget.and_then(|budget| budget.month_usd).map(|usd| ("month_usd", Money::of_dollars(usd)));
    day.into_iter().chain(month)
}

/// The most that a question to each paid judge may cost, of those that render.
fn dearest(classifier: &Classifier, contexts: &[Context]) -> BTreeMap<Name, Money> {
    let mut dearest = BTreeMap::new();
    for (variant, context) in
        classifier.variants().flat_map(|variant| contexts.iter().map(move |context| (variant, context)))
    {
        let question = classifier.question(variant, context);
        for rung in classifier.ladder() {
            if let Ok(Some(draft)) = rung.judge.draft(&question) {
                let most = dearest.entry(Name::clone(rung.judge.name())).or_default();
                *most = draft.most.max(*most);
            }
        }
    }
    dearest
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
