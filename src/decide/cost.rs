//! What a question and its answer cost.

use crate::domain::{Money, Price, Tokens};

/// Rounded up to the next millionth of a dollar.
pub fn cost(tokens: Tokens, price: &Price) -> Money {
    let Tokens { input_uncached, cache_write, cache_read, output } = tokens;
    let question = input_uncached.saturating_add(cache_write).saturating_add(cache_read);
    let (input, by_output) = match price.long {
        Some(long) if question > long.above_tokens => (long.input, long.output),
        _ => (price.input, price.output),
    };
    let dearer = if price.input > 0.0 { input / price.input } else { 1.0 };
    let parts = [
        (input_uncached, input),
        (cache_write, price.cache_write * dearer),
        (cache_read, price.cache_read * dearer),
        (output, by_output),
    ];
    #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
    let sum: f64 = parts.into_iter().map(|(tokens, price)| tokens as f64 * price).sum();
    // A hair is taken off first: 3 tokens at 0.1 are 0.3 and not the next one up.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "prices are checked not to be negative"
    )]
    Money((sum - 1e-6).ceil().max(0.0) as u64)
}

/// The most that a question of about `input` tokens and its answer of at most `output` may cost: the vendor may keep all of it for
/// later questions, or nothing.
pub fn most(input: u64, output: u64, price: &Price) -> Money {
    let kept = Tokens { cache_write: input, output, ..Tokens::default() };
    let plain = Tokens { input_uncached: input, output, ..Tokens::default() };
    cost(kept, price).max(cost(plain, price))
}

/// About how many tokens a text of so many bytes is: rather more than fewer. Newer models cut text into more of them; 2.4
/// bytes each were reported where older ones had about 4.
pub fn tokens_about(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_mul(5).div_ceil(12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LongPrice;

    const PRICE: Price = Price { input: 2.0, cache_write: 2.5, cache_read: 0.2, output: 10.0, long: None };

    #[test]
    fn each_kind_of_token_has_its_price() {
        let tokens = Tokens { input_uncached: 1_000, cache_write: 400, cache_read: 10_000, output: 50 };
        assert_eq!(cost(tokens, &PRICE), Money(2_000 + 1_000 + 2_000 + 500));
        assert_eq!(cost(Tokens::default(), &PRICE), Money(0));
        assert_eq!(cost(Tokens { cache_read: 1, ..Tokens::default() }, &PRICE), Money(1), "rounded up");
        assert_eq!(cost(Tokens { cache_read: 15, ..Tokens::default() }, &PRICE), Money(3), "not a hair more");
    }

    #[test]
    fn a_long_question_is_dearer_with_its_cache_and_its_answer() {
        let long = LongPrice { above_tokens: 100_000, input: 10.0, output: 50.0 };
        let price = Price { long: Some(long), ..PRICE };
        let tokens = Tokens { input_uncached: 60_000, cache_read: 40_000, cache_write: 0, output: 10 };
        assert_eq!(cost(tokens, &price), Money(120_000 + 8_000 + 100));
        let tokens = Tokens { input_uncached: 60_001, ..tokens };
        assert_eq!(cost(tokens, &price), Money(600_010 + 40_000 + 500));
    }

    #[test]
    fn money_is_shown_in_dollars() {
        assert_eq!(Money(12_345_678).to_string(), "$12.345678");
        assert_eq!(Money(42).to_string(), "$0.000042");
    }
}
