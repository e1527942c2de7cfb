//! Whether a judge says the same of the same case when it is asked again.

use crate::eval::report::Stability;

/// One case that was asked several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Index of the label it has.
    pub expected: usize,
    /// What each sample said; `None`: left to a person, which is an answer that differs from every label.
    pub got: &'a [Option<usize>],
}

/// Over the first k answers of each case, k being the fewest that any case has; `None` unless every case has two.
/// More answers than another case has would make a case likelier to differ.
pub fn stability(cases: &[Asked<'_>]) -> Option<Stability> {
    let samples = cases.iter().map(|case| case.got.len()).min().filter(|samples| *samples >= 2)?;
    let share = |holds: &dyn Fn(&Asked<'_>, &[Option<usize>]) -> bool| {
        let count = cases.iter().filter(|case| holds(case, &case.got[..samples])).count();
        count as f64 / cases.len() as f64
    };
    Some(Stability {
        samples,
        flip_rate: share(&|_, got| got.iter().any(|other| *other != got[0])),
        pass_all: share(&|case, got| got.iter().all(|got| *got == Some(case.expected))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_is_any_difference_and_a_pass_is_right_every_time() {
        let cases = [
            Asked { expected: 0, got: &[Some(0), Some(0), Some(0)] },
            Asked { expected: 0, got: &[Some(1), Some(1), Some(1)] },
            Asked { expected: 0, got: &[Some(0), None, Some(0)] },
            Asked { expected: 1, got: &[Some(1), Some(1), Some(0)] },
        ];
        let found = stability(&cases);
        assert_eq!(found, Some(Stability { samples: 3, flip_rate: 0.5, pass_all: 0.25 }));
    }

    #[test]
    fn every_case_is_judged_by_equally_many() {
        let cases = [
            Asked { expected: 0, got: &[Some(0), Some(0), Some(1)] },
            Asked { expected: 0, got: &[Some(0), Some(0)] },
        ];
        assert_eq!(stability(&cases), Some(Stability { samples: 2, flip_rate: 0.0, pass_all: 1.0 }));
    }

    #[test]
    fn one_answer_is_no_sample() {
        assert_eq!(stability(&[Asked { expected: 0, got: &[Some(0)] }]), None);
        assert_eq!(stability(&[]), None);
    }
}
