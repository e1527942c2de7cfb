//! Which destinations and judges are left alone for a while, and why.

use std::time::Duration;

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

/// Every breaker, by what it guards and name; and the judges that refuse whatever they are asked, which opens none.
pub(super) fn shown(console: &Console) -> Value {
    let (engine, elapsed) = (console.engine(), console.clock.monotonic());
    json!({
        "destinations": engine.breakers(elapsed),
        "judges": engine.judge_breakers(elapsed),
        "refusing": engine.refusing_judges(),
    })
}

/// Judges that asked to be left alone, as by `Retry-After`: until when, and why. What does not work is the breakers' to tell.
pub(super) fn rests(console: &Console) -> Value {
    let now = console.clock.now();
    let resting = console.engine().resting_judges(console.clock.monotonic());
    let judges = resting.into_iter().map(|(name, (left, reason))| {
        let told = json!({ "until": now.plus(left), "left_ms": millis(left), "reason": reason });
        (name.to_string(), told)
    });
    json!({ "judges": judges.collect::<serde_json::Map<_, _>>() })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
