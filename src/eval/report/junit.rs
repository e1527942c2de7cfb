//! The report as JUnit XML, which CI servers read: a case is a test, and so is a gate.

use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::{
    CaseReport, Gate, Held, Report,
    facts::facts,
    wording::{confidence, held, or_none, percent_estimate, ratio_estimate, said, verdict},
};

type Xml = Writer<Vec<u8>>;

/// One testsuite per suite. Every case is a testcase, which fails if the case is not as it should be; every gate is one
/// too, which fails if the gate did not hold.
pub fn junit(reports: &[Report]) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory cannot fail, and what is written is UTF-8.
    let _ = document(reports, &mut xml);
    String::from_utf8(xml.into_inner()).unwrap_or_default()
}

fn document(reports: &[Report], xml: &mut Xml) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let tests: usize = reports.iter().map(tests).sum();
    let failures: usize = reports.iter().map(failures).sum();
    xml.create_element("testsuites")
        .with_attribute(("name", "hookyard eval"))
        .with_attribute(("tests", tests.to_string().as_str()))
        .with_attribute(("failures", failures.to_string().as_str()))
        .with_attribute(("errors", "0"))
        .write_inner_content(|xml| reports.iter().try_for_each(|report| suite(report, xml)))?;
    xml.get_mut().push(b'\n');
    Ok(())
}

fn tests(report: &Report) -> usize {
    report.cases.len() + report.gates.len()
}

fn failures(report: &Report) -> usize {
    let cases = report.cases.iter().filter(|case| !case.passed).count();
    cases + report.gates.iter().filter(|gate| gate.held != Held::Passed).count()
}

fn suite(report: &Report, xml: &mut Xml) -> io::Result<()> {
    let milliseconds: f64 = report.cases.iter().filter_map(|case| case.latency_ms).sum();
    xml.create_element("testsuite")
        .with_attribute(("name", allowed(&report.suite).as_ref()))
        .with_attribute(("tests", tests(report).to_string().as_str()))
        .with_attribute(("failures", failures(report).to_string().as_str()))
        .with_attribute(("errors", "0"))
        .with_attribute(("skipped", "0"))
        .with_attribute(("time", seconds(milliseconds).as_str()))
        .write_inner_content(|xml| {
            xml.create_element("properties").write_inner_content(|xml| properties(report, xml))?;
            report.cases.iter().try_for_each(|one| case(&report.suite, one, xml))?;
            report.gates.iter().try_for_each(|one| gate(&report.suite, one, xml))?;
            if !report.notes.is_empty() {
                let notes = report.notes.join("\n");
                xml.create_element("system-out").write_text_content(BytesText::new(&allowed(&notes)))?;
            }
            Ok(())
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

fn case(suite: &str, case: &CaseReport, xml: &mut Xml) -> io::Result<()> {
    let test = xml
        .create_element("testcase")
        .with_attribute(("classname", allowed(suite).as_ref()))
        .with_attribute(("name", allowed(&case.id).as_ref()))
        .with_attribute(("time", seconds(case.latency_ms.unwrap_or(0.0)).as_str()));
    if case.passed {
        return test.write_empty().map(drop);
    }
    let got = said(case.got.as_deref());
    let message = if case.right {
        format!("{got} is right, and something else is not")
    } else {
        format!("expected {}, got {got}", case.expected)
    };
    let kind = if case.right { "fault" } else { "label" };
    test.write_inner_content(|xml| failure(&message, kind, &told(case), xml)).map(drop)
}

/// Everything about a failed case that helps to find it and to see why.
fn told(case: &CaseReport) -> String {
    let mut lines = case.faults.clone();
    let judge = case.judge.as_deref().unwrap_or("nobody");
    lines.push(format!("decided by: {judge}, confidence {}", or_none(case.confidence, confidence)));
    lines.extend(case.why.iter().map(|why| format!("why: {why}")));
    lines.push(format!("case on line {}, split {}, tags: {}", case.line, case.split, case.tags.join(", ")));
    lines.join("\n")
}

fn gate(suite: &str, gate: &Gate, xml: &mut Xml) -> io::Result<()> {
    let test = xml
        .create_element("testcase")
        .with_attribute(("classname", allowed(&format!("{suite}.gates")).as_ref()))
        .with_attribute(("name", allowed(&gate.name).as_ref()))
        .with_attribute(("time", seconds(0.0).as_str()));
    if gate.held == Held::Passed {
        return test.write_empty().map(drop);
    }
    let message = format!("wanted {}, got {}", gate.wanted, gate.got);
    test.write_inner_content(|xml| failure(&message, held(gate.held), &message, xml)).map(drop)
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
    fn cases_and_gates_are_tests_and_fail_as_they_did() {
        let found = elements(&junit(&[sample::report(), sample::report()]));
        assert_eq!(named(&found, "testsuite").len(), 2);
        assert_eq!(named(&found, "testcase").len(), 18);
        assert_eq!(named(&found, "failure").len(), 6);
        let all = named(&found, "testsuites")[0];
        assert!(all.contains(&("tests".to_owned(), "18".to_owned())), "{all:?}");
        assert!(all.contains(&("failures".to_owned(), "6".to_owned())), "{all:?}");
        let kinds: Vec<&str> = named(&found, "failure").iter().map(|a| a[1].1.as_str()).collect();
        assert_eq!(kinds, ["label", "label", "regressed", "label", "label", "regressed"]);
    }

    #[test]
    fn a_case_whose_label_is_right_fails_for_its_other_faults() {
        let mut report = sample::report();
        report.cases.truncate(1);
        report.cases[0].passed = false;
        report.cases[0].faults = vec!["the action `refund` is forbidden".to_owned()];
        let xml = junit(&[report]);
        assert!(xml.contains(r#"message="lead is right, and something else is not" type="fault""#), "{xml}");
        assert!(xml.contains("the action `refund` is forbidden"), "{xml}");
    }

    #[test]
    fn text_of_strangers_stays_text() {
        let mut report = sample::report();
        report.suite = format!("\u{0}{HOSTILE}");
        report.gates[1].name = HOSTILE.to_owned();
        report.notes = vec![HOSTILE.to_owned()];
        let xml = junit(&[report]);
        let found = elements(&xml);
        assert!(found.iter().all(|(name, _)| !["img", "script"].contains(&name.as_str())));
        assert_eq!(xml.matches("]]>").count(), 0);
        assert!(!xml.contains(['\u{0}', '\u{1b}']));
        let case = named(&found, "testcase")[5];
        assert!(case[1].1.starts_with("mail-006 </script><img src=x onerror=alert(1)> @octocat"), "{case:?}");
    }
}
