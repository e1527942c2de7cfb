use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

const LABELS: [&str; 3] = ["lead", "support", "spam"];

fn labels() -> Vec<String> {
    LABELS.map(str::to_owned).to_vec()
}

/// Names of cases, which are their own clusters.
static IDS: LazyLock<Vec<String>> = LazyLock::new(|| (0..1_000).map(|id| format!("case-{id}")).collect());

fn case(id: usize, expected: usize, got: Option<usize>) -> Answered<'static> {
    let (id, expected, got) = (&IDS[id], LABELS[expected], got.map(|got| LABELS[got]));
    Answered { id, cluster: id, digest: None, expected, got, forbidden: false }
}

/// Two runs on cases of the label 0: right in both, only in the first, only in the second, in neither.
fn runs(both: usize, only_a: usize, only_b: usize, neither: usize) -> [Vec<Answered<'static>>; 2] {
    let kinds = [(both, true, true), (only_a, true, false), (only_b, false, true), (neither, false, false)];
    let pairs = kinds.into_iter().flat_map(|(count, a, b)| std::iter::repeat_n((a, b), count));
    let said = |right: bool| if right { Some(0) } else { Some(1) };
    let (a, b) = pairs.enumerate().map(|(id, (a, b))| (case(id, 0, said(a)), case(id, 0, said(b)))).unzip();
    [a, b]
}

fn compared(a: &[Answered<'_>], b: &[Answered<'_>], margin: f64) -> Result<Comparison, CompareError> {
    drawn(a, b, margin, Plan::seeded(4))
}

fn drawn(
    a: &[Answered<'_>],
    b: &[Answered<'_>],
    margin: f64,
    plan: Plan,
) -> Result<Comparison, CompareError> {
    let terms = Terms { margin, plan };
    compare("mail", &labels(), Run { name: "v1", cases: a }, Run { name: "v2", cases: b }, terms)
}

fn verdict_of([a, b]: &[Vec<Answered<'static>>; 2], margin: f64) -> Change {
    drawn(a, b, margin, Plan { seed: 4, resamples: 400 }).unwrap().verdict
}

#[test]
fn a_clear_difference_is_called_by_its_direction() {
    let [a, b] = runs(60, 2, 20, 18);
    let found = compared(&a, &b, 0.02).unwrap();
    assert_eq!((found.both, found.only_a, found.only_b, found.neither), (60, 2, 20, 18));
    assert_eq!((found.cases, found.verdict), (100, Change::Better));
    assert!((found.accuracy_delta.value - 0.18).abs() < 1e-12 && found.accuracy_delta.low > 0.0);
    assert!(found.p_value < 0.001 && found.detectable < 0.18, "{found:?}");
    assert_eq!(verdict_of(&[b, a], 0.02), Change::Worse);
}

#[test]
fn cases_of_a_few_clusters_tell_nothing_however_many_there_are() {
    let grouped = |clusters: usize, runs: [Vec<Answered<'static>>; 2]| {
        let of = |(at, case): (usize, Answered<'static>)| Answered { cluster: &IDS[at % clusters], ..case };
        runs.map(|cases| cases.into_iter().enumerate().map(of).collect::<Vec<_>>())
    };
    for clusters in [1, 2, CLUSTERS_MIN - 1] {
        let [a, b] = grouped(clusters, runs(0, 0, 40, 0));
        let found = compared(&a, &b, 0.02).unwrap();
        assert_eq!((found.clusters, found.verdict, found.detectable), (clusters, Change::Inconclusive, 1.0));
        assert_eq!(verdict_of(&grouped(clusters, runs(200, 0, 0, 0)), 0.2), Change::Inconclusive);
    }
    assert_eq!(verdict_of(&grouped(CLUSTERS_MIN, runs(0, 0, 40, 0)), 0.02), Change::Better);
    // Ten copies of each show no more than one.
    let [a, b] = runs(180, 10, 10, 0);
    let alone = compared(&a, &b, 0.02).unwrap().detectable;
    let [a, b] = grouped(20, [a, b]);
    assert!(compared(&a, &b, 0.02).unwrap().detectable > 2.0 * alone);
}

#[test]
fn a_small_difference_is_equivalent_with_many_cases_and_inconclusive_with_few() {
    assert_eq!(verdict_of(&runs(960, 10, 12, 18), 0.02), Change::Equivalent);
    assert_eq!(verdict_of(&runs(16, 1, 2, 1), 0.02), Change::Inconclusive);
    assert_eq!(verdict_of(&runs(960, 10, 12, 18), 0.001), Change::Inconclusive, "the margin decides");
}

#[test]
fn a_difference_needs_both_witnesses() {
    let delta = |low, high| Estimate { value: f64::midpoint(low, high), low, high };
    let of = |p_value, delta| verdict(p_value, delta, 0.02, 0.02);
    assert_eq!(of(0.05, delta(0.001, 0.2)), Change::Better);
    assert_eq!(of(0.051, delta(0.001, 0.2)), Change::Inconclusive);
    assert_eq!(of(0.01, delta(0.0, 0.2)), Change::Inconclusive);
    assert_eq!(of(0.05, delta(-0.2, -0.001)), Change::Worse);
    assert_eq!(of(0.01, delta(-0.2, 0.0)), Change::Inconclusive);
    assert_eq!(of(0.01, delta(0.001, 0.02)), Change::Better, "small, and certain");
    assert_eq!(of(0.2, delta(-0.02, 0.02)), Change::Equivalent);
    assert_eq!(of(0.2, delta(-0.021, 0.02)), Change::Inconclusive);
    assert_eq!(of(0.2, delta(-0.02, 0.021)), Change::Inconclusive);
    assert_eq!(
        verdict(0.2, delta(0.0, 0.0), 0.021, 0.02),
        Change::Inconclusive,
        "more would have stayed unseen"
    );
}

#[test]
fn equal_runs_are_equivalent_only_with_cases_enough_to_tell() {
    assert_eq!(verdict_of(&runs(3, 0, 0, 0), 0.05), Change::Inconclusive);
    assert_eq!(verdict_of(&runs(150, 0, 0, 0), 0.05), Change::Inconclusive);
    assert_eq!(verdict_of(&runs(160, 0, 0, 0), 0.05), Change::Equivalent);
}

#[test]
fn what_hangs_together_is_one_witness() {
    let [mut a, mut b] = runs(60, 0, 12, 28);
    assert_eq!(verdict_of(&[a.clone(), b.clone()], 0.02), Change::Better);
    // All twelve cases that the second run has right more are of one thread.
    for cases in [&mut a, &mut b] {
        cases[60..72].iter_mut().for_each(|case| case.cluster = "thread");
    }
    let found = compared(&a, &b, 0.02).unwrap();
    assert!(found.p_value <= 0.05 && found.accuracy_delta.low == 0.0, "{found:?}");
    assert_eq!(found.verdict, Change::Inconclusive);
}

#[test]
fn a_label_is_tested_on_its_own_cases_and_corrected_for_the_others() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for id in 0..10 {
        // Leads: seven more are right in the second run. Support: one fewer, and it is left to a person.
        a.push(case(id, 0, if id < 3 { Some(0) } else { Some(2) }));
        b.push(case(id, 0, Some(0)));
        a.push(case(id + 10, 1, Some(1)));
        b.push(case(id + 10, 1, (id > 0).then_some(1)));
    }
    let found = compared(&a, &b, 0.02).unwrap();
    let [lead, support, spam] = &found.classes[..] else { panic!() };
    assert_eq!((lead.support, lead.recall_a, lead.recall_b), (10, Some(0.3), Some(1.0)));
    assert!((lead.p_value - 2.0 / 128.0).abs() < 1e-12 && (lead.p_corrected - 4.0 / 128.0).abs() < 1e-12);
    assert_eq!((support.recall_a, support.recall_b), (Some(1.0), Some(0.9)));
    assert_eq!((support.p_value, support.p_corrected), (1.0, 1.0));
    assert_eq!((spam.support, spam.recall_a, spam.p_corrected), (0, None, 1.0));
    assert_eq!(found.changed.len(), 8);
    let lost = found.changed.iter().find(|changed| changed.id == "case-10").unwrap();
    assert_eq!(
        (lost.expected.as_str(), lost.a.as_deref(), lost.b.as_deref()),
        ("support", Some("support"), None)
    );
}

#[test]
fn the_order_of_the_cases_does_not_matter_to_the_pairs() {
    let [a, mut b] = runs(10, 3, 9, 2);
    let in_order = compared(&a, &b, 0.02);
    b.reverse();
    assert_eq!(compared(&a, &b, 0.02), in_order);
}

#[test]
fn runs_on_other_cases_cannot_be_compared() {
    let [mut a, mut b] = runs(3, 0, 0, 0);
    let told = |a: &[Answered<'_>], b: &[Answered<'_>]| compared(a, b, 0.02).unwrap_err().to_string();
    assert_eq!(told(&a[..2], &b), "only `v2` has the case `case-2`");
    assert_eq!(told(&a, &b[2..]), "only `v1` has the cases `case-0`, `case-1`");
    assert_eq!(told(&a[..1], &b[2..]), "only `v1` has the case `case-0`; only `v2` has the case `case-2`");
    let [many, _] = runs(12, 0, 0, 0);
    assert!(told(&many, &[]).ends_with("`case-9` and 2 more"), "{}", told(&many, &[]));
    assert_eq!(told(&[a[0], a[0]], &b), "`v1` has the case `case-0` twice");
    assert_eq!(told(&[], &[]), "there are no cases to compare");
    a[1].expected = "spam";
    assert_eq!(told(&a, &b), "the case `case-1` is `spam` in one run and `lead` in the other");
    a[2].digest = Some("of before");
    assert!(
        told(&a, &b).starts_with("the case `case-1` is `spam`"),
        "of before there were digests: {}",
        told(&a, &b)
    );
    a[1].expected = "lead";
    b[2].digest = Some("of now");
    assert_eq!(told(&a, &b), "what is asked, or what else is right, differs of the case `case-2`");
    a[1].expected = "spam";
    assert_eq!(
        told(&a, &b),
        "the case `case-1` is `spam` in one run and `lead` in the other; what is asked, or what else is right, differs of \
         the case `case-2`"
    );
    a[1].expected = "lead";
    a[2].digest = None;
    a[1].got = Some("lemon");
    assert_eq!(told(&a, &b), "the case `case-1` has the label `lemon`, which the classifier does not");
}

fn any_run() -> impl Strategy<Value = Vec<(usize, Option<usize>, Option<usize>)>> {
    let got = || prop::option::of(0_usize..3);
    prop::collection::vec((0_usize..3, got(), got()), 1..40)
}

/// Quick: there are many runs.
const FEW_DRAWS: Plan = Plan { seed: 4, resamples: 60 };

proptest! {
    #[test]
    fn a_run_differs_in_nothing_from_itself(run in any_run(), margin in 0.0..1.0) {
        let a: Vec<_> = run.iter().enumerate().map(|(id, (expected, got, _))| case(id, *expected, *got)).collect();
        let found = drawn(&a, &a, margin, FEW_DRAWS).unwrap();
        let enough = if found.detectable <= margin { Change::Equivalent } else { Change::Inconclusive };
        prop_assert_eq!((found.verdict, found.p_value), (enough, 1.0));
        prop_assert_eq!(found.accuracy_delta, Estimate { value: 0.0, low: 0.0, high: 0.0 });
        prop_assert_eq!(found.macro_f1_delta, found.accuracy_delta);
        prop_assert!(found.changed.is_empty() && found.detectable > 0.0);
    }

    #[test]
    fn the_other_way_round_everything_is_the_other_way_round(run in any_run()) {
        let a: Vec<_> = run.iter().enumerate().map(|(id, (expected, got, _))| case(id, *expected, *got)).collect();
        let b: Vec<_> = run.iter().enumerate().map(|(id, (expected, _, got))| case(id, *expected, *got)).collect();
        let (there, back) = (drawn(&a, &b, 0.02, FEW_DRAWS).unwrap(), drawn(&b, &a, 0.02, FEW_DRAWS).unwrap());
        prop_assert_eq!((there.p_value, there.only_a, there.changed.len()), (back.p_value, back.only_b, back.changed.len()));
        prop_assert!((there.accuracy_delta.low + back.accuracy_delta.high).abs() < 1e-12);
        prop_assert!((there.macro_f1_delta.value + back.macro_f1_delta.value).abs() < 1e-12);
        prop_assert_eq!(there.cases, there.both + there.only_a + there.only_b + there.neither);
        let opposite = match there.verdict {
            Change::Better => Change::Worse,
            Change::Worse => Change::Better,
            same => same,
        };
        prop_assert_eq!(back.verdict, opposite);
    }
}
