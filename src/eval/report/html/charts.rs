//! Plots, as places in a drawing.

use serde::Serialize;

use crate::eval::report::{
    Bin, Calibration, RiskPoint,
    wording::{confidence, percent, several},
};

/// Points drawn of a curve at the most.
const POINTS_MAX: usize = 240;

/// A share as a place: from `start` at nothing to `end` at `whole`.
#[derive(Debug, Clone, Copy)]
struct Axis {
    start: f64,
    end: f64,
    whole: f64,
}

impl Axis {
    fn at(&self, share: f64) -> f64 {
        let share = if share.is_finite() { (share / self.whole).clamp(0.0, 1.0) } else { 0.0 };
        tenth(self.start + (self.end - self.start) * share)
    }

    /// Places and names of `steps` parts.
    fn ticks(&self, steps: u32) -> Vec<Tick> {
        let shares = (0..=steps).map(|n| self.whole * f64::from(n) / f64::from(steps));
        shares.map(|share| Tick { at: self.at(share), says: tick(share) }).collect()
    }
}

const ACROSS: Axis = Axis { start: 46.0, end: 380.0, whole: 1.0 };

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tick {
    pub at: f64,
    pub says: String,
}

/// A place that says what is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Dot {
    pub x: f64,
    pub y: f64,
    pub says: String,
}

/// Upright, from the bottom of its axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Bar {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// How right answers are, by how sure they were; below it how many those are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Reliability {
    pub x_ticks: Vec<Tick>,
    pub y_ticks: Vec<Tick>,
    pub bars: Vec<Bar>,
    pub counts: Vec<Bar>,
    pub dots: Vec<Dot>,
    pub rows: Vec<[String; 4]>,
}

impl Reliability {
    pub fn new(calibration: &Calibration) -> Option<Self> {
        let up = Axis { start: 220.0, end: 14.0, whole: 1.0 };
        let most = calibration.bins.iter().map(|bin| bin.count).max().filter(|most| *most > 0)?;
        let strip = Axis { start: 268.0, end: 236.0, whole: most as f64 };
        let bins: Vec<&Bin> = calibration.bins.iter().filter(|bin| bin.count > 0).collect();
        let bar = |bin: &Bin, axis: &Axis, share: f64| {
            let (left, right, top) = (ACROSS.at(bin.low), ACROSS.at(bin.high), axis.at(share));
            let width = tenth((right - left - 2.0).max(1.0));
            Bar { x: tenth(left + 1.0), y: top, width, height: tenth(axis.start - top) }
        };
        Some(Reliability {
            x_ticks: ACROSS.ticks(4),
            y_ticks: up.ticks(4),
            bars: bins.iter().map(|bin| bar(bin, &up, bin.accuracy)).collect(),
            counts: bins.iter().map(|bin| bar(bin, &strip, bin.count as f64)).collect(),
            dots: bins
                .iter()
                .map(|bin| Dot {
                    x: ACROSS.at(bin.confidence),
                    y: up.at(bin.accuracy),
                    says: format!(
                        "{} with a confidence of {} on average: {} right",
                        several(bin.count, "answer"),
                        confidence(bin.confidence),
                        percent(bin.accuracy)
                    ),
                })
                .collect(),
            rows: bins
                .iter()
                .map(|bin| {
                    let range = format!("{}–{}", confidence(bin.low), confidence(bin.high));
                    [range, bin.count.to_string(), confidence(bin.confidence), percent(bin.accuracy)]
                })
                .collect(),
        })
    }
}

/// How much is wrong, by how much is decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RiskCoverage {
    pub x_ticks: Vec<Tick>,
    pub y_ticks: Vec<Tick>,
    /// The curve, and the area below it, as places.
    pub line: String,
    pub area: String,
    pub dots: Vec<Dot>,
    pub rows: Vec<[String; 3]>,
}

impl RiskCoverage {
    pub fn new(points: &[RiskPoint]) -> Option<Self> {
        let mut points: Vec<&RiskPoint> = points.iter().collect();
        points.sort_by(|a, b| a.coverage.total_cmp(&b.coverage));
        let points = thinned(&points, POINTS_MAX);
        let (first, last) = (points.first()?, points.last()?);
        let riskiest = points.iter().map(|point| point.risk).fold(0.0, f64::max);
        let whole = [0.05, 0.1, 0.2, 0.4, 0.6].into_iter().find(|whole| riskiest <= *whole).unwrap_or(1.0);
        let up = Axis { start: 268.0, end: 14.0, whole };
        let place = |point: &RiskPoint| format!("{},{}", ACROSS.at(point.coverage), up.at(point.risk));
        let line = points.iter().map(|point| place(point)).collect::<Vec<_>>().join(" ");
        let (left, right) = (ACROSS.at(first.coverage), ACROSS.at(last.coverage));
        Some(RiskCoverage {
            x_ticks: ACROSS.ticks(4),
            y_ticks: up.ticks(5),
            area: format!("{left},{} {line} {right},{}", up.start, up.start),
            line,
            dots: points
                .iter()
                .map(|point| Dot {
                    x: ACROSS.at(point.coverage),
                    y: up.at(point.risk),
                    says: format!(
                        "from a confidence of {} on: {} decided, {} of those wrong",
                        confidence(point.threshold),
                        percent(point.coverage),
                        percent(point.risk)
                    ),
                })
                .collect(),
            rows: thinned(&points, 12)
                .iter()
                .map(|point| [confidence(point.threshold), percent(point.coverage), percent(point.risk)])
                .collect(),
        })
    }
}

/// At most `most` of the things, evenly, with the first and the last.
fn thinned<T: Copy>(things: &[T], most: usize) -> Vec<T> {
    if things.len() <= most {
        return things.to_vec();
    }
    let last = things.len() - 1;
    (0..most).filter_map(|n| things.get(n * last / (most - 1)).copied()).collect()
}

fn tenth(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

fn tick(share: f64) -> String {
    format!("{}%", tenth(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_runs_from_the_left_and_its_axis_ends_above_it() {
        let point = |threshold, coverage, risk| RiskPoint { threshold, coverage, risk };
        let curve = RiskCoverage::new(&[point(0.2, 1.0, 0.08), point(0.9, 0.5, 0.02)]).unwrap();
        assert_eq!(curve.line, "213,217.2 380,64.8");
        assert_eq!(curve.area, "213,268 213,217.2 380,64.8 380,268");
        assert_eq!(curve.y_ticks.last().unwrap().says, "10%");
        assert_eq!(curve.dots[0].says, "from a confidence of 0.90 on: 50.0% decided, 2.0% of those wrong");
        assert!(RiskCoverage::new(&[]).is_none());
    }

    #[test]
    fn empty_bins_are_not_drawn() {
        let bin = |low: f64, count| Bin { low, high: low + 0.1, count, confidence: low, accuracy: 0.5 };
        let plot = |bins| Reliability::new(&Calibration { ece: 0.0, brier: 0.0, auroc: None, bins });
        assert_eq!(plot(vec![bin(0.8, 4), bin(0.9, 0)]).unwrap().bars.len(), 1);
        assert!(plot(vec![bin(0.8, 0)]).is_none());
    }

    #[test]
    fn what_is_thinned_keeps_its_ends() {
        let things: Vec<usize> = (0..1_000).collect();
        let few = thinned(&things, 12);
        assert_eq!((few.len(), few.first(), few.last()), (12, Some(&0), Some(&999)));
    }

    #[test]
    fn figures_that_are_none_have_a_place_all_the_same() {
        assert_eq!([ACROSS.at(f64::NAN), ACROSS.at(-1.0), ACROSS.at(7.0)], [46.0, 46.0, 380.0]);
    }
}
