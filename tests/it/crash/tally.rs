//! What rounds of kills came to, for the record.

use std::{
    fmt::Write as _,
    fs::File,
    io::{Read, Seek, Write as _},
    path::Path,
};

/// The variable with the file whose table is to be brought up to date.
const TABLE: &str = "KILL_TABLE";

const BEGIN: &str = "<!-- kills: begin -->";
const END: &str = "<!-- kills: end -->";

/// A word for each figure of a row, in order.
const COLUMNS: [&str; 8] =
    ["rounds", "events", "kills", "lost", "done twice", "duplicated", "asked again", "first seed"];
/// The column that cannot be added up.
const SEED: usize = COLUMNS.len() - 1;
const SUM: &str = "all";

/// One row: rounds of one kind.
#[derive(Debug, Default)]
pub struct Tally {
    pub rounds: u32,
    pub acknowledged: usize,
    pub kills: u32,
    /// Acknowledged and not at their end afterwards. A test fails before this is more than 0.
    pub lost: usize,
    /// Effects that took place more than once. A test fails before this is more than 0.
    pub repeated: usize,
    /// Requests that repeated one at the sink, with the same key and bytes, across a kill.
    pub duplicated: u32,
    /// Questions to a judge that were asked again, across a kill.
    pub asked_again: u32,
}

impl Tally {
    pub fn add(&mut self, round: Tally) {
        self.rounds += round.rounds;
        self.acknowledged += round.acknowledged;
        self.kills += round.kills;
        self.lost += round.lost;
        self.repeated += round.repeated;
        self.duplicated += round.duplicated;
        self.asked_again += round.asked_again;
    }

    /// Puts the row into the table of the file that `KILL_TABLE` names, if it names one, in place of the kind's
    /// earlier row. Several tests may do so at a time.
    pub fn record(&self, kind: &str, first_seed: u64) {
        let Some(path) = std::env::var_os(TABLE) else { return };
        let Tally { rounds, acknowledged, kills, lost, repeated, duplicated, asked_again } = self;
        let figures = [
            u64::from(*rounds),
            *acknowledged as u64,
            u64::from(*kills),
            *lost as u64,
            *repeated as u64,
            u64::from(*duplicated),
            u64::from(*asked_again),
            first_seed,
        ];
        rewrite(Path::new(&path), |text| with_row(text, kind, figures)).expect("the table is written");
    }
}

/// Changes a file while nobody else does.
fn rewrite(path: &Path, change: impl FnOnce(&str) -> String) -> std::io::Result<()> {
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(change(&text).as_bytes())
}

type Row = (String, [u64; COLUMNS.len()]);

/// The text with this row in its table: between the markers, or at the end if it has none.
fn with_row(text: &str, kind: &str, figures: [u64; COLUMNS.len()]) -> String {
    let split = text
        .split_once(BEGIN)
        .and_then(|(head, rest)| rest.split_once(END).map(|(table, tail)| (head, table, tail)));
    let (head, table, tail) = split.unwrap_or((text, "", "\n"));
    let mut rows: Vec<Row> = table.lines().filter_map(row).filter(|(name, _)| name != SUM).collect();
    match rows.iter_mut().find(|(name, _)| name == kind) {
        Some(row) => row.1 = figures,
        None => rows.push((kind.to_owned(), figures)),
    }
    rows.sort();
    format!("{head}{BEGIN}\n{}{END}{tail}", table_of(&rows))
}

fn row(line: &str) -> Option<Row> {
    let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
    let name = cells.next()?.to_owned();
    let figures: Vec<u64> = cells.map(|cell| cell.parse().ok()).collect::<Option<_>>().unwrap_or_default();
    Some((name, figures.try_into().ok()?))
}

fn table_of(rows: &[Row]) -> String {
    let mut text = format!("| killed | {} |\n|---{}|\n", COLUMNS.join(" | "), "|---:".repeat(COLUMNS.len()));
    let mut sums = [0; SEED];
    for (name, figures) in rows {
        let cells: Vec<String> = figures.iter().map(u64::to_string).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        for (sum, figure) in sums.iter_mut().zip(figures) {
            *sum += figure;
        }
    }
    let sums: Vec<String> = sums.iter().map(u64::to_string).collect();
    let _ = writeln!(text, "| {SUM} | {} | |", sums.join(" | "));
    text
}

#[test]
fn a_row_takes_the_place_of_the_earlier_one_and_leaves_the_rest_alone() {
    let figures = |n| [n, 10 * n, n, 0, 0, 2, 1, 7];
    let first = with_row(&format!("# Kills\n\n{BEGIN}\n{END}\nend\n"), "under load", figures(1));
    let both = with_row(&first, "redriving", figures(2));
    let again = with_row(&both, "under load", figures(3));
    let rows: Vec<&str> = again.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert_eq!(
        rows,
        [
            "| redriving | 2 | 20 | 2 | 0 | 0 | 2 | 1 | 7 |",
            "| under load | 3 | 30 | 3 | 0 | 0 | 2 | 1 | 7 |",
            "| all | 5 | 50 | 5 | 0 | 0 | 4 | 2 | |",
        ]
    );
    assert!(again.starts_with("# Kills\n\n") && again.ends_with(&format!("{END}\nend\n")), "{again}");
    assert!(with_row("", "under load", figures(1)).starts_with(BEGIN));
}
