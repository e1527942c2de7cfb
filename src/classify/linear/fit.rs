//! Multinomial logistic regression with an L2 penalty, fitted by L-BFGS.
//!
//! One thread, no randomness, every sum in a fixed order: the same rows give the same bits.

use std::collections::VecDeque;
use std::iter;

use super::tfidf::Row;

/// Strength of the L2 penalty on the weights, in units of one example's loss: scikit-learn's 1 / C.
const PENALTY: f64 = 0.025;

/// Converged once no component of the mean loss's gradient exceeds this. On real mail a tighter bound moves
/// no probability by more than .003.
const GRADIENT_MAX: f64 = 1e-5;

/// Steps of one fit. Real mail took about 45.
const STEPS_MAX: usize = 500;

/// Past steps that shape the next one.
const MEMORY_STEPS: usize = 10;

/// Lengths tried for one step, each half the last. If none brings a decrease, rounding hides what is left.
const LENGTHS_MAX: usize = 40;

/// Share of the decrease promised by the slope that a step must deliver (Armijo's rule).
const DECREASE_MIN: f64 = 1e-4;

/// What one text teaches.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) row: Row,
    /// Below the number of classes.
    pub(super) target: usize,
    /// It counts as though it stood there so many times; above 0.
    pub(super) times: f64,
}

/// The weights: `classes` numbers a term, in term order, then one bias a class.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    values: Vec<f64>,
    classes: usize,
}

impl Weights {
    /// Fits rows over `terms` terms to their targets, each below `classes`.
    pub(super) fn fit(samples: &[Sample], classes: usize, terms: usize) -> Self {
        let start = vec![0.0; (terms + 1) * classes];
        let loss = |weights: &[f64], gradient: &mut [f64]| loss(samples, classes, weights, gradient);
        Self { values: minimise(start, loss), classes }
    }

    /// The weights of a term in class order; `term` is an index that the vocabulary gave.
    pub(super) fn of(&self, term: usize) -> &[f64] {
        &self.values[term * self.classes..][..self.classes]
    }

    /// Each class's probability for a row.
    pub(super) fn probabilities(&self, row: &Row) -> Vec<f64> {
        let mut scores = vec![0.0; self.classes];
        score(&self.values, row, &mut scores);
        softmax(&mut scores);
        scores
    }

    /// Every number, in storage order.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Mean loss of the samples plus the penalty; overwrites `gradient` with its gradient. Where every sample counts once,
/// each product with `times` and their sum is exact, so no bit depends on their being weighed.
///
/// Indices hold because samples and `weights` speak of the same terms and classes.
fn loss(samples: &[Sample], classes: usize, weights: &[f64], gradient: &mut [f64]) -> f64 {
    let share_of_one = 1.0 / samples.iter().map(|sample| sample.times).sum::<f64>();
    let shrink = PENALTY * share_of_one;
    let bias = weights.len() - classes;
    let mut total = 0.5 * shrink * dot(&weights[..bias], &weights[..bias]);
    gradient.iter_mut().zip(weights).for_each(|(slope, weight)| *slope = shrink * weight);
    gradient[bias..].fill(0.0); // biases go unpenalised
    let mut errors = vec![0.0; classes];
    for Sample { row, target, times } in samples {
        let share = share_of_one * times;
        score(weights, row, &mut errors);
        let wanted = errors[*target];
        total += share * (softmax(&mut errors) - wanted);
        errors[*target] -= 1.0;
        for &(term, weight) in row {
            add(&mut gradient[term * classes..], share * weight, &errors);
        }
        add(&mut gradient[bias..], share, &errors);
    }
    total
}

/// Writes each class's score: its bias plus the row's terms times their weights.
fn score(weights: &[f64], row: &Row, scores: &mut [f64]) {
    let classes = scores.len();
    scores.copy_from_slice(&weights[weights.len() - classes..]);
    for &(term, weight) in row {
        add(scores, weight, &weights[term * classes..]);
    }
}

/// Turns scores into probabilities and returns ln Σ exp(score), without overflow.
fn softmax(scores: &mut [f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
    let total: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
    highest + total.ln()
}

/// A place on the way down.
struct Point {
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn new(at: Vec<f64>, evaluate: &impl Fn(&[f64], &mut [f64]) -> f64) -> Self {
        let mut gradient = vec![0.0; at.len()];
        let value = evaluate(&at, &mut gradient);
        Self { at, value, gradient }
    }
}

/// A step taken: how far it moved, and by how much the gradient changed on the way.
struct Step {
    moved: Vec<f64>,
    bent: Vec<f64>,
    curvature: f64,
}

/// Minimises a convex function; `evaluate` returns its value and writes its gradient.
///
/// Convexity keeps every curvature from being negative, so plain backtracking is enough.
fn minimise(start: Vec<f64>, evaluate: impl Fn(&[f64], &mut [f64]) -> f64) -> Vec<f64> {
    let mut point = Point::new(start, &evaluate);
    let mut memory: VecDeque<Step> = VecDeque::with_capacity(MEMORY_STEPS);
    for _ in 0..STEPS_MAX {
        if point.gradient.iter().all(|slope| slope.abs() <= GRADIENT_MAX) {
            break;
        }
        let direction = descent(&point.gradient, &memory);
        let slope = dot(&point.gradient, &direction);
        let mut lengths = iter::successors(Some(1.0), |length| Some(0.5 * length)).take(LENGTHS_MAX);
        let found = lengths.find_map(|length| {
            let mut at = point.at.clone();
            add(&mut at, length, &direction);
            let next = Point::new(at, &evaluate);
            (next.value <= point.value + DECREASE_MIN * length * slope).then_some(next)
        });
        let Some(next) = found else { break };
        let moved = difference(&next.at, &point.at);
        let bent = difference(&next.gradient, &point.gradient);
        let curvature = dot(&moved, &bent);
        if memory.len() == MEMORY_STEPS {
            memory.pop_front();
        }
        // Rounding can flatten the last steps; such a one teaches nothing.
        if curvature > 0.0 {
            memory.push_back(Step { moved, bent, curvature });
        }
        point = next;
    }
    point.at
}

/// Where to go: down the gradient, corrected by the curvature of the remembered steps (two-loop recursion).
fn descent(gradient: &[f64], memory: &VecDeque<Step>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let share = dot(&step.moved, &direction) / step.curvature;
        add(&mut direction, -share, &step.bent);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let scale = last.curvature / dot(&last.bent, &last.bent);
        direction.iter_mut().for_each(|along| *along *= scale);
    }
    for (step, share) in memory.iter().zip(shares.into_iter().rev()) {
        let correction = share - dot(&step.bent, &direction) / step.curvature;
        add(&mut direction, correction, &step.moved);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds `scale` times `what`, as far as the shorter of the two reaches.
fn add(to: &mut [f64], scale: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += scale * what);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: usize = 3;
    const TERMS: usize = 4;

    fn samples() -> Vec<Sample> {
        let rows = vec![
            vec![(0, 0.6), (2, 0.8)],
            vec![(1, 1.0)],
            vec![(2, 0.3), (3, 0.9)],
            vec![],
            vec![(0, 0.5), (1, 0.5), (3, 0.7)],
        ];
        let targets = [0, 1, 2, 1, 0];
        rows.into_iter().zip(targets).map(|(row, target)| Sample { row, target, times: 1.0 }).collect()
    }

    /// As many times as its place says, the first one half.
    fn weighed() -> Vec<Sample> {
        samples().into_iter().zip(0_u8..).map(|(s, n)| Sample { times: f64::from(n).max(0.5), ..s }).collect()
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let samples = weighed();
        let weights: Vec<f64> = (0..(TERMS + 1) * CLASSES).map(|i| (i as f64 * 1.7).sin()).collect();
        let mut gradient = vec![f64::NAN; weights.len()];
        loss(&samples, CLASSES, &weights, &mut gradient);
        for (i, slope) in gradient.iter().enumerate() {
            let beside = |by: f64| {
                let mut moved = weights.clone();
                moved[i] += by;
                loss(&samples, CLASSES, &moved, &mut vec![0.0; weights.len()])
            };
            let measured = (beside(1e-6) - beside(-1e-6)) / 2e-6;
            assert!((slope - measured).abs() < 1e-8, "{i}: {slope} against {measured}");
        }
    }

    #[test]
    fn fit_ends_where_the_gradient_vanishes() {
        for samples in [samples(), weighed()] {
            let fitted = Weights::fit(&samples, CLASSES, TERMS);
            let mut gradient = vec![0.0; fitted.values.len()];
            loss(&samples, CLASSES, &fitted.values, &mut gradient);
            assert!(gradient.iter().all(|slope| slope.abs() <= GRADIENT_MAX), "{gradient:?}");
        }
    }

    #[test]
    fn a_sample_that_counts_twice_is_one_that_stands_there_twice() {
        let (once, mut repeated, mut doubled) = (samples(), samples(), samples());
        repeated.extend(once.get(1).cloned());
        doubled[1].times = 2.0;
        let fit = |samples: &[Sample]| Weights::fit(samples, CLASSES, TERMS).values;
        let apart = |a: &[f64], b: &[f64]| {
            difference(a, b).into_iter().fold(0.0, |most: f64, between| most.max(between.abs()))
        };
        let (once, repeated, doubled) = (fit(&once), fit(&repeated), fit(&doubled));
        assert!(apart(&repeated, &doubled) < 1e-3, "{repeated:?} against {doubled:?}");
        assert!(apart(&once, &doubled) > 1e-1, "{once:?} against {doubled:?}");
    }

    #[test]
    fn minimise_finds_the_bottom_of_a_narrow_valley() {
        let steepness = [1.0, 50.0, 2_000.0];
        let bottom = minimise(vec![3.0, -2.0, 1.0], |at, gradient| {
            for ((slope, x), steep) in gradient.iter_mut().zip(at).zip(steepness) {
                *slope = steep * (x - 1.0);
            }
            at.iter().zip(steepness).map(|(x, steep)| 0.5 * steep * (x - 1.0).powi(2)).sum()
        });
        assert!(bottom.iter().all(|x| (x - 1.0).abs() < 1e-6), "{bottom:?}");
    }

    #[test]
    fn softmax_survives_huge_scores() {
        let mut scores = [1e308, -1e308, 1e308];
        softmax(&mut scores);
        assert_eq!(scores, [0.5, 0.0, 0.5]);
    }
}
