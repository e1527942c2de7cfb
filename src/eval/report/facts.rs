//! Figures of a suite that are told in one sentence each.

use super::{
    ActionFigures, Answers, ArrivalReport, Broken, Calibration, FindingFigures, Paid, RelationFigures,
    Report, Spread, Stability,
    wording::{dollars, duration, or_none, percent, percent_estimate, ratio, said, several, spread},
};

/// What a sentence is about, and the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub about: &'static str,
    pub says: String,
}

/// Broken cases that are named of one relation.
const BROKEN_MAX: usize = 10;

/// Calibration, abstention, stability, answers, actions, findings, arrivals, relations, latency and cost: those that the suite has.
pub(super) fn facts(report: &Report) -> Vec<Fact> {
    let answers = (report.answers.asked > 0).then_some(&report.answers);
    let before = [
        ("calibration", report.calibration.as_ref().map(calibration)),
        ("abstention", report.mean_risk.map(abstention)),
        ("stability", report.stability.as_ref().map(stability)),
        ("answers", answers.map(answered)),
        ("actions", report.actions.as_ref().map(actions)),
        ("findings", report.findings.as_ref().map(findings)),
        ("arrivals", (!report.arrivals.is_empty()).then(|| arrivals(&report.arrivals))),
    ];
    let relations = report.metamorphic.iter().map(|of| (of.relation.as_str(), Some(relation(of))));
    let after = [
        (
            "latency",
            report
                .latency_ms
                .as_ref()
                .map(|ms| format!("{}, {} in all", spread(ms, duration), duration(ms.total))),
        ),
        ("cost", cost(report.cost_usd.as_ref(), report.paid_usd)),
    ];
    let found = before.into_iter().chain(relations).chain(after);
    found.filter_map(|(about, says)| Some(Fact { about, says: says? })).collect()
}

fn calibration(calibration: &Calibration) -> String {
    let auroc = or_none(calibration.auroc, ratio);
    format!("ECE {}, Brier {}, AUROC {auroc}", ratio(calibration.ece), ratio(calibration.brier))
}

fn abstention(mean_risk: f64) -> String {
    format!("{} of the answers are wrong in the mean over all thresholds", percent(mean_risk))
}

fn stability(stability: &Stability) -> String {
    format!(
        "{} per case: {} of the cases flip, {} are right every time",
        several(stability.samples, "sample"),
        percent(stability.flip_rate),
        percent(stability.pass_all)
    )
}

/// Per event first: the rest depends on how often each was asked about, and on what was graded.
fn cost(per_event: Option<&Spread>, paid: Paid) -> Option<String> {
    let mut says: Vec<String> =
        per_event.map(|usd| format!("{} an event", spread(usd, dollars))).into_iter().collect();
    let all = paid.asked + paid.graded + paid.metamorphic;
    if all > 0.0 {
        says.push(format!("{} in all", dollars(all)));
    }
    if paid.graded > 0.0 {
        says.push(format!("{} of it for grading", dollars(paid.graded)));
    }
    if paid.metamorphic > 0.0 {
        says.push(format!("{} of it for other forms", dollars(paid.metamorphic)));
    }
    (!says.is_empty()).then(|| says.join(", "))
}

fn answered(answers: &Answers) -> String {
    let mut says = format!(
        "{} asked, {} valid at once, {} repaired",
        answers.asked, answers.valid_first, answers.repaired
    );
    for (n, (flaw, count)) in answers.flaws.iter().enumerate() {
        says.push_str(if n == 0 { "; flaws: " } else { ", " });
        says.push_str(&format!("{flaw} {count}"));
    }
    says
}

fn actions(figures: &ActionFigures) -> String {
    let ActionFigures { cases, expecting: _, missing, forbidden, not_allowed, redelivered, duplicates } =
        figures;
    let cases = several(*cases, "case");
    let mut says = format!("{cases}: {missing} missing, {forbidden} forbidden, {not_allowed} not allowed");
    if *redelivered > 0 {
        says.push_str(&format!("; delivered again: {redelivered} planned, {duplicates} of them done twice"));
    }
    says
}

fn arrivals(all: &[ArrivalReport]) -> String {
    let missed: Vec<&ArrivalReport> = all.iter().filter(|one| !one.passed).collect();
    let cases = several(all.len(), "case");
    let mut says = format!("{cases} not to be judged: {} end as they are to", all.len() - missed.len());
    for (n, one) in missed.iter().take(BROKEN_MAX).enumerate() {
        let ArrivalReport { id, expected, got, why, .. } = one;
        says.push_str(if n == 0 { "; not " } else { ", " });
        says.push_str(&format!("{id} ({got} and not {expected}: {why})"));
    }
    if missed.len() > BROKEN_MAX {
        says.push_str(&format!(" and {} more", missed.len() - BROKEN_MAX));
    }
    says
}

/// How often the same was said of another form, and of which cases it was not.
fn relation(figures: &RelationFigures) -> String {
    let RelationFigures { relation: _, tried, held, undecided, share, left_out, nobody, broken } = figures;
    if *nobody {
        return "does not apply: rules go by conditions, not by labels".to_owned();
    }
    let share = or_none(share.as_ref(), percent_estimate);
    let mut says = format!("the same is said of {held} of {}, {share}", tried - undecided);
    if *undecided > 0 {
        says.push_str(&format!("; {undecided} more are left to a person both times"));
    }
    if *left_out > 0 {
        says.push_str(&format!("; {left_out} left out"));
    }
    for (n, one) in broken.iter().take(BROKEN_MAX).enumerate() {
        says.push_str(if n == 0 { "; not of " } else { ", " });
        says.push_str(&otherwise(one));
    }
    if broken.len() > BROKEN_MAX {
        says.push_str(&format!(" and {} more", broken.len() - BROKEN_MAX));
    }
    says
}

fn otherwise(broken: &Broken) -> String {
    let Broken { case, other, before, after, actions_before, actions_after } = broken;
    let whose = other.as_ref().map_or_else(|| case.clone(), |other| format!("{case} and {other}"));
    if before != after {
        return format!("{whose} ({} → {})", said(before.as_deref()), said(after.as_deref()));
    }
    let named = |actions: &[String]| {
        if actions.is_empty() { "nothing".to_owned() } else { actions.join(" + ") }
    };
    format!("{whose} ({} → {})", named(actions_before), named(actions_after))
}

fn findings(figures: &FindingFigures) -> String {
    format!(
        "{}: {} of {} expected were found, recall {}; {} told, precision {}; {:.1} per case, {} of them at a place \
         that can carry a comment",
        several(figures.cases, "case"),
        figures.matched,
        figures.expected,
        or_none(figures.recall.as_ref(), percent_estimate),
        figures.told,
        or_none(figures.precision.as_ref(), percent_estimate),
        figures.per_case,
        figures.anchored
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::report::sample;

    #[test]
    fn a_suite_tells_only_what_it_has() {
        let mut report = sample::report();
        let told = |report: &Report| facts(report).into_iter().map(|fact| fact.about).collect::<Vec<_>>();
        assert_eq!(
            told(&report),
            [
                "calibration",
                "abstention",
                "stability",
                "answers",
                "actions",
                "findings",
                "arrivals",
                "quoting",
                "latency",
                "cost"
            ]
        );
        (report.calibration, report.mean_risk) = (None, None);
        report.answers.asked = 0;
        report.findings = None;
        report.metamorphic.clear();
        report.arrivals.clear();
        assert_eq!(told(&report), ["stability", "actions", "latency", "cost"]);
    }

    #[test]
    fn what_one_event_costs_is_told_apart_from_what_was_paid() {
        let one = Spread { p50: 0.01, p95: 0.02, p99: 0.02, max: 0.02, total: 0.03 };
        let says = |one, asked, graded| cost(one, Paid { asked, graded, metamorphic: 0.0 });
        assert_eq!(
            says(Some(&one), 0.09, 0.01).as_deref(),
            Some(
                "p50 $0.0100, p95 $0.0200, p99 $0.0200, at most $0.0200 an event, $0.1000 in all, $0.0100 of it for grading"
            )
        );
        assert_eq!(says(None, 0.0, 0.01).as_deref(), Some("$0.0100 in all, $0.0100 of it for grading"));
        assert_eq!(says(None, 0.0, 0.0), None);
    }

    #[test]
    fn what_broke_is_told_with_what_was_said_and_done() {
        let mut report = sample::report();
        let broken = &mut report.metamorphic[0].broken;
        broken[0].case = "a".to_owned();
        let (mut done, mut pair) = (broken[0].clone(), broken[0].clone());
        done.after = done.before.clone();
        pair.other = Some("b".to_owned());
        broken.extend([done, pair]);
        let says = facts(&report).into_iter().find(|fact| fact.about == "quoting").map(|fact| fact.says);
        let wanted = "the same is said of 5 of 6, 83.3% (78.3–88.3); 2 more are left to a person both times; 1 \
                      left out; not of a (lead → (person)), a (label → nothing), a and b (lead → (person))";
        assert_eq!(says.as_deref(), Some(wanted));
        report.metamorphic[0].nobody = true;
        let says = facts(&report).into_iter().find(|fact| fact.about == "quoting").map(|fact| fact.says);
        assert!(says.is_some_and(|says| says.starts_with("does not apply")));
    }

    #[test]
    fn flaws_are_told_by_kind() {
        let says = facts(&sample::report()).into_iter().find(|fact| fact.about == "answers");
        let says = says.map(|fact| fact.says).unwrap_or_default();
        assert_eq!(says, "6 asked, 4 valid at once, 1 repaired; flaws: not_json 1, truncated 1");
    }
}
