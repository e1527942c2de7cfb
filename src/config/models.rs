//! What is known of a language model: the user's row over the built-in one over what is taken for granted.

use std::sync::LazyLock;

use crate::domain::{LongPrice, Price};

use super::{
    document::Document,
    files::{Files, MODELS},
    tables::{CacheKind, Effort, ModelTable, OutputLimit, PriceTable},
};

/// Of a model without a row.
const CONTEXT_TOKENS: u32 = 128_000;
const CACHE_TOKENS_MIN: u32 = 1_024;
const PRICE: Price = Price { input: 5.0, cache_write: 5.0, cache_read: 5.0, output: 25.0, long: None };

/// A language model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// As the vendor calls it.
    pub id: String,
    /// It can be held to a JSON Schema.
    pub structured_output: bool,
    /// It takes a temperature.
    pub sampling: bool,
    /// The words for effort that it takes.
    pub efforts: Vec<Effort>,
    pub cache: CacheKind,
    /// Shortest prefix of a prompt, in tokens, that is kept.
    pub cache_tokens_min: u32,
    /// Tokens of question and answer together.
    pub context_tokens: u32,
    /// Tokens of the longest answer that it gives; `None` if nobody said.
    pub output_tokens_max: Option<u32>,
    /// Where it depends on the address if `None`.
    pub output_limit: Option<OutputLimit>,
    pub price: Price,
    /// Whether anybody said what it costs.
    pub is_priced: bool,
    /// Whether anybody said anything of it.
    pub is_known: bool,
}

/// All rows, the user's over the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Models {
    own: Vec<ModelTable>,
}

/// Our own file is in order; a test says so.
static BUILT_IN: LazyLock<Vec<ModelTable>> =
    LazyLock::new(|| Document::open(&Files::embedded(), MODELS).listed("model"));

impl Models {
    /// `own` are the rows of the user's file.
    pub fn new(own: Vec<ModelTable>) -> Self {
        Models { own }
    }

    /// The rows of the user's file.
    pub fn own(&self) -> &[ModelTable] {
        &self.own
    }

    /// What is known of the model that the vendor calls `id`.
    pub fn model(&self, id: &str) -> Model {
        let rows: Vec<&ModelTable> = [rows(&self.own, id), rows(&BUILT_IN, id)].concat();
        let rows = || rows.iter();
        let price = rows().find_map(|row| row.price);
        Model {
            id: id.to_owned(),
            structured_output: rows().find_map(|row| row.structured_output).unwrap_or(true),
            sampling: rows().find_map(|row| row.sampling).unwrap_or(false),
            efforts: rows().find_map(|row| row.efforts.clone()).unwrap_or_default(),
            cache: rows().find_map(|row| row.cache).unwrap_or(CacheKind::None),
            cache_tokens_min: rows().find_map(|row| row.cache_tokens_min).unwrap_or(CACHE_TOKENS_MIN),
            context_tokens: rows().find_map(|row| row.context_tokens).unwrap_or(CONTEXT_TOKENS),
            output_tokens_max: rows().find_map(|row| row.output_tokens_max),
            output_limit: rows().find_map(|row| row.output_limit),
            price: price.map_or(PRICE, priced),
            is_priced: price.is_some(),
            is_known: rows().next().is_some(),
        }
    }
}

/// The rows that serve an id, the nearest first: its own, then those whose ids it goes on from with a date.
fn rows<'a>(rows: &'a [ModelTable], id: &str) -> Vec<&'a ModelTable> {
    let serves = |row: &&ModelTable| match id.strip_prefix(&*row.id) {
        Some(rest) => rest.is_empty() || rest.strip_prefix('-').is_some_and(is_dated),
        None => false,
    };
    let mut found: Vec<&ModelTable> = rows.iter().filter(serves).collect();
    found.sort_by_key(|row| std::cmp::Reverse(row.id.len()));
    found
}

/// `2024-08-06`, `20251001`, `0613` or `latest`.
fn is_dated(rest: &str) -> bool {
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    rest == "latest" || digits >= 4 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn priced(table: PriceTable) -> Price {
    let PriceTable { input, output, cache_write, cache_read, long } = table;
    Price {
        input,
        output,
        cache_write: cache_write.unwrap_or(input),
        cache_read: cache_read.unwrap_or(input),
        long: long.map(|long| LongPrice {
            above_tokens: long.above_tokens,
            input: long.input,
            output: long.output,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Models {
        let files = Files::default().with(MODELS, text);
        let mut document = Document::open(&files, MODELS);
        let rows = document.listed("model");
        assert!(document.close().problems.is_empty());
        Models::new(rows)
    }

    #[test]
    fn the_built_in_rows_are_in_order_and_serve_dated_ids() {
        let models = own("");
        assert!(BUILT_IN.len() >= 10, "our own file reads");
        for id in ["claude-haiku-5-5", "claude-sonnet-4-6", "gpt-6-luna", "gpt-4o"] {
            assert!(models.model(id).is_priced, "{id}");
        }
        let dated = models.model("gpt-4o-2024-08-06");
        assert_eq!((dated.price, &*dated.id), (models.model("gpt-4o").price, "gpt-4o-2024-08-06"));
        assert!(dated.sampling);
        assert_eq!(dated.output_tokens_max, Some(16_384));
        assert!(!models.model("gpt-4o-audio-preview").is_priced, "another model");
        assert_ne!(models.model("gpt-4o-mini-2024-07-18").price, dated.price);
    }

    #[test]
    fn what_a_row_of_the_user_leaves_out_is_as_built_in() {
        let models = own("[[model]]\nid = \"claude-sonnet-4-6\"\nprice = { input = 1, output = 2 }\n");
        let model = models.model("claude-sonnet-4-6");
        assert_eq!((model.price.input, model.price.cache_read, model.price.output), (1.0, 1.0, 2.0));
        assert!(!model.efforts.is_empty() && model.cache == CacheKind::Marked);
    }

    #[test]
    fn a_dated_id_takes_what_its_row_leaves_out_from_the_users_undated_one() {
        let models = own(
            "[[model]]\nid = \"gpt-4o\"\nprice = { input = 1, output = 2 }\n[[model]]\nid = \"gpt-4o-0613\"\ncontext_tokens = 9\n",
        );
        let model = models.model("gpt-4o-0613");
        assert_eq!((model.price.input, model.context_tokens, model.sampling), (1.0, 9, true));
        assert!(!models.model("gpt-4o----").is_priced);
    }

    #[test]
    fn an_unknown_model_is_dear_and_takes_little() {
        let model = own("").model("house-7b");
        assert!(model.structured_output && !model.sampling && model.efforts.is_empty() && !model.is_priced);
        assert_eq!((model.price, model.context_tokens), (PRICE, CONTEXT_TOKENS));
        assert_eq!(model.output_tokens_max, None);
    }
}
