//! Looking for some fields on the way through a document.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Any, Field, Path, keys::Keys, made::Made, members, too_deep};

/// What is looked for, and what was found so far.
pub(super) struct Search<'s, 'b, const N: usize> {
    pub wanted: &'s [Path<'s>; N],
    pub found: &'s mut [Field<'b>; N],
    pub keys: &'s mut Keys<'b>,
    /// Levels of arrays and objects that may still follow.
    pub depth: usize,
}

/// Reads a value inside of which some fields are wanted.
pub(super) struct Within<'s, 'b, const N: usize> {
    pub search: Search<'s, 'b, N>,
    /// Keys that led here.
    pub level: usize,
    /// Which of the paths begin with those keys.
    pub led: [bool; N],
}

impl<'b, const N: usize> Within<'_, 'b, N> {
    /// Notes the value for the paths that end here; those that go on find nothing in it.
    fn note(self, value: Field<'b>) {
        let Within { search: Search { wanted, found, .. }, level, led } = self;
        for ((slot, path), led) in found.iter_mut().zip(wanted).zip(led) {
            if led && path.len() == level {
                *slot = value.clone();
            }
        }
    }
}

impl<'b, const N: usize> DeserializeSeed<'b> for Within<'_, 'b, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'b, const N: usize> Visitor<'b> for Within<'_, 'b, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.note(Field::null());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.note(Field::bool(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.note(Field::unsigned(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.note(Field::signed(value));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.note(Field::float(value));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, value: &'b str) -> Result<(), E> {
        self.note(Field::text(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.note(Field::text_copied(value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.search.depth.checked_sub(1).ok_or_else(too_deep)?;
        while items.next_element_seed(Any::<()>::new(&mut *self.search.keys, depth))?.is_some() {}
        self.note(Field::Nested);
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, map: A) -> Result<(), A::Error> {
        let Within { search: Search { wanted, found, keys, depth }, level, led } = self;
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        members(map, keys, |key, map, keys| {
            let mut on = led;
            for (on, path) in on.iter_mut().zip(wanted) {
                *on = *on && path.get(level).is_some_and(|next| *next == key);
            }
            if !on.contains(&true) {
                return map.next_value_seed(Any::<()>::new(keys, depth));
            }
            let search = Search { wanted, found: &mut *found, keys, depth };
            map.next_value_seed(Within { search, level: level + 1, led: on })
        })?;
        let search = Search { wanted, found, keys, depth };
        Within { search, level, led }.note(Field::Nested);
        Ok(())
    }
}
