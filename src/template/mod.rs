//! The one language of conditions and templates: minijinja, strict about what is undefined.
//!
//! [`Condition`] is an expression that must come out true or false, [`Shape`] a tree of values in which strings
//! may hold templates, [`Library`] a set of prompt files that may include each other. All of them see a
//! [`Context`], which a [`View`] builds when it is needed. Evaluation is pure and bounded by [`FUEL_MAX`] steps, and one
//! more for each byte of what it sees.

mod condition;
mod context;
mod fences;
mod filters;
mod library;
mod redactor;
mod shape;
mod uses;
mod view;

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

pub use condition::Condition;
pub use context::Context;
pub use fences::Fences;
pub use library::{Library, Prompt};
pub use redactor::Redactor;
pub use shape::Shape;
pub use view::View;

/// Steps one evaluation may take before it is stopped. A large event adds to it, see [`FUEL_BYTES_MAX`].
pub const FUEL_MAX: u64 = 200_000;

/// Bytes of a context for each of which an evaluation may take a step more, that is, may read them all 64 times: minijinja counts 64
/// bytes that a filter reads as one. More than the largest body and what is gathered for it.
pub const FUEL_BYTES_MAX: u64 = 64 << 20;

/// Bytes of one `{{ … }}` or `{% … %}`, or of a condition. The parser descends with every operator, and a stack is not
/// endless.
pub const EXPRESSION_BYTES_MAX: usize = 4_096;

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
        let told = |error: &minijinja::Error| match error.detail() {
            _ if error.kind() == ErrorKind::OutOfFuel => {
                format!("took more than {FUEL_MAX} steps, and one for each byte of what it sees")
            }
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        // What fails in an included file is told with its own place.
        let mut message = told(&error);
        let mut within: &dyn std::error::Error = &error;
        while let Some(inner) = within.source() {
            if let Some(inner) = inner.downcast_ref::<minijinja::Error>() {
                let place = inner.name().zip(inner.line()).map(|(file, line)| format!("{file}:{line}: "));
                message = format!("{message}: {}{}", place.unwrap_or_default(), told(inner));
            }
            within = inner;
        }
        TemplateError { line: error.line(), message }
    }
}

/// Refuses a template with an expression too long to be parsed safely.
fn bounded(template: &str) -> Result<(), TemplateError> {
    let mut rest = template;
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let inside = rest.get(open + 2..).unwrap_or_default();
        let length = inside.find("}}").into_iter().chain(inside.find("%}")).min().unwrap_or(inside.len());
        bounded_expression(inside.get(..length).unwrap_or_default())?;
        rest = inside.get(length..).unwrap_or_default();
    }
    Ok(())
}

fn bounded_expression(expression: &str) -> Result<(), TemplateError> {
    if expression.len() <= EXPRESSION_BYTES_MAX {
        return Ok(());
    }
    let message =
        format!("an expression of {} bytes, where {EXPRESSION_BYTES_MAX} are allowed", expression.len());
    Err(TemplateError { line: None, message })
}

/// `env` with the steps that so large a context needs; `None` where it has enough.
fn roomy(env: &Environment<'static>, context: &Context) -> Option<Environment<'static>> {
    let bytes = context.bytes().min(FUEL_BYTES_MAX);
    // Up to there the usual steps read all of it 64 times, too.
    (bytes > FUEL_MAX).then(|| {
        let mut env = env.clone();
        env.set_fuel(Some(FUEL_MAX.saturating_add(bytes)));
        env
    })
}

/// The language itself: what [`Condition`] and single expressions are compiled in.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(environment);

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    // So that what is undefined is told by its name.
    env.set_debug(true);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(FUEL_MAX));
    env.set_recursion_limit(RECURSION_MAX);
    filters::register(&mut env);
    env
}
