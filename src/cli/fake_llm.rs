//! `hookyard fake-llm`

use std::{io::IsTerminal, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use clap::Args;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    host::{SystemClock, Tasks},
    sandbox::{self, FakeLlmOptions, Limits, LlmCall, Reply},
};

use super::{End, logs, out, runtime, serve::told_to_stop};

/// Requests that wait to be told of; beyond it answers wait.
const UNTOLD_MAX: usize = 64;

/// Characters of an answer that are shown.
const SAID_CHARS_MAX: usize = 120;

/// Stand in for Anthropic's Messages and OpenAI's Chat Completions and Responses until Ctrl-C, without keys and without a
/// model: what they would refuse is refused, and the answer follows from the question's words and its schema.
#[derive(Debug, Args)]
pub(super) struct FakeLlm {
    /// Where to listen: an address on loopback; port 0 for any that is free.
    #[arg(long, default_value = "127.0.0.1:9191")]
    listen: SocketAddr,
    /// What is answered; several times for one after the other, over and over. One of: ok, 429, 429:SECONDS, spend-limit,
    /// own-limit, 529, 500, slow:MILLISECONDS, truncated, refused, filtered, other-case, not-json, wrong-label,
    /// missing-field, extra-field, empty, no-usage, reset. A single request may order its own by the header `x-fake-llm`.
    #[arg(long = "answer", value_name = "WORD")]
    answers: Vec<Reply>,
    /// How long every answer waits, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_ms: u64,
    /// Take questions to any model, and without a key, as a server of your own would: without it, models that the vendors do
    /// not have are refused as they refuse them, with 404, and so are questions without a key, with 401.
    #[arg(long)]
    any_model: bool,
    /// Questions that each vendor takes in a minute; beyond it 429 with Retry-After.
    #[arg(long, value_name = "N")]
    requests_per_min: Option<NonZeroU32>,
    /// Tokens of questions in a minute. For OpenAI it is added to that of answers.
    #[arg(long, value_name = "N")]
    input_tokens_per_min: Option<NonZeroU32>,
    /// Tokens of answers in a minute.
    #[arg(long, value_name = "N")]
    output_tokens_per_min: Option<NonZeroU32>,
    /// One JSON object a line: where it is, then what became of each request. Without it, a pipe is told of no requests.
    #[arg(long)]
    json: bool,
}

impl FakeLlm {
    pub fn run(self) -> anyhow::Result<End> {
        logs::start("error", None);
        runtime()?.block_on(self.serve())
    }

    async fn serve(self) -> anyhow::Result<End> {
        let (told, mut calls) = mpsc::channel(UNTOLD_MAX);
        let tasks = Tasks::default();
        let limits = Limits {
            requests_per_min: self.requests_per_min,
            input_tokens_per_min: self.input_tokens_per_min,
            output_tokens_per_min: self.output_tokens_per_min,
        };
        let options = FakeLlmOptions {
            bind: self.listen,
            clock: Arc::new(SystemClock::new()),
            answers: self.answers,
            delay: Duration::from_millis(self.delay_ms),
            any_model: self.any_model,
            limits,
            told,
        };
        let fake = sandbox::FakeLlm::start(options, |work| tasks.spawn("fake-llm", work)).await?;
        let telling = async {
            introduce(&fake, self.json, self.any_model)?;
            let shown = std::io::stdout().is_terminal();
            while let Some(call) = calls.recv().await {
                if self.json {
                    out::json_line(&call)?;
                } else if shown {
                    out::say(line(&call))?;
                }
            }
            anyhow::Ok(())
        };
        tokio::select! {
            biased; // whoever has read where it is may end it
            stop = told_to_stop() => stop?,
            ended = telling => ended?,
        }
        Ok(End::Well)
    }
}

/// Why it may not be asked all the same.
const ASKED: &str = "\
A judge whose api_key is not set is passed over: export ANTHROPIC_API_KEY=any OPENAI_API_KEY=any before `hookyard serve`.
A judge is asked where those before it on the ladder are not sure: take `rules` and `local` off it in config/classifiers.toml to
have every event come here.
";

/// How to point a configuration at it.
fn introduce(fake: &sandbox::FakeLlm, as_json: bool, any_model: bool) -> anyhow::Result<()> {
    let (anthropic, openai) = (fake.anthropic(), fake.openai());
    if as_json {
        return out::json_line(&json!({"anthropic": anthropic, "openai": openai}));
    }
    let keys = if any_model {
        "whatever the key, and without one"
    } else {
        "whatever the key; without one (`api_key = \"none\"`) only with --any-model"
    };
    out::say(format!("It answers until Ctrl-C, {keys}. Point to it in config/judges.toml:\n"))?;
    for (kind, url) in [("anthropic", anthropic), ("openai", openai)] {
        out::say(format!("# where kind = \"{kind}\"\nbase_url = \"{url}\"\nallow_private = true\n"))?;
    }
    out::say(ASKED)?;
    Ok(())
}

fn line(call: &LlmCall) -> String {
    let LlmCall { api, model, status, answer, said, tokens } = call;
    let status = if answer == &status.to_string() { String::new() } else { format!("{status} ") };
    let said: String = said.chars().take(SAID_CHARS_MAX).collect();
    let input = tokens.input_uncached + tokens.cache_write + tokens.cache_read;
    let cached =
        if tokens.cache_read > 0 { format!(" ({} cached)", tokens.cache_read) } else { String::new() };
    let line = format!("{api} {model}: {status}{answer} {said}; tokens {input}{cached} + {}", tokens.output);
    out::plain(&line)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::{
        domain::Tokens,
        sandbox::{Api, ReplyWord},
    };

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        fake_llm: FakeLlm,
    }

    #[test]
    fn its_help_lists_every_word() {
        let help = Alone::command().render_long_help().to_string();
        for word in ReplyWord::ALL {
            assert!(help.contains(word.as_str()), "{word}: {help}");
        }
    }

    #[test]
    fn a_request_is_one_line_without_what_a_terminal_would_obey() {
        let call = LlmCall {
            api: Api::Chat,
            model: "m\u{1b}[31m".to_owned(),
            status: 200,
            answer: "ok".to_owned(),
            said: "{}\n".to_owned(),
            tokens: Tokens { input_uncached: 7, cache_read: 5, output: 3, ..Tokens::default() },
        };
        assert_eq!(line(&call), "chat m [31m: 200 ok {} ; tokens 12 (5 cached) + 3");
        let refused = LlmCall { status: 401, answer: "401".to_owned(), ..call };
        assert!(line(&refused).starts_with("chat m [31m: 401 {}"));
    }
}
