//! Judges, and the models that they ask.

use std::collections::HashSet;

use super::{
    super::{
        bounds::{Unit, empty_problem, number_problem},
        codes,
        files::{JUDGES, MODELS},
        load::Config,
        problem::Problems,
        suggest::quoted,
        tables::{Api, JudgeKind, JudgeTable, PriceTable},
    },
    patience::{breaker, concurrency},
    values::{PER_MIN, TIMEOUT_MS, dollars_problem, per_min, plain, secret},
};

/// Judges that exist without a table.
pub(super) const BUILT_IN_JUDGES: [&str; 2] = ["rules", "local"];
/// Says that a server needs no key.
pub const NO_KEY: &str = "none";
/// Least room for an answer that OpenAI's Responses takes.
const RESPONSES_TOKENS_MIN: u64 = 16;
/// Tokens that a model can read and write together.
const CONTEXT_TOKENS_MAX: u64 = 100_000_000;
/// US dollars for a million tokens.
const PRICE_MAX: f64 = 10_000.0;

pub(super) fn judge(config: &Config, name: &str, table: &JudgeTable, problems: &mut Problems) {
    let at = |field| config.at(JUDGES, ["judge", name, field]);
    if BUILT_IN_JUDGES.contains(&name) {
        problems.push(config.at(JUDGES, ["judge", name]).error(
            codes::BUILT_IN_JUDGE,
            format!("the judge `{name}` is built in"),
            "give this one another name",
        ));
    }
    problems.extend(empty_problem(
        at("model"),
        "model",
        table.model.is_empty(),
        "write the vendor's id of the model",
    ));
    if table.api_key != NO_KEY {
        problems.extend(secret(at("api_key"), &table.api_key));
    }
    problems.extend(table.base_url.as_deref().and_then(|url| plain(at("base_url"), url)));
    if table.kind == JudgeKind::Anthropic && table.api.is_some() {
        problems.push(at("api").error(
            codes::BAD_JUDGE,
            "`api` chooses among OpenAI's APIs, and this judge speaks Anthropic's",
            "remove it",
        ));
    }
    let model = config.models.model(&table.model);
    if let Some(effort) = table.effort
        && !model.efforts.contains(&effort)
    {
        let known: Vec<&str> = model.efforts.iter().map(|effort| effort.as_str()).collect();
        let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        problems.push(at("effort").error(
            codes::BAD_JUDGE,
            format!(
                "the model {} does not take the effort `{effort}`; it takes: {takes}",
                quoted(&table.model)
            ),
            format!("write another one, or a row of the model's own in {MODELS}"),
        ));
    }
    let least = if table.api == Some(Api::Responses) { RESPONSES_TOKENS_MIN } else { 1 };
    // The question needs room, too.
    let most = u64::from(model.context_tokens.saturating_sub(1));
    let (field, tokens) = ("output_tokens_max", table.output_tokens_max);
    match model.output_tokens_max.filter(|longest| tokens > *longest) {
        Some(longest) => problems.push(at(field).error(
            codes::OUT_OF_BOUNDS,
            format!("`{field}` is {tokens}, and the model {} takes at most {longest}", quoted(&table.model)),
            format!("write at most {longest}; where it takes more by now, say so in a row of the model's own in {MODELS}"),
        )),
        None => problems.extend(number_problem(at(field), field, tokens.into(), least..=most, Unit::Plain)),
    }
    problems.extend(number_problem(at("timeout_ms"), "timeout_ms", table.timeout_ms, TIMEOUT_MS, Unit::Ms));
    problems.extend(per_min(at("limit_per_min"), table.limit_per_min));
    for (field, limit) in [
        ("input_tokens_per_min", table.input_tokens_per_min),
        ("output_tokens_per_min", table.output_tokens_per_min),
        ("tokens_per_min", table.tokens_per_min),
    ] {
        let problem = |limit: u32| number_problem(at(field), field, limit.into(), PER_MIN, Unit::Plain);
        problems.extend(limit.and_then(problem));
    }
    for (field, dollars) in [("day_usd", table.budget.day_usd), ("month_usd", table.budget.month_usd)] {
        let at = config.at(JUDGES, ["judge", name, "budget", field]);
        problems.extend(dollars.and_then(|dollars| dollars_problem(at, field, dollars)));
    }
    breaker(config, JUDGES, ["judge", name], &table.breaker, problems);
    concurrency(config, JUDGES, ["judge", name], table.concurrency, problems);
}

pub(super) fn models(config: &Config, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (index, row) in config.models.own().iter().enumerate() {
        let index = index.to_string();
        let at = |field| config.at(MODELS, ["model", &index, field]);
        problems.extend(empty_problem(
            at("id"),
            "id",
            row.id.is_empty(),
            "write the vendor's id of the model",
        ));
        if !seen.insert(&row.id) {
            problems.push(at("id").error(
                codes::DUPLICATE_ID,
                format!("the model {} has two rows", quoted(&row.id)),
                "keep one of them",
            ));
        }
        for (field, number) in [
            ("context_tokens", row.context_tokens),
            ("output_tokens_max", row.output_tokens_max),
            ("cache_tokens_min", row.cache_tokens_min),
        ] {
            problems.extend(number.and_then(|number| {
                number_problem(at(field), field, number.into(), 1..=CONTEXT_TOKENS_MAX, Unit::Plain)
            }));
        }
        let faulty = row.price.as_ref().map(faulty).unwrap_or_default();
        problems.extend(faulty.into_iter().map(|(field, price)| {
            at("price").error(
                codes::OUT_OF_BOUNDS,
                format!("`{field}` is {price}"),
                format!("write US dollars for a million tokens, from 0 to {PRICE_MAX}"),
            )
        }));
    }
}

/// Prices that are none.
fn faulty(table: &PriceTable) -> Vec<(&'static str, f64)> {
    let PriceTable { input, output, cache_write, cache_read, long } = table;
    let all = [
        ("input", Some(*input)),
        ("output", Some(*output)),
        ("cache_write", *cache_write),
        ("cache_read", *cache_read),
        ("long.input", long.map(|long| long.input)),
        ("long.output", long.map(|long| long.output)),
    ];
    let given = all.into_iter().filter_map(|(field, price)| Some((field, price?)));
    given.filter(|(_, price)| !(0.0..=PRICE_MAX).contains(price)).collect()
}
