//! Whether the same is said of a case in another form: a mail with an old one quoted below, labels under other names, a
//! letter in another language. Nobody has to label these; they need only agree with each other.

mod html;
mod mail;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    EvalError, Panel, Said, Tape, Trial,
    ask::{Asked, ask},
    each,
    redelivery::FIRST,
    report::{Broken, RelationFigures},
    stats::wilson,
};
use crate::{
    classify::{Alteration, Classifier, LadderRung},
    config::{Case, Metamorphic, Relation, Suite},
    domain::{Clock, Money, Name, Verdict},
    engine::{Engine, RULES},
};
use mail::Places;

/// A run, once its cases have been asked about.
pub struct Asking<'a> {
    pub engine: &'a Engine,
    pub panel: &'a Panel,
    pub tape: &'a Tape,
    pub suite: &'a Suite,
    pub cases: &'a [Case],
    pub trials: &'a [Trial],
    pub clock: &'a dyn Clock,
}

/// What was said of a case, and what would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ends {
    label: Option<String>,
    actions: Vec<String>,
}

impl Ends {
    fn of(label: Option<&str>, actions: impl Iterator<Item = impl ToString>) -> Self {
        Ends { label: label.map(str::to_owned), actions: actions.map(|name| name.to_string()).collect() }
    }
}

/// Judges and their classifier, altered for one relation.
type Altered = (Alteration, Classifier, Vec<LadderRung>);

/// The figures of every relation that the suite lists, or that its cases are pairs of; and what the answers cost.
///
/// # Errors
/// As [`super::run`]; what is told of a case names the relation too.
pub async fn relations(asking: &Asking<'_>) -> Result<(Vec<RelationFigures>, Money), EvalError> {
    let (mut all, mut cost) = (Vec::new(), Money::default());
    for relation in Relation::ALL {
        let pairs: Vec<(&Case, &Case)> = asking.pairs(relation).collect();
        let listed = asking.suite.metamorphic.as_ref().filter(|table| table.relations.contains(&relation));
        if pairs.is_empty() && listed.is_none() {
            continue;
        }
        let mut figures = Figures::default();
        if let Some(table) = listed {
            cost = cost.and(asking.tried(relation, table, &mut figures).await?);
        }
        for (case, other) in pairs {
            let (before, after) = (asking.ends(&other.id), asking.ends(&case.id));
            if let (Some(before), Some(after)) = (before, after) {
                // Whether the same is to be done about both, their authors say.
                let held = before.label == after.label;
                figures.add(&other.id, Some(&case.id), &before, &after, held);
            }
        }
        all.push(figures.finish(relation));
    }
    Ok((all, cost))
}

#[derive(Debug, Default)]
struct Figures {
    tried: usize,
    left_out: usize,
    nobody: bool,
    undecided: usize,
    broken: Vec<Broken>,
}

impl Figures {
    fn add(&mut self, case: &str, other: Option<&str>, before: &Ends, after: &Ends, held: bool) {
        self.tried += 1;
        // Whoever decides nothing keeps to every relation.
        self.undecided += usize::from(held && before.label.is_none() && after.label.is_none());
        if !held {
            self.broken.push(Broken {
                case: case.to_owned(),
                other: other.map(str::to_owned),
                before: before.label.clone(),
                after: after.label.clone(),
                actions_before: before.actions.clone(),
                actions_after: after.actions.clone(),
            });
        }
    }

    fn finish(self, relation: Relation) -> RelationFigures {
        let Figures { tried, left_out, nobody, undecided, broken } = self;
        let decided = tried - undecided;
        let held = decided - broken.len();
        let share = wilson::share(held, decided);
        RelationFigures { relation, tried, held, undecided, share, left_out, nobody, broken }
    }
}

impl Asking<'_> {
    /// Cases of this run that are pairs by `relation`, each after the one that it is like.
    fn pairs(&self, relation: Relation) -> impl Iterator<Item = (&Case, &Case)> {
        let like = move |case: &&Case| case.by == Some(relation);
        self.cases.iter().filter(like).filter_map(move |case| {
            let other = self.cases.iter().find(|other| Some(&other.id) == case.same_as.as_ref())?;
            Some((case, other))
        })
    }

    fn ends(&self, id: &str) -> Option<Ends> {
        let (_, trial) = self.cases.iter().zip(self.trials).find(|(case, _)| case.id == id)?;
        Some(Ends::of(trial.said.label(), trial.rehearsal.planned()))
    }

    /// Tries `relation` on the cases that it can be tried on. What the answers cost.
    async fn tried(
        &self,
        relation: Relation,
        table: &Metamorphic,
        figures: &mut Figures,
    ) -> Result<Money, EvalError> {
        let altered = match self.alteration(relation, table) {
            None => None,
            Some(alteration) => match self.altered(alteration)? {
                Some(altered) => Some(altered),
                None => {
                    (figures.left_out, figures.nobody) = (self.cases.len(), true);
                    return Ok(Money::default());
                }
            },
        };
        let places = Places::new(&table.text, table.html.as_deref());
        let mut tries = Vec::new();
        for (case, trial) in self.cases.iter().zip(self.trials) {
            // Rules go by conditions: what labels are called, or where they stand, is nothing to them.
            let by_rules = trial.said.verdict().is_some_and(|verdict| *verdict.judge == *RULES);
            let changed = match altered {
                Some(_) => (!by_rules).then(|| case.clone()),
                None => {
                    let draw = self.draw(relation, &case.id);
                    let body = mail::derived(relation, &case.event.body, &places, draw);
                    body.map(|body| {
                        let mut changed = Case { delivery: None, ..case.clone() };
                        changed.event.body = body;
                        changed
                    })
                }
            };
            match changed {
                Some(changed) => tries.push((trial, changed)),
                None => figures.left_out += 1,
            }
        }
        if let Some(most) = table.cases_max {
            let mut draws: Vec<u64> = tries.iter().map(|(_, case)| self.draw(relation, &case.id)).collect();
            draws.sort_unstable();
            if let Some(first_beyond) = draws.get(most as usize) {
                tries.retain(|(_, case)| self.draw(relation, &case.id) < *first_beyond);
            }
        }
        let altered = altered.as_ref();
        let asking = tries.iter().map(|(trial, case)| async move {
            let (after, cost) = self.ask(relation, case, altered).await?;
            let before = Ends::of(trial.said.label(), trial.rehearsal.planned());
            Ok((before, after, case.id.clone(), cost))
        });
        let asked: Vec<(Ends, Ends, String, Money)> = each(self.tape, asking).await?;
        let mut cost = Money::default();
        for (before, after, id, paid) in asked {
            figures.add(&id, None, &before, &after, before == after);
            cost = cost.and(paid);
        }
        Ok(cost)
    }

    async fn ask(
        &self,
        relation: Relation,
        case: &Case,
        altered: Option<&Altered>,
    ) -> Result<(Ends, Money), EvalError> {
        let Asking { engine, panel, tape, clock, .. } = self;
        let name = format!("{} ({})", case.id, relation.as_str());
        let context = engine.case_context(case);
        let reel = tape.reel(0);
        let usual = panel.variant()?;
        let asked = match altered {
            None => Asked { classifier: &panel.classifier, ladder: &panel.ladder, variant: usual },
            Some((_, classifier, ladder)) => {
                Asked { classifier, ladder, variant: classifier.usual_variant().unwrap_or(usual) }
            }
        };
        let said = ask(&asked, &name, &context, &reel, *clock).await?;
        let verdict: Option<Verdict> = match (said, altered) {
            (Said::Person { .. }, _) => None,
            (Said::Verdict(verdict), None) => Some(*verdict),
            (Said::Verdict(verdict), Some((alteration, ..))) => {
                Some(alteration.undone(*verdict, &panel.classifier.schema().fields().label))
            }
        };
        let rehearsal = engine.rehearse(FIRST, case, panel.classifier.name(), verdict.as_ref(), *clock);
        let planned: Vec<Name> = rehearsal.routes.into_iter().flat_map(|route| route.actions).collect();
        let label = verdict.as_ref().map(|verdict| verdict.label.as_str());
        Ok((Ends::of(label, planned.iter()), reel.told().cost_new))
    }

    fn alteration(&self, relation: Relation, table: &Metamorphic) -> Option<Alteration> {
        match relation {
            Relation::Reordered => Some(Alteration::Reordered),
            Relation::Renamed => {
                let labels = self.panel.classifier.schema().labels();
                let named = labels.iter().cloned().zip(table.called(labels));
                Some(Alteration::Renamed(named.collect::<BTreeMap<_, _>>()))
            }
            Relation::Quoting | Relation::Signature | Relation::Html | Relation::Language => None,
        }
    }

    /// `None` if nobody is asked who goes by labels.
    fn altered(&self, alteration: Alteration) -> Result<Option<Altered>, EvalError> {
        let Panel { classifier, ladder, .. } = self.panel;
        let altered = self.engine.altered(classifier, ladder, self.panel.variant()?, &alteration);
        let altered =
            altered.map_err(|reason| EvalError::Suite { suite: classifier.name().to_string(), reason })?;
        Ok(altered.map(|(classifier, ladder)| (alteration, classifier, ladder)))
    }

    /// A number that follows from the suite's seed and the names of both.
    fn draw(&self, relation: Relation, id: &str) -> u64 {
        let text = format!("{}\0{}\0{id}", self.suite.seed, relation.as_str());
        let digest: [u8; 32] = Sha256::digest(text).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}
