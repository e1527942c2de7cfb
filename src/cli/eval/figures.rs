//! `hookyard eval figures`: the statistics alone, on labels of your own. What independent programs are compared with.

use std::io::{self, Read};

use anyhow::Context;
use clap::Args;

use crate::{
    cli::{End, out},
    eval::oracle::{self, Question},
};

/// Reads labels and answers as JSON from standard input, and prints their figures.
#[derive(Debug, Args)]
pub(super) struct Figures {}

impl Figures {
    pub fn run(self) -> anyhow::Result<End> {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        let question: Question = serde_json::from_str(&text).context("standard input is no question")?;
        out::json_line(&oracle::answer(&question)?)?;
        Ok(End::Well)
    }
}
