//! Who is asked about a suite's cases.

use std::sync::Arc;

use crate::{
    classify::{Classifier, Judge, LadderRung, Subject, Variant},
    config,
    domain::Name,
    engine::Engine,
};

use super::EvalError;

/// The judges of a run, in the order in which they are asked, and the prompts they are asked by.
#[derive(Debug)]
pub struct Panel {
    pub classifier: Arc<Classifier>,
    pub ladder: Vec<LadderRung>,
    /// One of the classifier's variants; the usual one if `None`.
    variant: Option<Name>,
}

impl Panel {
    /// The judges called `names`, each with the confidence that its rung demands, or any where it is on no rung; without names
    /// those of the ladder that no prompt is sent to.
    ///
    /// # Errors
    /// The classifier, a judge or the variant does not exist, or nobody is left to ask.
    pub fn new(
        engine: &Engine,
        suite: &str,
        classifier: &str,
        names: &[String],
        variant: Option<&str>,
    ) -> Result<Self, EvalError> {
        let no = |reason: String| EvalError::Suite { suite: suite.to_owned(), reason };
        let found = engine.classifier(classifier).ok_or_else(|| {
            let known = config::one_of(classifier, engine.classifiers().map(|name| &**name));
            no(format!("no classifier is called `{classifier}`: {known}"))
        })?;
        let classifier = Arc::clone(found);
        let ladder = if names.is_empty() {
            classifier.ladder().iter().filter(|rung| !rung.judge.reads_prompts()).cloned().collect()
        } else {
            let seats = names.iter().map(|name| seat(engine, &classifier, name).map_err(&no));
            seats.collect::<Result<Vec<_>, _>>()?
        };
        if ladder.is_empty() {
            return Err(no(
                "none of its classifier's judges works offline: name others with --judge".to_owned()
            ));
        }
        let panel = Panel { classifier, ladder, variant: variant.map(Into::into) };
        match panel.find() {
            Some(_) => Ok(panel),
            None => {
                let known = panel.classifier.variants().filter_map(|variant| variant.name.as_deref());
                let wanted = variant.unwrap_or_default();
                Err(no(format!("no variant is called `{wanted}`: {}", config::one_of(wanted, known))))
            }
        }
    }

    /// The prompts that are asked by.
    ///
    /// # Errors
    /// The classifier has none.
    pub fn variant(&self) -> Result<&Variant, EvalError> {
        let suite = self.classifier.name().to_string();
        self.find().ok_or(EvalError::Suite { suite, reason: "its classifier has no prompts".to_owned() })
    }

    fn find(&self) -> Option<&Variant> {
        match &self.variant {
            None => self.classifier.usual_variant(),
            Some(wanted) => self.classifier.variants().find(|variant| variant.name.as_ref() == Some(wanted)),
        }
    }

    /// Whether one of them is asked by prompts.
    pub fn reads_prompts(&self) -> bool {
        self.ladder.iter().any(|rung| rung.judge.reads_prompts())
    }

    /// What the confidence of `judge` depends on, if it is asked.
    pub fn subject(&self, judge: &str) -> Option<Subject> {
        let rung = self.ladder.iter().find(|rung| **rung.judge.name() == *judge)?;
        Some(self.classifier.subject(self.find()?, &*rung.judge))
    }

    /// Whether a judge gives a whole output, and not only a label.
    pub fn gives_fields(&self, judge: &str) -> bool {
        self.ladder.iter().any(|rung| **rung.judge.name() == *judge && rung.judge.reads_prompts())
    }

    /// The names of the judges.
    pub fn names(&self) -> Vec<Name> {
        self.ladder.iter().map(|rung| rung.judge.name().clone()).collect()
    }
}

/// A language model is asked itself, also where the configuration has it replay: which answers are taken is the run's affair.
fn seat(engine: &Engine, classifier: &Classifier, name: &str) -> Result<LadderRung, String> {
    let rung = classifier.ladder().iter().find(|rung| **rung.judge.name() == *name);
    let confidence_min = rung.map_or(0.0, |rung| rung.confidence_min);
    if let Some(llm) = engine.judge(name) {
        return Ok(LadderRung { judge: Arc::clone(llm) as Arc<dyn Judge>, confidence_min });
    }
    rung.cloned().ok_or_else(|| {
        let on_ladder = classifier.ladder().iter().map(|rung| &**rung.judge.name());
        let known =
            on_ladder.chain(engine.judges().map(|name| &**name)).collect::<std::collections::BTreeSet<_>>();
        format!("no judge is called `{name}`: {}", config::one_of(name, known.into_iter()))
    })
}
