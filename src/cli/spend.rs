//! `hookyard spend`

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use crate::domain::{Day, Money, Spent};

use super::{
    End,
    api::{self, Admin},
    out,
    table::{Cell, Column, Table},
};

/// See what language models have cost, by day, classifier and judge.
#[derive(Debug, Args)]
pub(super) struct Spend {
    #[command(flatten)]
    admin: Admin,
    /// So many days, today (UTC) the last of them.
    #[arg(long, default_value_t = 1)]
    days: u32,
}

/// The answer, as far as it is shown.
#[derive(Deserialize)]
struct View {
    days: Vec<DayView>,
}

#[derive(Deserialize)]
struct DayView {
    day: Day,
    cost: Money,
    maybe_cost: Money,
    judges: Vec<Spent>,
}

impl Spend {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        self.admin.visit(dir, async |api| {
            let answer = api.get("/api/v1/spend", &[("days", self.days.to_string())]).await?;
            if self.admin.json {
                out::json(&answer)?;
            } else {
                out::say(story(&api::read(&answer)?))?;
            }
            Ok(End::Well)
        })
    }
}

fn story(view: &View) -> String {
    let days = view.days.iter().filter(|day| !day.judges.is_empty()).map(table);
    let told: Vec<String> = days.collect();
    if told.is_empty() { "no language model was paid for".to_owned() } else { told.join("\n\n") }
}

/// A day: questions that were begun and have no answer may have been billed, and stand apart.
fn table(day: &DayView) -> String {
    let mut table = Table::new(&[
        Column::text("CLASSIFIER"),
        Column::text("JUDGE"),
        Column::number("ANSWERS"),
        Column::number("COST"),
        Column::number("MAYBE BILLED"),
        Column::number("AT MOST"),
        Column::number("TOKENS IN"),
        Column::number("FROM CACHE"),
        Column::number("OUT"),
    ]);
    for Spent { classifier, judge, answers, cost, maybe_billed, maybe_cost, tokens } in &day.judges {
        let input = tokens.input_uncached.saturating_add(tokens.cache_write);
        table.row(vec![
            Cell::new(classifier),
            Cell::new(judge),
            Cell::new(answers),
            Cell::new(cost),
            Cell::new(maybe_billed),
            Cell::new(maybe_cost),
            Cell::new(input),
            Cell::new(tokens.cache_read),
            Cell::new(tokens.output),
        ]);
    }
    let DayView { day, cost, maybe_cost, .. } = day;
    format!("{day}: {cost}, and perhaps {maybe_cost} more\n{}", table.show())
}
