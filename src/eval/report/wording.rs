//! How figures and verdicts are said: the same words in every form of report.

use std::borrow::Cow;

use crate::eval::compare::CLUSTERS_MIN;

use super::{Change, Comparison, Estimate, GradedFigures, Held, SecondGrades, Spread, Verdict};

/// What is said where there is no figure.
pub(super) const NO_FIGURE: &str = "–";

/// The last column of a confusion matrix: cases that no judge decided.
pub(super) const LEFT_TO_A_PERSON: &str = "(person)";

/// A share, such as `94.8%`.
pub fn percent(share: f64) -> String {
    figure(share, |share| format!("{:.1}%", share * 100.0))
}

/// A figure from 0 to 1 that is no share, such as `0.912`.
pub(super) fn ratio(value: f64) -> String {
    figure(value, |value| format!("{value:.3}"))
}

/// A confidence, such as `0.81`.
pub(super) fn confidence(value: f64) -> String {
    figure(value, |value| format!("{value:.2}"))
}

/// A difference of shares in percentage points, such as `+6.3`.
pub(super) fn points(difference: f64) -> String {
    figure(difference, |difference| signed(difference * 100.0, 1))
}

/// A difference of figures that are no shares, such as `+0.058`.
pub(super) fn ratio_change(difference: f64) -> String {
    figure(difference, |difference| signed(difference, 3))
}

/// A number with its sign; what rounds to nothing has none.
fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:+.decimals$}");
    let is_nothing = !text.chars().any(|c| ('1'..='9').contains(&c));
    if is_nothing { text.trim_start_matches(['+', '-']).to_owned() } else { text.replace('-', "−") }
}

/// A probability of chance alone, such as `0.012`, or `< 0.001`.
pub(super) fn chance(p: f64) -> String {
    figure(p, |p| if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") })
}

/// Milliseconds, in seconds from one second on.
pub fn duration(milliseconds: f64) -> String {
    figure(milliseconds, |ms| match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    })
}

/// US dollars: to the cent from one dollar on, to a hundredth of a cent below.
pub fn dollars(amount: f64) -> String {
    figure(amount, |usd| match usd {
        0.0 => "$0".to_owned(),
        usd if usd >= 1.0 => format!("${usd:.2}"),
        usd if usd < 0.000_05 => "< $0.0001".to_owned(),
        usd => format!("${usd:.4}"),
    })
}

/// The middle, the high percentiles and the greatest, each in `unit`.
pub(super) fn spread(spread: &Spread, unit: fn(f64) -> String) -> String {
    let [p50, p95, p99, max] = [spread.p50, spread.p95, spread.p99, spread.max].map(unit);
    format!("p50 {p50}, p95 {p95}, p99 {p99}, at most {max}")
}

/// What a graded text is worth, in a sentence.
pub fn grades(figures: &GradedFigures) -> String {
    let GradedFigures { field, judge, graded, mean, well, by_people, agreement, cost_usd: _, second } =
        figures;
    let of_one =
        |judge: &str, graded: usize, mean: Option<f64>, well: usize, people: (usize, Option<f64>)| {
            let mean = mean.map_or("none".to_owned(), |mean| format!("{mean:.2}"));
            let agreement = match people {
                (count, Some(kappa)) => format!("kappa {kappa:.2} with people on {count}"),
                (count, None) => format!("not comparable with people, who graded {count}"),
            };
            format!("{judge} graded {graded}, mean {mean}, {well} well; {agreement}")
        };
    let mut says = format!("{field}: {}", of_one(judge, *graded, *mean, *well, (*by_people, *agreement)));
    if let Some(SecondGrades { judge, graded, mean, well, by_people, agreement, by_both, with_first }) =
        second
    {
        let both = match with_first {
            Some(kappa) => format!("kappa {kappa:.2} of both judges on {by_both}"),
            None => format!("the judges are not comparable on {by_both}"),
        };
        let other = of_one(judge, *graded, *mean, *well, (*by_people, *agreement));
        says.push_str(&format!("; {other}; {both}"));
    }
    says
}

fn figure(value: f64, say: impl FnOnce(f64) -> String) -> String {
    if value.is_finite() { say(value) } else { NO_FIGURE.to_owned() }
}

/// An interval of shares without its sign of percent, such as `91.2–97.0`.
pub(super) fn percent_interval(estimate: &Estimate) -> String {
    let bound = |share: f64| figure(share, |share| format!("{:.1}", share * 100.0));
    format!("{}–{}", bound(estimate.low), bound(estimate.high))
}

/// An interval of figures that are no shares, such as `0.871–0.944`.
pub(super) fn ratio_interval(estimate: &Estimate) -> String {
    format!("{}–{}", ratio(estimate.low), ratio(estimate.high))
}

/// A share with its interval, such as `94.8% (91.2–97.0)`.
pub(super) fn percent_estimate(estimate: &Estimate) -> String {
    format!("{} ({})", percent(estimate.value), percent_interval(estimate))
}

/// Another figure with its interval, such as `0.912 (0.871–0.944)`.
pub(super) fn ratio_estimate(estimate: &Estimate) -> String {
    format!("{} ({})", ratio(estimate.value), ratio_interval(estimate))
}

/// A difference with its interval, such as `+6.3 (+2.1 to +10.4)`.
pub(super) fn change_estimate(estimate: &Estimate, unit: fn(f64) -> String) -> String {
    format!("{} ({} to {})", unit(estimate.value), unit(estimate.low), unit(estimate.high))
}

/// An optional figure, or the sign that there is none.
pub(super) fn or_none<T>(value: Option<T>, say: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NO_FIGURE.to_owned(), say)
}

/// A number of things, such as `1 case` or `2 cases`.
pub fn several(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Whom a case was given to: a label, or a person.
pub(super) fn said(label: Option<&str>) -> &str {
    label.unwrap_or(LEFT_TO_A_PERSON)
}

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Regressed => "regressed",
    }
}

pub(super) fn held(held: Held) -> &'static str {
    match held {
        Held::Passed => "passed",
        Held::Failed => "failed",
        Held::Regressed => "regressed",
    }
}

/// The verdict on two runs in a few words.
pub(super) fn change(change: Change) -> &'static str {
    match change {
        Change::Better => "B is better",
        Change::Worse => "B is worse",
        Change::Equivalent => "no difference that matters",
        Change::Inconclusive => "cannot tell",
    }
}

/// The verdicts on all suites of two runs, the worst first: one sentence.
pub(super) fn changes(comparisons: &[Comparison]) -> String {
    let worst_first = [Change::Worse, Change::Inconclusive, Change::Equivalent, Change::Better];
    let count = |verdict| comparisons.iter().filter(|one| one.verdict == verdict).count();
    let each = worst_first.into_iter().filter(|verdict| count(*verdict) > 0);
    let suites = |verdict| format!("{} ({})", change(verdict), several(count(verdict), "suite"));
    each.map(suites).collect::<Vec<_>>().join(", ")
}

/// What the verdict on two runs rests on: one sentence.
pub(super) fn change_reason(comparison: &Comparison) -> String {
    let margin = points(comparison.margin).replace('+', "");
    if let [first, ..] = comparison.newly_forbidden.as_slice() {
        let cases = several(comparison.newly_forbidden.len(), "case");
        return format!("B plans what is forbidden of {cases} and A does not, such as {first}.");
    }
    match comparison.verdict {
        Change::Better => "B is right more often than chance explains.".to_owned(),
        Change::Worse => "B is right less often than chance explains.".to_owned(),
        Change::Equivalent => format!("Whatever the difference is, it is smaller than {margin} points."),
        Change::Inconclusive if comparison.clusters < CLUSTERS_MIN => format!(
            "The cases are of {}: too few to tell anything from.",
            several(comparison.clusters, "cluster")
        ),
        Change::Inconclusive => format!(
            "The difference is no larger than chance makes it, and may still be more than {margin} points."
        ),
    }
}

/// What the comparison could have shown: one sentence.
pub(super) fn detectable(comparison: &Comparison) -> String {
    let [smallest, margin] =
        [comparison.detectable, comparison.margin].map(|share| points(share).replace('+', ""));
    format!(
        "{} would show a difference of {smallest} points or more in four of five runs; below {margin} points it does \
         not matter.",
        several(comparison.cases, "case")
    )
}

/// Text of strangers on one line, without what a terminal would obey or what turns the reading direction.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => ' ',
            c if turns_direction(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// Letters that nobody sees: they would hide what a text says, or turn it around. Line breaks and tabs are seen by what they do.
pub(super) fn is_unseen(c: char) -> bool {
    let separates = matches!(c, '\n' | '\r' | '\t');
    (c.is_control() && !separates)
        || turns_direction(c)
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `chars_max` characters, the last of them a `…` if any were cut.
pub(super) fn clipped(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.chars().nth(chars_max).is_none() {
        return Cow::Borrowed(text);
    }
    let mut cut: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    Cow::Owned(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_and_a_missing_one_is_a_dash() {
        assert_eq!(percent(0.9476), "94.8%");
        assert_eq!(percent(f64::NAN), NO_FIGURE);
        let estimate = Estimate { value: 0.9476, low: 0.912, high: 0.97 };
        assert_eq!(percent_estimate(&estimate), "94.8% (91.2–97.0)");
        assert_eq!(ratio_estimate(&estimate), "0.948 (0.912–0.970)");
        assert_eq!((chance(0.0004).as_str(), chance(0.0123).as_str()), ("< 0.001", "0.012"));
    }

    #[test]
    fn a_difference_has_its_sign_and_none_where_it_rounds_to_nothing() {
        assert_eq!([0.063, -0.0214, 0.000_04, -0.000_04].map(points), ["+6.3", "−2.1", "0.0", "0.0"]);
        assert_eq!(ratio_change(-0.058), "−0.058");
    }

    #[test]
    fn time_and_money_keep_a_readable_unit() {
        assert_eq!([4.21, 312.4, 3_100.0].map(duration), ["4.2 ms", "312 ms", "3.1 s"]);
        assert_eq!([0.0, 0.000_01, 0.0123, 12.3].map(dollars), ["$0", "< $0.0001", "$0.0123", "$12.30"]);
    }

    #[test]
    fn nothing_that_steers_a_terminal_or_the_direction_is_left() {
        assert_eq!(plain("a\x1b[31mb\nc\u{9b}d\u{202e}e\u{2066}"), "a [31mb c d\u{fffd}e\u{fffd}");
    }

    #[test]
    fn a_clipped_text_says_that_it_is() {
        assert_eq!(clipped("größer", 6), "größer");
        assert_eq!(clipped("größer", 4), "grö…");
    }
}
