//! The one language of conditions and templates: minijinja, strict about what is undefined.
//!
//! [`Condition`] is an expression that must come out true or false, [`Shape`] a tree of values in which strings
//! may hold templates, [`Library`] a set of prompt files that may include each other. All of them see a
//! [`Context`]. Evaluation is pure and bounded by [`FUEL_MAX`] steps.

mod condition;
mod context;
mod filters;
mod library;
mod shape;

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};

pub use condition::Condition;
pub use context::Context;
pub use library::{Library, Prompt};
pub use shape::Shape;

/// Steps one evaluation may take before it is stopped.
pub const FUEL_MAX: u64 = 200_000;

/// Depth of nested includes, blocks and calls.
const RECURSION_MAX: usize = 32;

/// A template or condition that does not compile, or did not evaluate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// 1-based line within the template, where known.
    pub line: Option<usize>,
    pub message: String,
}

impl From<minijinja::Error> for TemplateError {
    fn from(error: minijinja::Error) -> Self {
        let message = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        TemplateError { line: error.line(), message }
    }
}

/// The language itself: what [`Condition`] and single expressions are compiled in.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(environment);

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(FUEL_MAX));
    env.set_recursion_limit(RECURSION_MAX);
    filters::register(&mut env);
    env
}
