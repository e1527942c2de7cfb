//! What judges cost, by day.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{Day, Money};

use super::{
    Console,
    problem::{Problem, bad},
};

/// Most days that are told of at one time.
const DAYS_MAX: u32 = 92;

const DAY: Duration = Duration::from_hours(24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// So many days, today the last of them; one if left out.
    days: Option<u32>,
}

pub(super) async fn spend(
    State(console): State<Console>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let days = wanted.days.unwrap_or(1);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(bad(format!("`days` is a number from 1 to {DAYS_MAX}")));
    }
    let now = console.clock.now();
    let mut told = Vec::new();
    for ago in 0..days {
        let day = Day::of(now.minus(DAY * ago));
        let rows = console.store.spent(&day).await?;
        let sum = |of: fn(&crate::domain::Spent) -> Money| Money(rows.iter().map(|row| of(row).0).sum());
        told.push(json!({
            "day": day,
            "cost": sum(|row| row.cost),
            "maybe_cost": sum(|row| row.maybe_cost),
            "judges": rows,
        }));
    }
    Ok(Json(json!({ "unit": "millionths of a US dollar", "days": Value::Array(told) })).into_response())
}
