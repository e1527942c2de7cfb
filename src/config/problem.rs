//! What is wrong with the files, where, and what to do about it.

use std::fmt;

use serde::Serialize;

/// Whether the configuration can be used in spite of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// One thing wrong with one place. Made by [`At::error`] and [`At::warning`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// One of [`super::codes`].
    pub code: &'static str,
    pub severity: Severity,
    /// Path relative to the configuration's folder, such as `config/routes.toml`.
    pub file: String,
    /// 1-based, where known.
    pub line: Option<usize>,
    pub message: String,
    /// What to write or do instead.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}[{}]: {}\n    remedy: {}", self.code, self.message, self.remedy)
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    pub file: String,
    /// 1-based, where known.
    pub line: Option<usize>,
}

impl At {
    /// A file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        At { file: file.into(), line: None }
    }

    /// A 1-based line of a file.
    pub fn line(file: impl Into<String>, line: usize) -> Self {
        At { file: file.into(), line: Some(line) }
    }

    pub fn error(self, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        self.problem(Severity::Error, code, message.into(), remedy.into())
    }

    pub fn warning(
        self,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        self.problem(Severity::Warning, code, message.into(), remedy.into())
    }

    fn problem(self, severity: Severity, code: &'static str, message: String, remedy: String) -> Problem {
        Problem { code, severity, file: self.file, line: self.line, message, remedy }
    }
}

/// All problems found, by file and line. Displays one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one in its place: after those of the same line that came before it. What was said already, of a file that
    /// several tables share, is not said again.
    pub fn push(&mut self, problem: Problem) {
        let place = |p: &Problem| (p.file.clone(), p.line);
        let key = place(&problem);
        // Most come in order, so the end is tried before a search.
        let index = match self.0.last() {
            Some(last) if place(last) > key => self.0.partition_point(|p| place(p) <= key),
            _ => self.0.len(),
        };
        let of_line = self.0.get(..index).unwrap_or_default().iter().rev().take_while(|p| place(p) == key);
        if !of_line.into_iter().any(|said| *said == problem) {
            self.0.insert(index, problem);
        }
    }

    /// Whether there is anything worse than a warning.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// The warnings, if that is all there is.
    ///
    /// # Errors
    /// All problems, if one of them is an error.
    pub fn into_result(self) -> Result<Problems, Problems> {
        if self.has_errors() { Err(self) } else { Ok(self) }
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, more: I) {
        more.into_iter().for_each(|problem| self.push(problem));
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(from: I) -> Self {
        let mut all = Problems::new();
        all.extend(from);
        all
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample(file: &str, line: usize) -> Problem {
        At::line(file, line).warning("HY0000", "m", "r")
    }

    #[test]
    fn reads_as_a_compiler_would_say_it() {
        let problem = At::line("config/routes.toml", 12).error(
            "HY0204",
            "no action is called `crm-contcat`",
            "write one of: crm-contact, crm-note",
        );
        assert_eq!(
            problem.to_string(),
            "config/routes.toml:12: error[HY0204]: no action is called `crm-contcat`\n    remedy: write one of: \
             crm-contact, crm-note"
        );
        assert_eq!(
            At::file("a").warning("HY0001", "b", "c").to_string(),
            "a: warning[HY0001]: b\n    remedy: c"
        );
        assert_eq!(
            serde_json::to_value(&problem).expect("serializes")["severity"],
            json!("error"),
            "the dashboard and --json rely on it"
        );
    }

    #[test]
    fn are_kept_by_file_and_line() {
        let all: Problems =
            [sample("b", 1), sample("a", 9), sample("a", 2), sample("b", 0)].into_iter().collect();
        let places: Vec<_> = all.iter().map(|p| (p.file.as_str(), p.line)).collect();
        assert_eq!(places, [("a", Some(2)), ("a", Some(9)), ("b", Some(0)), ("b", Some(1))]);
    }

    #[test]
    fn the_same_is_said_once() {
        let other = At::line("a", 1).warning("HY0000", "another", "r");
        let all: Problems =
            [sample("a", 1), other.clone(), sample("b", 1), sample("a", 1), other, sample("b", 1)]
                .into_iter()
                .collect();
        let told: Vec<_> = all.iter().map(|p| (p.file.as_str(), p.message.as_str())).collect();
        assert_eq!(told, [("a", "m"), ("a", "another"), ("b", "m")]);
    }

    #[test]
    fn warnings_do_not_stop_anything() {
        let mut all: Problems = [sample("b", 1)].into_iter().collect();
        assert_eq!(all.clone().into_result(), Ok(all.clone()));
        all.push(At::file("a").error("HY0001", "m", "r"));
        assert!(all.into_result().is_err_and(|problems| problems.len() == 2));
    }
}
