//! What an answer took, as its vendor counted it. Pure.

use serde_json::Value;

use crate::domain::Tokens;

/// Where a vendor's response has each count, as JSON Pointers.
pub(super) struct Places {
    pub input: &'static str,
    pub cache_write: &'static str,
    pub cache_read: &'static str,
    pub output: &'static str,
    /// The input includes what the cache gave and took.
    pub whole: bool,
}

/// What was counted; nothing if it was not, or if one of the counts is none: half a bill would charge too little. A cache
/// that is not spoken of was not used.
pub(super) fn tokens(reply: &Value, places: &Places) -> Tokens {
    counted(reply, places).and_then(Tokens::believable).unwrap_or_default()
}

fn counted(reply: &Value, places: &Places) -> Option<Tokens> {
    let cached = |place| match reply.pointer(place) {
        None | Some(Value::Null) => Some(0),
        Some(value) => count(value),
    };
    let (cache_write, cache_read) = (cached(places.cache_write)?, cached(places.cache_read)?);
    let input = count(reply.pointer(places.input)?)?;
    let input_uncached =
        if places.whole { input.saturating_sub(cache_read.saturating_add(cache_write)) } else { input };
    Some(Tokens { input_uncached, cache_write, cache_read, output: count(reply.pointer(places.output)?)? })
}

/// A whole number that is not negative, were it written `1200.0`.
fn count(value: &Value) -> Option<u64> {
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..EXACT_MAX).contains(number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is one")]
    value.as_u64().or_else(|| value.as_f64().filter(whole).map(|number| number as u64))
}

/// From here on a float does not hold every whole number: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
