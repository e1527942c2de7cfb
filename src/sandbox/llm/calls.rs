//! What came to the language models, what they are told to say next, and what became of each request.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use serde_json::Value;

use super::{Api, reply::Reply};
use crate::domain::Tokens;

/// Questions, and requests, that are remembered.
pub const ASKED_MAX: usize = 1_000;

/// A request to a language model, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LlmCall {
    pub api: Api,
    /// As the question named it; empty if it did not.
    pub model: String,
    pub status: u16,
    /// The word that orders such an answer; the status where it is the vendor's own refusal.
    pub answer: String,
    /// What the model said, or the vendor's words for what is wrong.
    pub said: String,
    /// What was counted; nothing if nobody was asked.
    pub tokens: Tokens,
}

/// What the models say, and were asked.
#[derive(Default)]
pub(in crate::sandbox) struct Script(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    next: VecDeque<Reply>,
    /// What is said when nothing is next: one after the other, over and over.
    cycle: VecDeque<Reply>,
    asked: VecDeque<Value>,
    calls: VecDeque<LlmCall>,
    requests: u64,
}

impl Script {
    pub fn cycling(replies: Vec<Reply>) -> Self {
        Script(Mutex::new(Lines { cycle: replies.into(), ..Lines::default() }))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reply_next(&self, reply: Reply) {
        self.lines().next.push_back(reply);
    }

    pub fn asked(&self) -> Vec<Value> {
        self.lines().asked.iter().cloned().collect()
    }

    pub fn calls(&self) -> Vec<LlmCall> {
        self.lines().calls.iter().cloned().collect()
    }

    /// The number of a request.
    pub fn number(&self) -> u64 {
        let mut lines = self.lines();
        lines.requests += 1;
        lines.requests
    }

    /// Remembers a question that is in order.
    pub fn ask(&self, question: Value) {
        remember(&mut self.lines().asked, question);
    }

    /// Remembers what became of a request.
    pub fn record(&self, call: LlmCall) {
        remember(&mut self.lines().calls, call);
    }

    /// What is to be said now.
    pub fn next(&self) -> Reply {
        let mut lines = self.lines();
        if let Some(next) = lines.next.pop_front() {
            return next;
        }
        let Some(next) = lines.cycle.pop_front() else { return Reply::Usual };
        lines.cycle.push_back(next.clone());
        next
    }
}

fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= ASKED_MAX {
        all.pop_front();
    }
    all.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_next_comes_before_the_cycle() {
        let script = Script::cycling(vec![Reply::Failed, Reply::Empty]);
        script.reply_next(Reply::Reset);
        let said: Vec<Reply> = (0..4).map(|_| script.next()).collect();
        assert_eq!(said, [Reply::Reset, Reply::Failed, Reply::Empty, Reply::Failed]);
        assert_eq!(Script::default().next(), Reply::Usual);
    }

    #[test]
    fn the_oldest_question_is_forgotten_first() {
        let script = Script::default();
        for n in 0..=ASKED_MAX {
            script.ask(n.into());
        }
        let asked = script.asked();
        assert_eq!((asked.len(), &asked[0]), (ASKED_MAX, &Value::from(1)));
    }
}
