//! `hookyard init`

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use crate::config::{self, Files};

use super::{End, out};

/// What the program itself writes there and nobody commits: the store where the configuration has it, and which cases of
/// `eval` were not well the last time.
const IGNORED: [&str; 2] = ["/data/", "/evals/*/.last-failed"];

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
        ignore(&self.dir)?;
        let dir = self.dir.display();
        out::say(format!("Wrote config/, prompts/, schemas/ and evals/ to {dir}."))?;
        out::say(format!(
            "Next: edit {dir}/config/, then `hookyard --dir {dir} check` and `hookyard --dir {dir} serve`."
        ))?;
        Ok(End::Well)
    }
}

/// Writes `.gitignore`. One that is there is left as it is, and what it lacks is told: whoever has a repository has one.
fn ignore(dir: &Path) -> anyhow::Result<()> {
    let path = dir.join(".gitignore");
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            let text = IGNORED.map(|line| format!("{line}\n")).concat();
            file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let own = fs::read_to_string(&path).unwrap_or_default();
            let lacks = IGNORED.into_iter().filter(|line| !own.lines().any(|known| known.trim() == *line));
            let lacks: Vec<&str> = lacks.collect();
            if !lacks.is_empty() {
                out::note(format!("{} is left as it is; it lacks {}", path.display(), lacks.join(" and ")));
            }
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}
