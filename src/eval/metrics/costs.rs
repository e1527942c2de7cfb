//! What errors cost, where they are not all equally bad: a lead taken for spam is lost, spam taken for a lead is
//! looked at.

use super::{Marked, clusters::by_cluster};
use crate::eval::{
    report::Estimate,
    stats::bootstrap::{self, Plan},
};

/// Why prices are none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CostsError {
    #[error("row {row} of the costs has {got} entries, and there are {labels} labels")]
    Size { row: usize, got: usize, labels: usize },
    #[error("{0} is no cost: it must be 0 or more, and finite")]
    Cost(f64),
}

/// The price of each error, in any one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    matrix: Vec<Vec<f64>>,
    person: f64,
}

impl Costs {
    /// `matrix[expected][said]` is the cost of saying `said` of a case that is `expected`, and `person` that of
    /// leaving a case to a person, whatever it is.
    ///
    /// # Errors
    /// The matrix is not square, or a cost is negative or not finite.
    pub fn new(matrix: Vec<Vec<f64>>, person: f64) -> Result<Self, CostsError> {
        let labels = matrix.len();
        if let Some((row, costs)) = matrix.iter().enumerate().find(|(_, costs)| costs.len() != labels) {
            return Err(CostsError::Size { row, got: costs.len(), labels });
        }
        let wrong = |cost: &&f64| !cost.is_finite() || **cost < 0.0;
        if let Some(cost) = matrix.iter().flatten().chain([&person]).find(wrong) {
            return Err(CostsError::Cost(*cost));
        }
        Ok(Costs { matrix, person })
    }

    /// What it costs to leave a case to a person.
    pub fn person(&self) -> f64 {
        self.person
    }

    /// What came of a case costs this. Both labels must be less than the matrix is wide.
    pub fn of(&self, expected: usize, got: Option<usize>) -> f64 {
        got.map_or(self.person, |got| self.matrix[expected][got])
    }
}

/// The mean cost per case, its interval drawn by cluster; `None` of no cases.
pub fn per_case(cases: &[Marked<'_>], costs: &Costs, plan: Plan) -> Option<Estimate> {
    let priced = cases.iter().map(|case| (case.cluster, costs.of(case.expected, case.got)));
    let total = |cluster: Vec<f64>| (cluster.len(), cluster.iter().sum::<f64>());
    let clusters: Vec<(usize, f64)> = by_cluster(priced).into_iter().map(total).collect();
    let [mean] = bootstrap::estimates(plan, clusters.len(), |drawn| {
        let add = |(all, sum), at: &usize| (all + clusters[*at].0, sum + clusters[*at].1);
        let (all, sum) = drawn.iter().fold((0, 0.0), add);
        [(all > 0).then(|| sum / all as f64)]
    });
    mean
}

#[cfg(test)]
mod tests {
    use super::{super::marked, *};

    #[test]
    fn the_mean_is_over_all_cases_with_those_left_to_a_person() {
        let costs = Costs::new(vec![vec![0.0, 10.0], vec![1.0, 0.0]], 0.5).unwrap();
        let cases = marked(&[
            (0, Some(0), 0.9),
            (1, Some(0), 0.9),
            (0, Some(1), 0.9),
            (0, Some(1), 0.9),
            (1, None, 0.0),
        ]);
        let found = per_case(&cases, &costs, Plan::seeded(1)).unwrap();
        assert_eq!(found.value, (0.0 + 1.0 + 10.0 + 10.0 + 0.5) / 5.0);
        assert!(found.low < found.value && found.value < found.high && found.high <= 10.0, "{found:?}");
        assert_eq!(per_case(&[], &costs, Plan::seeded(1)), None);
    }

    #[test]
    fn a_cluster_is_drawn_whole() {
        let costs = Costs::new(vec![vec![0.0, 1.0], vec![1.0, 0.0]], 0.0).unwrap();
        let mut cases = marked(&[(0, Some(0), 0.9), (0, Some(1), 0.9), (0, Some(1), 0.9)]);
        cases.iter_mut().for_each(|case| case.cluster = "one");
        let found = per_case(&cases, &costs, Plan::seeded(1)).unwrap();
        assert_eq!((found.low, found.high), (2.0 / 3.0, 2.0 / 3.0));
    }

    #[test]
    fn prices_must_fit_the_labels_and_be_prices() {
        let ragged = Costs::new(vec![vec![0.0, 1.0], vec![1.0]], 0.0);
        assert_eq!(ragged, Err(CostsError::Size { row: 1, got: 1, labels: 2 }));
        assert_eq!(Costs::new(vec![vec![-1.0]], 0.0), Err(CostsError::Cost(-1.0)));
        assert_eq!(Costs::new(vec![vec![0.0]], f64::INFINITY), Err(CostsError::Cost(f64::INFINITY)));
    }
}
