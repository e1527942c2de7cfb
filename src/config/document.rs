//! One TOML file, read table by table so that a faulty one does not hide the others.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    bounds::name_problem,
    codes,
    files::Files,
    locate::{Lines, Locator},
    parse::{SyntaxError, parse},
    problem::{At, Problem, Problems},
    suggest::{one_of, quoted},
    typed,
    wrong::{Wrong, type_of},
};

/// Syntax errors that are told of one file; more are mostly consequences.
const SYNTAX_ERRORS_MAX: usize = 8;

/// A file being read. Every table that it may have is asked for once; [`Document::close`] then knows the rest.
pub(super) struct Document<'a> {
    file: &'a str,
    root: DeTable<'a>,
    lines: Lines,
    locator: Locator,
    is_lost: bool,
    asked: Vec<&'static str>,
    problems: Problems,
}

/// What is left of a file when all of it was read.
pub(super) struct Closed {
    pub locator: Locator,
    /// It was no TOML, so nothing is known about what it should have said.
    pub is_lost: bool,
    pub problems: Problems,
}

impl<'a> Document<'a> {
    /// A file that does not exist reads as an empty one.
    pub fn open(files: &'a Files, file: &'a str) -> Self {
        let text = files.get(file).unwrap_or_default();
        let lines = Lines::of(text);
        let (root, errors) = parse(text, &lines);
        let locator = Locator::new(&root, &lines);
        let is_lost = !errors.is_empty();
        let problems = syntax_problems(file, errors);
        // What is left of a broken file would only give false problems.
        let root = if is_lost { DeTable::new() } else { root };
        Document { file, root, lines, locator, is_lost, asked: Vec::new(), problems }
    }

    /// The table `[key]`; as if it was empty, where it is absent or faulty.
    pub fn one<T: DeserializeOwned + Default>(&mut self, key: &'static str) -> T {
        self.asked.push(key);
        let Some(value) = self.root.get(key) else { return T::default() };
        match typed::read(value) {
            Ok(table) => table,
            Err(wrong) => {
                let problems = self.told(&[key], wrong);
                self.problems.extend(problems);
                T::default()
            }
        }
    }

    /// The tables `[key.NAME]` in the order of the file, without the faulty ones.
    pub fn named<T: DeserializeOwned>(&mut self, key: &'static str) -> IndexMap<String, T> {
        self.asked.push(key);
        let mut tables = IndexMap::new();
        let mut problems = Vec::new();
        match self.root.get(key).map(|value| (value, value.get_ref())) {
            None => {}
            Some((_, DeValue::Table(named))) => {
                let mut named: Vec<_> = named.iter().collect();
                named.sort_by_key(|(name, _)| name.span().start);
                for (name, value) in named {
                    let text = name.get_ref().as_ref();
                    problems.extend(name_problem(self.at(name.span().start), key, text));
                    match typed::read(value) {
                        Ok(table) => drop(tables.insert(text.to_owned(), table)),
                        Err(wrong) => problems.extend(self.told(&[key, text], wrong)),
                    }
                }
            }
            Some((value, other)) => problems.push(self.at(value.span().start).error(
                codes::WRONG_TYPE,
                format!("`{key}` must be tables with names, not {}", type_of(other)),
                format!("write `[{key}.NAME]` above the fields of each"),
            )),
        }
        self.problems.extend(problems);
        tables
    }

    /// The tables `[[key]]`, without the faulty ones.
    pub fn listed<T: DeserializeOwned>(&mut self, key: &'static str) -> Vec<T> {
        self.asked.push(key);
        let mut tables = Vec::new();
        let mut problems = Vec::new();
        let mut faulty = BTreeSet::new();
        match self.root.get(key).map(|value| (value, value.get_ref())) {
            None => {}
            Some((_, DeValue::Array(listed))) => {
                for (index, value) in listed.iter().enumerate() {
                    match typed::read(value) {
                        Ok(table) => tables.push(table),
                        Err(wrong) => {
                            problems.extend(self.told(&[key, &index.to_string()], wrong));
                            faulty.insert(index);
                        }
                    }
                }
            }
            Some((value, other)) => problems.push(self.at(value.span().start).error(
                codes::WRONG_TYPE,
                format!("`{key}` must be a list of tables, not {}", type_of(other)),
                format!("write `[[{key}]]` above the fields of each"),
            )),
        }
        self.locator.keep(key, |index| !faulty.contains(&index));
        self.problems.extend(problems);
        tables
    }

    /// The file itself as one table.
    pub fn whole<T: DeserializeOwned>(mut self) -> (Option<T>, Closed) {
        let root = std::mem::take(&mut self.root);
        let table = match typed::read(&Spanned::new(0..0, DeValue::Table(root))) {
            _ if self.is_lost => None,
            Ok(table) => Some(table),
            Err(wrong) => {
                let problems = self.told(&[], wrong);
                self.problems.extend(problems);
                None
            }
        };
        (table, self.close())
    }

    /// Ends the reading: whatever was not asked for is unknown.
    pub fn close(mut self) -> Closed {
        for (name, _) in &self.root {
            let text = name.get_ref().as_ref();
            if !self.asked.contains(&text) {
                let problem = self.at(name.span().start).error(
                    codes::UNKNOWN_FIELD,
                    format!("there is no {} in this file", quoted(text)),
                    one_of(text, self.asked.iter().copied()),
                );
                self.problems.push(problem);
            }
        }
        Closed { locator: self.locator, is_lost: self.is_lost, problems: self.problems }
    }

    fn told(&self, table: &[&str], wrong: Vec<Wrong>) -> Vec<Problem> {
        wrong
            .into_iter()
            .map(|wrong| (self.at(wrong.span.start), wrong))
            .map(|(at, w)| w.problem(at, table))
            .collect()
    }

    fn at(&self, start: usize) -> At {
        At::line(self.file, self.lines.line(&(start..start)))
    }
}

/// The first error of each line and kind. One bracket that does not close makes every line after it the same error.
fn syntax_problems(file: &str, errors: Vec<SyntaxError>) -> Problems {
    let (mut lines, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    errors
        .into_iter()
        .filter(|error| lines.insert(error.line) && kinds.insert(error.message.clone()))
        .take(SYNTAX_ERRORS_MAX)
        .map(|error| {
            At { file: file.to_owned(), line: error.line }.error(
                codes::SYNTAX,
                format!("this is not TOML: {}", error.message),
                "correct it; until then nothing else of this file is looked at",
            )
        })
        .collect()
}
