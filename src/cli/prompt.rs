//! `hookyard prompt`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    classify::{Classifier, Draft, Variant},
    config::{self, Case, CaseDelivery, CaseEvent, ProcessEnvironment},
    engine::{CompileOptions, Engine, Reach},
    template::View,
};

use super::{End, logs, out, project};

/// See what a language model would be asked. Nobody is asked.
#[derive(Debug, Args)]
pub(super) struct Prompt {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the request about one event, as it would be sent, with about what it would cost.
    Render(Render),
}

#[derive(Debug, Args)]
struct Render {
    /// A classifier of config/classifiers.toml.
    classifier: String,
    /// JSON with `source`, `type` and `body`, or a labelled case with such an `event` or a `delivery`; `-` reads it from standard
    /// input. Of a file with one on each line, FILE:LINE is one of them.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The case with this id, of a file with one on each line.
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// A language model of the classifier's ladder; the first one if left out.
    #[arg(long)]
    judge: Option<String>,
    /// One of the classifier's variants; the one that the event would be asked by if left out.
    #[arg(long)]
    variant: Option<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl Prompt {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        logs::start("warn", None);
        let files = project::files(dir)?;
        let Command::Render(render) = self.command;
        // Where requests go may stand in the environment; keys are not looked at.
        let options = CompileOptions { reach: Reach::Offline, ..CompileOptions::default() };
        render.run(&project::engine_quietly(&files, &ProcessEnvironment, options)?)
    }
}

impl Render {
    fn run(self, engine: &Engine) -> anyhow::Result<End> {
        let classifier = engine.classifier(&self.classifier).with_context(|| {
            let known = engine.classifiers().map(|name| &**name);
            format!(
                "no classifier is called `{}`: {}",
                self.classifier,
                config::one_of(&self.classifier, known)
            )
        })?;
        let case = read(&self.event, self.case.as_deref())?;
        let variant = variant(classifier, &case, self.variant.as_deref())?;
        let (judge, draft) = draft(engine, classifier, variant, &case, self.judge.as_deref())?;
        let Draft { model, url, body, input_tokens, output_tokens_max, question, most, is_priced } = draft;
        let schema = classifier.schema().wire();
        if self.json {
            out::json(&json!({
                "judge": judge, "variant": variant.name, "model": model, "url": url, "input_tokens_about": input_tokens,
                "output_tokens_max": output_tokens_max, "question_usd_millionths": question, "most_usd_millionths": most,
                "is_priced": is_priced, "schema": schema, "body": body,
            }))?;
            return Ok(End::Well);
        }
        let guess = if is_priced { "" } else { ", a guess: config/models.toml does not say what it costs" };
        out::say(format!("{judge} ({model}) at {url}"))?;
        out::say(format!("about {input_tokens} tokens, and {output_tokens_max} at most for the answer"))?;
        out::say(format!("about {question} for the question, and {most} at most with the answer{guess}"))?;
        out::say(format!("\nthe form of the answer:\n{schema:#}"))?;
        out::say(format!("\nthe body of the request:\n{}", out::plain_lines(&format!("{body:#}"))))?;
        Ok(End::Well)
    }
}

fn variant<'a>(classifier: &'a Classifier, case: &Case, wanted: Option<&str>) -> anyhow::Result<&'a Variant> {
    let name = classifier.name();
    let Some(wanted) = wanted else {
        return classifier.variant_of(&case.id).with_context(|| format!("`{name}` has no prompts"));
    };
    let mut variants = classifier.variants();
    variants.find(|variant| variant.name.as_deref() == Some(wanted)).with_context(|| {
        let known = classifier.variants().filter_map(|variant| variant.name.as_deref());
        format!("`{name}` has no variant `{wanted}`: {}", config::one_of(wanted, known))
    })
}

fn draft(
    engine: &Engine,
    classifier: &Classifier,
    variant: &Variant,
    case: &Case,
    judge: Option<&str>,
) -> anyhow::Result<(String, Draft)> {
    let context = engine.case_context(case);
    let view = View::of(&context);
    let question = classifier.question(variant, &view);
    let mut models = Vec::new();
    for rung in classifier.ladder() {
        let Some(draft) = rung.judge.draft(&question)? else { continue };
        let name = &**rung.judge.name();
        if judge.is_none_or(|wanted| wanted == name) {
            return Ok((name.to_owned(), draft));
        }
        models.push(name);
    }
    let ladder = classifier.name();
    match judge {
        Some(judge) => anyhow::bail!(
            "`{judge}` is no language model on the ladder of `{ladder}`: {}",
            config::one_of(judge, models)
        ),
        None => anyhow::bail!("the ladder of `{ladder}` has no language model"),
    }
}

/// The event in a file, as a case without a label.
fn read(path: &Path, id: Option<&str>) -> anyhow::Result<Case> {
    let shown = path.display();
    let mut file = match (path.to_str(), id) {
        (Some("-"), None) => one(&std::io::read_to_string(std::io::stdin())?, path)?,
        (Some("-"), Some(id)) => of_id(&std::io::read_to_string(std::io::stdin())?, path, id)?,
        (_, Some(id)) => of_id(&text(path)?, path, id)?,
        (Some(name), None) if !path.exists() => match name.rsplit_once(':') {
            Some((file, line)) if line.parse::<usize>().is_ok() => {
                of_line(&text(Path::new(file))?, Path::new(file), line.parse()?)?
            }
            Some(_) | None => one(&text(path)?, path)?,
        },
        (_, None) => one(&text(path)?, path)?,
    };
    if file.get("event").or_else(|| file.get("delivery")).is_none() {
        file = json!({ "event": file });
    }
    let given: Given = serde_json::from_value(file).with_context(|| {
        format!("{shown} is no event: it needs `source`, `type` and `body`, as those of evals/triage/cases.jsonl have")
    })?;
    given.case().with_context(|| format!("{shown} holds no event that could be shown"))
}

/// What counts of a case before it is judged.
#[derive(Deserialize)]
struct Given {
    id: Option<String>,
    event: Option<CaseEvent>,
    delivery: Option<CaseDelivery>,
    #[serde(default)]
    gathered: Map<String, Value>,
}

impl Given {
    fn case(self) -> anyhow::Result<Case> {
        let Given { id, event, delivery, gathered } = self;
        let event = match (event, delivery) {
            (Some(event), _) => event,
            (None, Some(delivery)) => delivery.event().map_err(anyhow::Error::msg)?,
            (None, None) => anyhow::bail!("it has neither an event nor a delivery"),
        };
        let id = id.unwrap_or_else(|| "evt_preview".to_owned());
        Ok(Case { gathered, ..Case::unlabelled(id, event) })
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The one JSON value of a file.
fn one(text: &str, path: &Path) -> anyhow::Result<Value> {
    let shown = path.display();
    serde_json::from_str(text).with_context(|| match lines(text).collect::<Vec<_>>().as_slice() {
        [(line, _), more @ ..] if !more.is_empty() => {
            format!("{shown} has one JSON value on each line: choose one, as --event {shown}:{line}, or with --case ID")
        }
        _ => format!("{shown} is not JSON"),
    })
}

/// The lines that are JSON objects, by number.
fn lines(text: &str) -> impl Iterator<Item = (usize, Value)> {
    let object = |line: &str| serde_json::from_str(line).ok().filter(Value::is_object);
    text.lines().enumerate().filter_map(move |(index, line)| Some((index + 1, object(line)?)))
}

fn of_line(text: &str, path: &Path, wanted: usize) -> anyhow::Result<Value> {
    let found = lines(text).find(|(line, _)| *line == wanted);
    found
        .map(|(_, value)| value)
        .with_context(|| format!("{} has no JSON object on line {wanted}", path.display()))
}

fn of_id(text: &str, path: &Path, wanted: &str) -> anyhow::Result<Value> {
    let ids = || lines(text).filter_map(|(_, case)| case["id"].as_str().map(str::to_owned));
    lines(text).map(|(_, case)| case).find(|case| case["id"] == wanted).with_context(|| {
        let known: Vec<String> = ids().collect();
        let shown = path.display();
        format!(
            "{shown} has no case `{wanted}`: {}",
            config::one_of(wanted, known.iter().map(String::as_str))
        )
    })
}
