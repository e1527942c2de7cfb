//! `hookyard eval lock`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::{
    cli::{End, out, project},
    eval::test_lock,
};

use super::{suites, write::write};

/// Lock the test cases as they are: from then on every change of one is told.
#[derive(Debug, Args)]
pub(super) struct LockTest {
    /// Folders of evals/; all if none is named.
    suites: Vec<String>,
}

impl LockTest {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let folder = project::folder(dir.clone())
            .context("there is no folder to write to: `hookyard init DIR` writes one, and --dir names it")?;
        let files = project::files(dir)?;
        for name in suites::chosen(&files, &self.suites)?.keys() {
            let lock = test_lock::of(&files, name)?;
            let file = test_lock::file(name);
            let path = folder.join(&file);
            write(&path, &lock.to_string())?;
            out::say(format!("{name}: {} locked in {file}", out::several(lock.len() as u64, "test case")))?;
        }
        Ok(End::Well)
    }
}
