//! What happened: every effect once, with how often it was asked for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use serde_json::Value;

/// Effects that are remembered; beyond it a vendor answers 507.
pub const EFFECTS_MAX: usize = 100_000;

/// Something that a vendor was asked to do and did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// What it is, such as `crm.contact` or `mail.email`.
    pub kind: &'static str,
    /// The idempotency key it came with, where the vendor honours one.
    pub key: Option<String>,
    pub body: Value,
    /// How often it really took place. More than once is a customer who got two mails.
    pub done: u32,
    /// How often it was asked for, repetitions that the vendor recognised included.
    pub seen: u32,
}

/// What became of a request for an effect.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It took place; the answer to it.
    Done(Value),
    /// It had taken place already; the answer of then.
    Again(Value),
    /// The key is known with another body.
    OtherBody,
    /// See [`EFFECTS_MAX`].
    Full,
}

#[derive(Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Default)]
struct Books {
    entries: Vec<(Effect, Value)>,
    /// Positions in `entries`, by kind and key; without a key by kind and body.
    index: HashMap<(&'static str, Identity), usize>,
    /// Names given so far, by kind, with their numbers.
    names: HashMap<&'static str, HashMap<String, usize>>,
    requests: BTreeMap<String, u64>,
}

#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Key(String),
    Body(String),
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        // The books are in order after every statement below, so a panic elsewhere does not spoil them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn effects(&self) -> Vec<Effect> {
        self.books().entries.iter().map(|(effect, _)| effect.clone()).collect()
    }

    pub(super) fn requests(&self, path: &str) -> u64 {
        self.books().requests.get(path).copied().unwrap_or(0)
    }

    pub(super) fn count(&self, path: &str) {
        let mut books = self.books();
        if books.requests.len() < EFFECTS_MAX || books.requests.contains_key(path) {
            *books.requests.entry(path.to_owned()).or_default() += 1;
        }
    }

    /// An effect that takes place once per key, and each time without one. `answer` is made from a running number.
    pub(super) fn once(
        &self,
        kind: &'static str,
        key: Option<&str>,
        body: &Value,
        answer: impl FnOnce(usize) -> Value,
    ) -> Outcome {
        let mut books = self.books();
        let identity =
            key.map_or_else(|| Identity::Body(body.to_string()), |key| Identity::Key(key.to_owned()));
        let number = books.entries.len() + 1;
        let known = books.index.get(&(kind, identity)).copied();
        if let Some((effect, first)) = known.and_then(|at| books.entries.get_mut(at)) {
            effect.seen += 1;
            return match key {
                Some(_) if effect.body == *body => Outcome::Again(first.clone()),
                Some(_) => Outcome::OtherBody,
                None => {
                    effect.done += 1;
                    Outcome::Done(answer(number))
                }
            };
        }
        books.add(kind, key, body, answer(number))
    }

    /// An effect that may be repeated at will under one key: the last body counts. False if there is no more room.
    pub(super) fn upsert(&self, kind: &'static str, key: &str, body: &Value) -> bool {
        let mut books = self.books();
        let known = books.index.get(&(kind, Identity::Key(key.to_owned()))).copied();
        if let Some((effect, _)) = known.and_then(|at| books.entries.get_mut(at)) {
            effect.seen += 1;
            effect.body = body.clone();
            return true;
        }
        books.add(kind, Some(key), body, Value::Null) != Outcome::Full
    }

    /// The number that `name` has among its kind, and whether it is new.
    pub(super) fn number(&self, kind: &'static str, name: &str) -> (usize, bool) {
        let mut books = self.books();
        let names = books.names.entry(kind).or_default();
        let next = names.len() + 1;
        if let Some(number) = names.get(name) {
            return (*number, false);
        }
        names.insert(name.to_owned(), next);
        (next, true)
    }
}

impl Books {
    fn add(&mut self, kind: &'static str, key: Option<&str>, body: &Value, answer: Value) -> Outcome {
        if self.entries.len() >= EFFECTS_MAX {
            return Outcome::Full;
        }
        let identity =
            key.map_or_else(|| Identity::Body(body.to_string()), |key| Identity::Key(key.to_owned()));
        self.index.insert((kind, identity), self.entries.len());
        let effect = Effect { kind, key: key.map(str::to_owned), body: body.clone(), done: 1, seen: 1 };
        self.entries.push((effect, answer.clone()));
        Outcome::Done(answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn times(ledger: &Ledger) -> Vec<(u32, u32)> {
        ledger.effects().iter().map(|effect| (effect.done, effect.seen)).collect()
    }

    #[test]
    fn a_key_is_done_once() {
        let ledger = Ledger::default();
        let once = |key, body: &Value| ledger.once("mail.email", key, body, |n| json!(n));
        let (a, b) = (json!({"a": 1}), json!({"b": 1}));
        assert_eq!(once(Some("k1"), &a), Outcome::Done(json!(1)));
        assert_eq!(once(Some("k1"), &a), Outcome::Again(json!(1)));
        assert_eq!(once(Some("k1"), &b), Outcome::OtherBody);
        assert_eq!(once(Some("k2"), &a), Outcome::Done(json!(2)));
        assert_eq!(once(None, &a), Outcome::Done(json!(3)));
        assert_eq!(once(None, &a), Outcome::Done(json!(4)));
        assert_eq!(times(&ledger), [(1, 3), (1, 1), (2, 2)]);
    }

    #[test]
    fn an_upsert_may_be_repeated() {
        let ledger = Ledger::default();
        for (key, body) in [("k1", 1), ("k1", 2), ("k2", 3)] {
            assert!(ledger.upsert("crm.contact", key, &json!(body)));
        }
        assert_eq!(times(&ledger), [(1, 2), (1, 1)]);
        assert_eq!(ledger.effects()[0].body, json!(2));
        let numbers = ["a", "b", "a"].map(|name| ledger.number("crm.contact", name));
        assert_eq!(numbers, [(1, true), (2, true), (1, false)]);
    }
}
