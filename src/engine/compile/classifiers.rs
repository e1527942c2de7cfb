//! Schemas, prompts and the classifiers made of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    classify::{
        Calibrations, Classifier, Fields, Judge, LadderRung, Lesson, Llm, Local, Parts, Rule, Rules, Schema,
        SenderBudget, Wording, calibration_file,
    },
    config::{
        self, CLASSIFIERS, JUDGES, codes,
        tables::{ClassifierTable, SHADOW, SenderBudgetTable},
    },
    domain::{Money, Name},
    template::{Context, Library, Prompt, Shape, View},
};

use super::{
    super::{
        Gate,
        altered::{LOCAL, RULES},
        tried::Trial,
    },
    Compiler,
};

/// What a `local` judge is to learn, kept until there is time to.
pub(in crate::engine) struct Training {
    local: Arc<Local>,
    classifier: Arc<Classifier>,
    cases: Vec<Labelled>,
}

/// A training case.
struct Labelled {
    trial: Trial,
    label: String,
    weight: f64,
}

impl Training {
    pub fn is_of(&self, classifier: &str) -> bool {
        **self.classifier.name() == *classifier
    }

    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.cases.iter().map(|case| &case.trial)
    }

    pub fn lessons(&self) -> Vec<Lesson> {
        let mut lessons = Vec::with_capacity(self.cases.len());
        for Labelled { trial, label, weight } in &self.cases {
            let Some(variant) = self.classifier.variants().next() else { continue };
            match self.classifier.question(variant, &View::of(&trial.context)).text() {
                Ok(text) => lessons.push(Lesson { text, label: label.clone(), weight: *weight }),
                Err(error) => {
                    tracing::warn!(classifier = %self.classifier.name(), %error, "a case was passed over")
                }
            }
        }
        lessons
    }

    /// # Errors
    /// There was nothing to learn from.
    pub fn run(&self) -> Result<(), String> {
        let lessons = self.lessons();
        let learned = self.local.train(&lessons);
        match &learned {
            Ok(()) => tracing::info!(
                classifier = %self.classifier.name(),
                cases = lessons.len(),
                model = self.local.model(),
                "the local judge has learned"
            ),
            Err(error) => {
                tracing::error!(classifier = %self.classifier.name(), %error, "the local judge could not learn");
            }
        }
        learned.map_err(|error| {
            format!("the local judge of `{}` could not learn: {error}", self.classifier.name())
        })
    }
}

/// A classifier's sets of prompts.
struct Wordings {
    variants: Vec<Wording>,
    shadow: Option<Wording>,
}

impl Compiler<'_> {
    pub(super) fn classifiers(
        &mut self,
        judges: &BTreeMap<Name, Arc<Llm>>,
    ) -> (BTreeMap<Name, Arc<Classifier>>, Vec<Training>) {
        let library = self.library();
        let (mut classifiers, mut training) = (BTreeMap::new(), Vec::new());
        for (name, table) in &self.config.classifiers {
            let local = Arc::new(Local::untrained());
            let Some(classifier) = self.classifier(name, table, judges, library.as_ref(), &local) else {
                continue;
            };
            let classifier = Arc::new(classifier);
            if table.ladder.iter().any(|rung| rung.judge == LOCAL) {
                let cases = self.training_cases(name, table);
                training.push(Training { local, classifier: Arc::clone(&classifier), cases });
            }
            classifiers.insert(Name::from(name.as_str()), classifier);
        }
        (classifiers, training)
    }

    /// All prompt files, or none if one of them does not parse.
    fn library(&mut self) -> Option<Library> {
        let files: Vec<(&str, &str)> = self.config.files.under("prompts/").collect();
        match Library::compile(files.into_iter()) {
            Ok(library) => Some(library),
            Err(wrong) => {
                for (file, error) in wrong {
                    let at = config::At { file, line: error.line };
                    let message = format!("the template cannot be used: {}", error.message);
                    self.problems.push(at.error(
                        codes::BAD_PROMPT,
                        message,
                        "correct it: the language is minijinja",
                    ));
                }
                None
            }
        }
    }

    fn classifier(
        &mut self,
        name: &str,
        table: &ClassifierTable,
        judges: &BTreeMap<Name, Arc<Llm>>,
        library: Option<&Library>,
        local: &Arc<Local>,
    ) -> Option<Classifier> {
        let rules = self.rules(name, table);
        let schema = self.schema(name, table);
        let ladder = self.ladder(name, table, judges, &rules, local);
        let wordings = self.wordings(name, table, library?);
        let text = match Shape::compile(&serde_json::Value::from(table.text.as_str())) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = self.config.at(CLASSIFIERS, ["classifier", name, "text"]);
                let message = format!("the template does not parse: {error}");
                self.problems.push(at.error(
                    codes::BAD_PROMPT,
                    message,
                    "correct it: the language is minijinja",
                ));
                None
            }
        };
        let sender_budget = self.sender_budget(name, table);
        let Wordings { variants, shadow } = wordings?;
        let parts = Parts {
            name: name.into(),
            variants,
            shadow,
            facts: Context::new(),
            text: text?,
            schema: schema?,
            fill: table.fill.clone(),
            ladder,
            sender_budget,
            objective: table.objective_ms.map(Duration::from_millis),
            redact: table.redact.iter().copied().map(Into::into).collect(),
            calibrations: self.calibrations(table.cases.as_deref().unwrap_or(name)),
        };
        let classifier = match Classifier::compile(parts) {
            Ok(classifier) => classifier,
            Err((whose, error)) => {
                let folder = table.folder(name, whose.as_deref());
                let at = config::At { file: format!("prompts/{folder}/system.j2"), line: error.line };
                let remedy =
                    "the system prompt sees `classifier`, `labels` and `canary` only, never the event";
                self.problems.push(at.error(codes::BAD_PROMPT, error.message, remedy));
                return None;
            }
        };
        for wrong in classifier.check_fills() {
            let at = self.config.at(CLASSIFIERS, ["classifier", name, "fill"]);
            let remedy =
                "make `fill` give every field that the schema requires beside label, confidence and reason";
            self.problems.push(at.error(codes::BAD_FILL, wrong, remedy));
        }
        Some(classifier)
    }

    /// The gates of each classifier.
    pub(super) fn gates(&mut self) -> BTreeMap<Name, Vec<Gate>> {
        let mut of = BTreeMap::new();
        for (name, table) in &self.config.classifiers {
            let mut gates = Vec::with_capacity(table.gate.len());
            for (i, gate) in table.gate.iter().enumerate() {
                let at = i.to_string();
                let when =
                    self.condition(CLASSIFIERS, &["classifier", name, "gate", &at, "when"], &gate.when);
                gates.extend(when.map(|when| Gate { when, reason: gate.reason.clone() }));
            }
            of.insert(Name::from(name.as_str()), gates);
        }
        of
    }

    /// What the judges' confidence is worth, where it was measured.
    fn calibrations(&mut self, folder: &str) -> Calibrations {
        let file = calibration_file(folder);
        let Some(text) = self.config.files.get(&file) else { return Calibrations::default() };
        serde_json::from_str(text).unwrap_or_else(|error| {
            let at = config::At::line(&file, error.line());
            let remedy = format!("remove it, or write it anew with `hookyard eval calibrate {folder}`");
            self.problems.push(at.error(codes::BAD_CALIBRATION, error.to_string(), remedy));
            Calibrations::default()
        })
    }

    fn sender_budget(&mut self, name: &str, table: &ClassifierTable) -> Option<SenderBudget> {
        let SenderBudgetTable { who, day_usd } = table.sender_budget.as_ref()?;
        match Shape::compile(&serde_json::Value::from(who.as_str())) {
            Ok(who) => Some(SenderBudget { who, day: Money::of_dollars(*day_usd) }),
            Err(error) => {
                let at = self.config.at(CLASSIFIERS, ["classifier", name, "sender_budget", "who"]);
                let message = format!("the template does not parse: {error}");
                self.problems.push(at.error(
                    codes::BAD_PROMPT,
                    message,
                    "correct it: the language is minijinja",
                ));
                None
            }
        }
    }

    /// The classifier's sets of prompts, or none if one of them is not whole.
    fn wordings(&mut self, name: &str, table: &ClassifierTable, library: &Library) -> Option<Wordings> {
        let (mut variants, mut shadow, mut whole) = (Vec::new(), None, true);
        for (variant, of) in &table.variants {
            match self.wording(name, table, Some((variant, of.weight)), library) {
                Some(wording) if variant == SHADOW => shadow = Some(wording),
                Some(wording) => variants.push(wording),
                None => whole = false,
            }
        }
        if !table.variants.keys().any(|variant| variant != SHADOW) {
            match self.wording(name, table, None, library) {
                Some(wording) => variants.push(wording),
                None => whole = false,
            }
        }
        whole.then_some(Wordings { variants, shadow })
    }

    fn wording(
        &mut self,
        name: &str,
        table: &ClassifierTable,
        variant: Option<(&str, f64)>,
        library: &Library,
    ) -> Option<Wording> {
        let folder = table.folder(name, variant.map(|(variant, _)| variant));
        let path = match variant {
            Some((variant, _)) => vec!["classifier", name, "variants", variant, "prompts"],
            None => vec!["classifier", name, "prompts"],
        };
        let system = self.prompt(name, &path, library, folder, "system.j2");
        let event = self.prompt(name, &path, library, folder, "event.j2");
        Some(Wording {
            name: variant.map(|(variant, _)| variant.into()),
            weight: variant.map_or(1.0, |(_, weight)| weight),
            system: system?,
            event: event?,
        })
    }

    fn prompt(
        &mut self,
        name: &str,
        named_at: &[&str],
        library: &Library,
        folder: &str,
        file: &str,
    ) -> Option<Prompt> {
        let path = format!("prompts/{folder}/{file}");
        let prompt = library.prompt(&path);
        if prompt.is_none() {
            let at = self.config.at(CLASSIFIERS, named_at);
            let message = format!("classifier `{name}` needs the prompt {path}, which is not there");
            self.problems.push(at.error(codes::BAD_PROMPT, message, format!("write {path}")));
        }
        prompt
    }

    fn schema(&mut self, name: &str, table: &ClassifierTable) -> Option<Schema> {
        let file = format!("schemas/{}.schema.json", table.schema.as_deref().unwrap_or(name));
        let Some(text) = self.config.files.get(&file) else {
            let at = self.config.at(CLASSIFIERS, ["classifier", name, "schema"]);
            let message = format!("classifier `{name}` needs the schema {file}, which is not there");
            self.problems.push(at.error(codes::BAD_SCHEMA, message, format!("write {file}")));
            return None;
        };
        let fields = Fields {
            label: table.label_field.clone(),
            confidence: table.confidence_field.clone(),
            reason: table.reason_field.clone(),
        };
        match Schema::load(text, fields) {
            Ok(schema) => Some(schema),
            Err(wrong) => {
                for error in wrong {
                    let message = format!("{} {}", error.path, error.problem);
                    let at = config::At { file: file.clone(), line: pointer_line(text, &error.path) };
                    self.problems.push(at.error(codes::BAD_SCHEMA, message, error.remedy));
                }
                None
            }
        }
    }

    fn rules(&mut self, name: &str, table: &ClassifierTable) -> Arc<Rules> {
        let mut rules = Vec::new();
        for (i, rule) in table.rule.iter().enumerate() {
            let at = i.to_string();
            let when = self.condition(CLASSIFIERS, &["classifier", name, "rule", &at, "when"], &rule.when);
            rules.extend(when.map(|when| Rule {
                when,
                label: rule.label.clone(),
                reason: rule.reason.clone(),
                fill: rule.fill.clone(),
            }));
        }
        Arc::new(Rules::new(rules))
    }

    fn ladder(
        &mut self,
        name: &str,
        table: &ClassifierTable,
        judges: &BTreeMap<Name, Arc<Llm>>,
        rules: &Arc<Rules>,
        local: &Arc<Local>,
    ) -> Vec<LadderRung> {
        let mut ladder = Vec::new();
        for (i, rung) in table.ladder.iter().enumerate() {
            let judge: Arc<dyn Judge> = match rung.judge.as_str() {
                RULES => Arc::clone(rules) as _,
                LOCAL => Arc::clone(local) as _,
                other => match judges.get(other) {
                    Some(judge) => self.seat(other, judge),
                    None if self.config.declares(JUDGES, ["judge", other]) => continue,
                    None => {
                        let at = i.to_string();
                        let known =
                            self.config.judges.keys().map(String::as_str).chain([RULES, LOCAL]).collect();
                        let path = ["classifier", name, "ladder", &at, "judge"];
                        self.unknown(CLASSIFIERS, &path, "judge", other, known);
                        continue;
                    }
                },
            };
            ladder.push(LadderRung { judge, confidence_min: rung.confidence_min });
        }
        ladder
    }

    fn training_cases(&mut self, name: &str, table: &ClassifierTable) -> Vec<Labelled> {
        let folder = table.cases.as_deref().unwrap_or(name);
        let (cases, problems) = config::training_cases(&self.config.files, folder);
        self.problems.extend(problems);
        let origins = super::origins(self.config);
        let labelled = |case: config::Case| Labelled {
            trial: Trial::of_case(&origins, &case),
            label: case.expect.label,
            weight: case.weight,
        };
        cases.into_iter().map(labelled).collect()
    }
}

/// The 1-based line on which a JSON pointer such as `#/properties/label` leads, as far as its keys stand in the text one
/// after the other; the first line for the whole.
fn pointer_line(text: &str, pointer: &str) -> Option<usize> {
    let mut at = 0;
    for key in pointer.trim_start_matches('#').split('/').filter(|key| !key.is_empty()) {
        let Some(found) = text.get(at..).and_then(|rest| rest.find(&format!("\"{key}\""))) else { break };
        at += found;
    }
    text.get(..at).map(|before| before.matches('\n').count() + 1)
}
