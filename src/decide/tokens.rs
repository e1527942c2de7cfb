//! How many tokens a question takes of what a vendor lets through in a minute.
//!
//! Vendors count otherwise. Anthropic counts what goes in, but not what its cache gives, and what really comes out
//! ("Rate limits": input and output tokens a minute). OpenAI counts one number for both, the larger one of what goes in and of
//! what the answer may have at most ("Rate limits": the maximum of max_tokens and the estimated number of tokens); what was
//! counted so does not come back.

use crate::domain::{Tokens, words};

/// What may pass in a minute; `None` for as much as will.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenLimits {
    /// Input without what a cache gives.
    pub input: Option<u32>,
    /// Output as it really is.
    pub output: Option<u32>,
    /// The larger one of the input and of the room for the output.
    pub both: Option<u32>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    Input,
    Output,
    Both,
}

words!(Counted { Input = "input", Output = "output", Both = "both" });

/// What one question takes of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub counted: Counted,
    pub per_min: u32,
    pub tokens: u32,
}

impl TokenLimits {
    /// What is taken before a question of about `input` tokens is asked, whose answer has `output_max` at most. A question
    /// that alone is more than a minute's worth takes the whole minute.
    pub fn needs(&self, input: u64, output_max: u64) -> Vec<Need> {
        let wanted = [
            (Counted::Input, self.input, input),
            (Counted::Output, self.output, output_max),
            (Counted::Both, self.both, input.max(output_max)),
        ];
        let need = |(counted, per_min, tokens): (Counted, Option<u32>, u64)| {
            let per_min = per_min?;
            Some(Need { counted, per_min, tokens: count(tokens).min(per_min) })
        };
        wanted.into_iter().filter_map(need).collect()
    }

    /// What passes in a minute, if a question of at least `input` tokens never does.
    pub fn never_let_pass(&self, input: u64) -> Option<u32> {
        let limits = self.input.into_iter().chain(self.both);
        limits.filter(|per_min| u64::from(*per_min) < input).min()
    }
}

impl Need {
    /// What the answer has really taken of it, `tokens` being what was counted and `output_max` the room it had.
    pub fn taken(&self, tokens: Tokens, output_max: u64) -> u32 {
        let input = tokens.input_uncached.saturating_add(tokens.cache_write);
        let taken = match self.counted {
            Counted::Input => input,
            Counted::Output => tokens.output,
            Counted::Both => input.saturating_add(tokens.cache_read).max(output_max),
        };
        count(taken).min(self.per_min)
    }
}

fn count(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn limits()(input in any::<Option<u32>>(), output in any::<Option<u32>>(), both in any::<Option<u32>>()) -> TokenLimits {
            TokenLimits { input, output, both }
        }
    }

    proptest! {
        #[test]
        fn nothing_takes_more_than_a_minute_and_a_longer_question_never_less(
            limits in limits(),
            (input, output) in (0..u64::MAX / 2, 0..u64::MAX / 2),
            more in 0..u64::MAX / 2,
            counted in any::<[u64; 4]>(),
        ) {
            let needs = limits.needs(input, output);
            let set = [limits.input, limits.output, limits.both].into_iter().flatten();
            prop_assert_eq!(needs.iter().map(|need| need.per_min).collect::<Vec<_>>(), set.collect::<Vec<_>>());
            let [input_uncached, cache_write, cache_read, came_out] = counted;
            let tokens = Tokens { input_uncached, cache_write, cache_read, output: came_out };
            for (need, longer) in needs.iter().zip(limits.needs(input + more, output + more)) {
                prop_assert!(need.tokens <= longer.tokens && longer.tokens <= need.per_min);
                prop_assert!(need.taken(tokens, output) <= need.per_min);
            }
        }

        #[test]
        fn what_was_reserved_covers_an_answer_that_is_no_longer_than_told(
            limits in limits(),
            (input, room) in (0..1_000_000_u64, 0..100_000_u64),
            (cached, written, spoken) in (0.0..=1.0, 0.0..=1.0, 0.0..=1.0),
        ) {
            let part = |whole: u64, share: f64| (whole as f64 * share) as u64;
            let cache_read = part(input, cached);
            let cache_write = part(input - cache_read, written);
            let input_uncached = input - cache_read - cache_write;
            let tokens = Tokens { input_uncached, cache_write, cache_read, output: part(room, spoken) };
            for need in limits.needs(input, room) {
                prop_assert!(need.taken(tokens, room) <= need.tokens, "{need:?}");
            }
        }
    }

    #[test]
    fn each_vendor_is_counted_as_it_counts() {
        let tokens = Tokens { input_uncached: 100, cache_write: 20, cache_read: 5_000, output: 30 };
        let anthropic = TokenLimits { input: Some(10_000), output: Some(2_000), both: None };
        let needs = anthropic.needs(6_000, 1_024);
        assert_eq!(
            needs.iter().map(|need| (need.counted, need.tokens)).collect::<Vec<_>>(),
            [(Counted::Input, 6_000), (Counted::Output, 1_024)]
        );
        let taken: Vec<u32> = needs.iter().map(|need| need.taken(tokens, 1_024)).collect();
        assert_eq!(taken, [120, 30], "what the cache gave does not count");

        let openai = TokenLimits { both: Some(100_000), ..TokenLimits::default() };
        let needs = openai.needs(6_000, 1_024);
        assert_eq!(needs[0].tokens, 6_000, "the larger one of the two");
        assert_eq!(needs[0].taken(tokens, 1_024), 100 + 20 + 5_000, "what the cache gave does");
        assert_eq!(openai.needs(600, 1_024)[0].tokens, 1_024);
        assert_eq!(needs[0].taken(tokens, 8_000), 8_000, "and the room for the answer, used or not");
        assert_eq!(TokenLimits::default().needs(6_000, 1_024), []);
    }

    #[test]
    fn what_is_more_than_a_minute_lets_through_never_passes() {
        let none = TokenLimits::default();
        let (input, both) =
            (TokenLimits { input: Some(500), ..none }, TokenLimits { both: Some(300), ..none });
        assert_eq!((none.never_let_pass(u64::MAX), input.never_let_pass(500)), (None, None));
        assert_eq!((input.never_let_pass(501), both.never_let_pass(301)), (Some(500), Some(300)));
        let output = TokenLimits { output: Some(1), ..none };
        assert_eq!(output.never_let_pass(501), None, "an answer is as long as it comes");
    }

    #[test]
    fn a_question_larger_than_a_minute_takes_all_of_it() {
        let narrow = TokenLimits { input: Some(1_000), ..TokenLimits::default() };
        assert_eq!(narrow.needs(u64::MAX, 1)[0].tokens, 1_000);
        let whole = Tokens { input_uncached: u64::MAX, cache_write: 5, ..Tokens::default() };
        assert_eq!(narrow.needs(5, 1)[0].taken(whole, 1), 1_000);
    }
}
