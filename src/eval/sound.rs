//! Whether a suite speaks of what there is: its classifier and judges, labels and actions.

use std::collections::BTreeSet;

use crate::{
    config::{self, At, Case, Metamorphic, Problems, Suite, codes, one_of, quoted},
    domain::Name,
    engine::Engine,
};

/// Everything in a suite and its cases that names something which does not exist, and costs that are none. A forbidden action
/// that is misspelt would never be planned, and so never be missed.
pub fn sound(engine: &Engine, name: &str, suite: &Suite, cases: &[Case]) -> Problems {
    let mut problems = Problems::new();
    let at = || At::file(config::suite_file(name));
    let mut wrong = |what: &str, given: &str, known: &[&str]| {
        let message = format!("{what} {} does not exist", quoted(given));
        problems.push(at().error(codes::BAD_SUITE, message, one_of(given, known.iter().copied())));
    };
    let Some(classifier) = engine.classifier(&suite.classifier) else {
        let known: Vec<&str> = engine.classifiers().map(|name| &**name).collect();
        wrong("the classifier", &suite.classifier, &known);
        return problems;
    };
    let ladder = classifier.ladder().iter().map(|rung| &**rung.judge.name());
    let judges: Vec<&str> =
        ladder.chain(engine.judges().map(|name| &**name)).collect::<BTreeSet<_>>().into_iter().collect();
    let graders = suite
        .graded
        .values()
        .flat_map(|graded| std::iter::once(&graded.judge).chain(&graded.second).map(String::as_str));
    for judge in
        suite.judges.iter().map(String::as_str).chain(graders).filter(|judge| !judges.contains(judge))
    {
        wrong("the judge", judge, &judges);
    }
    let labels: Vec<&str> = classifier.schema().labels().iter().map(String::as_str).collect();
    let costs = suite.cost.iter().flat_map(|cost| &cost.of);
    let priced = costs.flat_map(|(label, said)| std::iter::once(label).chain(said.keys()));
    let gated = suite.gate.precision_min.keys().chain(suite.gate.recall_min.keys());
    for label in priced.chain(gated).filter(|label| !labels.contains(&label.as_str())) {
        wrong("the label", label, &labels);
    }
    let fields: Vec<&str> = suite.graded.keys().map(String::as_str).collect();
    let graded = suite.gate.graded_mean_min.keys().chain(suite.gate.graded_kappa_min.keys());
    for field in graded.filter(|field| !fields.contains(&field.as_str())) {
        wrong("the graded field", field, &fields);
    }
    if let Some(cost) = &suite.cost {
        let all = [cost.person, cost.otherwise]
            .into_iter()
            .chain(cost.of.values().flat_map(|said| said.values().copied()));
        for cost in all.filter(|cost| !cost.is_finite() || *cost < 0.0) {
            let message = format!("`cost` holds {cost}");
            problems.push(at().error(codes::BAD_SUITE, message, "write a number that is not below 0"));
        }
    }
    if let Some(table) = &suite.metamorphic {
        problems.extend(misnamed(name, table, classifier.schema().labels()));
    }
    let actions: BTreeSet<&Name> = engine.actions_after(&suite.classifier).collect();
    for case in cases.iter().filter(|case| case.is_judged()) {
        problems.extend(unsound(name, case, &labels, &actions));
        if let Some(reason) = engine.refusal_of(case) {
            let at = At { file: config::cases_file(name), line: Some(case.line) };
            let message = format!("the delivery of the case `{}` would be refused: {reason}", case.id);
            let remedy =
                "let it be as the source of this configuration takes it, or expect the outcome `refused`";
            problems.push(at.error(codes::BAD_CASE, message, remedy));
        }
    }
    problems
}

/// Names for labels that are none, or that two would have.
fn misnamed(suite: &str, table: &Metamorphic, labels: &[String]) -> Problems {
    let mut problems = Problems::new();
    let at = || At::file(config::suite_file(suite));
    for label in table.names.keys().filter(|label| !labels.contains(label)) {
        let message = format!("`metamorphic.names` has {}, which is no label", quoted(label));
        problems.push(at().error(
            codes::BAD_SUITE,
            message,
            one_of(label, labels.iter().map(String::as_str)),
        ));
    }
    // A label that is left out has the name that it gets in its place, and nobody else is to be called by its own.
    let called = table.called(labels);
    let left_out = labels.iter().zip(&called).filter(|(label, _)| !table.names.contains_key(*label));
    let mut taken: BTreeSet<&str> =
        left_out.flat_map(|(label, name)| [label.as_str(), name.as_str()]).collect();
    for name in table.names.values().filter(|name| !taken.insert(name.as_str())) {
        let message = format!("`metamorphic.names` gives two labels the name {}", quoted(name));
        problems.push(at().error(codes::BAD_SUITE, message, "give each label a name of its own"));
    }
    problems
}

fn unsound(suite: &str, case: &Case, labels: &[&str], actions: &BTreeSet<&Name>) -> Problems {
    let mut problems = Problems::new();
    let at = || At::line(config::cases_file(suite), case.line);
    let mut wrong = |what: &str, given: &str, known: &[&str]| {
        let message = format!("case {}: {what} {} does not exist", case.id, quoted(given));
        problems.push(at().error(codes::BAD_CASE, message, one_of(given, known.iter().copied())));
    };
    if !labels.contains(&case.expect.label.as_str()) {
        wrong("the label", &case.expect.label, labels);
    }
    let known: Vec<&str> = actions.iter().map(|name| &***name).collect();
    let named = &case.expect.actions;
    let all = named.expected.iter().chain(named.allowed.iter().flatten()).chain(&named.forbidden);
    for action in all.filter(|action| !known.contains(&action.as_str())) {
        wrong("the action", action, &known);
    }
    for finding in case.expect.findings.iter().flatten() {
        let last = finding.line_end.unwrap_or(finding.line);
        if finding.line == 0 || last < finding.line {
            let message = format!("case {}: a finding is on the lines {} to {last}", case.id, finding.line);
            problems.push(at().error(codes::BAD_CASE, message, "count lines from 1, the first one first"));
        }
    }
    problems
}
