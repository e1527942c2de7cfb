//! The prompts that a classifier asks by. There may be several: each event is asked by one of them, and some are shown to
//! one more, which never acts.

use sha2::{Digest, Sha256};

use super::canary::Canary;
use crate::{
    decide::variant::{choose, place},
    domain::Name,
    template::{Context, Prompt, TemplateError},
};

/// What a variant is made of.
#[derive(Debug, Clone)]
pub struct Wording {
    /// None where there is only one.
    pub name: Option<Name>,
    /// Its share of events, against those of the others; of a shadow the share of all, 0 to 1.
    pub weight: f64,
    /// The instructions.
    pub system: Prompt,
    /// The event as a language model reads it.
    pub event: Prompt,
}

/// One set of prompts, ready to ask by.
#[derive(Debug)]
pub struct Variant {
    pub name: Option<Name>,
    weight: f64,
    /// Rendered before any event came: so nothing of one can be in it.
    pub(super) system: String,
    pub(super) event: Prompt,
    /// A word of the instructions that no answer may hold, if they have it.
    pub(super) canary: Option<Canary>,
    /// SHA-256 (hex) of the templates' own digests.
    pub digest: String,
}

impl Variant {
    /// `facts` is what the instructions may speak of.
    ///
    /// # Errors
    /// They do not render; they must not speak of the event.
    pub(super) fn compile(wording: Wording, facts: &Context) -> Result<Self, TemplateError> {
        let Wording { name, weight, system, event } = wording;
        let both = Sha256::digest(format!("{}{}", system.digest, event.digest));
        let digest = hex::encode(both);
        let canary = Canary::of(&digest);
        let system = system.render(&facts.clone().with("canary", canary.word()))?;
        let canary = canary.is_in(&system).then_some(canary);
        Ok(Variant { name, weight, system, event, canary, digest })
    }
}

impl Variant {
    /// The same with other instructions: still called by its own digest.
    pub(super) fn reworded(&self, system: String) -> Self {
        Variant {
            name: self.name.clone(),
            weight: self.weight,
            system,
            event: self.event.clone(),
            canary: self.canary.clone(),
            digest: self.digest.clone(),
        }
    }
}

/// All variants of a classifier.
#[derive(Debug)]
pub(super) struct Variants {
    pub asked: Vec<Variant>,
    pub shadow: Option<Variant>,
}

impl Variants {
    /// The one that an event is asked by, whenever it is asked.
    pub fn of(&self, classifier: &str, event: &str) -> Option<&Variant> {
        let at = choose(self.asked.iter().map(|variant| variant.weight), place(classifier, event));
        self.asked.get(at.unwrap_or_default())
    }

    /// The one that an event is shown to beside that.
    pub fn shadow_of(&self, classifier: &str, event: &str) -> Option<&Variant> {
        let at = place(&format!("{classifier}/shadow"), event);
        self.shadow.as_ref().filter(|shadow| at < shadow.weight)
    }

    /// The one of the largest weight; of several the first.
    pub fn usual(&self) -> Option<&Variant> {
        self.asked.iter().reduce(|most, other| if other.weight > most.weight { other } else { most })
    }

    pub fn all(&self) -> impl Iterator<Item = &Variant> {
        self.asked.iter().chain(&self.shadow)
    }
}
