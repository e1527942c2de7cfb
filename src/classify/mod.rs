//! What an event means: a ladder of judges, the first confident and valid answer wins, past the last a person decides.
//!
//! - [`Classifier`] climbs the ladder and makes the [`Verdict`](crate::domain::Verdict)
//! - [`Judge`] is one rung's mind: rules of the configuration, a local model, a language model
//! - [`Schema`] says what an answer must look like, to the vendors and to us
//! - [`Ledger`] is the port through which paid questions are recorded
//! - [`linear`] is the local model itself

pub mod linear;

mod calibrations;
mod canary;
mod classifier;
mod judge;
mod ledger;
mod recorded;
mod recordings;
mod schema;
mod variant;

pub use calibrations::{Calibrated, Calibrations, Subject, calibration_file};
pub use classifier::{Alteration, Classifier, ClassifyError, LadderRung, Outcome, Parts};
pub use judge::{
    Draft, Form, Hindrance, Judge, Key, Lesson, Llm, Local, Question, Replay, Rule, Rules, Said,
    SenderBudget, Settings, SettingsError, Turn, Wire,
};
pub use ledger::{
    FreeLedger, Hearing, Ledger, LedgerError, PerMinute, Refusal, RequestTaken, TokensTaken, TokensUsed,
    Unwatched,
};
pub use recorded::RecordedLedger;
pub use recordings::{
    Recording, RecordingError, RecordingKey, Recordings, recordings_folder, request_digest,
};
pub use schema::{Fields, Output, Schema, SchemaError, Wrong};
pub use variant::{Variant, Wording};

#[cfg(test)]
mod fakes;
