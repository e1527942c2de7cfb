//! One TOML value into one of our tables, with everything that is wrong about it.
//!
//! `toml`'s own deserializer stops at the first fault, repeats values (which may be secrets) in its errors, and
//! reads lists as tables; this one does none of that, and keeps fields in the order of the file.

use std::{cell::RefCell, ops::Range};

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use toml::{
    Spanned,
    de::{DeArray, DeInteger, DeString, DeTable, DeValue},
};

use super::{
    filler::Filler,
    suggest::nearest,
    wrong::{Fault, What, Wrong, type_of},
};

/// Faults, and unknown fields, after which a table is given up on.
const FAULTS_MAX: usize = 16;
/// Depth of nested tables and lists.
const DEPTH_MAX: usize = 32;

/// Reads a table. It comes out only if nothing is wrong with it.
pub(super) fn read<T: DeserializeOwned>(value: &Spanned<DeValue<'_>>) -> Result<T, Vec<Wrong>> {
    let mut run = Run::default();
    let mut wrong = Vec::new();
    // Serde stops at the first fault. So what is faulty is passed over, what is missing is filled in, and the rest is
    // read again, until all is found.
    loop {
        let fault = match T::deserialize(Reader { value, run: &run, trail: &Trail::Root, depth: 0 }) {
            Ok(table) => {
                wrong.append(&mut run.unknown.take());
                return if wrong.is_empty() { Ok(table) } else { Err(wrong) };
            }
            Err(fault) => fault,
        };
        let at = fault.at.unwrap_or(identity(value));
        let missing = match fault.what {
            What::MissingField(name) => Some(name),
            What::Consequence(name) => name,
            _ => None,
        };
        if !matches!(fault.what, What::Consequence(_)) {
            wrong.push(Wrong {
                span: fault.span.unwrap_or(value.span()),
                path: fault.path,
                what: fault.what,
            });
        }
        let rounds = run.passed_over.len() + run.filled.len();
        match missing {
            Some(name) if rounds < FAULTS_MAX => run.filled.push((at, name)),
            None if rounds < FAULTS_MAX && at != identity(value) => run.passed_over.push(at),
            _ => {
                wrong.append(&mut run.unknown.take());
                return Err(wrong);
            }
        }
    }
}

/// What one reading knows and finds.
#[derive(Default)]
struct Run {
    /// Values known to be faulty, by [`identity`].
    passed_over: Vec<usize>,
    /// Missing fields, with the identity of their table.
    filled: Vec<(usize, &'static str)>,
    unknown: RefCell<Vec<Wrong>>,
}

impl Run {
    fn note_unknown(&self, key: &Spanned<DeString<'_>>, trail: &Trail<'_>, allowed: &'static [&'static str]) {
        let mut unknown = self.unknown.borrow_mut();
        // The table may be read several times.
        if unknown.len() < FAULTS_MAX && unknown.iter().all(|known| known.span != key.span()) {
            let what = What::UnknownField { name: key.get_ref().to_string(), allowed };
            unknown.push(Wrong { span: key.span(), path: trail.path(), what });
        }
    }
}

/// Tells apart the values of one tree. Their spans do not: a list of tables begins where its first table does.
fn identity(value: &Spanned<DeValue<'_>>) -> usize {
    std::ptr::from_ref(value).addr()
}

/// The way from the root to a value.
enum Trail<'a> {
    Root,
    Field(&'a Trail<'a>, &'a str),
    Item(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> Vec<String> {
        let (above, part) = match self {
            Trail::Root => return Vec::new(),
            Trail::Field(above, name) => (above, (*name).to_owned()),
            Trail::Item(above, index) => (above, index.to_string()),
        };
        let mut path = above.path();
        path.push(part);
        path
    }
}

struct Reader<'a, 'i> {
    value: &'a Spanned<DeValue<'i>>,
    run: &'a Run,
    trail: &'a Trail<'a>,
    depth: usize,
}

impl<'a, 'i> Reader<'a, 'i> {
    fn any<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        match self.value.get_ref() {
            _ if self.depth > DEPTH_MAX => Err(What::TooDeep.into()),
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => integer(number, visitor),
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => visitor.visit_f64(number),
                _ => Err(What::NotFinite.into()),
            },
            DeValue::Boolean(yes) => visitor.visit_bool(*yes),
            DeValue::Datetime(_) => Err(What::Date.into()),
            DeValue::Array(items) => self.items(items, visitor),
            DeValue::Table(table) => visitor.visit_map(self.entries(table, None)),
        }
    }

    fn items<'de, V: Visitor<'de>>(&self, items: &'a DeArray<'i>, visitor: V) -> Result<V::Value, Fault> {
        let is_kept = |item| !self.run.passed_over.contains(&identity(item));
        let kept: Vec<_> = items.iter().enumerate().filter(|(_, item)| is_kept(item)).collect();
        let is_short = kept.len() < items.len();
        let mut left = Items { items: kept.into_iter(), above: self };
        let value = visitor.visit_seq(&mut left).map_err(|fault| match fault.at {
            // A list of fixed length misses what was passed over.
            None if is_short => What::Consequence(None).into(),
            _ => fault,
        })?;
        match left.items.len() {
            0 => Ok(value),
            // Lists of fixed length stop reading where they are full.
            more => Err(What::TooLong { found: items.len(), expected: items.len() - more }.into()),
        }
    }

    /// The fields to read, in the order of the file. Those that are not among `allowed` are noted as unknown.
    fn entries<'r>(
        &'r self,
        table: &'a DeTable<'i>,
        allowed: Option<&'static [&'static str]>,
    ) -> Entries<'r, 'a, 'i> {
        let mut entries: Vec<_> = table
            .iter()
            .filter(|(_, value)| !self.run.passed_over.contains(&identity(value)))
            .filter(|(key, _)| {
                let Some(allowed) = allowed.filter(|allowed| !allowed.contains(&key.get_ref().as_ref()))
                else {
                    return true;
                };
                self.run.note_unknown(key, self.trail, allowed);
                false
            })
            .map(|(key, value)| (key.span(), key.get_ref().as_ref(), value))
            .collect();
        entries.sort_by_key(|(span, _, _)| span.start);
        let here = identity(self.value);
        let filled = self.run.filled.iter().filter(|(table, _)| *table == here).map(|(_, name)| *name);
        Entries { entries: entries.into_iter(), next: None, filled: filled.collect(), above: self }
    }

    fn placed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| match fault.at {
            Some(_) => fault,
            None => Fault {
                what: fault.what,
                at: Some(identity(self.value)),
                span: Some(self.value.span()),
                path: self.trail.path(),
            },
        })
    }
}

fn integer<'de, V: Visitor<'de>>(number: &DeInteger<'_>, visitor: V) -> Result<V::Value, Fault> {
    if let Ok(number) = i64::from_str_radix(number.as_str(), number.radix()) {
        return visitor.visit_i64(number);
    }
    match u64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => Err(What::TooLarge.into()),
    }
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.placed(match self.value.get_ref() {
            _ if self.depth > DEPTH_MAX => Err(What::TooDeep.into()),
            DeValue::Table(table) => {
                visitor.visit_map(self.entries(table, Some(fields))).map_err(|fault| match fault.what {
                    What::MissingField(name) if fault.at.is_none() && is_there(table, fields, name) => {
                        What::Consequence(Some(name)).into()
                    }
                    _ => fault,
                })
            }
            other => {
                Err(What::WrongType { expected: "a table".to_owned(), found: type_of(other).to_owned() }
                    .into())
            }
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.placed(match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_enum(text.as_ref().into_deserializer()),
            other => {
                let expected = format!("one of: {}", variants.join(", "));
                Err(What::WrongType { expected, found: type_of(other).to_owned() }.into())
            }
        })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Whether a field is there although serde misses it: passed over because of its fault, or misspelt.
fn is_there(table: &DeTable<'_>, fields: &[&str], name: &str) -> bool {
    let is_misspelt = |key: &str| !fields.contains(&key) && nearest(key, fields) == Some(name);
    table.contains_key(name) || table.keys().any(|key| is_misspelt(key.get_ref()))
}

/// The items of a list that are left to read.
struct Items<'r, 'a, 'i> {
    items: std::vec::IntoIter<(usize, &'a Spanned<DeValue<'i>>)>,
    above: &'r Reader<'a, 'i>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, value)) = self.items.next() else { return Ok(None) };
        let trail = Trail::Item(self.above.trail, index);
        seed.deserialize(Reader { value, run: self.above.run, trail: &trail, depth: self.above.depth + 1 })
            .map(Some)
    }
}

/// The fields of a table that are left to read.
struct Entries<'r, 'a, 'i> {
    entries: std::vec::IntoIter<(Range<usize>, &'a str, &'a Spanned<DeValue<'i>>)>,
    next: Option<(&'a str, &'a Spanned<DeValue<'i>>)>,
    filled: Vec<&'static str>,
    above: &'r Reader<'a, 'i>,
}

impl<'de> MapAccess<'de> for Entries<'_, '_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if let Some((_, key, value)) = self.entries.next() {
            self.next = Some((key, value));
            return seed.deserialize(key.into_deserializer()).map(Some);
        }
        self.filled.pop().map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((key, value)) = self.next.take() else {
            return seed.deserialize(Filler).map_err(|_| What::Consequence(None).into());
        };
        let trail = Trail::Field(self.above.trail, key);
        seed.deserialize(Reader { value, run: self.above.run, trail: &trail, depth: self.above.depth + 1 })
    }
}
