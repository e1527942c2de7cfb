use super::*;
use crate::eval::report::{sample, sample::HOSTILE};

fn hostile() -> Report {
    let mut report = sample::report();
    report.suite = HOSTILE.to_owned();
    report.labels[0] = HOSTILE.to_owned();
    report.classes[0].label = HOSTILE.to_owned();
    report.gates[1].got = HOSTILE.to_owned();
    report.notes = vec![HOSTILE.to_owned()];
    report.answers.flaws.insert(HOSTILE.to_owned(), 1);
    report
}

#[test]
fn a_comment_has_the_table_the_gates_and_the_folded_rest() {
    let other = Comparison { suite: "tickets".to_owned(), ..sample::comparison() };
    let shown = markdown(&[sample::report()], &[sample::comparison(), other]);
    for told in [
        "## ✅ Eval: cannot tell (2 suites)\n",
        "| <code>mail</code> | ❌ regressed | 0.750 (0.700–0.800) |",
        "| recall of support | no less than 100% before | 50&#46;0% | ❌ regressed |",
        "### <code>mail</code>: cannot tell\n",
        "### <code>tickets</code>: cannot tell\n",
        "<details><summary>2 cases changed from A to B</summary>\n\n| Case |",
        "| <code>mail&#45;003</code> | <code>support</code> | (person) | <code>support</code> | mended |",
        "<summary><code>mail</code>: 2 cases changed since the baseline</summary>",
        "<summary><code>mail</code>: 2 cases missed</summary>",
        "<summary><code>mail</code>: 3 classes</summary>",
        "1 recording is stale&#46;",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    assert_eq!(shown.matches("<details>").count(), shown.matches("</details>").count());
    let alone = markdown(&[sample::report()], &[]);
    assert!(alone.starts_with("## ❌ Eval: 1 of 1 suite did not pass\n"), "{alone}");
    let worse =
        markdown(&[sample::report()], &[Comparison { verdict: Change::Worse, ..sample::comparison() }]);
    assert!(worse.starts_with("## ❌ Eval: B is worse (1 suite)\n"), "{worse}");
}

#[test]
fn text_of_strangers_breaks_out_of_nothing() {
    let shown = markdown(&[hostile()], &[sample::comparison()]);
    let mut left = String::new();
    // What is no numeric reference is all that a reader of Markdown can take for structure.
    for (n, part) in shown.split("&#").enumerate() {
        left.push_str(if n == 0 { part } else { part.split_once(';').unwrap().1 });
    }
    for forbidden in
        ["@", "`", "](", ":/", "www.", "<img", "<script", "<!--", "b**", "{{", "\u{202e}", "\u{1b}"]
    {
        assert!(!left.contains(forbidden), "{forbidden}\n{left}");
    }
    let tags = ["<code>", "</code>", "<details>", "</details>", "<summary>", "</summary>", "<br>"];
    assert!(!tags.iter().fold(left, |left, tag| left.replace(tag, "")).contains('<'));
    // Every row of a table has as many cells as its head.
    let pipes = |line: &str| line.matches('|').count();
    let mut columns = 0;
    for line in shown.lines() {
        columns = if !line.starts_with('|') {
            0
        } else if columns == 0 {
            pipes(line)
        } else {
            columns
        };
        assert!(columns == 0 || pipes(line) == columns, "{line}");
    }
}

#[test]
fn a_comment_is_never_longer_than_a_host_takes() {
    let mut report = hostile();
    report.cases = (0..500).map(|n| sample::case(n, HOSTILE, Some("spam"))).collect();
    report.notes = vec![HOSTILE.repeat(5); 300];
    assert!(markdown(&[report.clone()], &[]).contains("… and 475 more"));
    let shown = markdown(&vec![report; 40], &[sample::comparison()]);
    assert!(shown.chars().count() < 65_536, "{}", shown.len());
    assert!(shown.contains("Parts left out"));
    assert_eq!(shown.matches("<details>").count(), shown.matches("</details>").count());
}

#[test]
fn the_headline_counts_the_suites_that_passed() {
    let mut passed = sample::report();
    passed.verdict = Verdict::Passed;
    assert!(markdown(&[passed.clone(), passed.clone()], &[]).starts_with("## ✅ Eval: 2 suites passed\n"));
    assert!(
        markdown(&[passed, sample::report()], &[]).starts_with("## ❌ Eval: 1 of 2 suites did not pass\n")
    );
    assert!(markdown(&[], &[]).starts_with("## Eval: no suite was run\n"));
}
