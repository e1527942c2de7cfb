//! The offline suite: a classifier's judges on labelled cases.

mod report;

use crate::{
    classify::{ClassifyError, FreeLedger, Outcome},
    config::{self, Files, Problems, Suite},
    domain::Clock,
    engine::Engine,
};

pub use report::{Graded, Report};

/// Why a suite could not be run.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("{0}")]
    Problems(Problems),
    #[error("case {case}: {source}")]
    Case { case: String, source: ClassifyError },
    #[error("suite `{suite}`: {reason}")]
    Suite { suite: String, reason: String },
}

/// Runs one suite: every case of its splits through the classifier's ladder. Judges that need a key are as the engine
/// was compiled, so an engine compiled offline opens no connection.
///
/// # Errors
/// The cases cannot be read, the classifier does not exist, or a case does not fit its templates.
pub async fn run(
    engine: &Engine,
    files: &Files,
    name: &str,
    suite: &Suite,
    clock: &dyn Clock,
) -> Result<Report, EvalError> {
    let no = |reason: String| EvalError::Suite { suite: name.to_owned(), reason };
    let classifier = engine
        .classifier(&suite.classifier)
        .ok_or_else(|| no(format!("no classifier is called `{}`", suite.classifier)))?;
    let variant = classifier.usual_variant().ok_or_else(|| no("its classifier has no prompts".to_owned()))?;
    let (cases, problems) = config::cases(files, name);
    let problems = problems.into_result().map_err(EvalError::Problems)?;
    for problem in &problems {
        tracing::warn!(%problem, "a case is doubtful");
    }
    let mut graded = Vec::new();
    for case in cases.iter().filter(|case| suite.splits.contains(&case.split())) {
        let context = Engine::case_context(case);
        let outcome = classifier.classify(variant, &context, None, &FreeLedger, clock).await;
        let outcome = outcome.map_err(|source| EvalError::Case { case: case.id.clone(), source })?;
        graded.push(match outcome {
            Outcome::Verdict(verdict) => Graded {
                case: case.id.clone(),
                expected: case.expect.label.clone(),
                got: Some(verdict.label),
                judge: Some(verdict.judge.to_string()),
                confidence: Some(verdict.confidence),
            },
            Outcome::Person { .. } | Outcome::TryAgain { .. } => Graded {
                case: case.id.clone(),
                expected: case.expect.label.clone(),
                got: None,
                judge: None,
                confidence: None,
            },
        });
    }
    if graded.is_empty() {
        return Err(no("it has no cases in its splits".to_owned()));
    }
    Ok(Report::new(name, suite, classifier.schema().labels(), graded))
}
