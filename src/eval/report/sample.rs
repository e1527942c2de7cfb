//! A small report with everything in it, for the tests of its forms.

use std::collections::BTreeMap;

use super::*;

/// Case text that tries to break out of every form.
pub(super) const HOSTILE: &str = "</script><img src=x onerror=alert(1)> @octocat `x` | [a](http://evil.example) <!-- \
                                  {{ 7*7 }} \u{202e}\u{1b}[31m ]]> www.evil.example #1 **b** & \"q\" 'q'";

/// An estimate whose interval reaches 0.05 to each side.
pub(super) fn estimate(value: f64) -> Estimate {
    Estimate { value, low: (value - 0.05).max(0.0), high: (value + 0.05).min(1.0) }
}

pub(super) fn case(n: usize, expected: &str, got: Option<&str>) -> CaseReport {
    let right = got == Some(expected);
    let faults = if right { Vec::new() } else { vec![format!("it should be `{expected}`")] };
    CaseReport {
        id: format!("mail-{n:03}"),
        line: n,
        split: "test".to_owned(),
        tags: vec!["short".to_owned()],
        cluster: format!("c{n}"),
        digest: None,
        expected: expected.to_owned(),
        got: got.map(str::to_owned),
        judge: got.map(|_| "rules".to_owned()),
        confidence: got.map(|_| 0.81),
        why: vec!["it names a price".to_owned()],
        right,
        passed: right,
        faults,
        actions: vec!["label".to_owned()],
        forbidden: Vec::new(),
        duplicates: Vec::new(),
        samples: Vec::new(),
        latency_ms: Some(12.0),
        cost_usd: None,
        prompt: Some(Prompt { system: "You sort mail.".to_owned(), event: "Hello".to_owned() }),
        output: Some(serde_json::json!({ "label": got })),
        before: Some(Before { got: Some(expected.to_owned()), passed: true, digest: None }),
    }
}

/// Seven cases: five right, one wrong (and hostile), one left to a person.
pub(super) fn report() -> Report {
    let mut wrong = case(6, "support", Some("lead"));
    wrong.id = format!("mail-006 {HOSTILE}");
    wrong.faults = vec![HOSTILE.to_owned()];
    wrong.why = vec![HOSTILE.to_owned()];
    wrong.tags = vec![HOSTILE.to_owned()];
    wrong.prompt = Some(Prompt { system: "You sort mail.".to_owned(), event: HOSTILE.to_owned() });
    wrong.output = Some(serde_json::json!({ HOSTILE: HOSTILE }));
    let cases = vec![
        case(1, "lead", Some("lead")),
        case(2, "lead", Some("lead")),
        case(3, "support", Some("support")),
        case(4, "spam", Some("spam")),
        case(5, "spam", Some("spam")),
        wrong,
        case(7, "spam", None),
    ];
    Report {
        suite: "mail".to_owned(),
        classifier: "triage".to_owned(),
        judges: vec!["rules".to_owned(), "local".to_owned()],
        mode: "offline".to_owned(),
        splits: vec!["dev".to_owned(), "test".to_owned()],
        seed: 7,
        digests: Digests {
            prompt: "3fa2c1".to_owned(),
            schema: "90bb11".to_owned(),
            models: BTreeMap::from([("local".to_owned(), "77aa00".to_owned())]),
            cases: "1c0ffe".to_owned(),
        },
        labels: ["lead", "support", "spam"].map(str::to_owned).to_vec(),
        figures: figures(),
        classes: classes(),
        calibration: Some(Calibration {
            ece: 0.031,
            brier: 0.061,
            auroc: Some(0.934),
            bins: vec![Bin { low: 0.8, high: 0.9, count: 6, confidence: 0.81, accuracy: 0.833 }],
        }),
        mean_risk: Some(0.031),
        risk_coverage: vec![
            RiskPoint { threshold: 0.9, coverage: 0.5, risk: 0.0 },
            RiskPoint { threshold: 0.0, coverage: 0.857, risk: 0.167 },
        ],
        stability: Some(Stability { samples: 3, flip_rate: 0.1, pass_all: 0.8 }),
        answers: Answers {
            asked: 6,
            valid_first: 4,
            repaired: 1,
            flaws: BTreeMap::from([("not_json".to_owned(), 1), ("truncated".to_owned(), 1)]),
        },
        latency_ms: Some(Spread { p50: 4.2, p95: 12.0, p99: 31.0, max: 80.0, total: 3_100.0 }),
        cost_usd: Some(Spread { p50: 0.0, p95: 0.0, p99: 0.0, max: 0.0, total: 0.0 }),
        paid_usd: Paid::default(),
        actions: Some(ActionFigures {
            cases: 4,
            forbidden: 1,
            not_allowed: 2,
            redelivered: 9,
            ..ActionFigures::default()
        }),
        findings: Some(FindingFigures {
            cases: 3,
            expected: 7,
            told: 8,
            matched: 5,
            anchored: 8,
            precision: Some(estimate(0.625)),
            recall: Some(estimate(0.714)),
            per_case: 2.67,
        }),
        graded: Vec::new(),
        arrivals: vec![ArrivalReport {
            id: "ping".to_owned(),
            line: 8,
            expected: "filtered".to_owned(),
            got: "accepted".to_owned(),
            why: HOSTILE.to_owned(),
            passed: false,
        }],
        metamorphic: vec![RelationFigures {
            relation: Relation::Quoting,
            tried: 8,
            held: 5,
            undecided: 2,
            share: Some(estimate(0.833)),
            left_out: 1,
            nobody: false,
            broken: vec![Broken {
                case: format!("mail-006 {HOSTILE}"),
                other: None,
                before: Some("lead".to_owned()),
                after: None,
                actions_before: vec!["label".to_owned()],
                actions_after: Vec::new(),
            }],
        }],
        gates: gates(),
        verdict: Verdict::Regressed,
        cases,
        notes: vec!["1 recording is stale.".to_owned()],
        leftovers: Vec::new(),
    }
}

fn figures() -> Figures {
    Figures {
        cases: 7,
        decided: 6,
        correct: 5,
        accuracy: Some(estimate(0.833)),
        coverage: estimate(0.857),
        macro_f1: estimate(0.75),
        micro_f1: estimate(0.769),
        weighted_f1: estimate(0.762),
        macro_f1_decided: Some(estimate(0.822)),
        error_cost: Some(Estimate { value: 0.42, low: 0.31, high: 0.55 }),
    }
}

fn classes() -> Vec<Class> {
    let class = |label: &str, support, said, precision, recall, f1, confusion: [usize; 4]| Class {
        label: label.to_owned(),
        support,
        said,
        precision: Some(estimate(precision)),
        recall: Some(estimate(recall)),
        f1,
        confusion: confusion.to_vec(),
    };
    vec![
        class("lead", 2, 3, 0.667, 1.0, 0.8, [2, 0, 0, 0]),
        class("support", 2, 1, 1.0, 0.5, 0.667, [1, 1, 0, 0]),
        class("spam", 3, 2, 1.0, 0.667, 0.8, [0, 0, 2, 1]),
    ]
}

fn gates() -> Vec<Gate> {
    let gate = |name: &str, wanted: &str, got: &str, held| Gate {
        name: name.to_owned(),
        wanted: wanted.to_owned(),
        got: got.to_owned(),
        held,
    };
    vec![
        gate("accuracy", "at least 80%", "83.3%", Held::Passed),
        gate("recall of support", "no less than 100% before", "50.0%", Held::Regressed),
    ]
}

/// The same cases with another prompt: one was mended, one broke.
pub(super) fn comparison() -> Comparison {
    let changed = |id: &str, expected: &str, a: Option<&str>, b: Option<&str>| Changed {
        id: id.to_owned(),
        expected: expected.to_owned(),
        a: a.map(str::to_owned),
        b: b.map(str::to_owned),
    };
    Comparison {
        suite: "mail".to_owned(),
        a: "prompts of main".to_owned(),
        b: "prompts here".to_owned(),
        cases: 7,
        clusters: 120,
        both: 4,
        only_a: 1,
        only_b: 1,
        neither: 1,
        p_value: 1.0,
        accuracy_delta: Estimate { value: 0.0, low: -0.28, high: 0.28 },
        macro_f1_delta: Estimate { value: 0.012, low: -0.2, high: 0.22 },
        classes: vec![ClassChange {
            label: "lead".to_owned(),
            support: 2,
            recall_a: Some(0.5),
            recall_b: Some(1.0),
            p_value: 0.5,
            p_corrected: 1.0,
        }],
        detectable: 0.4,
        margin: 0.02,
        verdict: Change::Inconclusive,
        changed: vec![
            changed("mail-003", "support", None, Some("support")),
            changed(&format!("mail-006 {HOSTILE}"), "support", Some("support"), Some("lead")),
        ],
        newly_forbidden: Vec::new(),
        notes: vec!["the two sides are not alike".to_owned()],
    }
}
