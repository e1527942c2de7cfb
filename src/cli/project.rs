//! The configuration a command works on.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{
    config::{Environment, Files, Problems, SETTINGS},
    engine::{self, CompileOptions, Engine},
};

use super::out;

/// The folder with the user's files: `dir`, else the current one if it has a configuration; `None` for those built in.
pub(super) fn folder(dir: Option<PathBuf>) -> Option<PathBuf> {
    let here = || Path::new(".").join(SETTINGS).is_file().then(|| PathBuf::from("."));
    dir.or_else(here)
}

/// The user's files.
pub(super) fn files(dir: Option<PathBuf>) -> anyhow::Result<Files> {
    folder(dir).map_or_else(|| Ok(Files::embedded()), |dir| read(&dir))
}

fn read(dir: &Path) -> anyhow::Result<Files> {
    let files = Files::read(dir).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    if files.get(SETTINGS).is_none() {
        anyhow::bail!("{} has no {SETTINGS}: `hookyard init {0}` writes one to start from", dir.display());
    }
    Ok(files)
}

/// Compiles `files`; warnings are shown, errors refuse.
pub(super) fn engine(
    files: &Files,
    env: &dyn Environment,
    options: CompileOptions,
) -> anyhow::Result<Engine> {
    let (engine, problems) = engine::compile(files, env, options);
    let problems: &Problems = &problems;
    for problem in problems {
        out::note(problem);
    }
    engine.context("the configuration has errors: nothing was started")
}

/// Compiles `files` for a command that only operates: what is merely doubtful has been shown by `check` and `serve`.
pub(super) fn engine_quietly(
    files: &Files,
    env: &dyn Environment,
    options: CompileOptions,
) -> anyhow::Result<Engine> {
    let (engine, problems) = engine::compile(files, env, options);
    engine.with_context(|| format!("{problems}\nthe configuration has errors: `hookyard check` tells all"))
}
