//! `hookyard demo`

use clap::Args;

use super::End;

/// See it work.
#[derive(Debug, Args)]
pub(super) struct Demo {}

impl Demo {
    pub fn run(self) -> anyhow::Result<End> {
        Ok(End::Well)
    }
}
