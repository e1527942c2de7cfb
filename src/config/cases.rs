//! Labelled eval cases: what `local` learns from, and what a suite measures against.

mod delivery;
mod expect;
mod peers;
mod relation;
mod split;

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    codes,
    files::Files,
    problem::{At, Problem, Problems},
    suggest::quoted,
};

pub use delivery::CaseDelivery;
pub use expect::{Ending, Expect, ExpectedActions, Finding, Side};
pub use peers::Peers;
pub use relation::Relation;
pub use split::Split;

/// Faulty lines that are told of one file.
const FAULTY_LINES_MAX: usize = 50;

/// One event with the label that a person gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique in its file.
    pub id: String,
    /// Made of the delivery, where the case holds one.
    #[serde(default)]
    pub event: CaseEvent,
    /// What was sent, instead of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<CaseDelivery>,
    /// What else is known of it, by name: templates see it as `gathered`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub gathered: Map<String, Value>,
    pub expect: Expect,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Cases that are relatives, such as letters of one sender or campaign, share one; else it is a relative of nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What it is used for; its cluster decides if left out, and without one its body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The case that says the same in another form: both are to get one label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// In which way it differs from that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Relation>,
    /// Who labelled it.
    pub author: String,
    /// How much it counts in training, more than 0 and at most 100.
    #[serde(default = "weight", skip_serializing_if = "counts_once")]
    pub weight: f64,
    /// Who else looked at the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_by: Option<String>,
    /// 1-based line of its file.
    #[serde(skip)]
    pub line: usize,
}

/// What arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseEvent {
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub body: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<IndexMap<String, String>>,
    /// Of a mail: who received it, as in `[source.NAME]`, which decides where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authserv_id: Option<String>,
}

impl Case {
    /// An event that nobody has labelled.
    pub fn unlabelled(id: String, event: CaseEvent) -> Self {
        Case {
            id,
            event,
            delivery: None,
            gathered: Map::new(),
            expect: Expect::default(),
            tags: Vec::new(),
            cluster: None,
            split: None,
            same_as: None,
            by: None,
            author: String::new(),
            weight: weight(),
            checked_by: None,
            line: 1,
        }
    }

    pub fn split(&self) -> Split {
        self.split.unwrap_or_else(|| Split::of(self.cluster.as_deref(), &self.event.body))
    }

    /// Whether it is to be judged: else it ends before, as it says.
    pub const fn is_judged(&self) -> bool {
        self.expect.outcome.is_none()
    }

    /// Those that share it are relatives.
    pub fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or(&self.id)
    }
}

/// Path of the cases in a folder of `evals/`.
pub fn cases_file(folder: &str) -> String {
    format!("evals/{folder}/cases.jsonl")
}

/// All cases of a folder of `evals/` that can be read, in the order of the file, and what is wrong with the others.
pub fn cases(files: &Files, folder: &str) -> (Vec<Case>, Problems) {
    let file = cases_file(folder);
    let mut problems = Problems::new();
    let mut cases = Vec::new();
    let mut faulty = 0;
    for (index, text) in files.get(&file).unwrap_or_default().lines().enumerate() {
        if text.trim().is_empty() {
            continue;
        }
        match parse(&file, index + 1, text) {
            Ok(case) => cases.push(case),
            Err(problem) => {
                faulty += 1;
                if faulty <= FAULTY_LINES_MAX {
                    problems.push(problem);
                }
            }
        }
    }
    if faulty > FAULTY_LINES_MAX {
        problems.push(At::file(&file).error(
            codes::BAD_CASE,
            format!("{} more lines are no cases", faulty - FAULTY_LINES_MAX),
            "correct those above first",
        ));
    }
    if cases.is_empty() && faulty == 0 {
        let message =
            if files.get(&file).is_some() { "there are no cases in it" } else { "there is no such file" };
        let remedy = "write one labelled case per line, or name a folder that has some";
        problems.push(At::file(&file).error(codes::NO_CASES, message, remedy));
    }
    problems.extend(repeated(&file, &cases));
    problems.extend(unpaired(&file, &cases));
    (cases, problems)
}

/// The cases that `local` may learn from, and never another; problems as [`cases`] tells them.
pub fn training_cases(files: &Files, folder: &str) -> (Vec<Case>, Problems) {
    let (mut cases, problems) = cases(files, folder);
    cases.retain(|case| case.split() == Split::Train && case.is_judged());
    (cases, problems)
}

/// What a line is to be, if it is none.
const REMEDY: &str = "write one JSON object: id, event {source, type, body} or delivery, expect {label}, author; perhaps tags, split, \
                      cluster, weight, gathered, checked_by";

/// Reads one case: what [`cases`] would read from its line.
///
/// # Errors
/// What is wrong with it, and the remedy.
pub fn case(value: Value) -> Result<Case, (String, String)> {
    match serde_path_to_error::deserialize(value) {
        Ok(case) => whole(case),
        Err(error) => Err((said(&error), REMEDY.to_owned())),
    }
}

fn parse(file: &str, line: usize, text: &str) -> Result<Case, Problem> {
    let wrong = |(message, remedy)| At::line(file, line).error(codes::BAD_CASE, message, remedy);
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| wrong((said(&error), REMEDY.to_owned())))?;
    if let Err(error) = reader.end() {
        let message = format!("there is more than one value on this line (column {})", error.column());
        return Err(wrong((message, REMEDY.to_owned())));
    }
    Ok(Case { line, ..whole(read).map_err(wrong)? })
}

/// With the event that its delivery is, if nothing is wrong with it.
fn whole(mut case: Case) -> Result<Case, (String, String)> {
    let wrong = |message: String, remedy: &str| Err((message, remedy.to_owned()));
    if let Some(outcome) = case.expect.outcome
        && let Some((message, remedy)) = unended(&case, outcome)
    {
        return wrong(message.to_owned(), remedy);
    }
    if let Some(delivery) = &case.delivery {
        if case.event != CaseEvent::default() {
            return wrong("it has both an event and a delivery".to_owned(), "leave the event out");
        }
        if let Err(reason) = delivery.refusal(delivery::ANY_TIME) {
            return wrong(
                format!("its delivery is none: {reason}"),
                "correct its `scheme`, `secret` or headers",
            );
        }
        let refused = case.expect.outcome == Some(Ending::Refused);
        match delivery.event() {
            Ok(event) => case.event = event,
            Err(_) if refused => case.event = delivery.unread(),
            Err(reason) => {
                let remedy = "sign it with its `secret`";
                return wrong(format!("its delivery would be refused: {reason}"), remedy);
            }
        }
    } else if case.event.source.is_empty() {
        return wrong("`event.source` is empty".to_owned(), "write it, or a delivery");
    }
    let is_judged = case.is_judged();
    for (field, text, is_needed) in [
        ("id", &case.id, true),
        ("expect.label", &case.expect.label, is_judged),
        ("event.type", &case.event.event_type, true),
    ] {
        if text.is_empty() && is_needed {
            return wrong(format!("`{field}` is empty"), "write it");
        }
    }
    for (field, grade) in &case.expect.graded {
        if !grade.as_f64().is_some_and(|grade| (0.0..=1.0).contains(&grade)) {
            let message = format!("`expect.graded.{field}` is {grade}");
            return wrong(message, "write a number from 0, useless, to 1, excellent");
        }
    }
    if !(case.weight > 0.0 && case.weight <= 100.0) {
        return wrong(format!("`weight` is {}", case.weight), "write a number above 0 and up to 100");
    }
    Ok(case)
}

/// What is wrong with a case that is to end as `outcome` before it is judged, and the remedy.
fn unended(case: &Case, outcome: Ending) -> Option<(&'static str, &'static str)> {
    let Expect { label, outcome: _, of, fields, actions, findings, graded } = &case.expect;
    let judged = !label.is_empty() || !fields.is_empty() || !actions.is_empty();
    if judged || findings.is_some() || !graded.is_empty() {
        return Some((
            "`expect` has both an `outcome` and what is expected of a judge",
            "a case that is filtered, a duplicate or refused is judged by nobody: leave the rest out",
        ));
    }
    match (outcome, of, &case.delivery) {
        (Ending::Refused, _, None) => Some((
            "`expect.outcome` is `refused`, and there is no delivery that could be",
            "write a `delivery` in the place of the event",
        )),
        (Ending::Duplicate, None, _) => Some((
            "`expect.outcome` is `duplicate`, and `expect.of` does not say of which case",
            "name the case that came before",
        )),
        (Ending::Refused | Ending::Filtered, Some(_), _) => {
            Some(("`expect.of` is for duplicates", "leave it out, or write `\"outcome\": \"duplicate\"`"))
        }
        (Ending::Refused | Ending::Filtered | Ending::Duplicate, _, _) => None,
    }
}

/// An error of serde_json with its path, and with its column if it was a text that was read; without the line: here it is
/// always the first.
fn said(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let inner = error.inner().to_string();
    let text = inner.split(" at line ").next().unwrap_or_default();
    let column = match error.inner().column() {
        0 => String::new(),
        column => format!(" (column {column})"),
    };
    match error.path().to_string().as_str() {
        "." | "?" => format!("{text}{column}"),
        path => format!("{}: {text}{column}", quoted(path)),
    }
}

/// Ids and bodies that come twice.
fn repeated(file: &str, cases: &[Case]) -> Vec<Problem> {
    let mut ids: HashMap<&str, &Case> = HashMap::new();
    let mut bodies: HashMap<String, &Case> = HashMap::new();
    let mut problems = Vec::new();
    for case in cases {
        let at = || At::line(file, case.line);
        if let Some(first) = ids.insert(&case.id, case) {
            problems.push(at().error(
                codes::DUPLICATE_CASE,
                format!("the id {} is that of line {} too", quoted(&case.id), first.line),
                "give one of them another id",
            ));
        } else if !case.is_judged() {
            // The body of another case is what makes it a duplicate.
        } else if let Some(first) = bodies.insert(case.event.body.to_string(), case) {
            let (first_label, label) = (quoted(&first.expect.label), quoted(&case.expect.label));
            let same = format!("the body is that of case {} on line {}", quoted(&first.id), first.line);
            problems.push(if first_label == label {
                at().warning(codes::SAME_BODY, same, "remove one of them: it counts twice")
            } else {
                let message = format!("{same}, which is labelled {first_label}, not {label}");
                at().error(codes::SAME_BODY, message, "decide which label is right and remove the other case")
            });
        }
    }
    problems
}

/// What is wrong with cases that speak of others, and that there is more of it.
fn unpaired(file: &str, cases: &[Case]) -> Vec<Problem> {
    let peers = Peers::of(cases);
    let wrong = |case: &Case| {
        let problem = |(message, remedy)| At::line(file, case.line).error(codes::BAD_CASE, message, remedy);
        peers.wrong(case).into_iter().map(problem).collect::<Vec<_>>()
    };
    // One at a time: what might have been meant is looked for among all cases.
    let mut all = cases.iter().flat_map(wrong);
    let mut problems: Vec<Problem> = all.by_ref().take(FAULTY_LINES_MAX).collect();
    if all.next().is_some() {
        let message = "more cases speak of others that do not fit, or do not exist";
        problems.push(At::file(file).error(codes::BAD_CASE, message, "correct those that are told first"));
    }
    problems
}

const fn weight() -> f64 {
    1.0
}

fn counts_once(weight: &f64) -> bool {
    *weight == self::weight()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(id: &str, n: u32, label: &str) -> String {
        json!({
            "id": id,
            "event": {"source": "forms", "type": "a.b", "body": {"n": n}},
            "expect": {"label": label},
            "author": "me",
        })
        .to_string()
    }

    fn read(text: &str) -> (Vec<Case>, String) {
        let (cases, problems) = cases(&Files::default().with("evals/t/cases.jsonl", text), "t");
        (cases, problems.to_string())
    }

    #[test]
    fn reads_cases_with_their_lines() {
        let (cases, problems) = read(&format!("{}\n\n{}\r\n", line("a", 1, "x"), line("b", 2, "y")));
        assert_eq!(problems, "");
        let told: Vec<_> =
            cases.iter().map(|c| (c.id.as_str(), c.line, c.weight, c.expect.label.as_str())).collect();
        assert_eq!(told, [("a", 1, 1.0, "x"), ("b", 3, 1.0, "y")]);
        let text = serde_json::to_string(&cases[0]).expect("serializes");
        assert_eq!(read(&text).0, cases[..1], "a case is written as it is read");
    }

    #[test]
    fn names_what_is_wrong_with_each_line() {
        let typo = line("a", 1, "x").replace("label", "lable");
        let text = format!("{{\"id\": }}\n{typo}\n{} 1\n{}\n", line("b", 2, "x"), line("", 3, "x"));
        let (cases, problems) = read(&text);
        assert!(cases.is_empty());
        let remedy = "\n    remedy: write one JSON object: id, event {source, type, body} or delivery, expect {label}, \
                      author; perhaps tags, split, cluster, weight, gathered, checked_by";
        assert_eq!(
            problems,
            format!(
                "evals/t/cases.jsonl:1: error[HY0501]: `id`: expected value (column 8){remedy}\n\
                 evals/t/cases.jsonl:2: error[HY0501]: `expect.lable`: unknown field `lable`, expected one of `label`, `outcome`, `of`, `fields`, `actions`, `findings`, `graded` \
                 (column 82){remedy}\n\
                 evals/t/cases.jsonl:3: error[HY0501]: there is more than one value on this line (column \
                 104){remedy}\n\
                 evals/t/cases.jsonl:4: error[HY0501]: `id` is empty\n    remedy: write it"
            )
        );
    }

    #[test]
    fn a_finding_has_no_other_fields() {
        let found = line("a", 1, "x").replace(
            "\"x\"",
            "\"x\",\"findings\":[{\"path\":\"a.py\",\"side\":\"LEFT\",\"line\":3,\"end_line\":4}]",
        );
        let problems = read(&found).1;
        assert!(problems.contains("unknown field `end_line`"), "{problems}");
    }

    #[test]
    fn a_grade_is_a_number_from_0_to_1() {
        let graded = |grade: &str| {
            line("a", 1, "x").replace("\"x\"", &format!("\"x\",\"graded\":{{\"reason\":{grade}}}"))
        };
        for grade in ["0", "0.5", "1"] {
            assert_eq!(read(&graded(grade)).1, "", "{grade}");
        }
        for grade in ["1.1", "-0.1", "\"good\"", "null"] {
            let problems = read(&graded(grade)).1;
            assert!(problems.contains(&format!("`expect.graded.reason` is {grade}\n")), "{problems}");
        }
    }

    #[test]
    fn repetitions_are_told() {
        let text = [line("a", 1, "x"), line("a", 2, "x"), line("b", 1, "x"), line("c", 1, "y")].join("\n");
        let (cases, problems) = read(&text);
        assert_eq!(cases.len(), 4);
        assert_eq!(
            problems,
            "evals/t/cases.jsonl:2: error[HY0502]: the id `a` is that of line 1 too\n    remedy: give one of them \
             another id\n\
             evals/t/cases.jsonl:3: warning[HY0503]: the body is that of case `a` on line 1\n    remedy: remove one \
             of them: it counts twice\n\
             evals/t/cases.jsonl:4: error[HY0503]: the body is that of case `b` on line 3, which is labelled `x`, not \
             `y`\n    remedy: decide which label is right and remove the other case"
        );
    }

    #[test]
    fn a_cluster_stays_together_where_no_split_is_named() {
        let with = |id: &str, n: u32, more: Value| {
            let mut case: Value = serde_json::from_str(&line(id, n, "x")).expect("JSON");
            case.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            case.to_string()
        };
        let relatives: Vec<_> =
            (0..50).map(|n| with(&n.to_string(), n, json!({"cluster": "campaign"}))).collect();
        let (cases, problems) = read(&relatives.join("\n"));
        assert_eq!(problems, "");
        // As another program computes it from the cluster's name.
        assert!(cases.iter().all(|case| case.split() == Split::Dev));
        let named = read(&with("a", 1, json!({"cluster": "campaign", "split": "test"}))).0;
        assert_eq!(named[0].split(), Split::Test, "what is named holds");
    }

    #[test]
    fn wrong_references_are_bounded_and_told_in_one_way() {
        let text: Vec<_> = (0..2_000)
            .map(|n| {
                line(&format!("case-{n:04}"), n, "x").replacen(
                    '{',
                    "{\"same_as\":\"nobody\",\"by\":\"html\",",
                    1,
                )
            })
            .collect();
        let (cases, problems) = read(&text.join("\n"));
        assert_eq!(cases.len(), 2_000);
        assert_eq!(problems.matches("error[HY0501]").count(), FAULTY_LINES_MAX + 1);
        assert!(problems.contains("write one of: case-0001, case-0002, "), "{problems}");
        assert!(problems.contains(", and 1979 more\n") && problems.len() < 50_000, "{}", problems.len());
        assert!(problems.contains("cases.jsonl: error[HY0501]: more cases speak of others"), "{problems}");
        assert_eq!(read(&text.join("\n")).1, problems);
    }

    #[test]
    fn no_cases_is_a_problem() {
        let remedy = "\n    remedy: write one labelled case per line, or name a folder that has some";
        assert_eq!(
            read("\n").1,
            format!("evals/t/cases.jsonl: error[HY0504]: there are no cases in it{remedy}")
        );
        let (_, problems) = cases(&Files::default(), "t");
        assert_eq!(
            problems.to_string(),
            format!("evals/t/cases.jsonl: error[HY0504]: there is no such file{remedy}")
        );
        assert_eq!(read(&"x\n".repeat(60)).1.matches("error[").count(), FAULTY_LINES_MAX + 1);
    }

    #[test]
    fn splits_follow_the_body_and_training_sees_only_its_own() {
        let text: Vec<_> = (0..1_000).map(|n| line(&n.to_string(), n, "x")).collect();
        let files = Files::default().with("evals/t/cases.jsonl", text.join("\n"));
        let (all, _) = cases(&files, "t");
        let count = |split| all.iter().filter(|case| case.split() == split).count();
        assert_eq!(Split::ALL.map(count), [582, 211, 207]);
        // As another program computes it from the same bytes.
        let first: String = all.iter().take(8).map(|case| &case.split().as_str()[..2]).collect();
        assert_eq!(first, "detrtrtededetede");
        let (training, problems) = training_cases(&files, "t");
        assert!(problems.is_empty());
        assert!(training.len() == 582 && training.iter().all(|case| case.split() == Split::Train));
    }
}
