//! A server that has just started reads its data before it answers anything else.

use std::time::Duration;

use crate::domain::Clock;

use super::{link::Link, open::OpenError};

/// Longest wait for that when the store is opened.
const LOADING_MAX: Duration = Duration::from_mins(10);

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks between two words about it.
const LOOKS_PER_WORD: u32 = 20;

/// Waits until no server reads its data any more.
pub(super) async fn loaded(link: &Link, clock: &dyn Clock) -> Result<(), OpenError> {
    let began = clock.monotonic();
    for look in 0_u32.. {
        let Some((node, left)) = who_loads(link).await? else { break };
        if clock.monotonic().saturating_sub(began) >= LOADING_MAX {
            return Err(OpenError::Loading { minutes: LOADING_MAX.as_secs() / 60 });
        }
        if look % LOOKS_PER_WORD == 0 {
            tracing::warn!(node, seconds_left = left, "Redis loads its data: waiting for it");
        }
        clock.sleep_until(clock.now().plus(LOOK_EVERY)).await;
    }
    Ok(())
}

/// A server that reads its data, and how many seconds it thinks that it will take.
async fn who_loads(link: &Link) -> Result<Option<(String, String)>, OpenError> {
    for (node, info) in link.ask_all(redis::cmd("INFO").arg("persistence")).await? {
        let info: String = redis::from_redis_value(info).map_err(redis::RedisError::from)?;
        let told = |name: &str| {
            let mut lines = info.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
        };
        if told("loading") == "1" {
            return Ok(Some((node, told("loading_eta_seconds").to_owned())));
        }
    }
    Ok(None)
}
