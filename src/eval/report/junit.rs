//! The report as JUnit XML, which CI servers read. It has a failure exactly where the run does not end well: what fails is a
//! gate, and a case only if a gate that did not hold counts that very case. A case that is missed within what the gates
//! allow is a test that passes and says what was missed.

use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::{
    CaseReport, Change, Comparison, Gate, Held, Report,
    facts::facts,
    wording::{
        change, change_reason, confidence, held, or_none, percent_estimate, ratio_estimate, said, verdict,
    },
};

type Xml = Writer<Vec<u8>>;

/// One testsuite per suite, whose testcases are its cases and gates. Of two runs that are compared, nothing fails but a
/// comparison whose B is worse, which is a testcase of its own: what the sides miss is not asked.
pub fn junit(reports: &[Report], comparisons: &[Comparison]) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    let suites: Vec<TestSuite<'_>> =
        reports.iter().map(|report| TestSuite { report, tests: tests(report, comparisons) }).collect();
    // Writing to memory cannot fail, and what is written is UTF-8.
    let _ = document(&suites, &mut xml);
    String::from_utf8(xml.into_inner()).unwrap_or_default()
}

struct TestSuite<'a> {
    report: &'a Report,
    tests: Vec<Test>,
}

/// One testcase.
struct Test {
    class: String,
    name: String,
    milliseconds: f64,
    outcome: Outcome,
}

enum Outcome {
    Well,
    /// Well enough: this much is to be known.
    Noted(String),
    Failed {
        kind: &'static str,
        message: String,
        text: String,
    },
}

fn tests(report: &Report, comparisons: &[Comparison]) -> Vec<Test> {
    let binding = comparisons.is_empty();
    let broken = |name: &str| {
        binding && report.gates.iter().any(|gate| gate.name == name && gate.held != Held::Passed)
    };
    let (forbids, newly) = (broken(Gate::FORBIDDEN_ACTIONS), broken(Gate::NEWLY_FAILED));
    let cases = report.cases.iter().map(|case| Test {
        class: report.suite.clone(),
        name: case.id.clone(),
        milliseconds: case.latency_ms.unwrap_or(0.0),
        outcome: outcome(case, forbids, newly),
    });
    let gates = report.gates.iter().map(|gate| {
        let message = format!("wanted {}, got {}", gate.wanted, gate.got);
        let outcome = match gate.held {
            Held::Passed => Outcome::Well,
            _ if !binding => Outcome::Noted(message),
            missed => Outcome::Failed { kind: held(missed), text: message.clone(), message },
        };
        Test { class: format!("{}.gates", report.suite), name: gate.name.clone(), milliseconds: 0.0, outcome }
    });
    let compared = comparisons.iter().filter(|comparison| comparison.suite == report.suite).map(|one| {
        let (message, text) = (change(one.verdict).to_owned(), change_reason(one));
        let outcome = match one.verdict {
            Change::Worse => Outcome::Failed { kind: "worse", message, text },
            Change::Better | Change::Equivalent | Change::Inconclusive => {
                Outcome::Noted(format!("{message}: {text}"))
            }
        };
        let name = format!("{} against {}", one.b, one.a);
        Test { class: format!("{}.compared", report.suite), name, milliseconds: 0.0, outcome }
    });
    let astray = broken(Gate::ARRIVALS);
    let arrivals = report.arrivals.iter().map(|one| {
        let message = format!("expected {}, got {}", one.expected, one.got);
        let outcome = match (one.passed, astray) {
            (true, _) => Outcome::Well,
            (false, false) => Outcome::Noted(format!("{message}: {}", one.why)),
            (false, true) => Outcome::Failed { kind: "arrival", message, text: one.why.clone() },
        };
        Test { class: format!("{}.arrivals", report.suite), name: one.id.clone(), milliseconds: 0.0, outcome }
    });
    cases.chain(arrivals).chain(gates).chain(compared).collect()
}

/// A case fails with the gate that counts it: one that forbids what it planned, or one on cases that were well before.
fn outcome(case: &CaseReport, forbids: bool, newly: bool) -> Outcome {
    if case.passed {
        return Outcome::Well;
    }
    let got = said(case.got.as_deref());
    let message = if case.right {
        format!("{got} is right, and something else is not")
    } else {
        format!("expected {}, got {got}", case.expected)
    };
    let kind = match &case.before {
        _ if forbids && !case.forbidden.is_empty() => Some("forbidden"),
        Some(before) if newly && before.passed => Some("regressed"),
        _ => None,
    };
    match kind {
        Some(kind) => Outcome::Failed { kind, message, text: told(case) },
        None => Outcome::Noted(format!("{message}\n{}", told(case))),
    }
}

fn document(suites: &[TestSuite<'_>], xml: &mut Xml) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = || suites.iter().flat_map(|suite| &suite.tests);
    xml.create_element("testsuites")
        .with_attribute(("name", "hookyard eval"))
        .with_attribute(("tests", all().count().to_string().as_str()))
        .with_attribute(("failures", failures(all()).to_string().as_str()))
        .with_attribute(("errors", "0"))
        .write_inner_content(|xml| suites.iter().try_for_each(|one| suite(one, xml)))?;
    xml.get_mut().push(b'\n');
    Ok(())
}

fn failures<'a>(tests: impl IntoIterator<Item = &'a Test>) -> usize {
    tests.into_iter().filter(|test| matches!(test.outcome, Outcome::Failed { .. })).count()
}

fn suite(TestSuite { report, tests }: &TestSuite<'_>, xml: &mut Xml) -> io::Result<()> {
    let milliseconds: f64 = report.cases.iter().filter_map(|case| case.latency_ms).sum();
    xml.create_element("testsuite")
        .with_attribute(("name", allowed(&report.suite).as_ref()))
        .with_attribute(("tests", tests.len().to_string().as_str()))
        .with_attribute(("failures", failures(tests).to_string().as_str()))
        .with_attribute(("errors", "0"))
        .with_attribute(("skipped", "0"))
        .with_attribute(("time", seconds(milliseconds).as_str()))
        .write_inner_content(|xml| {
            xml.create_element("properties").write_inner_content(|xml| properties(report, xml))?;
            tests.iter().try_for_each(|one| test(one, xml))?;
            output(&report.notes.join("\n"), xml)
        })?;
    Ok(())
}

fn properties(report: &Report, xml: &mut Xml) -> io::Result<()> {
    let figures = &report.figures;
    let mut properties = vec![
        ("verdict".to_owned(), verdict(report.verdict).to_owned()),
        ("classifier".to_owned(), report.classifier.clone()),
        ("judges".to_owned(), report.judges.join(", ")),
        ("mode".to_owned(), report.mode.clone()),
        ("splits".to_owned(), report.splits.join(", ")),
        ("seed".to_owned(), report.seed.to_string()),
        ("prompt".to_owned(), report.digests.prompt.clone()),
        ("schema".to_owned(), report.digests.schema.clone()),
        ("cases".to_owned(), report.digests.cases.clone()),
        ("macro_f1".to_owned(), ratio_estimate(&figures.macro_f1)),
        ("accuracy".to_owned(), or_none(figures.accuracy.as_ref(), percent_estimate)),
        ("coverage".to_owned(), percent_estimate(&figures.coverage)),
    ];
    let models = report.digests.models.iter();
    properties.extend(models.map(|(judge, digest)| (format!("model {judge}"), digest.clone())));
    properties.extend(facts(report).into_iter().map(|fact| (fact.about.to_owned(), fact.says)));
    properties.iter().try_for_each(|(name, value)| {
        let property = xml.create_element("property").with_attribute(("name", allowed(name).as_ref()));
        property.with_attribute(("value", allowed(value).as_ref())).write_empty().map(drop)
    })
}

fn test(test: &Test, xml: &mut Xml) -> io::Result<()> {
    let element = xml
        .create_element("testcase")
        .with_attribute(("classname", allowed(&test.class).as_ref()))
        .with_attribute(("name", allowed(&test.name).as_ref()))
        .with_attribute(("time", seconds(test.milliseconds).as_str()));
    match &test.outcome {
        Outcome::Well => element.write_empty().map(drop),
        Outcome::Noted(text) => element.write_inner_content(|xml| output(text, xml)).map(drop),
        Outcome::Failed { kind, message, text } => {
            element.write_inner_content(|xml| failure(message, kind, text, xml)).map(drop)
        }
    }
}

/// Everything about a missed case that helps to find it and to see why.
fn told(case: &CaseReport) -> String {
    let mut lines = case.faults.clone();
    let judge = case.judge.as_deref().unwrap_or("nobody");
    lines.push(format!("decided by: {judge}, confidence {}", or_none(case.confidence, confidence)));
    lines.extend(case.why.iter().map(|why| format!("why: {why}")));
    lines.push(format!("case on line {}, split {}, tags: {}", case.line, case.split, case.tags.join(", ")));
    lines.join("\n")
}

fn output(text: &str, xml: &mut Xml) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    xml.create_element("system-out").write_text_content(BytesText::new(&allowed(text))).map(drop)
}

fn failure(message: &str, kind: &str, text: &str, xml: &mut Xml) -> io::Result<()> {
    xml.create_element("failure")
        .with_attribute(("message", allowed(message).as_ref()))
        .with_attribute(("type", kind))
        .write_text_content(BytesText::new(&allowed(text)))
        .map(drop)
}

fn seconds(milliseconds: f64) -> String {
    format!("{:.3}", milliseconds / 1_000.0)
}

/// Text without the characters that XML 1.0 has no way to write.
fn allowed(text: &str) -> Cow<'_, str> {
    let refused =
        |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(refused) { Cow::Owned(text.replace(refused, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, XmlVersion, events::BytesStart};

    use super::*;
    use crate::eval::report::{sample, sample::HOSTILE};

    /// Every element with its attributes, as a reader of XML sees it.
    fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
        let mut reader = Reader::from_str(xml);
        let mut found = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(element) | Event::Empty(element) => found.push(seen(&element)),
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    fn seen(element: &BytesStart<'_>) -> (String, Vec<(String, String)>) {
        let attributes = element.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap();
            (attribute.key.as_ref().to_owned(), value.into_owned())
        });
        (element.name().as_ref().to_owned(), attributes.collect())
    }

    fn named<'a>(found: &'a [(String, Vec<(String, String)>)], name: &str) -> Vec<&'a Vec<(String, String)>> {
        found.iter().filter(|(element, _)| element == name).map(|(_, attributes)| attributes).collect()
    }

    #[test]
    fn what_fails_is_the_gates_and_a_missed_case_is_told_of() {
        let found = elements(&junit(&[sample::report(), sample::report()], &[]));
        assert_eq!(named(&found, "testsuite").len(), 2);
        assert_eq!(named(&found, "testcase").len(), 20);
        assert_eq!(named(&found, "failure").len(), 2);
        // Two missed cases, one that was not to be judged, and the notes, of each suite.
        assert_eq!(named(&found, "system-out").len(), 8);
        let all = named(&found, "testsuites")[0];
        assert!(all.contains(&("tests".to_owned(), "20".to_owned())), "{all:?}");
        assert!(all.contains(&("failures".to_owned(), "2".to_owned())), "{all:?}");
        assert_eq!(kinds(&found), ["regressed", "regressed"]);
    }

    fn kinds(found: &[(String, Vec<(String, String)>)]) -> Vec<&str> {
        named(found, "failure").iter().map(|attributes| attributes[1].1.as_str()).collect()
    }

    #[test]
    fn a_case_fails_with_the_gate_that_counts_it() {
        let mut report = sample::report();
        report.cases[5].forbidden = vec!["refund".to_owned()];
        let kinds_of = |report: &Report| {
            let found = elements(&junit(std::slice::from_ref(report), &[]));
            kinds(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(kinds_of(&report), ["regressed"], "no gate asks about it");
        report.gates[1].name = Gate::FORBIDDEN_ACTIONS.to_owned();
        assert_eq!(kinds_of(&report), ["forbidden", "regressed"]);
        report.gates[1].name = Gate::NEWLY_FAILED.to_owned();
        assert_eq!(kinds_of(&report), ["regressed"; 3], "both missed cases were well before");
        report.gates[1].held = Held::Passed;
        assert_eq!(kinds_of(&report), [""; 0]);
    }

    #[test]
    fn of_two_runs_only_what_is_worse_fails() {
        let mut comparison = sample::comparison();
        let kinds_of = |comparison: &Comparison| {
            let found = elements(&junit(&[sample::report()], std::slice::from_ref(comparison)));
            kinds(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(kinds_of(&comparison), [""; 0]);
        comparison.verdict = Change::Worse;
        assert_eq!(kinds_of(&comparison), ["worse"]);
    }

    #[test]
    fn a_case_whose_label_is_right_tells_its_other_faults() {
        let mut report = sample::report();
        report.cases.truncate(1);
        report.cases[0].passed = false;
        report.cases[0].faults = vec!["the action `refund` is forbidden".to_owned()];
        let xml = junit(&[report], &[]);
        assert!(xml.contains("lead is right, and something else is not"), "{xml}");
        assert!(xml.contains("the action `refund` is forbidden"), "{xml}");
    }

    #[test]
    fn text_of_strangers_stays_text() {
        let mut report = sample::report();
        report.suite = format!("\u{0}{HOSTILE}");
        report.gates[1].name = HOSTILE.to_owned();
        report.notes = vec![HOSTILE.to_owned()];
        let xml = junit(&[report], &[]);
        let found = elements(&xml);
        assert!(found.iter().all(|(name, _)| !["img", "script"].contains(&name.as_str())));
        assert_eq!(xml.matches("]]>").count(), 0);
        assert!(!xml.contains(['\u{0}', '\u{1b}']));
        let case = named(&found, "testcase")[5];
        assert!(case[1].1.starts_with("mail-006 </script><img src=x onerror=alert(1)> @octocat"), "{case:?}");
    }
}
