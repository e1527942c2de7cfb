//! The one rule by which a body is read, with or without keeping what was read.
//!
//! [`tree`] and [`fields`] run the same visitor and differ only in what it makes of the values ([`Made`]), so
//! they cannot disagree on which bodies are acceptable.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

mod keys;
mod made;
mod within;

pub(super) use made::Field;

use self::{
    keys::Keys,
    made::Made,
    within::{Search, Within},
};

/// Most arrays and objects inside one another, the outermost included.
pub const DEPTH_MAX: usize = 64;

// The parser's own bound must not come first: its error would not name ours.
const _: () = assert!(DEPTH_MAX < 128);

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableBody {
    #[error("the body is not on record any more")]
    Gone,
    #[error("the body is empty: have the sender send one JSON object")]
    Empty,
    #[error("the body is not UTF-8 from byte {at} on: have the sender encode its JSON as UTF-8")]
    NotUtf8 { at: usize },
    #[error("the body does not begin with `{{`: have the sender send one JSON object")]
    NotAnObject,
    /// Broken syntax, a key twice, too deep, a number beyond all bounds, or something after the object.
    #[error("the body is not JSON as accepted here: {0}; have the sender send one well-formed object")]
    Json(String),
    #[error("the form body {0}: have the sender send one field `payload`, or choose application/json there")]
    Form(&'static str),
}

/// The whole document.
pub(super) fn tree(body: &[u8]) -> Result<Value, UnreadableBody> {
    let mut keys = Keys::default();
    document(body, Any::<Value>::new(&mut keys, DEPTH_MAX))
}

/// Whether an object anywhere in `text`, one JSON document, has a key twice.
pub fn has_key_twice(text: &str) -> bool {
    let (mut keys, mut from) = (Keys::default(), serde_json::Deserializer::from_str(text));
    // What is no JSON, or is deeper than its parser goes, is told apart from that by the parser.
    let read = Any::<()>::new(&mut keys, usize::MAX).deserialize(&mut from);
    read.is_err_and(|error| error.is_data())
}

/// Where a field stands: the keys that lead to it, the outermost object's first.
pub(super) type Path<'w> = &'w [&'w str];

/// The fields at the wanted paths, in the order asked for. One is absent if any object on its path is, or is
/// no object. Reads the whole document to its end by the same rule as [`tree`], and builds none of it.
pub(super) fn fields<'b, const N: usize>(
    body: &'b [u8],
    wanted: [Path<'_>; N],
) -> Result<[Field<'b>; N], UnreadableBody> {
    let mut found = std::array::from_fn(|_| Field::Absent);
    let (mut keys, led) = (Keys::default(), [true; N]);
    let search = Search { wanted: &wanted, found: &mut found, keys: &mut keys, depth: DEPTH_MAX };
    document(body, Within { search, level: 0, led })?;
    Ok(found)
}

fn document<'b, S: DeserializeSeed<'b>>(body: &'b [u8], seed: S) -> Result<S::Value, UnreadableBody> {
    let text = str::from_utf8(body).map_err(|error| UnreadableBody::NotUtf8 { at: error.valid_up_to() })?;
    match text.trim_ascii_start().bytes().next() {
        None => return Err(UnreadableBody::Empty),
        Some(b'{') => {}
        Some(_) => return Err(UnreadableBody::NotAnObject),
    }
    let mut from = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut from)
        .and_then(|value| from.end().map(|()| value))
        .map_err(|error| UnreadableBody::Json(error.to_string()))
}

/// Reads any value, `depth` more levels deep at most.
struct Any<'k, 'b, M> {
    keys: &'k mut Keys<'b>,
    depth: usize,
    made: PhantomData<M>,
}

impl<'k, 'b, M> Any<'k, 'b, M> {
    fn new(keys: &'k mut Keys<'b>, depth: usize) -> Self {
        Any { keys, depth, made: PhantomData }
    }
}

impl<'b, M: Made<'b>> DeserializeSeed<'b> for Any<'_, 'b, M> {
    type Value = M;

    fn deserialize<D: Deserializer<'b>>(self, from: D) -> Result<M, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'b, M: Made<'b>> Visitor<'b> for Any<'_, 'b, M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<M, E> {
        Ok(M::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<M, E> {
        Ok(M::bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<M, E> {
        Ok(M::unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<M, E> {
        Ok(M::signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<M, E> {
        Ok(M::float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'b str) -> Result<M, E> {
        Ok(M::text(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<M, E> {
        Ok(M::text_copied(value))
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<M, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut made = M::Items::default();
        while let Some(item) = items.next_element_seed(Any::new(&mut *self.keys, depth))? {
            M::push(&mut made, item);
        }
        Ok(M::list(made))
    }

    fn visit_map<A: MapAccess<'b>>(self, map: A) -> Result<M, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut made = M::Members::default();
        members(map, self.keys, |key, map, keys| {
            M::put(&mut made, key, map.next_value_seed(Any::new(keys, depth))?);
            Ok(())
        })?;
        Ok(M::object(made))
    }
}

/// Walks one object and refuses a key that it has twice: readers differ on which of the two counts, so one
/// could verify or route what another acts on.
fn members<'b, A: MapAccess<'b>>(
    mut map: A,
    keys: &mut Keys<'b>,
    mut each: impl FnMut(Cow<'b, str>, &mut A, &mut Keys<'b>) -> Result<(), A::Error>,
) -> Result<(), A::Error> {
    let start = keys.open();
    while let Some(key) = map.next_key_seed(Key)? {
        keys.add(start, key.clone()).map_err(twice)?;
        each(key, &mut map, keys)?;
    }
    keys.close(start).map_err(twice)
}

/// Reads a key, without copying it unless it has escapes.
struct Key;

impl<'b> DeserializeSeed<'b> for Key {
    type Value = Cow<'b, str>;

    fn deserialize<D: Deserializer<'b>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'b> Visitor<'b> for Key {
    type Value = Cow<'b, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'b str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Most characters of a key that a reason quotes.
const KEY_CHARS_SHOWN_MAX: usize = 40;

fn twice<E: Error>(key: Cow<'_, str>) -> E {
    let shown: String = key.chars().take(KEY_CHARS_SHOWN_MAX).collect();
    E::custom(format_args!("an object has the key {shown:?} twice"))
}

fn too_deep<E: Error>() -> E {
    E::custom(format_args!("more than {DEPTH_MAX} arrays and objects inside one another"))
}

#[cfg(test)]
mod tests;
