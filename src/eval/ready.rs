//! Whether a configuration may take the place of another one, by what its suites say.

use super::{EvalError, Measured, Progress, Request, measure, report::Verdict};
use crate::{
    config::{self, At, Files, Problems, codes},
    domain::Clock,
    engine::Engine,
};

/// Measures every suite as it stands, by recordings where language models are asked: nothing is bought. A problem for each
/// that fails, is worse than its baseline, or cannot be measured, and a warning for one that says nothing about an edit of the
/// prompts. The local judges must have learned.
pub async fn ready(engine: &Engine, files: &Files, clock: &dyn Clock) -> Problems {
    let (suites, mut problems) = config::suites(files);
    for (name, suite) in &suites {
        let measured =
            measure(engine, files, name, suite, &Request::default(), clock, Progress::SILENT).await;
        let at = At::file(config::suite_file(name));
        let remedy = format!("`hookyard eval {name}` tells each case; correct what changed, or its gates");
        match measured {
            Ok(Measured { report, unread, .. }) => {
                if let Some(unread) = unread {
                    let remedy = format!(
                        "`hookyard eval {name} --judge NAME` asks a language model; --bless takes the prompts over as they are"
                    );
                    problems.push(at.clone().warning(codes::PROMPTS_UNREAD, unread, remedy));
                }
                let missed = report.gates.iter().filter(|gate| gate.held != super::report::Held::Passed);
                let told: Vec<String> = missed
                    .map(|gate| format!("{} is {}, wanted {}", gate.name, gate.got, gate.wanted))
                    .collect();
                let how = match report.verdict {
                    Verdict::Passed => continue,
                    Verdict::Failed => "fails",
                    Verdict::Regressed => "is worse than its baseline",
                };
                let message = format!("the suite {how}: {}", told.join("; "));
                problems.push(at.error(codes::SUITE_MISSED, message, remedy));
            }
            Err(EvalError::Problems(found)) => problems.extend(found),
            Err(error) => problems.push(at.error(codes::SUITE_MISSED, error.to_string(), remedy)),
        }
    }
    problems
}
