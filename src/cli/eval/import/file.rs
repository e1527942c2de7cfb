//! `hookyard eval import file`

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::Args;

use crate::{
    cli::{End, out},
    config::Split,
    eval::import::{Column, Format, Given, Imported, Options, import},
};

use super::Into;

/// Rows of a CSV file, or lines of a JSONL file: cases as they are, or objects whose fields are columns.
#[derive(Debug, Args)]
pub(super) struct FromFile {
    #[command(flatten)]
    into: Into,
    /// Ends in .csv, .jsonl or .ndjson.
    file: PathBuf,
    /// The column with the label.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    label: String,
    /// The column with the id; made of the event if left out.
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// Where a column goes in the event's body: `subject=data.subject`, `seats=data.seats:json`, `email=` for nowhere. The others
    /// go to `data.COLUMN`.
    #[arg(long, value_name = "COLUMN=PATH")]
    column: Vec<Column>,
    /// The source of the events, or `column:NAME`.
    #[arg(long, value_name = "SOURCE", default_value = "forms", value_parser = given)]
    source: Given,
    /// The type of the events, or `column:NAME`.
    #[arg(long = "type", value_name = "TYPE", value_parser = given)]
    event_type: Given,
    /// What separates fields.
    #[arg(long, value_name = "CHARACTER", default_value_t = ',')]
    delimiter: char,
}

fn given(text: &str) -> Result<Given, String> {
    Ok(match text.strip_prefix("column:") {
        Some(name) => Given::Column(name.to_owned()),
        None => Given::Fixed(text.to_owned()),
    })
}

impl FromFile {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let place = self.into.place(dir)?;
        let shown = self.file.display();
        let format = match self.file.extension().and_then(|kind| kind.to_str()) {
            Some("csv") => Format::Csv,
            Some("jsonl" | "ndjson") => Format::Jsonl,
            _ => anyhow::bail!("{shown} ends in neither .csv nor .jsonl: rename it to what it is"),
        };
        let bytes = fs::read(&self.file).with_context(|| format!("{shown} cannot be read"))?;
        let options = Options {
            label: self.label,
            id: self.id,
            prefix: self.into.suite.clone(),
            source: self.source,
            event_type: self.event_type,
            columns: self.column,
            author: self.into.author.clone(),
            tags: self.into.tag.clone(),
            split: self.into.split,
            test_is_locked: place.test_is_locked && self.into.split != Some(Split::Test),
            labels: place.labels()?,
            delimiter: u8::try_from(self.delimiter).context("--delimiter must be one ASCII character")?,
            allow_near: self.into.allow_near,
        };
        let imported = import(&bytes, format, &options, &place.existing);
        let Imported { drafts, refused, faults } = &imported;
        for one in refused {
            out::note(format!("{shown}: {one}"));
        }
        if !faults.is_empty() {
            for fault in &faults.told {
                out::note(format!("{shown}: {fault}"));
            }
            if faults.more > 0 {
                out::note(format!("{shown}: {} more", out::several(faults.more as u64, "fault")));
            }
            anyhow::bail!("nothing was added: correct {shown} and import it whole");
        }
        self.into.append(&place, &imported.jsonl(), drafts.len())?;
        Ok(if refused.is_empty() { End::Well } else { End::Badly })
    }
}
