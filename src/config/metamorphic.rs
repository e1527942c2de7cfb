//! `[metamorphic]` of a suite: what must not change what is said of a case.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    bounds::{empty_problem, share_problem},
    cases::Relation,
    codes,
    locate::Locator,
    problem::{At, Problems},
};

/// Changes that are tried on the cases, each of which is asked about once more.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metamorphic {
    /// quoting, signature, html, reordered, renamed.
    pub relations: Vec<Relation>,
    /// Where in the body a mail's text stands, its fields joined by dots. A case without text there is left out.
    #[serde(default = "text")]
    pub text: String,
    /// Where its HTML stands; left out: in the place of the text.
    pub html: Option<String>,
    /// What labels are called by `renamed`; those left out are called `group_1` and so on.
    #[serde(default)]
    pub names: IndexMap<String, String>,
    /// Most cases that each is tried on, drawn by `seed`; left out: all.
    pub cases_max: Option<u32>,
}

impl Metamorphic {
    /// What `renamed` calls these labels, which are all of the schema in its order.
    pub fn called(&self, labels: &[String]) -> Vec<String> {
        labels
            .iter()
            .zip(1..)
            .map(|(label, n)| self.names.get(label).cloned().unwrap_or_else(|| format!("group_{n}")))
            .collect()
    }
}

/// Least share of the cases of which the same is said, 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetamorphicGates {
    pub quoting_min: Option<f64>,
    pub signature_min: Option<f64>,
    pub html_min: Option<f64>,
    pub reordered_min: Option<f64>,
    pub renamed_min: Option<f64>,
    pub language_min: Option<f64>,
}

impl MetamorphicGates {
    pub fn of(&self, relation: Relation) -> Option<f64> {
        match relation {
            Relation::Quoting => self.quoting_min,
            Relation::Signature => self.signature_min,
            Relation::Html => self.html_min,
            Relation::Reordered => self.reordered_min,
            Relation::Renamed => self.renamed_min,
            Relation::Language => self.language_min,
        }
    }
}

fn text() -> String {
    "data.message".to_owned()
}

/// What is wrong with both tables of one suite.
pub(super) fn check(
    file: &str,
    locator: &Locator,
    table: Option<&Metamorphic>,
    gates: &MetamorphicGates,
) -> Problems {
    let at = |path: &[&str]| At { file: file.to_owned(), line: locator.line_of(path) };
    let mut problems = Problems::new();
    for relation in Relation::ALL {
        let field = format!("{}_min", relation.as_str());
        if let Some(share) = gates.of(relation) {
            let path = ["gate", "metamorphic", &field];
            problems.extend(share_problem(at(&path), &path.join("."), share));
        }
    }
    let Some(table) = table else { return problems };
    let path = ["metamorphic", "relations"];
    let none = table.relations.is_empty();
    problems.extend(empty_problem(at(&path), "metamorphic.relations", none, "name one, or remove the table"));
    if table.relations.contains(&Relation::Language) {
        problems.push(at(&path).error(
            codes::BAD_SUITE,
            "`metamorphic.relations` has `language`, which nobody but a person can derive",
            "write the case in the other language, with `same_as` and `by = \"language\"`",
        ));
    }
    if table.cases_max == Some(0) {
        problems.push(at(&["metamorphic", "cases_max"]).error(
            codes::OUT_OF_BOUNDS,
            "`metamorphic.cases_max` is 0",
            "write a number from 1, or remove it to try all cases",
        ));
    }
    let places = [("text", Some(&table.text)), ("html", table.html.as_ref())];
    for (field, place) in places.into_iter().filter_map(|(field, place)| Some((field, place?))) {
        if place.split('.').any(str::is_empty) {
            let message = format!("`metamorphic.{field}` is no place in a body");
            problems.push(at(&["metamorphic", field]).error(
                codes::BAD_SUITE,
                message,
                "write its fields joined by dots, such as `data.message`",
            ));
        }
    }
    problems
}
