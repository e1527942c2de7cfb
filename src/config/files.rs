//! The texts a user edits, whether they come from a folder or were embedded at build time.

use std::{collections::BTreeMap, sync::Arc};

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

/// `config/hookyard.toml`: the service itself.
pub const SETTINGS: &str = "config/hookyard.toml";
/// `config/sources.toml`: who may send.
pub const SOURCES: &str = "config/sources.toml";
/// `config/filter.toml`: which events are worth a job.
pub const FILTER: &str = "config/filter.toml";
/// `config/routes.toml`: which events go where.
pub const ROUTES: &str = "config/routes.toml";
/// `config/classifiers.toml`: what an event may mean.
pub const CLASSIFIERS: &str = "config/classifiers.toml";
/// `config/judges.toml`: the language models.
pub const JUDGES: &str = "config/judges.toml";
/// `config/models.toml`: what language models take and cost.
pub const MODELS: &str = "config/models.toml";
/// `config/actions.toml`: what can be done, and where.
pub const ACTIONS: &str = "config/actions.toml";

/// All files of `config/` that are read.
pub const CONFIG_FILES: [&str; 8] = [SETTINGS, SOURCES, FILTER, ROUTES, CLASSIFIERS, JUDGES, MODELS, ACTIONS];

/// The folders that hold what a user edits.
pub(super) const FOLDERS: [&str; 4] = ["config", "prompts", "schemas", "evals"];

/// The repository's own four folders, as they were when this was built.
static EMBEDDED: [(&str, Dir<'_>); 4] = [
    ("config", include_dir!("$CARGO_MANIFEST_DIR/config")),
    ("prompts", include_dir!("$CARGO_MANIFEST_DIR/prompts")),
    ("schemas", include_dir!("$CARGO_MANIFEST_DIR/schemas")),
    ("evals", include_dir!("$CARGO_MANIFEST_DIR/evals")),
];

/// The text of every file by its path relative to the configuration's folder (`config/routes.toml`,
/// `prompts/triage/event.j2`, `schemas/triage.schema.json`, `evals/triage/cases.jsonl`), sorted by path. Cheap to
/// clone: texts are shared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Arc<str>>);

impl Files {
    /// The repository's own files: the defaults that run without any folder, and what `init` writes.
    pub fn embedded() -> Self {
        let mut files = Files::default();
        for (folder, dir) in &EMBEDDED {
            files.add_embedded(folder, dir);
        }
        files
    }

    fn add_embedded(&mut self, folder: &str, dir: &Dir<'_>) {
        for file in dir.files() {
            // Our own files are UTF-8; a test says so.
            if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
                let path = format!("{folder}/{path}");
                if is_read(&path) {
                    self.0.insert(path, text.into());
                }
            }
        }
        dir.dirs().for_each(|below| self.add_embedded(folder, below));
    }

    /// The same with the text of `path` added or replaced.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        self.0.insert(path.into(), text.into());
        self
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(AsRef::as_ref)
    }

    /// Path and text of every file, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_ref()))
    }

    /// Path and text of the files whose path begins with `prefix` (such as `prompts/`), sorted by path.
    pub fn under(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(move |(path, _)| path.starts_with(prefix))
    }

    /// SHA-256 (hex) over paths and texts of configuration, prompts and schemas. Eval cases are not in it: one more
    /// label does not make another configuration.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let counts =
            |path: &str| ["config/", "prompts/", "schemas/"].iter().any(|folder| path.starts_with(folder));
        for (path, text) in self.iter().filter(|(path, _)| counts(path)) {
            // Lengths first, so that no other division into paths and texts has the same digest.
            for part in [path, text] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        hex::encode(hasher.finalize())
    }
}

/// Whether a file is one that a user edits: not hidden, not an editor's backup, of the right kind for its folder.
pub(super) fn is_read(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| part.starts_with('.') || part.ends_with('~')) {
        return false;
    }
    match parts.as_slice() {
        ["config", name] => name.ends_with(".toml"),
        ["schemas", name] => name.ends_with(".json"),
        ["evals", _, "recordings", name] => name.ends_with(".json"),
        ["evals", _, name] => {
            [".jsonl", ".toml", ".lock"].iter().any(|kind| name.ends_with(kind))
                || ["baseline.json", "calibration.json"].contains(name)
        }
        ["prompts", _, ..] => true,
        _ => false,
    }
}

/// Whether it is an answer of a language model that was recorded for a suite.
pub(super) fn is_recording(path: &str) -> bool {
    is_read(path) && matches!(path.split('/').collect::<Vec<_>>().as_slice(), ["evals", _, "recordings", _])
}

/// Whether a folder may hold files that are read.
pub(super) fn is_looked_into(folder: &str) -> bool {
    ["x.toml", "x.json"].iter().any(|name| is_read(&format!("{folder}/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Files {
        Files::default()
            .with("prompts/a/event.j2", "hi")
            .with("config/routes.toml", "")
            .with("evals/a/cases.jsonl", "")
    }

    #[test]
    fn are_found_by_path_and_prefix() {
        let files = sample();
        assert_eq!(files.get("prompts/a/event.j2"), Some("hi"));
        assert_eq!(files.get("prompts/b"), None);
        assert_eq!(files.under("prompts/").collect::<Vec<_>>(), [("prompts/a/event.j2", "hi")]);
        let paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["config/routes.toml", "evals/a/cases.jsonl", "prompts/a/event.j2"]);
    }

    #[test]
    fn digest_covers_all_but_the_cases() {
        let digest = sample().digest();
        assert_eq!(digest.len(), 64);
        assert_eq!(sample().with("evals/a/cases.jsonl", "{}").digest(), digest);
        for changed in [sample().with("config/routes.toml", " "), sample().with("schemas/a.json", "")] {
            assert_ne!(changed.digest(), digest);
        }
    }

    #[test]
    fn only_what_is_edited_is_read() {
        for path in ["config/x.toml", "prompts/a/b/c.md", "schemas/a.schema.json", "evals/a/suite.toml"] {
            assert!(is_read(path), "{path}");
        }
        for path in [
            "config/.x.toml.swp",
            "config/a/x.toml",
            "prompts/a.j2~",
            "prompts",
            "evals/cases.jsonl",
            "src/x.toml",
        ] {
            assert!(!is_read(path), "{path}");
        }
    }

    #[test]
    fn embedded_files_are_complete() {
        for (folder, dir) in &EMBEDDED {
            assert_text(folder, dir);
        }
        assert!(Files::embedded().get("evals/triage/cases.jsonl").is_some());
    }

    fn assert_text(folder: &str, dir: &Dir<'_>) {
        for file in dir.files() {
            assert!(file.contents_utf8().is_some(), "{folder}/{} is UTF-8", file.path().display());
        }
        dir.dirs().for_each(|below| assert_text(folder, below));
    }
}
