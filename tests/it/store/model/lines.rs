//! Lines: who stands where, and whose place a newer event takes.

use hookyard::domain::JobState;

use super::house::{House, WINDOW_TICKS};

/// A place in a line, with the route job that stands there and all actions that come of it.
#[derive(Debug)]
pub struct Place {
    /// Index of the route job.
    pub of: usize,
    /// Whether it leaves the line when it is stuck.
    pub skip: bool,
}

impl House {
    /// Skips the jobs whose place the newest one, `newer`, takes: when it is due, and where it stands in its line.
    pub fn take_place(&mut self, newer: usize, line: Option<u8>) -> (u64, Option<usize>) {
        let (mut due, mut place) = (self.now + WINDOW_TICKS, None);
        for at in 0..newer {
            let (older, newer) = (&self.jobs[at], &self.jobs[newer]);
            let same = older.newest.is_some() && older.newest == newer.newest && older.route == newer.route;
            let waits = matches!(older.state, JobState::Ready | JobState::Blocked) && !older.tried;
            if !same || !waits {
                continue;
            }
            due = due.min(older.due);
            if let Some((its, _)) = older.place
                && line == Some(its)
                && place.is_none()
            {
                let line = &mut self.lines[usize::from(its)];
                place = line.iter().position(|place| place.of == at);
                line.retain(|place| place.of != at);
                self.jobs[at].place = None;
            }
            self.end(at, JobState::Skipped);
        }
        (due, place)
    }

    /// Stands a new route job at `place`, or else at the end of a line.
    pub fn join(&mut self, at: usize, line: u8, skip: bool, place: Option<usize>) {
        self.jobs[at].place = Some((line, at));
        let line = &mut self.lines[usize::from(line)];
        line.insert(place.unwrap_or(line.len()), Place { of: at, skip });
        if self.jobs[at].state == JobState::Ready && self.is_behind(at) {
            self.jobs[at].state = JobState::Blocked;
        }
        self.pass_if_stuck(at);
    }

    /// Whether others stand before this job in its line. One that has left it waits for nobody.
    pub fn is_behind(&self, at: usize) -> bool {
        let Some((line, of)) = self.jobs[at].place else { return false };
        self.lines[usize::from(line)].iter().position(|place| place.of == of).is_some_and(|place| place > 0)
    }

    /// A job that waits for a person, or is dead, leaves its line where that was asked for.
    pub fn pass_if_stuck(&mut self, at: usize) {
        if matches!(self.jobs[at].state, JobState::Waiting | JobState::Dead) {
            self.pass(at);
        }
    }

    /// A job is stuck: its place is given up where that was asked for.
    pub fn pass(&mut self, at: usize) {
        if let Some((line, of)) = self.jobs[at].place {
            self.lines[usize::from(line)].retain(|place| place.of != of || !place.skip);
        }
    }

    /// Places where nothing is left to do are given up, and who is at the head goes.
    pub fn let_lines_go_on(&mut self) {
        let jobs = &mut self.jobs;
        for (line, places) in (0..).zip(&mut self.lines) {
            places.retain(|place| {
                jobs.iter().any(|job| job.place == Some((line, place.of)) && !job.state.is_final())
            });
            if let Some(head) = places.first().map(|place| &mut jobs[place.of])
                && head.state == JobState::Blocked
            {
                (head.state, head.due) = (JobState::Ready, head.due.max(self.now));
            }
        }
    }
}
