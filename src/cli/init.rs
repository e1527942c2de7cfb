//! `hookyard init`

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Files};

use super::{End, out};

/// Write a commented configuration to start from.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Folder to write to; files that are there already are never touched.
    dir: PathBuf,
}

impl Init {
    pub fn run(self) -> anyhow::Result<End> {
        let mut files = Files::embedded();
        for (path, schema) in config::schemas() {
            files = files.with(path, schema);
        }
        files.write_to(&self.dir)?;
        let dir = self.dir.display();
        out::say(format!("Wrote config/, prompts/, schemas/ and evals/ to {dir}."))?;
        out::say(format!(
            "Next: edit {dir}/config/, then `hookyard --dir {dir} check` and `hookyard --dir {dir} serve`."
        ))?;
        Ok(End::Well)
    }
}
