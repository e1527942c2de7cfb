//! What the vendors' models take and refuse, for the stand-ins alone.
//!
//! Kept apart from config/models.toml, from which requests are built: a stand-in that read the same rows would take a
//! wrong request for a right one. Sources: platform.claude.com "Models overview", "What's new", "Prompt caching";
//! OpenAI's model pages, as of October 2026; the longest answers as told there, and where a vendor's page was not at hand by
//! gateways that pass its models on. What could not be verified is marked so.

use super::Vendor;

/// What is known of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Facts {
    /// Whose it is; `None` for an unknown one, which is taken to be on a server that takes everything.
    pub maker: Option<Vendor>,
    /// It takes temperature, `top_p` and the like.
    pub sampling: bool,
    /// The words for effort that it takes; any if `None`.
    pub efforts: Option<&'static [&'static str]>,
    /// The kinds of `thinking` that it takes; any if `None`. Anthropic only.
    pub thinking: Option<&'static [&'static str]>,
    /// It takes the beginning of its answer from the question. Anthropic only.
    pub prefill: bool,
    /// It can be made to call a tool. Anthropic only.
    pub forced_tool: bool,
    /// It takes `max_tokens`, the old name of the bound in Chat Completions. OpenAI only.
    pub max_tokens: bool,
    /// Shortest prefix of a prompt, in tokens, that is kept for later questions.
    pub cache_tokens_min: u64,
    /// Tokens written to the cache are told, and priced. OpenAI only; Anthropic always tells.
    pub cache_writes: bool,
    /// Tokens of a question; unbounded if unknown.
    pub context_tokens: Option<u64>,
    /// Tokens of an answer that may be asked for; unbounded if unknown.
    pub output_tokens: Option<u64>,
}

const UNKNOWN: Facts = Facts {
    maker: None,
    sampling: true,
    efforts: None,
    thinking: None,
    prefill: true,
    forced_tool: true,
    max_tokens: true,
    cache_tokens_min: 1_024,
    cache_writes: false,
    context_tokens: None,
    output_tokens: None,
};

/// Of the newest models, which think as they see fit.
const CLAUDE: Facts = Facts {
    maker: Some(Vendor::Anthropic),
    sampling: false,
    efforts: Some(&["low", "medium", "high", "xhigh", "max"]),
    thinking: Some(&["adaptive"]),
    prefill: false,
    forced_tool: false,
    output_tokens: Some(128_000),
    ..UNKNOWN
};

const GPT: Facts = Facts {
    maker: Some(Vendor::Openai),
    sampling: false,
    efforts: Some(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    max_tokens: false,
    cache_writes: true,
    context_tokens: Some(1_050_000),
    output_tokens: Some(128_000),
    ..UNKNOWN
};

const GPT_4O: Facts = Facts {
    maker: Some(Vendor::Openai),
    efforts: Some(&[]),
    context_tokens: Some(128_000),
    output_tokens: Some(16_384),
    ..UNKNOWN
};

/// Models by id; dated ones go on from it.
const KNOWN: [(&str, Facts); 10] = [
    (
        "claude-haiku-5-5",
        // Thinking-off and forced tools as third parties found them, the minimum of the cache as of its forerunner: not verified.
        Facts {
            thinking: Some(&["adaptive", "disabled"]),
            forced_tool: true,
            cache_tokens_min: 4_096,
            ..CLAUDE
        },
    ),
    ("claude-sonnet-5-5", CLAUDE),
    ("claude-opus-5-5", CLAUDE),
    (
        "claude-sonnet-4-6",
        Facts {
            sampling: true,
            efforts: Some(&["low", "medium", "high", "max"]),
            thinking: Some(&["adaptive", "enabled", "disabled"]),
            forced_tool: true,
            context_tokens: Some(200_000),
            ..CLAUDE
        },
    ),
    (
        "claude-haiku-4-5",
        Facts {
            sampling: true,
            efforts: Some(&[]),
            thinking: Some(&["enabled", "disabled"]),
            prefill: true,
            forced_tool: true,
            cache_tokens_min: 4_096,
            context_tokens: Some(200_000),
            output_tokens: Some(64_000),
            ..CLAUDE
        },
    ),
    ("gpt-6-luna", GPT),
    ("gpt-6-sol", GPT),
    ("gpt-6.1-sol", GPT),
    ("gpt-4o", GPT_4O),
    ("gpt-4o-mini", GPT_4O),
];

/// What is known of the model that a vendor calls `id`.
pub(super) fn facts(id: &str) -> Facts {
    let is_date = |rest: &str| {
        rest == "latest" || rest.len() >= 4 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    let serves = |known: &str| match id.strip_prefix(known) {
        Some(rest) => rest.is_empty() || rest.strip_prefix('-').is_some_and(is_date),
        None => false,
    };
    KNOWN.iter().find(|(known, _)| serves(known)).map_or(UNKNOWN, |(_, facts)| *facts)
}

/// Whether a word is among those that a model takes.
pub(super) fn takes(known: Option<&[&str]>, word: &str) -> bool {
    known.is_none_or(|known| known.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dated_ids_are_known_and_others_take_everything() {
        for (id, known) in [
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
            ("claude-sonnet-4-6-latest", "claude-sonnet-4-6"),
        ] {
            assert_eq!(facts(id), facts(known), "{id}");
            assert!(facts(id).maker.is_some());
        }
        for id in ["qwen3:8b", "gpt-4o-audio-preview", "claude-haiku-4", ""] {
            assert_eq!(facts(id), UNKNOWN, "{id}");
        }
        assert!(takes(None, "huge") && !takes(Some(&[]), "low"));
    }
}
