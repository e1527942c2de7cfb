//! The prompts of all classifiers, tried on what is at hand before an event comes: labelled cases, and the examples beside
//! the routes.

use std::collections::BTreeMap;

use crate::{
    classify::{Classifier, ClassifyError, Question, Variant},
    config::{
        self, At, CLASSIFIERS, Config, Files, Problems, ROUTES, codes,
        tables::{ClassifierTable, ExampleTable},
    },
    decide::pattern::TypePattern,
    domain::Name,
    template::{Context, TemplateError, View},
};

use super::{Engine, Origins, context, examples};

/// Labelled cases of one source and type that prompts are tried on.
const OF_A_KIND_MAX: usize = 5;

const REMEDY: &str = "correct the name, or say what stands in with default(…)";

/// An event that prompts are tried on.
pub(super) struct Trial {
    /// In words.
    what: String,
    source: String,
    event_type: String,
    pub context: Context,
}

impl Trial {
    pub fn of_case(origins: &Origins, case: &config::Case) -> Self {
        Trial {
            what: format!("the labelled case `{}`", case.id),
            source: case.event.source.clone(),
            event_type: case.event.event_type.clone(),
            context: context::of_case(origins, case),
        }
    }
}

/// The first few of each kind.
fn few_of_each<'t>(trials: impl Iterator<Item = &'t Trial>) -> Vec<&'t Trial> {
    let mut of_kind = BTreeMap::new();
    trials
        .filter(|trial| {
            let seen: &mut usize = of_kind.entry((&trial.source, &trial.event_type)).or_default();
            *seen += 1;
            *seen <= OF_A_KIND_MAX
        })
        .collect()
}

fn cases(engine: &Engine, files: &Files, folder: &str) -> Vec<Trial> {
    // What is wrong with them is told by whoever learns or measures by them.
    let (cases, _) = config::cases(files, folder);
    cases.iter().filter(|case| case.is_judged()).map(|case| Trial::of_case(&engine.origins, case)).collect()
}

/// The example as an event, and the routes that take it; none if it cannot be told.
fn routed(engine: &Engine, example: &ExampleTable) -> Option<(Trial, Vec<Name>)> {
    let (origin, mut event) = examples::event(engine, example).ok()?;
    let jobs = engine.route_event(&origin, &mut event).ok()?.ok()?;
    let trial = Trial {
        what: format!("the example `{}`", example.name),
        source: example.source.clone(),
        event_type: example.event_type.clone(),
        context: context::of_event(&origin, &event).ok()?,
    };
    Some((trial, jobs.iter().map(|job| Name::clone(job.work.route())).collect()))
}

/// What does not render: the prompts of each variant, the text for the local judge, and who a sender's budget is of.
pub(super) fn prompts(engine: &Engine, config: &Config) -> Problems {
    let examples: Vec<_> = config.examples.iter().filter_map(|example| routed(engine, example)).collect();
    let mut problems = Problems::new();
    for (name, table) in &config.classifiers {
        let Some(classifier) = engine.classifiers.get(name.as_str()) else { continue };
        let learned = engine.training.iter().find(|training| training.is_of(name));
        let own = match learned {
            Some(_) => Vec::new(),
            None => cases(engine, &config.files, table.cases.as_deref().unwrap_or(name)),
        };
        let lessons = learned.into_iter().flat_map(|training| training.trials());
        let shown = examples.iter().filter(|(_, routes)| {
            let asks = |route: &Name| {
                let of_route = engine.route(route).and_then(|route| route.classifier.as_ref());
                of_route.is_some_and(|asked| **asked.name() == **name)
            };
            routes.iter().any(asks)
        });
        let trials = few_of_each(own.iter().chain(lessons).chain(shown.map(|(trial, _)| trial)));
        problems.extend(unrenderable(config, name, table, classifier, &trials));
    }
    problems
}

fn unrenderable(
    config: &Config,
    name: &str,
    table: &ClassifierTable,
    classifier: &Classifier,
    trials: &[&Trial],
) -> Problems {
    let mut problems = Problems::new();
    let mut wrong = |at: At, (trial, error): (&Trial, TemplateError)| {
        let message = format!(
            "it does not render for {} ({}, {}): {}",
            trial.what, trial.source, trial.event_type, error.message
        );
        problems.push(at.error(codes::BAD_PROMPT, message, REMEDY));
    };
    let failed = |variant: &Variant, render: &dyn Fn(&Question<'_>) -> Result<(), ClassifyError>| {
        trials.iter().find_map(|trial| {
            match render(&classifier.question(variant, &View::of(&trial.context))) {
                Err(ClassifyError::Unrenderable { error, .. }) => Some((*trial, error)),
                Ok(()) | Err(ClassifyError::Ledger(_)) => None,
            }
        })
    };
    for variant in classifier.variants() {
        if let Some((trial, error)) = failed(variant, &|question| question.event().map(drop)) {
            let file = format!("prompts/{}/event.j2", table.folder(name, variant.name.as_deref()));
            wrong(At { file, line: error.line }, (trial, error));
        }
    }
    // They are the same whichever prompts an event is asked by.
    let Some(variant) = classifier.usual_variant() else { return problems };
    if table.ladder.iter().any(|rung| rung.judge == super::altered::LOCAL)
        && let Some(failed) = failed(variant, &|question| question.text().map(drop))
    {
        wrong(config.at(CLASSIFIERS, ["classifier", name, "text"]), failed);
    }
    if let Some(failed) = failed(variant, &|question| question.who().map(drop)) {
        wrong(config.at(CLASSIFIERS, ["classifier", name, "sender_budget", "who"]), failed);
    }
    problems
}

/// Warns of what routes to a classifier without an event to try its prompts on: of each route, the sources and types that no
/// labelled case and no example is of.
pub fn untried(engine: &Engine, files: &Files) -> Problems {
    let (config, _) = config::load(files);
    let examples: Vec<_> = config.examples.iter().filter_map(|example| routed(engine, example)).collect();
    let mut problems = Problems::new();
    for (name, table) in &config.routes {
        let Some(classifier) = table.classifier.as_deref() else { continue };
        let (Some(route), Some(of)) = (engine.route(name), config.classifiers.get(classifier)) else {
            continue;
        };
        let cases = cases(engine, files, of.cases.as_deref().unwrap_or(classifier));
        let shown =
            examples.iter().filter(|(_, routes)| routes.contains(&route.name)).map(|(trial, _)| trial);
        let selected = |trial: &&Trial| route.selector.selects(&trial.source, &trial.event_type);
        let tried: Vec<&Trial> = cases.iter().filter(selected).chain(shown).collect();
        let of_source = |source: &&String| !tried.iter().any(|trial| trial.source == **source);
        let of_type = |text: &&String| {
            let pattern = TypePattern::new(text);
            !tried.iter().any(|trial| pattern.matches(&trial.event_type))
        };
        let sources = table.sources.iter().filter(of_source).map(|source| format!("from `{source}`"));
        let types = table.types.iter().filter(of_type).map(|text| format!("of the type `{text}`"));
        let untried: Vec<String> = sources.chain(types).collect();
        if !untried.is_empty() {
            let message = format!(
                "the prompts of `{classifier}` were tried on no event {}: whether they render for it is not known",
                untried.join(", nor on one ")
            );
            let at = config.at(ROUTES, ["route", name]);
            problems.push(at.warning(codes::UNTRIED, message, "write an [[example]] of one"));
        }
    }
    problems
}
