//! `hookyard check`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::{
    config::{self, Files, Problems, ProcessEnvironment, Severity, codes},
    engine::{self, CompileOptions, Engine},
    eval::{self, test_lock},
    host::SystemClock,
};

use super::{
    End,
    out::{self, several},
    project, runtime,
};

/// Check everything offline.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// One JSON array of problems.
    #[arg(long)]
    json: bool,
    /// Measure every eval suite too: one that fails, or is worse than its baseline, is an error.
    #[arg(long)]
    eval: bool,
    /// Say what a problem's code means, such as HY0203, and check nothing.
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
}

impl Check {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        if let Some(code) = &self.explain {
            let meaning =
                codes::meaning(code).with_context(|| format!("no problem has the code `{code}`"))?;
            out::say(format!("{code}: {meaning}"))?;
            return Ok(End::Well);
        }
        let files = project::files(dir)?;
        let (_, mut problems) = engine::compile(&files, &ProcessEnvironment, CompileOptions::default());
        problems.extend(config::suites(&files).1);
        let startable = !problems.has_errors();
        let (mut examples, mut failing, mut compiled) = (0, 0, false);
        let mut held = String::new();
        if let Some(engine) = engine::offline(&files) {
            compiled = true;
            let failed;
            (examples, failed) = runtime()?.block_on(engine::run_examples(&engine, &files));
            failing = failed.len() as u64;
            problems.extend(failed);
            problems.extend(engine::unaffordable(&engine, &files));
            problems.extend(engine::untried(&engine, &files));
            problems.extend(engine::outdated(&engine));
            problems.extend(cases(&engine, &files));
            if self.eval {
                problems.extend(runtime()?.block_on(eval::ready(&engine, &files, &SystemClock::new())));
                let suites = config::suites(&files).0.into_keys().collect::<Vec<_>>().join(", ");
                held = format!(", and {suites} hold");
            }
        }
        if self.json {
            out::json(&problems)?;
        } else {
            for problem in &problems {
                out::say(problem)?;
            }
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            let warnings = several((problems.len() - errors) as u64, "warning");
            let (errors, examples) = (errors as u64, several(examples as u64, "example"));
            out::say(match (errors, startable) {
                (0, _) => format!("usable: {warnings}, {examples} did as expected{held}"),
                (_, true) if errors > failing => format!(
                    "{} in the eval suites; {} did not do as expected, {examples} did; {warnings}",
                    several(errors - failing, "error"),
                    several(failing, "example")
                ),
                (_, true) => {
                    let failed = several(failing, "example");
                    format!("{failed} did not do as expected, {examples} did; {warnings}")
                }
                (_, false) => {
                    format!(
                        "{}, {warnings}: this configuration would not be started",
                        several(errors, "error")
                    )
                }
            })?;
            if !compiled {
                out::say("the examples were not run: correct the errors first")?;
            }
        }
        Ok(if problems.has_errors() { End::Badly } else { End::Well })
    }
}

/// What is wrong with the suites' cases: what cannot be read, test cases that are not as they were locked, near-duplicates in
/// different splits, and baselines that are none.
fn cases(engine: &Engine, files: &Files) -> Problems {
    let mut problems = Problems::new();
    for (name, suite) in &config::suites(files).0 {
        let (cases, wrong) = config::cases(files, name);
        problems.extend(wrong);
        problems.extend(eval::sound(engine, name, suite, &cases));
        problems.extend(test_lock::check(files, name, &cases));
        problems.extend(test_lock::leaks(name, &cases));
        problems.extend(eval::baseline(files, name).err());
    }
    problems
}
