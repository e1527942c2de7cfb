//! Takes personal data and secrets out of a text before somebody outside reads it.
//!
//! What is found is recognised by its own form, not by meaning: names and addresses stay. A value that is found in one
//! place is not looked for in others. Each pass over the text takes time by its length, whatever stands in it.

mod accounts;
mod assignments;
mod bearer;
mod bots;
mod cards;
mod cookies;
mod edge;
mod emails;
mod fold;
mod groups;
mod held;
mod names;
mod phones;
mod private_keys;
mod tokens;
mod urls;

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};

pub use self::names::Names;
use self::{fold::folded, held::Held};
use crate::domain::words;

/// A text grows at most by this factor: `a@b.cd` becomes `[email 1]`.
pub const GROWTH_MAX: usize = 4;

/// What may have to stay in the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitive {
    /// Keys, tokens, passwords, cookies and private keys.
    Secrets,
    /// Numbers of payment cards.
    Cards,
    /// Bank accounts: IBANs.
    Accounts,
    Emails,
    Phones,
}

words!(Sensitive { Secrets = "secrets", Cards = "cards", Accounts = "accounts", Emails = "emails", Phones = "phones" });

/// A text without what was asked to be taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redacted {
    pub text: String,
    /// How many places were redacted, by kind. Kinds of which nothing was found are missing.
    pub counts: BTreeMap<Sensitive, u32>,
}

/// Puts `[email 1]`, `[card 1]`, `[secret 2]` in the place of every value of the `kinds` that is found.
///
/// The same value has the same number throughout the text, so that a reader can still tell people apart. Doing it again
/// changes nothing; what is no such value stays byte for byte. The text grows to at most [`GROWTH_MAX`] times its bytes.
pub fn redact(text: &str, kinds: &[Sensitive]) -> Redacted {
    redact_by(&mut Names::default(), text, kinds)
}

/// The same for one of several texts, in all of which a value has the same number: the one in `names`.
pub fn redact_by(names: &mut Names, text: &str, kinds: &[Sensitive]) -> Redacted {
    names.reserve(text);
    let mut held = Held::read(text);
    let mut counts = BTreeMap::new();
    for (kind, find) in FINDERS.into_iter().filter(|(kind, _)| kinds.contains(kind)) {
        let found = apart(fold::found(held.text(), find));
        if found.is_empty() {
            continue;
        }
        let count: &mut u32 = counts.entry(kind).or_default();
        *count = count.saturating_add(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let mut named = Vec::with_capacity(found.len());
        for at in found {
            let value = kind.value(held.text().get(at.clone()).unwrap_or_default());
            let number = names.number(kind, value);
            named.push((at, kind.placeholder(number)));
        }
        held.hold(named);
    }
    Redacted { text: held.write(), counts }
}

/// Gives where values stand in a text; they may overlap.
type Find = fn(&str) -> Vec<Range<usize>>;

/// In the order in which they look: a password may have the form of an address, and a key is more than its first line.
///
/// Each recognises a value by what it is made of and what stands close to it, for which [`held::HELD`] is no good, and of
/// those that overlap it finds one at least. So nothing new comes to light once these are held; `any_text` tries to
/// prove otherwise.
const FINDERS: [(Sensitive, Find); 11] = [
    (Sensitive::Secrets, private_keys::find),
    (Sensitive::Secrets, urls::find),
    (Sensitive::Secrets, assignments::find),
    (Sensitive::Secrets, cookies::find),
    (Sensitive::Secrets, bearer::find),
    (Sensitive::Secrets, bots::find),
    (Sensitive::Secrets, tokens::find),
    (Sensitive::Cards, cards::find),
    (Sensitive::Accounts, accounts::find),
    (Sensitive::Emails, emails::find),
    (Sensitive::Phones, phones::find),
];

impl Sensitive {
    /// What one of them is called in a text.
    const fn noun(self) -> &'static str {
        match self {
            Sensitive::Secrets => "secret",
            Sensitive::Cards => "card",
            Sensitive::Accounts => "account",
            Sensitive::Emails => "email",
            Sensitive::Phones => "phone",
        }
    }

    fn placeholder(self, number: u32) -> String {
        format!("[{} {number}]", self.noun())
    }

    /// What a value is however it is written.
    fn value(self, written: &str) -> String {
        let plain = || written.chars().map(folded);
        let only = |class: fn(&char) -> bool| plain().filter(class).collect::<String>();
        match self {
            Sensitive::Secrets => written.to_owned(),
            Sensitive::Cards => only(char::is_ascii_digit),
            Sensitive::Accounts => only(char::is_ascii_alphanumeric).to_uppercase(),
            Sensitive::Emails => plain().collect::<String>().to_lowercase(),
            Sensitive::Phones => match only(|c| c.is_ascii_digit() || *c == '+') {
                national if !national.starts_with("00") => national,
                world => world.replacen("00", "+", 1),
            },
        }
    }
}

/// The first and longest of those that overlap.
fn apart(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|at| (at.start, Reverse(at.end)));
    let mut free_from = 0;
    found.retain(|at| {
        let is_free = at.start >= free_from;
        if is_free {
            free_from = at.end;
        }
        is_free
    });
    found
}

#[cfg(test)]
mod any_text;
#[cfg(test)]
mod tests;
