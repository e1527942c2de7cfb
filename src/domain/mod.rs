//! The nouns of the house: plain data with its invariants, and the one port ([`Clock`]) through which time
//! comes in. Nothing here does IO, reads a clock or draws a random number.

mod action;
mod attempt;
mod body;
mod clock;
mod delivery;
mod event;
mod flaw;
mod id;
mod job;
mod price;
mod purchase;
mod receipt;
mod replay;
mod spend;
mod time;
mod verdict;
mod words;

pub use action::{ActionPlan, Call, EffectClass, Fill, FrozenRequest, HeaderValue, Mode, Target};
pub use attempt::{Attempt, AttemptOutcome};
pub use body::{Body, BodyFile};
pub use clock::{Clock, Wait};
pub use delivery::{Delivery, Unverified};
pub use event::{Event, OWN_SOURCE};
pub use flaw::Flaw;
pub use id::{EventId, IdError, JobId};
pub use job::{Cause, EventState, Job, JobState, Lane, Lease, Next, Work};
pub use price::{LongPrice, Money, Price};
pub use purchase::{Answer, Prior, Purchase, PurchaseState};
pub use receipt::{Receipt, Sent};
pub use replay::{Replay, ReplayMode};
pub use spend::{Bill, COLUMNS, Change, Charge, Day, Entry, PurchaseOrder, Purse, Spent};
pub use time::Timestamp;
pub use verdict::{PERSON, Rung, RungOutcome, Tokens, Verdict};
pub use words::UnknownWord;
pub(crate) use words::words;

/// A name from the configuration (a source, route, action, …): cheap to clone, compared by text.
pub type Name = std::sync::Arc<str>;
