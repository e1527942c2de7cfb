//! Cells of a shared rate that one process draws in advance and spends by itself.
//!
//! Where the limit is large, so that not every take costs a round trip; where it is small, each cell is drawn when it is
//! needed. A slice is a hundredth of the limit at most, and held no longer than a hundredth of the limit's time. What is
//! held may be spent later than it was drawn: as much as comes in that time is kept out of the burst, so that all
//! processes together never take more than the limit. A hundredth of a large limit's burst goes unused so.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::domain::Timestamp;

use super::Pace;

/// A slice is at most this part of the limit, and is held for at most this part of the limit's time.
pub const SLICE_PART: u32 = 100;

/// Cells in a slice, however large the limit is.
pub const SLICE_MAX: u32 = 1_000;

/// How long a process goes by its own limiter after the others' record did not answer.
pub const ALONE: Duration = Duration::from_secs(1);

/// One cell that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    drawn_at: Timestamp,
}

/// What is to be drawn from what all share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    pub cells: u32,
    /// Given back with it: so many that were drawn then.
    pub back: Option<(u32, Timestamp)>,
}

/// How it stands with the next cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    Taken(Cell),
    /// All that is allowed was taken, here or elsewhere.
    Spent {
        wait: Duration,
    },
    /// Nobody knows what the others took: go by what this process did.
    Alone,
    /// Draw, tell [`Slice::fill`] or [`Slice::unanswered`] what came of it, and take again.
    Draw(Drawing),
}

/// See the module.
pub struct Slice {
    pace: Pace,
    size: u32,
    hold: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cells: u32,
    drawn_at: Timestamp,
    /// When what is here lapses; of these moments, each is of the monotonic clock.
    lapses: Duration,
    back: Option<(u32, Timestamp)>,
    /// There is none before the first; until the second that is believed without asking.
    spent: Option<(Duration, Duration)>,
    alone: Option<Duration>,
    touched: Duration,
}

impl State {
    fn lapse(&mut self) {
        let (cells, drawn_at) = (std::mem::take(&mut self.cells), self.drawn_at);
        self.return_later(cells, drawn_at);
    }

    fn return_later(&mut self, cells: u32, drawn_at: Timestamp) {
        if cells > 0 {
            // As if all were as old as the oldest: too much would come back otherwise.
            let (before, oldest) = self.back.unwrap_or((0, drawn_at));
            self.back = Some((before.saturating_add(cells), oldest.min(drawn_at)));
        }
    }
}

impl Slice {
    /// Of a rate of so many cells within a time, a time's worth at once.
    pub fn new(cells: u32, per: Duration) -> Self {
        let size = (cells / SLICE_PART).clamp(1, SLICE_MAX);
        let kept = if size == 1 { 0 } else { cells.div_ceil(SLICE_PART) };
        let (pace, hold) = (Pace::new(cells, per, cells - kept), per / SLICE_PART);
        Slice { pace, size, hold, state: Mutex::default() }
    }

    /// What all processes together keep to.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until there is one, where it is known that there is none.
    pub fn spent(&self, elapsed: Duration) -> Option<Duration> {
        let state = self.state();
        let (until, known) = state.spent?;
        let has_some = state.cells > 0 && elapsed < state.lapses;
        (elapsed < until.min(known) && !has_some).then(|| until.saturating_sub(elapsed))
    }

    /// Takes a cell, or tells what there is to do. `elapsed` counts from any fixed start.
    pub fn take(&self, elapsed: Duration) -> Stand {
        let mut state = self.state();
        state.touched = elapsed;
        if state.cells > 0 && elapsed < state.lapses {
            state.cells -= 1;
            return Stand::Taken(Cell { drawn_at: state.drawn_at });
        }
        state.lapse();
        if let Some((until, _)) = state.spent.filter(|(until, known)| elapsed < *until.min(known)) {
            return Stand::Spent { wait: until.saturating_sub(elapsed) };
        }
        if state.alone.is_some_and(|until| elapsed < until) {
            return Stand::Alone;
        }
        Stand::Draw(Drawing { cells: self.size, back: state.back.take() })
    }

    /// So many cells were drawn, at that time of the store's; if none, there is one after `wait`. `asked` is when that was
    /// asked for, `elapsed` when it was answered.
    pub fn fill(&self, cells: u32, at: Timestamp, wait: Duration, asked: Duration, elapsed: Duration) {
        let mut state = self.state();
        state.alone = None;
        if cells == 0 {
            state.spent = Some((elapsed.saturating_add(wait), elapsed.saturating_add(self.hold)));
            return;
        }
        state.lapse();
        state.spent = None;
        (state.cells, state.drawn_at, state.lapses) = (cells, at, asked.saturating_add(self.hold));
    }

    /// Nobody said what the others took.
    pub fn unanswered(&self, elapsed: Duration) {
        self.state().alone = Some(elapsed.saturating_add(ALONE));
    }

    /// Undoes a take. Where each cell is drawn when it is needed it is to be given back to the others at once.
    pub fn give_back(&self, cell: Cell, elapsed: Duration) -> Option<Drawing> {
        let mut state = self.state();
        state.spent = None;
        if self.size > 1 && state.drawn_at == cell.drawn_at && elapsed < state.lapses {
            state.cells = state.cells.saturating_add(1);
            return None;
        }
        if self.size == 1 {
            return Some(Drawing { cells: 0, back: Some((1, cell.drawn_at)) });
        }
        state.return_later(1, cell.drawn_at);
        None
    }

    /// Nobody has taken of it for so long that all is there again.
    pub fn is_idle(&self, elapsed: Duration) -> bool {
        elapsed.saturating_sub(self.state().touched) > self.hold * SLICE_PART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn takes(slice: &Slice, elapsed: Duration) -> bool {
        matches!(slice.take(elapsed), Stand::Taken(_))
    }

    fn draw(cells: u32, back: Option<(u32, Timestamp)>) -> Stand {
        Stand::Draw(Drawing { cells, back })
    }

    #[test]
    fn a_slice_is_a_hundredth_at_most() {
        for (limit, size, burst) in [
            (1, 1, 1),
            (199, 1, 199),
            (200, 2, 198),
            (250, 2, 247),
            (1_000, 10, 990),
            (1_000_000, 1_000, 990_000),
        ] {
            let slice = Slice::new(limit, MINUTE);
            assert_eq!(slice.take(MS), draw(size, None), "{limit}");
            assert_eq!((slice.pace().cells(), slice.pace().burst()), (u64::from(limit), burst));
        }
    }

    #[test]
    fn what_was_drawn_is_spent_without_asking_until_it_lapses() {
        let slice = Slice::new(300, MINUTE);
        slice.fill(3, at(7), Duration::ZERO, 100 * MS, 150 * MS);
        assert!(takes(&slice, 150 * MS) && takes(&slice, 699 * MS));
        assert_eq!(slice.take(700 * MS), draw(3, Some((1, at(7)))), "held since it was asked for");
        assert_eq!(slice.take(700 * MS), draw(3, None), "it is given back once");
    }

    #[test]
    fn that_there_is_none_is_believed_for_a_while() {
        let slice = Slice::new(1, MINUTE);
        slice.fill(0, at(0), 40 * 1_000 * MS, Duration::ZERO, 10 * MS);
        assert_eq!(slice.take(10 * MS), Stand::Spent { wait: 40_000 * MS });
        assert_eq!(slice.take(510 * MS), Stand::Spent { wait: 39_500 * MS });
        assert_eq!(slice.take(610 * MS), draw(1, None), "another may have given one back");
        slice.fill(0, at(0), 5 * MS, Duration::ZERO, 610 * MS);
        assert_eq!(slice.take(614 * MS), Stand::Spent { wait: MS });
        assert_eq!(slice.take(615 * MS), draw(1, None));
    }

    #[test]
    fn without_an_answer_it_is_alone_for_a_while_and_asks_again() {
        let slice = Slice::new(200, MINUTE);
        slice.unanswered(10 * MS);
        assert_eq!(slice.take(1_009 * MS), Stand::Alone);
        assert_eq!(slice.take(1_010 * MS), draw(2, None));
        slice.unanswered(1_100 * MS);
        // Somebody else was answered meanwhile.
        slice.fill(2, at(0), Duration::ZERO, 1_050 * MS, 1_110 * MS);
        assert!(takes(&slice, 1_110 * MS) && takes(&slice, 1_110 * MS));
        assert_eq!(slice.take(1_110 * MS), draw(2, None), "it is not alone any more");
    }

    #[test]
    fn what_is_given_back_is_spent_by_the_next() {
        let (slice, mut cells) = (Slice::new(200, MINUTE), Vec::new());
        slice.fill(2, at(5), Duration::ZERO, MS, MS);
        for _ in 0..2 {
            let Stand::Taken(cell) = slice.take(MS) else { panic!("a cell") };
            cells.push(cell);
        }
        assert_eq!(slice.give_back(cells[0], 2 * MS), None);
        assert!(takes(&slice, 2 * MS));
        // Too late for this slice.
        assert_eq!(slice.give_back(cells[1], 601 * MS), None);
        assert_eq!(slice.take(601 * MS), draw(2, Some((1, at(5)))));

        let single = Slice::new(10, MINUTE);
        single.fill(1, at(5), Duration::ZERO, MS, MS);
        let Stand::Taken(cell) = single.take(MS) else { panic!("a cell") };
        single.fill(0, at(6), MINUTE, MS, MS);
        assert_eq!(single.give_back(cell, MS), Some(Drawing { cells: 0, back: Some((1, at(5))) }));
        assert_eq!(single.take(MS), draw(1, None), "there is one by now");
    }
}
