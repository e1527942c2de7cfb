//! What a pass over a document makes of each value.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// One kind of result, built from the leaves up.
pub(super) trait Made<'b>: Sized {
    type Items: Default;
    type Members: Default;

    fn null() -> Self;
    fn bool(value: bool) -> Self;
    fn unsigned(value: u64) -> Self;
    fn signed(value: i64) -> Self;
    /// A number with point or exponent, or an integer that does not fit 64 bits.
    fn float(value: f64) -> Self;
    /// Text as it stands in the body.
    fn text(value: &'b str) -> Self;
    /// Text that had escapes and stands elsewhere for a moment.
    fn text_copied(value: &str) -> Self;
    fn push(items: &mut Self::Items, item: Self);
    fn list(items: Self::Items) -> Self;
    fn put(members: &mut Self::Members, key: Cow<'b, str>, value: Self);
    fn object(members: Self::Members) -> Self;
}

/// Everything, as a tree.
impl<'b> Made<'b> for Value {
    type Items = Vec<Value>;
    type Members = Map<String, Value>;

    fn null() -> Self {
        Value::Null
    }

    fn bool(value: bool) -> Self {
        Value::Bool(value)
    }

    fn unsigned(value: u64) -> Self {
        Value::Number(value.into())
    }

    fn signed(value: i64) -> Self {
        Value::Number(value.into())
    }

    fn float(value: f64) -> Self {
        // JSON has no infinity, and numbers too large for a double were refused before.
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }

    fn text(value: &'b str) -> Self {
        Value::String(value.to_owned())
    }

    fn text_copied(value: &str) -> Self {
        Value::String(value.to_owned())
    }

    fn push(items: &mut Self::Items, item: Self) {
        items.push(item);
    }

    fn list(items: Self::Items) -> Self {
        Value::Array(items)
    }

    fn put(members: &mut Self::Members, key: Cow<'b, str>, value: Self) {
        members.insert(key.into_owned(), value);
    }

    fn object(members: Self::Members) -> Self {
        Value::Object(members)
    }
}

/// Nothing: the value only had to be acceptable.
impl<'b> Made<'b> for () {
    type Items = ();
    type Members = ();

    fn null() {}
    fn bool(_: bool) {}
    fn unsigned(_: u64) {}
    fn signed(_: i64) {}
    fn float(_: f64) {}
    fn text(_: &'b str) {}
    fn text_copied(_: &str) {}
    fn push((): &mut (), (): ()) {}
    fn list((): ()) {}
    fn put((): &mut (), _: Cow<'b, str>, (): ()) {}
    fn object((): ()) {}
}

/// A field of the outermost object: a scalar in full, anything larger only by its being there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field<'b> {
    Absent,
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    /// Its digits may not have survived, so the value is not kept.
    Float,
    Text(Cow<'b, str>),
    /// An array or object.
    Nested,
}

impl<'b> Made<'b> for Field<'b> {
    type Items = ();
    type Members = ();

    fn null() -> Self {
        Field::Null
    }

    fn bool(value: bool) -> Self {
        Field::Bool(value)
    }

    fn unsigned(value: u64) -> Self {
        Field::Unsigned(value)
    }

    fn signed(value: i64) -> Self {
        Field::Signed(value)
    }

    fn float(_: f64) -> Self {
        Field::Float
    }

    fn text(value: &'b str) -> Self {
        Field::Text(Cow::Borrowed(value))
    }

    fn text_copied(value: &str) -> Self {
        Field::Text(Cow::Owned(value.to_owned()))
    }

    fn push((): &mut (), _: Self) {}

    fn list((): ()) -> Self {
        Field::Nested
    }

    fn put((): &mut (), _: Cow<'b, str>, _: Self) {}

    fn object((): ()) -> Self {
        Field::Nested
    }
}
