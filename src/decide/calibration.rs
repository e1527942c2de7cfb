//! What a judge's confidence is worth: of answers with so much of it, so many were right.
//!
//! A judge may be surer than it is right. Its confidence c is scaled to 1 / (1 + exp(-(a·logit(c) + b))), where a and
//! b are those under which what was seen is likeliest (Platt). a = 1 and b = 0 leave it as it is; a below 1 makes it
//! more modest. The order of two confidences never changes: only where [`super::ladder::step`] draws its line does.

mod fit;

use serde::{Deserialize, Serialize};

pub use fit::FitError;

/// A confidence is taken to be at least so far from 0 and 1: what lies beyond is said by a judge, but never measured.
/// Nor may a single answer with a confidence of 1, whose logit is infinite, decide everything.
const CONFIDENCE_EDGE: f64 = 1e-4;

/// The scaling of one judge's confidence. Read from a file, it is refused unless it keeps the order of confidences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Scaling {
    /// Slope, above 0.
    a: f64,
    /// What is added.
    b: f64,
    /// From so many answers.
    cases: usize,
}

impl Scaling {
    /// The likeliest scaling of answers that came with a confidence from 0 to 1 and were right or not. The same
    /// answers give the same scaling; their order makes no difference beyond rounding.
    ///
    /// # Errors
    /// There is too little to learn from, or what there is says that a confidence is worth nothing; see [`FitError`].
    pub fn fit(answers: &[(f64, bool)]) -> Result<Self, FitError> {
        fit::fit(answers).map(|(a, b)| Scaling { a, b, cases: answers.len() })
    }

    /// How likely an answer with this confidence is right: above 0, below 1, and not less for a greater confidence. A
    /// NaN stays one.
    pub fn apply(self, confidence: f64) -> f64 {
        let scaled = 1.0 / (1.0 + (-(self.a * logit(confidence) + self.b)).exp());
        scaled.clamp(f64::EPSILON, 1.0 - f64::EPSILON)
    }

    /// Slope: below 1 if the judge was surer than it was right.
    pub fn a(self) -> f64 {
        self.a
    }

    /// What is added to the scaled logit.
    pub fn b(self) -> f64 {
        self.b
    }

    /// From how many answers it was learnt.
    pub fn cases(self) -> usize {
        self.cases
    }
}

fn logit(confidence: f64) -> f64 {
    let confidence = confidence.clamp(CONFIDENCE_EDGE, 1.0 - CONFIDENCE_EDGE);
    (confidence / (1.0 - confidence)).ln()
}

/// A scaling as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    a: f64,
    b: f64,
    cases: usize,
}

impl TryFrom<Written> for Scaling {
    type Error = String;

    fn try_from(Written { a, b, cases }: Written) -> Result<Self, String> {
        let sound = a.is_finite() && a > 0.0 && b.is_finite();
        sound
            .then_some(Scaling { a, b, cases })
            .ok_or_else(|| format!("a = {a}, b = {b} is no scaling: both must be finite, and a above 0"))
    }
}

#[cfg(test)]
mod tests;
