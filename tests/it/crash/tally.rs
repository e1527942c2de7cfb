//! What rounds of kills came to, for the record.

use std::{fmt::Write as _, io::Write as _};

/// One row: rounds of one kind.
#[derive(Debug, Default)]
pub struct Tally {
    pub rounds: u32,
    pub acknowledged: usize,
    pub kills: u32,
    /// Acknowledged and not at their end afterwards. A test fails before this is more than 0.
    pub lost: usize,
    /// Requests that repeated one at the sink, with the same key and bytes, across a kill.
    pub asked_again: u32,
    /// Effects that took place more than once.
    pub repeated: usize,
}

impl Tally {
    pub fn add(&mut self, round: Tally) {
        self.rounds += round.rounds;
        self.acknowledged += round.acknowledged;
        self.kills += round.kills;
        self.lost += round.lost;
        self.asked_again += round.asked_again;
        self.repeated += round.repeated;
    }

    /// Adds the row to the file that `KILL_TABLE` names, if it names one.
    pub fn record(&self, kind: &str) {
        let Some(path) = std::env::var_os("KILL_TABLE") else { return };
        let Tally { rounds, acknowledged, kills, lost, asked_again, repeated } = self;
        let mut row = String::new();
        let _ = writeln!(
            row,
            "| {kind} | {rounds} | {acknowledged} | {kills} | {lost} | {asked_again} | {repeated} |"
        );
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(row.as_bytes())).expect("the table is written");
    }
}
