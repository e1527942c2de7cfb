use console::measure_text_width;

use super::*;
use crate::eval::report::{sample, sample::HOSTILE};

/// The text without colour codes, which take no columns.
fn bare(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("\u{1b}[") {
        shown.push_str(before);
        rest = code.split_once('m').map_or("", |(_, after)| after);
    }
    shown + rest
}

fn widest(text: &str) -> usize {
    bare(text).lines().map(measure_text_width).max().unwrap_or(0)
}

/// Many labels, long ones, and ones of wide letters.
fn crowded() -> Report {
    let mut report = sample::report();
    let labels: Vec<String> =
        (0..14).map(|n| format!("abteilung-für-beschwerden-und-rückgaben-日本語-{n}")).collect();
    report.classes = labels
        .iter()
        .enumerate()
        .map(|(n, label)| {
            let mut class = report.classes[0].clone();
            class.label = label.clone();
            class.confusion = (0..=labels.len()).map(|said| if said == n { 120 } else { said % 3 }).collect();
            class
        })
        .collect();
    report.labels = labels;
    report.suite = "a-suite-with-a-rather-long-name-".repeat(4);
    report.gates[0].name = HOSTILE.to_owned();
    report.notes = (0..40).map(|n| format!("{n} {HOSTILE}")).collect();
    report
}

#[test]
fn a_report_tells_everything_in_order() {
    let shown = text(&sample::report(), 100, false);
    let told =
        ["mail: REGRESSED", "macro F1", "CLASS", "EXPECTED \\", "✗ regressed", "ECE 0.031", "MISSED CASES"];
    let places: Vec<Option<usize>> = told.iter().map(|what| shown.find(what)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{shown}");
    assert!(shown.contains("1 recording is stale."), "{shown}");
    assert!(shown.contains("accuracy     83.3%  (78.3–88.3)    5 of 6 decided"), "{shown}");
    assert!(shown.contains("support             1        1     ·         ·"), "{shown}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for report in [sample::report(), crowded()] {
        for width in (0..30).chain([45, 60, 80, 100, 160, 400]) {
            for colour in [false, true] {
                let shown =
                    text(&report, width, colour) + &comparison_text(&sample::comparison(), width, colour);
                assert!(widest(&shown) <= width, "{width}: {}\n{shown}", widest(&shown));
            }
        }
    }
}

#[test]
fn text_of_strangers_obeys_nobody() {
    let shown = text(&sample::report(), 200, false) + &comparison_text(&sample::comparison(), 200, false);
    assert!(shown.contains("mail-006"), "{shown}");
    assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown}");
}

#[test]
fn without_colour_the_words_say_the_same() {
    let report = sample::report();
    for width in [60, 100, 160] {
        assert_eq!(bare(&text(&report, width, true)), text(&report, width, false));
        let comparison = sample::comparison();
        assert_eq!(
            bare(&comparison_text(&comparison, width, true)),
            comparison_text(&comparison, width, false)
        );
    }
    assert!(text(&report, 100, true).contains("\u{1b}[31mREGRESSED"));
}

#[test]
fn only_so_many_cases_and_notes_are_shown() {
    let mut report = sample::report();
    report.cases = (0..50).map(|n| sample::case(n, "lead", Some("spam"))).collect();
    report.notes = (0..50).map(|n| format!("note {n}")).collect();
    let shown = text(&report, 100, false);
    assert!(shown.contains("50 of 50") && shown.contains("… and 30 more") && shown.contains("… and 38 more"));
    assert_eq!(shown.matches("lead → spam").count(), 20);
}

#[test]
fn a_matrix_with_no_room_for_names_has_numbers_and_at_last_only_pairs() {
    let shown = |width| text(&crowded(), width, false);
    let named =
        |text: &str| text.lines().any(|line| line.contains("EXPECTED \\") && line.contains("abteilung"));
    assert!(named(&shown(400)) && !named(&shown(160)), "{}", shown(400));
    assert!(shown(160).contains("  2 abteilung-für-beschwerden"), "{}", shown(160));
    assert!(shown(40).contains("EXPECTED") && !shown(40).contains("EXPECTED \\"), "{}", shown(40));
}

#[test]
fn a_comparison_says_what_changed_and_how_sure_that_is() {
    let shown = comparison_text(&sample::comparison(), 100, false);
    for told in [
        "mail: CANNOT TELL",
        "share right  0.0 (−28.0 to +28.0) points",
        "p = 1.000",
        "RIGHT ONLY IN B  1 case",
        "mail-003  support   (person)  support",
        "lead       2     50.0%    100.0%   +50.0",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
}
