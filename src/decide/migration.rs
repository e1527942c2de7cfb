//! What comes next in moving a store's work to another one, from what both say of it: a run may have ended anywhere.

/// What the store says that the work leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving<'a> {
    /// Nothing: its jobs are its own.
    No,
    /// A migration was begun.
    Begun { id: &'a str },
    /// All of it is in the other store, which may work on it.
    Done { id: &'a str },
}

/// What the store says that the work goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arriving<'a> {
    /// It holds no event, and nothing was moved to it.
    Empty,
    /// It has events of its own.
    InUse,
    /// A migration to it was begun; `whole` once everything is there.
    Begun { id: &'a str, whole: bool },
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Begin, under a new name: of what was begun elsewhere under the old one, nothing may ever be worked on.
    Begin,
    /// Copy what is not there yet.
    GoOn,
    /// Everything is there: the new store may work on it, if it does not already.
    Open,
    Refuse(Refusal),
}

/// Why nothing may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The target holds events that are not of this migration.
    InUse,
    /// The work was moved before, to another place.
    Gone,
}

/// At no moment may both stores hand out the same job: the old one stops before the first is copied, and the new one
/// begins after the old one knows that all are there.
pub fn next(leaving: Leaving<'_>, arriving: Arriving<'_>) -> Step {
    match (leaving, arriving) {
        (Leaving::Begun { id } | Leaving::Done { id }, Arriving::Begun { id: known, whole: true })
            if id == known =>
        {
            Step::Open
        }
        (Leaving::Begun { id }, Arriving::Begun { id: known, whole: false }) if id == known => Step::GoOn,
        (Leaving::Done { .. }, _) => Step::Refuse(Refusal::Gone),
        (Leaving::No | Leaving::Begun { .. }, Arriving::Empty) => Step::Begin,
        (Leaving::No | Leaving::Begun { .. }, Arriving::InUse | Arriving::Begun { .. }) => {
            Step::Refuse(Refusal::InUse)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_the_one_before_ended_and_nowhere_else() {
        let whole = |id| Arriving::Begun { id, whole: true };
        let part = |id| Arriving::Begun { id, whole: false };
        let (in_use, gone) = (Step::Refuse(Refusal::InUse), Step::Refuse(Refusal::Gone));
        let begun = Leaving::Begun { id: "a" };
        let done = Leaving::Done { id: "a" };
        for (leaving, arriving, step) in [
            (Leaving::No, Arriving::Empty, Step::Begin),
            (Leaving::No, Arriving::InUse, in_use),
            (Leaving::No, part("a"), in_use),
            (Leaving::No, whole("a"), in_use),
            (begun, Arriving::Empty, Step::Begin),
            (begun, Arriving::InUse, in_use),
            (begun, part("a"), Step::GoOn),
            (begun, whole("a"), Step::Open),
            (begun, part("b"), in_use),
            (begun, whole("b"), in_use),
            (done, whole("a"), Step::Open),
            // Of an earlier attempt at another place, which lost what it had, or was left.
            (done, part("a"), gone),
            (done, whole("b"), gone),
            (done, Arriving::Empty, gone),
            (done, Arriving::InUse, gone),
        ] {
            assert_eq!(next(leaving, arriving), step, "{leaving:?}, {arriving:?}");
        }
    }
}
