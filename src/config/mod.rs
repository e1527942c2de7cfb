//! Reads the files a user edits into raw tables; what they compile to is the engine's business.
//!
//! [`Files`] are the texts, from a folder or embedded. [`load()`] reads all of `config/` into a [`Config`] of
//! [`tables`] and tells every [`Problem`] at once, each with file, line, stable code ([`codes`]) and remedy.
//! [`Config::at`] finds the line for problems that are found later. [`secret`] and [`setting`] look up what
//! stands in the environment or in files. [`cases()`] and [`suites`] read `evals/`.

mod bounds;
mod cases;
mod checks;
pub mod codes;
mod disk;
mod document;
mod editor;
mod files;
mod filler;
mod load;
mod locate;
mod metamorphic;
mod models;
mod network;
mod parse;
mod problem;
mod reference;
mod stamp;
mod suggest;
mod suite;
pub mod tables;
#[cfg(test)]
mod tests;
mod typed;
mod wrong;

pub use bounds::IGNORE;
pub use cases::{
    Case, CaseDelivery, CaseEvent, Ending, Expect, ExpectedActions, Finding, Peers, Relation, Side, Split,
    case, cases, cases_file, training_cases,
};
pub use checks::NO_KEY;
pub use disk::{
    FILE_BYTES_MAX, FILES_BYTES_MAX, FILES_MAX, RECORDINGS_BYTES_MAX, RECORDINGS_MAX, WriteError,
};
pub use editor::schemas;
pub use files::{
    ACTIONS, CLASSIFIERS, CONFIG_FILES, FILTER, Files, JUDGES, MODELS, ROUTES, SETTINGS, SOURCES,
};
pub use load::{Config, load};
pub use locate::Locator;
pub use metamorphic::{Metamorphic, MetamorphicGates};
pub use models::{Model, Models};
pub use network::network;
pub use problem::{At, Problem, Problems, Severity};
pub use reference::{
    Environment, FixedEnvironment, ProcessEnvironment, ReferenceError, Resolved, SECRET_BYTES_MAX,
    check_secret, secret, setting,
};
pub use stamp::Stamp;
pub use suggest::{nearest, one_of, quoted};
pub use suite::{BaselineGates, ErrorCosts, FindingsTable, Gates, GradedTable, Suite, suite_file, suites};
