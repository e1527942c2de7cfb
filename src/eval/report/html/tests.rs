use super::*;
use crate::eval::report::{sample, sample::HOSTILE};

fn hostile() -> Report {
    let mut report = sample::report();
    report.suite = HOSTILE.to_owned();
    report.classifier = HOSTILE.to_owned();
    report.judges = vec![HOSTILE.to_owned()];
    report.labels[0] = HOSTILE.to_owned();
    report.classes[0].label = HOSTILE.to_owned();
    report.gates[1].got = HOSTILE.to_owned();
    report.notes = vec![HOSTILE.to_owned()];
    report.digests.models.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    report
}

fn hostile_comparison() -> Comparison {
    let mut comparison = sample::comparison();
    comparison.a = HOSTILE.to_owned();
    comparison.classes[0].label = HOSTILE.to_owned();
    comparison.changed[0].b = Some(HOSTILE.to_owned());
    comparison
}

/// The page without its own style and script, which hold signs that text must not.
fn text_of(page: &str) -> String {
    page.replace(STYLE, "").replace(SCRIPT, "")
}

#[test]
fn text_of_strangers_makes_no_element_and_ends_none() {
    let page = html(&[hostile(), sample::report()], &[hostile_comparison()]).unwrap();
    let text = text_of(&page);
    assert_eq!(text.matches("<script").count(), 2);
    assert_eq!(text.matches("</script>").count(), 2);
    assert!(!text.contains("<img") && !text.contains("<!--") && !text.contains("\"q\""), "{text}");
    assert!(text.contains("&lt;&#x2f;script&gt;&lt;img src=x onerror=alert(1)&gt;"), "{text}");
}

#[test]
fn a_letter_that_nobody_sees_is_shown_by_its_number_outside_the_data() {
    let mut comparison = hostile_comparison();
    comparison.changed[0].id = "safe\u{202e}gnp.exe\u{200b}".to_owned();
    let page = html(&[hostile()], &[comparison]).unwrap();
    let shown = text_of(&page);
    let (shown, _) = shown.split_once("<script type=\"application/json\"").unwrap();
    assert!(shown.contains("safeU+202Egnp.exeU+200B"), "{shown}");
    assert!(!shown.chars().any(crate::eval::report::wording::is_unseen));
}

#[test]
fn nothing_in_the_page_points_outside_it() {
    let page = html(&[sample::report()], &[sample::comparison()]).unwrap();
    for outside in [
        "src=\"",
        "url(",
        "@import",
        "<link",
        "<iframe",
        "<form",
        " style=\"",
        " onclick=\"",
        "fetch(",
        "innerHTML",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for (n, _) in page.match_indices("href=\"") {
        assert!(page[n + 6..].starts_with('#'), "{}", &page[n..n + 40]);
    }
}

#[test]
fn the_policy_names_the_very_style_and_script_of_the_page() {
    let page = html(&[sample::report()], &[]).unwrap();
    let between =
        |open: &str, close: &str| page.split_once(open).unwrap().1.split_once(close).unwrap().0.to_owned();
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let policy =
        between("Content-Security-Policy\" content=\"", "\">").replace("&#x27;", "'").replace("&#x2f;", "/");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains(&format!("style-src {};", hash(&between("<style>", "</style>")))), "{policy}");
    assert!(policy.contains(&format!("script-src {};", hash(&between("<script>", "</script>")))), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn the_page_shows_every_part_of_a_suite() {
    let page = text_of(&html(&[sample::report()], &[sample::comparison()]).unwrap());
    for told in [
        "<title>cannot tell (1 suite) · Hookyard eval</title>",
        "<span class=\"value\">0.750</span> <span class=\"interval\">0.700–0.800</span>",
        "no less than 100% before",
        "data-expected=\"1\" data-got=\"0\"",
        "1 of support said to be lead, 50.0%",
        "data-plot=\"reliability\"",
        "data-plot=\"risk_coverage\"",
        "ECE 0.031, Brier 0.061, AUROC 0.934",
        "1 recording is stale.",
        "<span class=\"badge doubtful\">cannot tell</span>",
        "data-case=\"mail-003\"",
    ] {
        assert!(page.contains(told), "{told}\n{page}");
    }
    assert!(!page.contains("class=\"suites\""), "{page}");
}

#[test]
fn several_suites_have_an_overview_and_a_tab_each() {
    let page = text_of(&html(&[sample::report(), sample::report()], &[]).unwrap());
    assert!(page.contains("class=\"suites\"") && page.contains("0 of 2 suites passed"));
    assert_eq!(page.matches("role=\"tab\"").count(), 2);
    let page = text_of(&html(&[sample::report()], &[]).unwrap());
    assert!(page.contains("<title>mail regressed · Hookyard eval</title>"), "{page}");
}

#[test]
fn each_comparison_has_a_tab_and_leads_to_its_own_suite() {
    let tickets = Report { suite: "tickets".to_owned(), ..sample::report() };
    let of_tickets = Comparison { suite: "tickets".to_owned(), ..sample::comparison() };
    let of_nothing = Comparison { suite: "gone".to_owned(), ..sample::comparison() };
    let comparisons = [of_tickets, sample::comparison(), of_nothing];
    let page = text_of(&html(&[sample::report(), tickets], &comparisons).unwrap());
    assert_eq!(page.matches("role=\"tab\"").count(), 5);
    for (n, of) in [(0, "1"), (1, "0"), (2, "")] {
        assert!(page.contains(&format!("id=\"compared-{n}\" data-of=\"{of}\"")), "{n}: {page}");
    }
}

#[test]
fn a_suite_without_anything_is_a_page_too() {
    let mut report = sample::report();
    (report.calibration, report.stability, report.latency_ms, report.cost_usd) = (None, None, None, None);
    (report.actions, report.findings) = (None, None);
    (report.cases, report.classes, report.gates, report.notes, report.risk_coverage) = Default::default();
    report.figures.accuracy = None;
    report.figures.error_cost = None;
    let page = text_of(&html(&[report], &[]).unwrap());
    assert!(page.contains("<span class=\"value\">–</span>") && !page.contains("class=\"matrix"), "{page}");
    assert!(html(&[], &[]).unwrap().contains("<span class=\"dot none\"></span><bdi>No suite was run"));
}
