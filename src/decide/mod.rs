//! What happens next, as pure functions: facts, `now` and jitter come in as arguments, data goes out.

pub mod breaker;
pub mod budget;
pub mod cost;
pub mod diff;
pub mod effect;
pub mod erase;
pub mod filter;
pub mod ladder;
pub mod lanes;
pub mod lease;
pub mod migration;
pub mod objective;
pub mod outcome;
pub mod pattern;
pub mod plan;
pub mod purchase;
pub mod redact;
pub mod replan;
pub mod retry;
pub mod review;
pub mod room;
pub mod silence;
pub mod tokens;
pub mod unblock;
pub mod variant;
