//! All configuration files into one [`Config`], and all problems with them at once.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    checks::check,
    codes,
    document::Document,
    files::{ACTIONS, CLASSIFIERS, CONFIG_FILES, FILTER, Files, JUDGES, MODELS, ROUTES, SETTINGS, SOURCES},
    locate::Locator,
    models::Models,
    problem::{At, Problems},
    suggest::one_of,
    tables::{
        ActionTable, ClassifierTable, DestinationTable, ExampleTable, FilterFile, JudgeTable, RouteTable,
        SettingsFile, SourceTable,
    },
};

/// The raw tables of a configuration, in the order of their files, and the files themselves.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub settings: SettingsFile,
    pub sources: IndexMap<String, SourceTable>,
    pub filter: FilterFile,
    pub routes: IndexMap<String, RouteTable>,
    pub examples: Vec<ExampleTable>,
    pub judges: IndexMap<String, JudgeTable>,
    pub models: Models,
    pub classifiers: IndexMap<String, ClassifierTable>,
    pub destinations: IndexMap<String, DestinationTable>,
    pub actions: IndexMap<String, ActionTable>,
    pub files: Files,
    locators: BTreeMap<String, Locator>,
    /// Files that are not TOML.
    lost: BTreeSet<String>,
}

/// Reads every file of `config/`, checks what can be checked of each by itself, and leaves out what is faulty. A
/// file that does not exist counts as empty. Use the result only if the problems hold no error, except to find
/// further problems in it.
pub fn load(files: &Files) -> (Config, Problems) {
    let mut config = Config { files: files.clone(), ..Config::default() };
    let mut problems = unknown_files(files);

    let mut file = Document::open(files, SETTINGS);
    config.settings = SettingsFile {
        server: file.one("server"),
        store: file.one("store"),
        worker: file.one("worker"),
        alerts: file.one("alerts"),
        retention: file.one("retention"),
    };
    config.close(SETTINGS, file, &mut problems);

    let mut file = Document::open(files, SOURCES);
    config.sources = file.named("source");
    config.close(SOURCES, file, &mut problems);

    let mut file = Document::open(files, FILTER);
    config.filter = FilterFile { rule: file.listed("rule"), otherwise: file.one("otherwise") };
    config.close(FILTER, file, &mut problems);

    let mut file = Document::open(files, ROUTES);
    config.routes = file.named("route");
    config.examples = file.listed("example");
    config.close(ROUTES, file, &mut problems);

    let mut file = Document::open(files, CLASSIFIERS);
    config.classifiers = file.named("classifier");
    config.close(CLASSIFIERS, file, &mut problems);

    let mut file = Document::open(files, JUDGES);
    config.judges = file.named("judge");
    config.close(JUDGES, file, &mut problems);

    let mut file = Document::open(files, MODELS);
    config.models = Models::new(file.listed("model"));
    config.close(MODELS, file, &mut problems);

    let mut file = Document::open(files, ACTIONS);
    config.destinations = file.named("destination");
    config.actions = file.named("action");
    config.close(ACTIONS, file, &mut problems);

    check(&config, &mut problems);
    (config, problems)
}

impl Config {
    /// The place of a path in a file, such as `config.at(ROUTES, ["route", name, "when"])`: the line of its deepest
    /// existing part. Items of lists count from 0, as they do in the tables of this configuration.
    pub fn at<'p>(&self, file: &str, path: impl AsRef<[&'p str]>) -> At {
        let line = match (self.locators.get(file), self.files.get(file)) {
            (Some(locator), _) => locator.line_of(path.as_ref()),
            (None, Some(text)) if file.ends_with(".toml") => Locator::of(text).line_of(path.as_ref()),
            (None, _) => None,
        };
        At { file: file.to_owned(), line }
    }

    /// Whether the file speaks of such a table or field, though it may have been too faulty to be read. What is
    /// declared but absent here has a problem of its own already; that something names it is none.
    pub fn declares<'p>(&self, file: &str, path: impl AsRef<[&'p str]>) -> bool {
        self.lost.contains(file) || self.locators.get(file).is_some_and(|locator| locator.has(path.as_ref()))
    }

    fn close(&mut self, file: &str, document: Document<'_>, problems: &mut Problems) {
        let closed = document.close();
        self.locators.insert(file.to_owned(), closed.locator);
        if closed.is_lost {
            self.lost.insert(file.to_owned());
        }
        problems.extend(closed.problems);
    }
}

fn unknown_files(files: &Files) -> Problems {
    files
        .under("config/")
        .filter(|(path, _)| !CONFIG_FILES.contains(path))
        .map(|(path, _)| {
            At::file(path).warning(codes::UNKNOWN_FILE, "nothing reads this file", one_of(path, CONFIG_FILES))
        })
        .collect()
}
