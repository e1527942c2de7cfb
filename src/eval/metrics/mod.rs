//! Figures of one run on labelled cases: labels are indices here, and files and reports are somebody else's.

pub mod actions;
pub mod calibration;
pub mod classes;
pub mod clusters;
pub mod costs;
pub mod findings;
pub mod risk;
pub mod stability;
pub mod tally;
pub mod threshold;

/// A case and what was said of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marked<'a> {
    /// Index of the label it has.
    pub expected: usize,
    /// Index of the label it was said to have; `None`: left to a person.
    pub got: Option<usize>,
    /// From 0 to 1.
    pub confidence: Option<f64>,
    /// Cases of one cluster hang together, such as the mails of one thread. A case that stands alone has its own id
    /// here.
    pub cluster: &'a str,
}

impl Marked<'_> {
    /// Whether it was said to have the label it has.
    pub fn is_right(&self) -> bool {
        self.got == Some(self.expected)
    }
}

/// Cases from (expected, got, confidence): twelve stand alone, and more go to the same clusters in turn.
#[cfg(test)]
fn marked(cases: &[(usize, Option<usize>, f64)]) -> Vec<Marked<'static>> {
    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let case = |((expected, got, confidence), cluster): (&(usize, Option<usize>, f64), &'static str)| {
        Marked { expected: *expected, got: *got, confidence: got.map(|_| *confidence), cluster }
    };
    cases.iter().zip(NAMES.into_iter().cycle()).map(case).collect()
}
