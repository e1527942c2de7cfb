//! A linear text classifier: TF-IDF over words and word pairs, multinomial logistic regression on top.
//!
//! It learns from a few hundred labelled texts in well under a second, needs neither key nor network, and
//! names the words that decided. What the template that wrote the text knows by itself it says in marks, `#price`;
//! they count apart from the words, so that a long text does not drown them.
//!
//! - `tokens`: text → phrases of folded tokens
//! - `tfidf`: phrases → sparse rows over a sorted vocabulary
//! - `fit`: rows and labels → weights
//!
//! The same examples, in any order, give bit-identical models in every run: examples are sorted first, and
//! nothing below depends on threads, randomness or hashing. Only `exp` and `ln` come from the platform's
//! mathematics library, so on another platform the last bits, and with them the digest, may differ.

mod fit;
mod tfidf;
mod tokens;

use std::cmp::Ordering;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use self::fit::{Sample, Weights};
use self::tfidf::{Row, Vocabulary};
use self::tokens::Phrases;

/// Terms a prediction names as evidence, at most.
pub const EVIDENCE_MAX: usize = 6;

/// Opens what the digest covers; the number changes with the meaning of the weights.
const DIGEST_DOMAIN: &str = "hookyard linear model 2";

/// A text to learn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example<'a> {
    /// The text as a prediction will later see it: folding is the model's job.
    pub text: &'a str,
    /// The class it belongs to.
    pub label: &'a str,
    /// How much it counts, above 0: at 2, a mistake about it is as bad as about two texts. How rare a word is goes by the
    /// number of texts and not by this.
    pub weight: f64,
}

impl Example<'_> {
    fn order(&self, other: &Self) -> Ordering {
        let (by, than) = ((self.text, self.label), (other.text, other.label));
        by.cmp(&than).then(self.weight.total_cmp(&other.weight))
    }
}

/// Why no model can be trained.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("there are no examples to learn from; add labelled texts")]
    NoExamples,
    /// There is nothing to tell apart.
    #[error("every example is labelled `{label}`; add examples with a second label")]
    OneLabel {
        /// The only label.
        label: String,
    },
    /// No example contains a word or a number.
    #[error("no example contains a word; a text needs at least one letter or digit")]
    NoTerms,
}

/// A trained classifier. Immutable; predictions depend on nothing but the text.
#[derive(Debug, Clone)]
pub struct LinearModel {
    labels: Vec<String>,
    vocabulary: Vocabulary,
    weights: Weights,
    digest: String,
}

/// What the model makes of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The most probable class; of equals, the first in class order.
    pub label: String,
    /// Its probability, 0 to 1.
    pub probability: f64,
    /// Every class with its probability, in class order; they sum to 1.
    pub distribution: Vec<(String, f64)>,
    /// What pushed most towards `label`, strongest first, at most [`EVIDENCE_MAX`]; none if no term is known.
    pub evidence: Vec<Evidence>,
}

/// A term that spoke for the predicted class.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// A mark, or one word or two, folded: lower case, digits as `<number>`, addresses as `<email>` or `<url>` and host.
    pub term: String,
    /// How far it raised the class's score above the mean of the other classes, in log-odds; always positive.
    pub weight: f64,
}

impl LinearModel {
    /// Learns from labelled texts; their order does not matter, repeats count.
    ///
    /// # Errors
    ///
    /// Without examples, with fewer than two labels, or if no text contains a word.
    pub fn train(examples: &[Example<'_>]) -> Result<Self, TrainError> {
        let mut examples = examples.to_vec();
        examples.sort_unstable_by(Example::order);
        let mut labels: Vec<&str> = examples.iter().map(|example| example.label).collect();
        labels.sort_unstable();
        labels.dedup();
        match labels.as_slice() {
            [] => return Err(TrainError::NoExamples),
            [label] => return Err(TrainError::OneLabel { label: (*label).to_owned() }),
            _ => {}
        }
        let texts: Vec<Phrases> = examples.iter().map(|example| Phrases::read(example.text)).collect();
        let vocabulary = Vocabulary::learn(&texts);
        if vocabulary.terms().is_empty() {
            return Err(TrainError::NoTerms);
        }
        let sample = |(text, example): (&Phrases, &Example<'_>)| Sample {
            row: vocabulary.row(text),
            target: labels.partition_point(|label| *label < example.label),
            times: example.weight,
        };
        let samples: Vec<Sample> = texts.iter().zip(&examples).map(sample).collect();
        let weights = Weights::fit(&samples, labels.len(), vocabulary.terms().len());
        let digest = digest(&labels, &vocabulary, &weights);
        Ok(Self { labels: labels.into_iter().map(str::to_owned).collect(), vocabulary, weights, digest })
    }

    /// Classifies a text. One without a known term gets the distribution of the biases alone.
    pub fn predict(&self, text: &str) -> Prediction {
        let row = self.vocabulary.row(&Phrases::read(text));
        let probabilities = self.weights.probabilities(&row);
        let (mut winner, mut probability) = (0, f64::NEG_INFINITY);
        for (class, &chance) in probabilities.iter().enumerate() {
            if chance > probability {
                (winner, probability) = (class, chance);
            }
        }
        Prediction {
            label: self.labels[winner].clone(),
            probability,
            evidence: self.evidence(&row, winner),
            distribution: self.labels.iter().cloned().zip(probabilities).collect(),
        }
    }

    /// The classes, sorted: class order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Names the model in the record: SHA-256 over labels, vocabulary, idf and weights, as 64 hex digits.
    pub fn digest(&self) -> String {
        self.digest.clone()
    }

    fn evidence(&self, row: &Row, winner: usize) -> Vec<Evidence> {
        let others = (self.labels.len() - 1) as f64;
        let push = |&(term, weight): &(usize, f64)| {
            let classes = self.weights.of(term);
            let own = classes[winner];
            let mean_of_others = (classes.iter().sum::<f64>() - own) / others;
            (term, weight * (own - mean_of_others))
        };
        let mut pushes: Vec<(usize, f64)> = row.iter().map(push).filter(|(_, push)| *push > 0.0).collect();
        // Stable: equal pushes stay in term order.
        pushes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        pushes.truncate(EVIDENCE_MAX);
        let terms = self.vocabulary.terms();
        pushes.into_iter().map(|(term, weight)| Evidence { term: terms[term].text.clone(), weight }).collect()
    }
}

/// Lengths precede what they measure, so no two models spell the same bytes.
fn digest(labels: &[&str], vocabulary: &Vocabulary, weights: &Weights) -> String {
    let mut hash = Sha256::new();
    let number = |hash: &mut Sha256, bits: u64| hash.update(bits.to_le_bytes());
    let text = |hash: &mut Sha256, text: &str| {
        number(hash, text.len() as u64);
        hash.update(text);
    };
    text(&mut hash, DIGEST_DOMAIN);
    number(&mut hash, labels.len() as u64);
    labels.iter().for_each(|label| text(&mut hash, label));
    number(&mut hash, vocabulary.terms().len() as u64);
    for term in vocabulary.terms() {
        text(&mut hash, &term.text);
        number(&mut hash, term.idf.to_bits());
    }
    weights.values().iter().for_each(|weight| number(&mut hash, weight.to_bits()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: [(&str, &str); 9] = [
        ("Could we book a demo of the product next week?", "lead"),
        ("Please send pricing for forty seats", "lead"),
        ("We would like a demo and pricing", "lead"),
        ("The export crashes with an error", "support"),
        ("Login broken since the update, error 500", "support"),
        ("The update broke our export", "support"),
        ("Claim your free prize now at http://win.example", "spam"),
        ("Free casino bonus, click now", "spam"),
        ("You won a free prize", "spam"),
    ];

    fn examples() -> Vec<Example<'static>> {
        SET.iter().map(|&(text, label)| Example { text, label, weight: 1.0 }).collect()
    }

    fn model() -> LinearModel {
        LinearModel::train(&examples()).unwrap()
    }

    #[test]
    fn separable_texts_are_told_apart() {
        let model = model();
        assert_eq!(model.labels(), ["lead", "spam", "support"]);
        for (text, label) in SET {
            assert_eq!(model.predict(text).label, label, "{text}");
        }
        assert_eq!(model.predict("error in the export").label, "support");
    }

    #[test]
    fn evidence_names_the_deciding_words() {
        let found = model().predict("Hello there: FREE prize").evidence;
        let terms: Vec<&str> = found.iter().map(|evidence| evidence.term.as_str()).collect();
        assert_eq!(terms, ["free", "free prize", "prize"]);
        assert!(found.iter().all(|evidence| evidence.weight > 0.0));
        assert!(found.is_sorted_by(|a, b| a.weight >= b.weight));
        let mixed = model().predict("free error prize");
        assert_eq!(mixed.label, "spam");
        assert!(mixed.evidence.iter().all(|evidence| evidence.term != "error"), "{mixed:?}");
        let everything: String = SET.iter().map(|(text, _)| *text).collect();
        assert_eq!(model().predict(&everything).evidence.len(), EVIDENCE_MAX);
    }

    #[test]
    fn evidence_of_two_classes_adds_up_to_the_log_odds() {
        let pair = [("yes", "a"), ("no", "b")].map(|(text, label)| Example { text, label, weight: 1.0 });
        let seen = LinearModel::train(&pair).unwrap().predict("yes");
        let log_odds = (seen.probability / (1.0 - seen.probability)).ln();
        assert!((seen.evidence[0].weight - log_odds).abs() < 1e-6, "{seen:?}");
    }

    #[test]
    fn order_and_repetition_of_training_change_no_bit() {
        let mut other = examples();
        other.reverse();
        other.swap(1, 4);
        let (first, second) = (model(), LinearModel::train(&other).unwrap());
        assert_eq!(first.digest(), second.digest());
        assert_eq!(first.predict("free demo error"), second.predict("free demo error"));
        assert_eq!(first.digest().len(), 64);
        assert_ne!(LinearModel::train(&other[1..]).unwrap().digest(), first.digest());
    }

    #[test]
    fn a_text_between_two_classes_goes_to_the_one_that_counts_more() {
        let between = "demo, error";
        let of = |heavy: &str| {
            let weigh = |example: Example<'static>| {
                let weight = if example.label == heavy { 20.0 } else { 1.0 };
                Example { weight, ..example }
            };
            LinearModel::train(&examples().into_iter().map(weigh).collect::<Vec<_>>()).unwrap()
        };
        for heavy in ["lead", "support"] {
            assert_eq!(of(heavy).predict(between).label, heavy);
        }
        assert_ne!(of("lead").digest(), model().digest());
        assert_eq!(of("nothing").digest(), model().digest());
    }

    #[test]
    fn hostile_texts_get_a_distribution() {
        let model = model();
        let megabyte = "a".repeat(1 << 20);
        for text in ["", "🎉🔥", "\u{200b}\u{202e}", "zzz unknown", &megabyte, "free \0 \u{fffd} prize"] {
            let seen = model.predict(text);
            let total: f64 = seen.distribution.iter().map(|(_, probability)| probability).sum();
            assert!((total - 1.0).abs() < 1e-12);
            assert!(seen.distribution.contains(&(seen.label.clone(), seen.probability)));
        }
        let bias_only = model.predict("");
        assert_eq!(bias_only, model.predict(&megabyte));
        assert!(bias_only.evidence.is_empty());
    }

    #[test]
    fn unusable_examples_are_refused() {
        let train = |set: &[(&'static str, &'static str)]| {
            let example = |&(text, label)| Example { text, label, weight: 1.0 };
            let examples: Vec<_> = set.iter().map(example).collect();
            LinearModel::train(&examples).map(|model| model.digest())
        };
        assert_eq!(train(&[]), Err(TrainError::NoExamples));
        assert_eq!(train(&[("x", "a"), ("y", "a")]), Err(TrainError::OneLabel { label: "a".into() }));
        assert_eq!(train(&[("🎉", "a"), ("", "b")]), Err(TrainError::NoTerms));
        assert!(train(&[("x", "a"), ("", "b")]).is_ok());
        assert!(train(&[("x", "a"), ("x", "b")]).is_ok());
    }
}
