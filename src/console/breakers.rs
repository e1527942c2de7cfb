//! Which destinations and judges are left alone for a while, and why.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::decide::breaker::Shown;

use super::Console;

pub(super) async fn list(State(console): State<Console>) -> Response {
    Json(shown(&console)).into_response()
}

/// Every breaker, by what it guards and name.
pub(super) fn shown(console: &Console) -> Value {
    let (engine, elapsed) = (console.engine(), console.clock.monotonic());
    json!({
        "destinations": engine.breakers(elapsed),
        "judges": engine.judge_breakers(elapsed),
    })
}

/// Sets the gauges: 0 closed, 1 half open, 2 open.
pub(super) fn gauge(console: &Console) {
    let (engine, elapsed) = (console.engine(), console.clock.monotonic());
    let kinds = [("destination", engine.breakers(elapsed)), ("judge", engine.judge_breakers(elapsed))];
    for (kind, breakers) in kinds {
        for (name, shown) in breakers {
            let level = match shown {
                Shown::Closed { .. } => 0,
                Shown::HalfOpen { .. } => 1,
                Shown::Open { .. } => 2,
            };
            console.metrics.breaker(kind, &name, level);
        }
    }
}
