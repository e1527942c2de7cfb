//! Finding the likeliest scaling.

use super::logit;

/// Answers below which nothing is learnt.
const ANSWERS_MIN: usize = 30;

/// Right ones, and wrong ones, below which nothing is learnt: two numbers are sought, and each side has to say
/// something of both.
const EACH_MIN: usize = 3;

/// Newton's steps at most; it takes about six.
const STEPS_MAX: u32 = 100;

/// A step is halved so many times at most, if it makes things worse.
const HALVINGS_MAX: u32 = 40;

/// The mean slope of the likelihood at which its top is reached.
const FLAT: f64 = 1e-12;

/// Why nothing can be learnt from some answers.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FitError {
    #[error("{answers} answers are too few: at least {ANSWERS_MIN} are needed")]
    TooFew { answers: usize },
    #[error("{right} answers are right and {wrong} wrong: at least {EACH_MIN} of each are needed")]
    OneSided { right: usize, wrong: usize },
    #[error("{0} is no confidence: it must be from 0 to 1")]
    Confidence(f64),
    #[error("every answer has the same confidence, so that it tells nothing")]
    Alike,
    #[error("surer answers are no more often right (a = {a:.3}): the confidence is worth nothing")]
    Worthless { a: f64 },
}

/// Slope and addend, see [`super::Scaling`].
pub(super) fn fit(answers: &[(f64, bool)]) -> Result<(f64, f64), FitError> {
    if let Some((confidence, _)) = answers.iter().find(|(confidence, _)| !(0.0..=1.0).contains(confidence)) {
        return Err(FitError::Confidence(*confidence));
    }
    let right = answers.iter().filter(|(_, right)| *right).count();
    let wrong = answers.len() - right;
    if answers.len() < ANSWERS_MIN {
        return Err(FitError::TooFew { answers: answers.len() });
    } else if right.min(wrong) < EACH_MIN {
        return Err(FitError::OneSided { right, wrong });
    }
    // Not 1 and 0: as if there were one answer more of each outcome, so that a judge whose answers can be told apart
    // without a mistake is not taken to make none ever.
    let (of_right, of_wrong) = ((right as f64 + 1.0) / (right as f64 + 2.0), 1.0 / (wrong as f64 + 2.0));
    let target = |right: bool| if right { of_right } else { of_wrong };
    let points: Vec<(f64, f64)> = answers.iter().map(|(c, right)| (logit(*c), target(*right))).collect();
    if points.iter().all(|(x, _)| *x == points[0].0) {
        return Err(FitError::Alike);
    }
    let start = (0.0, ((right as f64 + 1.0) / (wrong as f64 + 1.0)).ln());
    let (a, b) = top(&points, start);
    if a > 0.0 { Ok((a, b)) } else { Err(FitError::Worthless { a }) }
}

/// Climbs to the top of the likelihood by Newton's steps. It has one top and no other, and those targets keep it
/// finite.
fn top(points: &[(f64, f64)], start: (f64, f64)) -> (f64, f64) {
    let (mut a, mut b) = start;
    let mut loss_here = loss(points, a, b);
    for _ in 0..STEPS_MAX {
        let slope = Slope::at(points, a, b);
        if slope.a.abs().max(slope.b.abs()) <= FLAT * points.len() as f64 {
            break;
        }
        let Some((step_a, step_b)) = slope.step() else { break };
        let mut length = 1.0;
        let better = (0..HALVINGS_MAX).find_map(|_| {
            let (next_a, next_b) = (a - length * step_a, b - length * step_b);
            let loss = loss(points, next_a, next_b);
            length /= 2.0;
            (loss < loss_here).then_some((next_a, next_b, loss))
        });
        // No step down is left that an f64 can tell.
        let Some(better) = better else { break };
        (a, b, loss_here) = better;
    }
    (a, b)
}

/// First and second derivatives of the loss.
#[derive(Default)]
struct Slope {
    a: f64,
    b: f64,
    aa: f64,
    ab: f64,
    bb: f64,
}

impl Slope {
    fn at(points: &[(f64, f64)], a: f64, b: f64) -> Self {
        let mut slope = Slope::default();
        for (x, target) in points {
            let p = 1.0 / (1.0 + (-(a * x + b)).exp());
            let (off, bend) = (p - target, p * (1.0 - p));
            slope.a += off * x;
            slope.b += off;
            slope.aa += bend * x * x;
            slope.ab += bend * x;
            slope.bb += bend;
        }
        slope
    }

    /// Newton's step, to be subtracted; `None` where the loss has no bend left.
    fn step(&self) -> Option<(f64, f64)> {
        let det = self.aa * self.bb - self.ab * self.ab;
        (det > 0.0).then(|| {
            ((self.bb * self.a - self.ab * self.b) / det, (self.aa * self.b - self.ab * self.a) / det)
        })
    }
}

/// The negative logarithm of the likelihood.
fn loss(points: &[(f64, f64)], a: f64, b: f64) -> f64 {
    let of = |(x, target): &(f64, f64)| {
        let z = a * x + b;
        // ln(1 + e^z) - t·z, written so that no large z overflows.
        z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
    };
    points.iter().map(of).sum()
}
