//! `hookyard eval import`

mod file;
mod recorded;

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::{
    cli::{End, out, project},
    config::{self, Case, Files, FixedEnvironment, Split, Suite},
    engine::{CompileOptions, Reach},
    eval::{EvalError, test_lock},
};

use super::suites;

/// Take labelled cases over from elsewhere.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// A CSV or JSONL file.
    File(file::FromFile),
    /// Events about which a person decided: with the label that the person gave.
    Reviews(recorded::FromReviews),
    /// Events of dead letters: with the label that you give them.
    Dead(recorded::FromDead),
}

/// What all ways have in common.
#[derive(Debug, Args)]
struct Into {
    /// The suite whose cases they are to be: a folder of evals/.
    suite: String,
    /// Who labelled them.
    #[arg(long, value_name = "NAME")]
    author: String,
    /// A tag of all of them; may be given several times.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// What they are used for; each cluster, or else each body, decides for itself if left out.
    #[arg(long, value_enum, value_name = "SPLIT")]
    split: Option<Split>,
    /// Take those as well that say nearly the same as another case.
    #[arg(long)]
    allow_near: bool,
    /// Write nothing: show the cases.
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        match self.from {
            From::File(from) => from.run(dir),
            From::Reviews(from) => from.run(dir),
            From::Dead(from) => from.run(dir),
        }
    }
}

/// Where cases go, and what is there already.
struct Place {
    folder: PathBuf,
    files: Files,
    suite: Suite,
    existing: Vec<Case>,
    /// Whether the suite has a lock on its test cases.
    test_is_locked: bool,
}

impl Into {
    fn place(&self, dir: Option<PathBuf>) -> anyhow::Result<Place> {
        let folder = project::folder(dir.clone())
            .context("there is no folder to write to: `hookyard init DIR` writes one, and --dir names it")?;
        let files = project::files(dir)?;
        let mut suites = suites::chosen(&files, std::slice::from_ref(&self.suite))?;
        let suite = suites.swap_remove(&self.suite).context("the suite was found a moment ago")?;
        let test_is_locked = files.get(&test_lock::file(&self.suite)).is_some();
        anyhow::ensure!(
            self.split.is_some() || !test_is_locked,
            "the test cases of `{}` are locked: say --split train or --split dev",
            self.suite
        );
        let existing = match files.get(&config::cases_file(&self.suite)) {
            Some(_) => {
                let (cases, problems) = config::cases(&files, &self.suite);
                problems.into_result().map_err(|problems| anyhow::anyhow!("{problems}"))?;
                cases
            }
            None => Vec::new(),
        };
        Ok(Place { folder, files, suite, existing, test_is_locked })
    }

    /// Appends `lines`, each of them a case, unless nothing is to be written, or what is there then could not be read.
    fn append(&self, place: &Place, lines: &str, cases: usize) -> anyhow::Result<()> {
        if self.dry_run && cases == 0 {
            out::note("no case would be added");
            return Ok(());
        }
        place.would_read(&config::cases_file(&self.suite), lines, &self.suite)?;
        if self.dry_run {
            return out::say(lines.trim_end());
        }
        let file = config::cases_file(&self.suite);
        let path = place.folder.join(&file);
        append(&path, lines).map_err(|error| EvalError::Unwritten {
            reason: format!("{} cannot be written: {error}", path.display()),
        })?;
        out::say(format!("{} added to {file}", out::several(cases as u64, "case")))
    }
}

impl Place {
    /// That `file` can be read once `lines` are at its end.
    fn would_read(&self, file: &str, lines: &str, suite: &str) -> anyhow::Result<()> {
        let mut text = self.files.get(file).unwrap_or_default().to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(lines);
        anyhow::ensure!(
            text.len() as u64 <= config::FILE_BYTES_MAX,
            "nothing was added: {file} would have {} bytes and may have {}. Import less, shorten long texts, or begin another suite",
            text.len(),
            config::FILE_BYTES_MAX
        );
        if lines.is_empty() {
            return Ok(());
        }
        let (_, problems) = config::cases(&self.files.clone().with(file, text), suite);
        problems.into_result().map(drop).map_err(|problems| {
            anyhow::anyhow!("nothing was added, because what is there then could not be read:\n{problems}")
        })
    }

    /// The labels of the suite's classifier.
    fn labels(&self) -> anyhow::Result<Vec<String>> {
        let options = CompileOptions { reach: Reach::Offline, ..CompileOptions::default() };
        let engine = project::engine_quietly(&self.files, &FixedEnvironment::default(), options)?;
        let classifier = engine.classifier(&self.suite.classifier).with_context(|| {
            let known = engine.classifiers().map(|name| &**name);
            let wanted = &self.suite.classifier;
            format!("no classifier is called `{wanted}`: {}", config::one_of(wanted, known))
        })?;
        Ok(classifier.schema().labels().to_vec())
    }
}

/// Adds lines to the end of a file, which may not be there yet, or end within a line.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().read(true).append(true).create(true).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines.as_bytes())
}
