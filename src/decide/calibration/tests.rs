use proptest::prelude::*;

use super::*;

/// `count` answers of one confidence, of which `right` are right.
fn answers(kinds: &[(f64, usize, usize)]) -> Vec<(f64, bool)> {
    let of = |(confidence, count, right): &(f64, usize, usize)| {
        let (confidence, right) = (*confidence, *right);
        (0..*count).map(move |at| (confidence, at < right)).collect::<Vec<_>>()
    };
    kinds.iter().flat_map(of).collect()
}

#[test]
fn a_judge_that_is_surer_than_right_becomes_modest() {
    let scaling = Scaling::fit(&answers(&[(0.99, 400, 320), (0.6, 200, 110)])).unwrap();
    assert!(scaling.a() < 1.0 && scaling.cases() == 600, "{scaling:?}");
    // Two confidences and two numbers: they fit, but for the two answers that are thought of.
    assert!((scaling.apply(0.99) - 0.8).abs() < 0.01, "{}", scaling.apply(0.99));
    assert!((scaling.apply(0.6) - 0.55).abs() < 0.01, "{}", scaling.apply(0.6));
}

#[test]
fn a_judge_that_is_right_as_often_as_it_says_is_left_alone() {
    let kinds: Vec<_> = (1..20).map(|n| (f64::from(n) / 20.0, 2_000, 100 * n as usize)).collect();
    let scaling = Scaling::fit(&answers(&kinds)).unwrap();
    assert!((scaling.a() - 1.0).abs() < 0.01 && scaling.b().abs() < 0.01, "{scaling:?}");
    assert!((scaling.apply(0.3) - 0.3).abs() < 0.005);
}

#[test]
fn answers_without_a_mistake_are_not_taken_for_certainty() {
    let scaling = Scaling::fit(&answers(&[(0.9, 20, 20), (0.4, 20, 0)])).unwrap();
    assert!((scaling.apply(0.9) - 21.0 / 22.0).abs() < 1e-9, "{}", scaling.apply(0.9));
    assert!((scaling.apply(0.4) - 1.0 / 22.0).abs() < 1e-9);
}

#[test]
fn the_order_of_the_answers_does_not_matter() {
    let mut answers = answers(&[(0.95, 60, 50), (0.7, 30, 18), (0.2, 10, 3)]);
    let one = Scaling::fit(&answers).unwrap();
    assert_eq!(Scaling::fit(&answers), Ok(one));
    answers.reverse();
    let other = Scaling::fit(&answers).unwrap();
    assert!((one.a() - other.a()).abs() < 1e-9 && (one.b() - other.b()).abs() < 1e-9);
}

#[test]
fn too_little_to_learn_from_is_refused() {
    let fit = |kinds: &[(f64, usize, usize)]| Scaling::fit(&answers(kinds));
    assert_eq!(fit(&[(0.9, 20, 15), (0.5, 9, 3)]), Err(FitError::TooFew { answers: 29 }));
    assert!(fit(&[(0.9, 20, 15), (0.5, 10, 3)]).is_ok());
    assert_eq!(fit(&[(0.9, 30, 29), (0.5, 30, 29)]), Err(FitError::OneSided { right: 58, wrong: 2 }));
    assert_eq!(fit(&[(0.9, 30, 1), (0.5, 30, 1)]), Err(FitError::OneSided { right: 2, wrong: 58 }));
    assert_eq!(fit(&[(0.9, 60, 40)]), Err(FitError::Alike));
    assert_eq!(fit(&[(1.5, 60, 40)]), Err(FitError::Confidence(1.5)));
    assert!(matches!(fit(&[(f64::NAN, 60, 40)]), Err(FitError::Confidence(_))));
}

#[test]
fn a_confidence_that_misleads_is_refused() {
    let found = Scaling::fit(&answers(&[(0.9, 50, 20), (0.4, 50, 40)]));
    let Err(FitError::Worthless { a }) = found else { panic!("{found:?}") };
    assert!(a < 0.0);
    assert!(FitError::Worthless { a }.to_string().contains("worth nothing"));
}

#[test]
fn a_file_gives_back_the_scaling_and_cannot_turn_it_round() {
    let scaling = Scaling::fit(&answers(&[(0.95, 60, 50), (0.7, 30, 18)])).unwrap();
    let written = serde_json::to_string(&scaling).unwrap();
    assert_eq!(serde_json::from_str::<Scaling>(&written).unwrap(), scaling);
    let told = serde_json::from_str::<Scaling>(r#"{"a":-1.0,"b":0.0,"cases":90}"#).unwrap_err();
    assert!(told.to_string().contains("a above 0"), "{told}");
}

#[test]
fn a_nan_stays_one_so_that_the_ladder_climbs() {
    assert!(Scaling { a: 1.0, b: 0.0, cases: 90 }.apply(f64::NAN).is_nan());
}

proptest! {
    #[test]
    fn what_is_scaled_stays_in_order_within_0_and_1(a in 1e-6..1e3, b in -1e3..1e3, one in 0.0..=1.0, other in 0.0..=1.0) {
        let scaling = Scaling { a, b, cases: 30 };
        let (low, high) = (scaling.apply(f64::min(one, other)), scaling.apply(f64::max(one, other)));
        prop_assert!(0.0 < low && low <= high && high < 1.0);
    }

    #[test]
    fn no_scaling_near_the_fitted_one_is_likelier(
        drawn in prop::collection::vec((0.0..=1.0, 0.0..1.0), 60..200),
        shift in (-0.1..0.1, -0.1..0.1),
    ) {
        let answers: Vec<(f64, bool)> = drawn.iter().map(|(confidence, at)| (*confidence, at < confidence)).collect();
        if let Ok(scaling) = Scaling::fit(&answers) {
            let right = answers.iter().filter(|(_, right)| *right).count() as f64;
            let wrong = answers.len() as f64 - right;
            let loss = |a: f64, b: f64| -> f64 {
                let of = |(confidence, is_right): &(f64, bool)| {
                    let p = 1.0 / (1.0 + (-(a * logit(*confidence) + b)).exp());
                    let target = if *is_right { (right + 1.0) / (right + 2.0) } else { 1.0 / (wrong + 2.0) };
                    -(target * p.ln() + (1.0 - target) * (1.0 - p).ln())
                };
                answers.iter().map(of).sum()
            };
            prop_assert!(loss(scaling.a, scaling.b) <= loss(scaling.a + shift.0, scaling.b + shift.1) + 1e-9);
        }
    }
}
